"""Twins of ``type: infrastructure``: services and networks rather than physics."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from hanzo_twin.definition.base import Model, Name, Number, Text, Whole, problem

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_RESOURCE = re.compile(r"[a-z]+/[a-z0-9]([a-z0-9.-]*[a-z0-9])?")


def duration_seconds(text: str) -> float:
    """Seconds of ``30s``, ``5m``, ``1.5h`` or ``250ms``."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise problem("must be a number and a unit (ms, s, m or h), such as 30s; got '{got}'", got=text[:80])
    return float(match[1]) * _SECONDS[match[2]]


def _check_duration(text: str) -> str:
    duration_seconds(text)
    return text


def _check_resource(text: str) -> str:
    if not _RESOURCE.fullmatch(text):
        raise problem("must be kind/name, such as deployment/llm-gateway; got '{got}'", got=text[:200])
    return text


Duration = Annotated[str, AfterValidator(_check_duration)]
Resource = Annotated[str, AfterValidator(_check_resource)]
Percent = Annotated[Number, Field(gt=0, le=100)]


class Topology(Model):
    """Where services and their links are found."""

    source: Literal["kubernetes"] = Field(description="What to ask.")
    cluster: Text = Field(description="Name of the cluster.")
    namespaces: tuple[Text, ...] = Field(default=(), description="Namespaces to include; none: all.")
    include_network_policies: bool = Field(default=True, description="Whether network policies are modelled.")
    include_resource_quotas: bool = Field(default=True, description="Whether resource quotas are modelled.")


class Traffic(Model):
    """The load that the twin is put under."""

    source: Literal["timeseries"] = Field(description="Where it was recorded.")
    query: Text = Field(description="SQL that selects it.")


class KillPod(Model):
    """Pods that stop at once."""

    action: Literal["kill_pod"]
    name: Name = Field(description="Name of the scenario.")
    target: Resource = Field(description="`kind/name`.")
    count: Whole = Field(default=1, ge=1, description="How many.")


class BlockTraffic(Model):
    """A network that lets nothing through."""

    action: Literal["block_traffic"]
    name: Name = Field(description="Name of the scenario.")
    target: Resource = Field(description="`kind/name`.")
    duration: Duration = Field(description="How long, such as `30s`.")


class StressCpu(Model):
    """Processors that are busy."""

    action: Literal["stress_cpu"]
    name: Name = Field(description="Name of the scenario.")
    target: Resource = Field(description="`kind/name`.")
    load_percent: Percent = Field(description="Share of the processors that is taken.")
    duration: Duration = Field(description="How long, such as `5m`.")


class FillDisk(Model):
    """A disk that runs full."""

    action: Literal["fill_disk"]
    name: Name = Field(description="Name of the scenario.")
    target: Resource = Field(description="`kind/name`.")
    percent: Percent = Field(description="Share of the disk that is taken.")


Scenario = Annotated[KillPod | BlockTraffic | StressCpu | FillDisk, Field(discriminator="action")]


class FailureInjection(Model):
    """Faults that may be injected."""

    scenarios: tuple[Scenario, ...] = Field(default=(), description="One each.")
