"""What shall be trained: a value that says all of it, so that the same spec and versions train the same policy."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from hanzo_twin.errors import InvalidInputError

Algorithm = Literal["ppo", "sac", "td3"]


class TrainingSpec(BaseModel):
    """A training run; every field has a default but what is trained.

    ``definition`` stands for ``twin`` where the twin is not on this machine.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    twin: Annotated[str | None, Field(description="Definition or scene file, or the name of a twin.")] = None
    definition: Annotated[dict[str, Any] | None, Field(description="Of the twin, in place of its name.")] = None
    task: Annotated[str | None, Field(description="Name of the task; none takes the twin's.")] = None
    engine: Annotated[str | None, Field(description="None takes the twin's.")] = None
    algo: Annotated[Algorithm, Field(description="Algorithm of stable-baselines3.")] = "ppo"
    num_envs: Annotated[int, Field(ge=1, le=65_536, description="Worlds that step together.")] = 32
    total_steps: Annotated[int, Field(ge=1, description="Steps of all worlds together.")] = 500_000
    seed: Annotated[int, Field(ge=0, lt=2**31, description="The same one trains the same policy.")] = 0
    action_type: Annotated[str | None, Field(description="Of the actions; none takes the task's.")] = None
    step_hz: Annotated[float | None, Field(gt=0, description="Decisions a second; none takes the task's.")] = None
    domain_randomization: Annotated[
        bool | dict[str, Any],
        Field(description="Draw parameters for each episode: true, or ranges as in a definition."),
    ] = False
    hyperparameters: Annotated[dict[str, Any], Field(description="Override those of the algorithm.")] = {}
    normalize: Annotated[
        bool | None, Field(description="Observations and rewards by their running moments; none: where it helps.")
    ] = None
    checkpoint_every: Annotated[int | None, Field(ge=1, description="Steps; none makes 20 in all.")] = None
    keep_last: Annotated[int, Field(ge=1, description="Checkpoints that are kept.")] = 3
    evaluate_every: Annotated[int | None, Field(ge=1, description="Steps; none makes 10 in all.")] = None
    evaluation_episodes: Annotated[int, Field(ge=1, le=10_000, description="Held-out episodes of a judgement.")] = 50
    evaluation_seed: Annotated[
        int, Field(ge=0, lt=2**40, description="Of the first held-out episode; training never draws from these seeds.")
    ] = 1_000_000_000
    stop_at_success: Annotated[
        float | None, Field(gt=0, le=1, description="End once so many held-out episodes succeed.")
    ] = None
    stop_at_return: Annotated[float | None, Field(description="End once the mean held-out return is that high.")] = None
    tracking_uri: Annotated[str | None, Field(description="MLflow to report to: http://… or sqlite:///file.")] = None

    @model_validator(mode="after")
    def _check(self) -> TrainingSpec:
        if self.twin is None and self.definition is None and self.task is None:
            raise ValueError("neither a twin nor a task is named")
        return self

    @property
    def checkpoint_steps(self) -> int:
        return self.checkpoint_every or max(1, self.total_steps // 20)

    @property
    def evaluation_steps(self) -> int:
        return self.evaluate_every or max(1, self.total_steps // 10)

    def environment(self) -> dict[str, Any]:
        """Arguments of `hanzo_twin.make_vec`, but for the number of worlds and how they are reset."""
        twin: Any = self.twin
        if self.definition is not None:
            from hanzo_twin.definition.models import require_physical
            from hanzo_twin.definition.yaml_source import parse_definition_object

            twin = require_physical(parse_definition_object(self.definition, "twin"))
        return {
            "twin_id": twin,
            "task": self.task,
            "engine": self.engine,
            "action_type": self.action_type,
            "step_hz": self.step_hz,
            "domain_randomization": self.domain_randomization,
            "obs_type": "flat",
        }


def parse_spec(given: Mapping[str, Any]) -> TrainingSpec:
    """``given`` as a spec.

    Raises:
        InvalidInputError: something in it is unknown or not allowed; all of it.
    """
    try:
        return TrainingSpec.model_validate(given)
    except ValidationError as wrong:
        told = []
        for each in wrong.errors():
            name = ".".join(str(part) for part in each["loc"])
            if each["type"] == "extra_forbidden":
                close = get_close_matches(name, TrainingSpec.model_fields, n=1)
                told.append(f"there is no '{name}'" + (f" (did you mean '{close[0]}'?)" if close else ""))
            else:
                told.append(f"{name or 'spec'}: {each['msg'].removeprefix('Value error, ')}")
        raise InvalidInputError(
            f"This cannot be trained: {'; '.join(told)}.", hint="See the table of settings in docs/training.md."
        ) from wrong
