"""What the service takes: the JSON bodies of the REST API."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from hanzo_twin.definition.base import Name
from hanzo_twin.errors import nearest

_JOINT = "/World/arm/joint_1"

Finite = Annotated[float, Field(allow_inf_nan=False)]
Address = Annotated[str, Field(min_length=2, max_length=4096)]
Values = Annotated[dict[Address, Finite], Field(max_length=10_000)]


class Request(BaseModel):
    """A body; an unknown field is refused and the nearest known one is named."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown(cls, body: Any) -> Any:
        unknown = [str(name) for name in body if name not in cls.model_fields] if isinstance(body, dict) else []
        if unknown:
            raise PydanticCustomError(
                "unknown_field",
                "unknown field '{name}'. {hint}",
                {"name": unknown[0][:80], "hint": nearest(unknown[0][:80], cls.model_fields)},
            )
        return body


class ForkRequest(Request):
    """How the fork differs from its parent."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "arm-1-heavier",
                    "parameters": {"/World/arm/link_3.mass": 2.4},
                    "inputs": {f"{_JOINT}.targetPosition": 0.4},
                    "ttl_seconds": 3600,
                }
            ]
        }
    )

    name: Annotated[str | None, Field(description="Left out, the parent's name and a number.", max_length=63)] = None
    parameters: Annotated[Values, Field(description="Parameters to change, by address; SI.")] = {}
    inputs: Annotated[Values, Field(description="Commands to give, by address; SI.")] = {}
    ttl_seconds: Annotated[
        float, Field(gt=0, le=30 * 86_400, description="The fork is deleted after this time.", allow_inf_nan=False)
    ] = 3600.0


class CompareRequest(Request):
    """What to compare, and how far ahead."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"other": "arm-1-heavier", "horizon_s": 2.0, "interval_s": 0.02, "addresses": [f"{_JOINT}.position"]}
            ]
        }
    )

    other: Annotated[str, Field(min_length=1, max_length=200, description="Name or id of the twin to compare with.")]
    start: Annotated[
        Literal["fork", "now"],
        Field(
            description="`fork`: both start where `other` was forked from this twin, so that only what was changed in "
            "the fork makes them differ; `now`: each from its own present, as do twins that are not forks."
        ),
    ] = "fork"
    horizon_s: Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False, description="How far ahead, s.")] = 1.0
    interval_s: Annotated[
        float, Field(ge=0, allow_inf_nan=False, description="Time between samples, s; 0 takes every step.")
    ] = 0.0
    addresses: Annotated[
        list[Address], Field(max_length=1000, description="States to compare; none takes all joint positions.")
    ] = []


class ParametersPatch(Request):
    """Parameters to change. All are written, or, where one cannot be, none."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"parameters": {f"{_JOINT}.damping": 0.2}}]})

    parameters: Annotated[Values, Field(min_length=1, description="New values by address; SI.")]


class InputsRequest(Request):
    """Inputs to give now."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"inputs": {f"{_JOINT}.targetPosition": 0.4}}]})

    inputs: Annotated[Values, Field(min_length=1, description="Values by address; SI.")]


class ValidateRequest(Request):
    """What a scene is validated for."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"engine": "mujoco", "version": 3}]})

    engine: Annotated[
        str | None, Field(max_length=63, description="Name of an engine; none checks the scene alone.")
    ] = None
    version: Annotated[int | None, Field(ge=1, description="None takes the newest.")] = None


class GymRequest(Request):
    """An environment to make: the arguments of `hanzo_twin.make_vec`."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"task": "pendulum", "num_envs": 8, "obs_type": "flat"}]})

    twin_id: Annotated[str | None, Field(description="Name or id of a twin; none for a task's own scene.")] = None
    task: Annotated[str | None, Field(description="Name of the task.", max_length=200)] = None
    engine: Annotated[str | None, Field(description="None takes the twin's.", max_length=63)] = None
    obs_type: Annotated[Literal["dict", "flat"], Field(description="Form of the observations.")] = "dict"
    action_type: Annotated[str | None, Field(description="What actions command; none as the task.")] = None
    step_hz: Annotated[
        float | None, Field(gt=0, le=10_000, allow_inf_nan=False, description="Steps of the environment a second.")
    ] = None
    domain_randomization: Annotated[
        bool | dict[str, Any], Field(description="Whether, or how, parameters are drawn for each episode.")
    ] = False
    num_envs: Annotated[int, Field(ge=1, description="Worlds that step together.")] = 1
    organization: Annotated[Name, Field(description="Owner.")] = "default"


class GymResetRequest(Request):
    """How the next episodes begin."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"seed": 7}]})

    seed: Annotated[int | None, Field(ge=0, lt=2**62, description="World i gets seed + i; none goes on.")] = None
    options: Annotated[dict[str, Any] | None, Field(description="`randomization`, `level`, `reset_mask`.")] = None


class GymStepRequest(Request):
    """What to do."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"action": [0.1, -0.4]}]})

    action: Annotated[
        list[Finite] | list[list[Finite]],
        Field(description="Of one world; of several: one row each.", min_length=1, max_length=65_536),
    ]


class JobRequest(Request):
    """Long work to be done."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"kind": "train", "spec": {"task": "pendulum", "algo": "ppo", "total_steps": 200_000}}]
        }
    )

    kind: Annotated[str, Field(description="Kind of job, such as `train`.", max_length=63)]
    spec: Annotated[dict[str, Any], Field(description="What shall be done; see the kind.", max_length=1000)] = {}
    organization: Annotated[Name, Field(description="Owner.")] = "default"
