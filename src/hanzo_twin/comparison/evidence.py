"""What happened before two runs parted: limits that were reached, efforts that ran out, shapes that touch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from hanzo_twin.comparison.differences import Parting
from hanzo_twin.comparison.proximity import Proximity, Touch, began
from hanzo_twin.comparison.run import Run, joint_paths
from hanzo_twin.engines.parameters import drive_limit
from hanzo_twin.scene.model import Articulation, Joint, Scene
from hanzo_twin.spatial import FloatArray

BoolArray = NDArray[np.bool_]
# Limits are soft to a degree and efforts are clipped to rounding; a fraction of a range counts as reached.
_REACHED = 1e-3
_SATURATED = 0.999
# Engines keep margins of about a millimetre between bodies that rest on each other.
TOUCHING_M = 2e-3


@dataclass(frozen=True, kw_only=True)
class JointEvent:
    """What happened in ``joint`` of the reference and of the other engine: first times, infinite for never."""

    joint: Joint
    times: tuple[float, float]

    @property
    def first(self) -> float:
        return min(self.times)


@dataclass(frozen=True, kw_only=True)
class Contact:
    """Shapes that touch when the runs part, and since when they do in the reference and in the other engine, s."""

    touch: Touch
    since: tuple[float, float]


def articulation_of(scene: Scene, parting: Parting) -> Articulation | None:
    """The articulation that what parted belongs to."""
    for articulation in scene.articulations.values():
        if parting.path in (*articulation.joints, *articulation.bodies):
            return articulation
    return None


def limits_reached(scene: Scene, runs: tuple[Run, Run], parting: Parting) -> tuple[JointEvent, ...]:
    """Joints of the articulation that came to a limit before the runs parted, the earliest first."""

    def reached(joint: Joint, run: Run, column: int) -> BoolArray:
        span = joint.upper - joint.lower
        near = _REACHED * (span if isfinite(span) else 1.0)
        positions = run.joint_positions[: parting.index + 1, column]
        return (positions <= joint.lower + near) | (positions >= joint.upper - near)

    return _events(scene, runs, parting, reached, lambda joint: isfinite(joint.lower) or isfinite(joint.upper))


def efforts_saturated(scene: Scene, runs: tuple[Run, Run], parting: Parting) -> tuple[JointEvent, ...]:
    """Joints of the articulation whose drive gave all it could before the runs parted, the earliest first."""

    def saturated(joint: Joint, run: Run, column: int) -> BoolArray:
        return np.abs(run.joint_efforts[: parting.index + 1, column]) >= _SATURATED * drive_limit(joint)

    return _events(
        scene, runs, parting, saturated, lambda joint: joint.drive is not None and isfinite(drive_limit(joint))
    )


def _events(
    scene: Scene,
    runs: tuple[Run, Run],
    parting: Parting,
    happened: Callable[[Joint, Run, int], BoolArray],
    concerned: Callable[[Joint], bool],
) -> tuple[JointEvent, ...]:
    articulation = articulation_of(scene, parting)
    if articulation is None:
        return ()
    columns = {path: column for column, path in enumerate(joint_paths(scene))}
    events: list[JointEvent] = []
    for path in articulation.joints:
        joint = scene.joints[path]
        if concerned(joint):
            first, second = (_first(run.times, happened(joint, run, columns[path])) for run in runs)
            events.append(JointEvent(joint=joint, times=(first, second)))
    return tuple(sorted((each for each in events if isfinite(each.first)), key=lambda each: each.first))


def _first(times: FloatArray, happened: BoolArray) -> float:
    return float(times[int(np.argmax(happened))]) if happened.any() else float("inf")


def contacts(scene: Scene, runs: tuple[Run, Run], parting: Parting) -> tuple[Contact, ...]:
    """What touches the body that parted (or any of its articulation) when it does, the newest contact first."""
    proximity = Proximity(scene)
    bodies = _concerned(scene, parting)
    found: dict[tuple[str, str], Touch] = {}
    for run in runs:
        for touch in proximity.touching(run.body_poses[parting.index], bodies=bodies, within=TOUCHING_M):
            found.setdefault((touch.shape, touch.other_shape), touch)
    listed = [Contact(touch=touch, since=_since(proximity, touch, runs, parting)) for touch in found.values()]
    return tuple(sorted(listed, key=lambda each: -min(each.since)))


def _concerned(scene: Scene, parting: Parting) -> frozenset[str]:
    articulation = articulation_of(scene, parting)
    return frozenset(articulation.bodies if articulation else (parting.path,))


def _since(proximity: Proximity, touch: Touch, runs: Sequence[Run], parting: Parting) -> tuple[float, float]:
    def times() -> Iterator[float]:
        for run in runs:
            if proximity.gap(touch, run.body_poses[parting.index], within=TOUCHING_M) > TOUCHING_M:
                yield float("inf")
            else:
                first = began(proximity, touch, run.body_poses, parting.index, within=TOUCHING_M)
                yield float(run.times[first])

    reference, other = times()
    return reference, other
