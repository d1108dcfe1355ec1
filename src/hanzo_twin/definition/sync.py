"""``sync``: how the twin is kept in step with the real thing."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PlainValidator, model_validator

from hanzo_twin.definition.base import Model, Number, Whole, problem
from hanzo_twin.definition.drift import DriftDetection, Recalibration
from hanzo_twin.definition.publish import MqttPublish, Publish
from hanzo_twin.definition.sources import MqttSource, Source


def _check_assimilation(value: object) -> float | Literal["overwrite", "none"]:
    if value == "overwrite":
        return "overwrite"
    if value == "none":
        return "none"
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 1:
        return float(value)
    raise problem("must be overwrite, none, or a gain greater than 0 and at most 1; got {got}", got=repr(value)[:80])


Assimilation = Annotated[
    float | Literal["overwrite", "none"],
    PlainValidator(
        _check_assimilation, json_schema_input_type=Annotated[float, Field(gt=0, le=1)] | Literal["overwrite", "none"]
    ),
]


class Prediction(Model):
    """What is published."""

    horizon_s: tuple[Annotated[Number, Field(ge=0, le=3600)], ...] = Field(
        default=(0.0,), min_length=1, max_length=100, description="How far ahead, in seconds; 0 is now."
    )


class Sync(Model):
    """How the twin is kept in step with the real thing."""

    mode: Literal["realtime", "batch", "replay", "standalone"] = Field(
        default="standalone",
        description="`realtime` follows live sources, `replay` plays recorded ones at their speed, `batch` as fast as "
        "it can, `standalone` opens no source.",
    )
    sources: tuple[Source, ...] = Field(default=(), description="Where readings come from.")
    publish: tuple[Publish, ...] = Field(default=(), description="Where predictions go.")
    rate_hz: Number = Field(default=30.0, gt=0, le=1000, description="Synchronization frequency.")
    drift_detection: DriftDetection = Field(default=DriftDetection(), description="When to speak of drift.")
    recalibration: Recalibration = Field(default=Recalibration(), description="How parameters are fitted.")
    prediction: Prediction = Field(default=Prediction(), description="How far ahead it looks.")
    assimilation: Assimilation = Field(
        default="overwrite",
        description="What a measurement does to the state: `overwrite`, `none`, or a gain: state += gain · innovation.",
    )
    input_delay_s: Number = Field(
        default=0.0,
        ge=-10,
        le=10,
        description="Inputs act this long after their time stamp; negative where they are stamped late.",
    )
    latency_budget_ms: Number = Field(default=50.0, gt=0, description="Longest tolerated sync tick.")
    buffer_size: Whole = Field(default=100, ge=1, le=1_000_000, description="Most messages buffered at once.")
    reconnect_backoff_ms: tuple[Annotated[Whole, Field(gt=0, le=3_600_000)], ...] = Field(
        default=(100, 500, 2000, 10000),
        min_length=1,
        max_length=100,
        description="Waits between attempts to connect; the last one repeats.",
    )

    @model_validator(mode="after")
    def _check(self) -> Sync:
        if self.mode != "standalone" and not self.sources:
            raise problem("mode {mode} needs at least one entry in sources", mode=self.mode)
        has_broker = any(isinstance(source, MqttSource) for source in self.sources)
        for index, sink in enumerate(self.publish):
            if isinstance(sink, MqttPublish) and sink.broker is None and not has_broker:
                raise problem(
                    "publish[{index}] names no broker, and there is no source of type mqtt to take it from",
                    index=str(index),
                )
        return self
