"""``scene`` and ``engine`` of a twin definition."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, PlainValidator

from hanzo_twin.definition.base import Model, Number, SceneUri, Whole, problem
from hanzo_twin.definition.target import check_prim_path

_ENGINE_NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")


def _check_engine_name(value: str) -> str:
    if not _ENGINE_NAME.fullmatch(value):
        lower = value.lower()
        meant = f"; did you mean '{lower}'?" if _ENGINE_NAME.fullmatch(lower) else ""
        raise problem(
            "must be the name of an engine, in small letters, got '{got}'{meant}", got=value[:80], meant=meant
        )
    return value


def _check_gpu(value: object) -> int | Literal["auto"]:
    if value == "auto":
        return "auto"
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise problem("must be auto or the number of a GPU (0, 1, …), got {got}", got=repr(value)[:80])


def _check_orientation(value: tuple[float, ...]) -> tuple[float, ...]:
    if not any(value):
        raise problem("must not be zero; no turn is [1, 0, 0, 0]")
    return value


Orientation = Annotated[tuple[Number, Number, Number, Number], AfterValidator(_check_orientation)]
PrimPath = Annotated[str, AfterValidator(check_prim_path)]
EngineName = Annotated[str, AfterValidator(_check_engine_name)]
GpuId = Annotated[
    int | Literal["auto"],
    PlainValidator(_check_gpu, json_schema_input_type=Annotated[int, Field(ge=0)] | Literal["auto"]),
]


class Composition(Model):
    """One component that is referenced into the scene."""

    ref: SceneUri = Field(description="File of the component: a local path, `file:`, `s3://` or `library:NAME`.")
    path: PrimPath = Field(description="Prim path where it is placed, such as `/World/Robot_01`.")
    translate: tuple[Number, Number, Number] = Field(
        default=(0.0, 0.0, 0.0), description="Moves it, m, Z up, in the frame of the prim above."
    )
    orient: Orientation = Field(default=(1.0, 0.0, 0.0, 0.0), description="Turns it: a quaternion (w, x, y, z).")
    floating_base: bool | None = Field(default=None, description="As `scene.floating_base`, for this component.")


class SceneReference(Model):
    """Which scene the twin simulates."""

    uri: SceneUri = Field(
        description="USD or URDF file: a path relative to this definition, an absolute path, `file:`, `s3://`, or "
        "`library:NAME`."
    )
    version: Whole | None = Field(default=None, ge=1, description="Version of a stored scene; none takes the newest.")
    composition: tuple[Composition, ...] = Field(default=(), description="Components referenced into the scene.")
    floating_base: bool | None = Field(
        default=None,
        description="For robots of formats that cannot say so (URDF): whether they float or are welded to the world; "
        "none decides by their links and says so.",
    )
    default_drives: bool = Field(
        default=False, description="Give joints of articulations that have no drive one that holds the start."
    )


class EngineOptions(Model):
    """How the engine runs the scene."""

    step_hz: Number = Field(default=240.0, gt=0, le=1e6, description="Physics steps per second.")
    substeps: Whole = Field(default=4, ge=1, le=1000, description="Engine steps within each step.")
    gravity: tuple[Number, Number, Number] | None = Field(
        default=None, description="World frame, m/s²; none keeps the scene's."
    )
    solver_iterations: Whole = Field(default=50, ge=1, le=100_000, description="Most iterations of the solver.")
    gpu_id: GpuId = Field(default="auto", description="`auto` or the number of a GPU.")


class EngineChoice(Model):
    """Which engine simulates the twin."""

    type: EngineName = Field(
        description="Name of an engine; one that is not installed is refused when the twin starts.",
    )
    config: EngineOptions = Field(default=EngineOptions(), description="How it runs the scene.")
