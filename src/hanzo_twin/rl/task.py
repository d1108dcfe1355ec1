"""What is to be learned in a scene: a small frozen value, written once for one world and for many.

All functions take a `World` and give arrays with a leading env axis, with elementwise numpy and no loop over worlds.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from numbers import Real
from typing import Any, Literal

import numpy as np

from hanzo_twin.engines.port import EngineConfig
from hanzo_twin.errors import InvalidInputError
from hanzo_twin.rl.world import Start, World
from hanzo_twin.scene.model import Scene
from hanzo_twin.spatial import BoolArray, FloatArray

Reading = Callable[[World], FloatArray]
Condition = Callable[[World], BoolArray]
ActionType = Literal["joint", "joint_position", "joint_velocity", "effort", "twist"]
ACTION_TYPES: tuple[ActionType, ...] = ("joint", "joint_position", "joint_velocity", "effort", "twist")


@dataclass(frozen=True, kw_only=True)
class ObservationTerm:
    """One field of an observation.

    Args:
        read: gives [N, size].
        low / high: what it can be; infinite where there is no bound. Values are clipped to it.
        shape / dtype: as an agent sees it in an observation of type ``dict``; None is [size].
    """

    name: str
    size: int
    read: Reading
    low: float = -np.inf
    high: float = np.inf
    shape: tuple[int, ...] | None = None
    dtype: Literal["float32", "uint8"] = "float32"

    def __post_init__(self) -> None:
        if self.size < 1 or (self.shape is not None and math.prod(self.shape) != self.size):
            raise InvalidInputError(
                f"The observation '{self.name}' has size {self.size} and shape {self.shape}.",
                hint="Allowed: a size of at least one, and a shape of as many numbers.",
            )


@dataclass(frozen=True, kw_only=True)
class RewardTerm:
    """One part of the reward, ``weight`` · ``read`` [N]; ``info["reward_<name>"]`` says what it gave."""

    name: str
    read: Reading
    weight: float = 1.0


@dataclass(frozen=True, kw_only=True)
class EndTerm:
    """A condition that ends the episode for good (``terminated``)."""

    name: str
    holds: Condition


@dataclass(frozen=True, kw_only=True)
class Actions:
    """What an agent commands. Its actions are in −1 … 1 and are scaled to these ranges.

    Args:
        kind: used where ``action_type`` is not given; ``joint`` commands each joint as its drive is made: a position
            where it has stiffness, a velocity where it has damping only, an effort where it has none.
        joints: paths of the joints commanded; empty takes all that follow no other.
        max_effort / max_velocity / position_range: override what the joints' limits say; N·m or N, rad/s or m/s, and
            rad or m to either side of where the joint starts. Where neither says it: 1, 1 and π.
        max_twist: of a base, forward and sideways m/s, and turning rad/s.
    """

    kind: ActionType = "joint"
    joints: tuple[str, ...] = ()
    max_effort: float | None = None
    max_velocity: float | None = None
    position_range: float | None = None
    max_twist: tuple[float, float, float] = (1.0, 1.0, 1.0)

    def __post_init__(self) -> None:
        ranges = {name: getattr(self, name) for name in ("max_effort", "max_velocity", "position_range")}
        for name, value in ranges.items():
            if value is not None and not _positive(value):
                raise InvalidInputError(f"{name} of the actions is {value!r}.", hint="Allowed: more than 0, or None.")


@dataclass(frozen=True, kw_only=True)
class Curriculum:
    """How the level of each world, 0 (easy) to 1, follows its successes; start terms and randomization read it.

    Each world has its own, so that it depends on nothing but its own episodes.
    """

    first: float = 0.0
    up: float = 0.1
    down: float = 0.05

    def __post_init__(self) -> None:
        numbers = all(isinstance(value, Real) for value in (self.first, self.up, self.down))
        if (
            not numbers
            or not 0.0 <= self.first <= 1.0
            or not 0.0 <= self.up < math.inf
            or not 0.0 <= self.down < math.inf
        ):
            raise InvalidInputError(
                f"A curriculum starts between 0 and 1 and moves by 0 or more, got {self}.",
                hint="Such as Curriculum(first=0.0, up=0.1, down=0.05).",
            )

    def next_level(self, level: FloatArray, success: BoolArray) -> FloatArray:
        """Levels [n] after episodes that ended with ``success`` [n]."""
        return np.clip(np.where(success, level + self.up, level - self.down), 0.0, 1.0)


@dataclass(frozen=True, kw_only=True)
class Task:
    """Something to be learned in one scene.

    Args:
        step_hz: decisions per second where the caller does not say.
        max_seconds: after which an episode is cut off (``truncated``).
        bodies: paths of the bodies that the terms read.
        start: what happens at the beginning of each episode, in this order.
        success: whether the goal is reached now; judged when the episode ends, as ``info["is_success"]``.
        metrics: judged when the episode ends, by name [N].
        remember: called at the end of each step, after rewards and ends, to write ``world.memory``.
    """

    name: str
    observations: tuple[ObservationTerm, ...]
    rewards: tuple[RewardTerm, ...] = ()
    ends: tuple[EndTerm, ...] = ()
    start: tuple[Callable[[Start], None], ...] = ()
    actions: Actions = Actions()
    step_hz: float = 60.0
    max_seconds: float = 10.0
    bodies: tuple[str, ...] = ()
    success: Condition | None = None
    metrics: tuple[tuple[str, Reading], ...] = ()
    remember: Callable[[World], None] | None = None
    curriculum: Curriculum | None = None

    def __post_init__(self) -> None:
        _check_terms(self)
        if not self.observations:
            raise InvalidInputError(f"Task '{self.name}' observes nothing.", hint="Give it at least one term.")
        for kind, terms in (("observations", self.observations), ("rewards", self.rewards), ("ends", self.ends)):
            names = [term.name for term in terms]
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise InvalidInputError(f"Task '{self.name}' has two {kind} named '{twice[0]}'.")
        if not _positive(self.step_hz) or not _positive(self.max_seconds):
            raise InvalidInputError(
                f"Task '{self.name}' needs a positive step_hz and max_seconds.",
                hint=f"They are {self.step_hz!r} and {self.max_seconds!r}.",
            )


def _positive(value: object) -> bool:
    return isinstance(value, Real) and 0.0 < float(value) < math.inf


def _check_terms(task: Task) -> None:
    """Raise InvalidInputError for what callers without types give."""
    kinds = {"observations": ObservationTerm, "rewards": RewardTerm, "ends": EndTerm}
    for field_name, kind in kinds.items():
        given = getattr(task, field_name)
        if not isinstance(given, tuple | list) or not all(isinstance(term, kind) for term in given):
            raise InvalidInputError(
                f"The {field_name} of the task '{task.name}' are no tuple of {kind.__name__}.",
                hint=f"Such as {field_name}=({kind.__name__}(name=…, …),) - mind the comma.",
            )
    start: Any = task.start
    if not isinstance(start, tuple | list) or not all(callable(term) for term in start):
        raise InvalidInputError(
            f"The start of the task '{task.name}' is no tuple of functions.",
            hint="Such as start=(begin,) with begin a function of a Start - mind the comma.",
        )
    bodies: object = task.bodies
    if isinstance(bodies, str):
        raise InvalidInputError(
            f"The bodies of the task '{task.name}' are one text.", hint=f"Such as bodies=({task.bodies!r},)."
        )
    if task.curriculum is not None and not isinstance(task.curriculum, Curriculum):
        raise InvalidInputError(
            f"The curriculum of the task '{task.name}' is {task.curriculum!r}.", hint="Allowed: a Curriculum, or None."
        )


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What the name of a task stands for; registered in the entry points ``hanzo_twin.tasks``.

    Args:
        scene: makes the scene it is meant for, used where no twin is named.
        build: makes the task for a scene; raises UnsupportedError where the scene lacks what it needs.
        config: how an engine runs that scene.
    """

    name: str
    summary: str
    scene: Callable[[], Scene]
    build: Callable[[Scene], Task]
    config: EngineConfig = field(default_factory=EngineConfig)

    def __call__(self, scene: Scene) -> Task:
        return self.build(scene)
