"""From a plan and recordings to a least-squares problem."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from hanzo_twin.engines.parameters import authored_value
from hanzo_twin.engines.port import EngineConfig
from hanzo_twin.errors import CalibrationError, nearest
from hanzo_twin.scene.addresses import Address, describe, parameter_addresses
from hanzo_twin.scene.model import Scene
from hanzo_twin.sync.calibration import sanity
from hanzo_twin.sync.calibration.coordinates import Coordinate, coordinate
from hanzo_twin.sync.calibration.plan import CalibrationPlan
from hanzo_twin.sync.calibration.problem import DIFFERENCE, Problem
from hanzo_twin.sync.calibration.replay import Replay
from hanzo_twin.sync.calibration.windows import Windows, cut, join, measured_joints
from hanzo_twin.twin.recording import Recording

MAX_JOINT_STEPS = 270_000
"""Engine steps times joints of one evaluation; about a fifth of a second on one processor."""

FEWEST_WINDOWS = 100


def default_parameters(scene: Scene) -> tuple[str, ...]:
    """Addresses to fit when nobody names any: friction and damping of the articulated joints, masses that they move.

    Many of them cannot be told apart by most recordings; those are reported and left alone.
    """
    joints = [joint for item in scene.articulations.values() for joint in item.joints]
    moved = [body for item in scene.articulations.values() for body in item.bodies if _moves(scene, body, set(joints))]
    return (
        *(f"{body}.mass" for body in moved),
        *(f"{joint}.{kind}" for kind in ("friction", "damping") for joint in joints),
    )


def _moves(scene: Scene, body: str, joints: set[str]) -> bool:
    """Whether a joint with freedom lies between the body and the root of its tree."""
    path = body
    while (holder := scene.child_joint.get(path)) is not None:
        if holder.path in joints:
            return True
        path = holder.parent
    return False


def coordinates(
    scene: Scene, plan: CalibrationPlan, recordings: Sequence[Recording], in_force: Mapping[str, float]
) -> tuple[Coordinate, ...]:
    """The coordinates of the plan's parameters; ``in_force`` has the values that differ from the scene's.

    Raises:
        CalibrationError: an address is not a parameter, or its value is outside its bounds.
        AddressError: it names nothing.
    """
    speeds = sanity.speeds(scene, recordings)
    found = []
    for name in plan.parameters:
        if describe(scene, name).kind != "parameter":
            raise CalibrationError(f"'{name}' is not a parameter.", hint=nearest(name, parameter_addresses(scene)))
        found.append(
            coordinate(
                scene,
                name,
                in_force[name] if name in in_force else authored_value(scene, Address.parse(name)),
                horizon=plan.horizon_s,
                speeds=speeds,
                bounds=plan.bounds.get(name),
            )
        )
    return tuple(found)


def windows(scene: Scene, plan: CalibrationPlan, recordings: Sequence[Recording], config: EngineConfig) -> Windows:
    """Windows of all recordings, predicting what all of them measure; as many as `MAX_JOINT_STEPS` allow.

    Raises:
        CalibrationError: they have no measured joint in common. RecordingError: as `cut`.
    """
    kinds = ("position", "velocity") if plan.velocity_weight > 0 else ("position",)
    names = [
        name
        for joint in measured_joints(scene, recordings[0])
        for name in (f"{joint}.{kind}" for kind in kinds)
        if all(name in recording.measurements for recording in recordings)
    ]
    if not any(name.endswith(".position") for name in names):
        raise CalibrationError("The recordings have no measured joint position in common.")
    each = [
        cut(scene, recording, names, horizon=plan.horizon_s, step_seconds=config.step_seconds, smooth=True)
        for recording in recordings
    ]
    all_of_them = join(each)
    work = all_of_them.steps * config.substeps * all_of_them.positions.shape[1]
    affordable = max(FEWEST_WINDOWS, MAX_JOINT_STEPS // work)
    return all_of_them.thinned(min(plan.max_windows, affordable))


def problem(
    replay: Replay,
    plan: CalibrationPlan,
    cut_windows: Windows,
    chosen: Sequence[Coordinate],
    moved: Mapping[str, float],
) -> Problem:
    """Residuals in units of the motion; a joint at rest counts as the one that moves least."""
    least = min(distance for distance in moved.values() if distance > 0)
    weights = []
    for name in cut_windows.attributes:
        joint, _, kind = name.rpartition(".")
        size = moved[joint] or least
        weights.append(plan.velocity_weight * plan.horizon_s / size if kind == "velocity" else 1 / size)
    return Problem(
        replay=replay,
        windows=cut_windows,
        coordinates=tuple(chosen),
        weights=np.array(weights),
        differences=np.array([_difference(c, cut_windows) for c in chosen]),
    )


def _difference(chosen: Coordinate, cut_windows: Windows) -> float:
    """A delay is moved by a sample of the inputs, between which nothing changes."""
    if not chosen.address.endswith(".actuatorDelay"):
        return DIFFERENCE
    tracks = [track for recording in cut_windows.recordings for track in recording.inputs.values()]
    periods = [float(np.median(np.diff(track.times))) for track in tracks if len(track.times) > 1]
    return max(cut_windows.step_seconds, *periods) / chosen.scale if periods else DIFFERENCE
