"""Looking at recordings before believing them: does anything move, and do velocities belong to their positions?

A fit can look well-conditioned on a log that is not one: a constant position beside velocities and efforts of a real
motion has full singular values, and gives absurd parameters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from hanzo_twin.errors import RecordingError
from hanzo_twin.scene.addresses import Address
from hanzo_twin.scene.model import Scene
from hanzo_twin.spatial import FloatArray
from hanzo_twin.sync.calibration.velocity import velocity_track
from hanzo_twin.sync.calibration.windows import joint_names, measured_joints
from hanzo_twin.twin.recording import Recording, Track

SMALLEST_MOTION = 1e-3
SIGNAL_TO_NOISE = 3.0
VELOCITY_MISMATCH = 0.5
_MOVING = ("damping", "friction", "armature")


def motion(track: Track, horizon: float) -> float:
    """RMS change of position within ``horizon`` s, rad or m; 0 when it is no more than the sensor's noise.

    The noise is the RMS of second differences over √6, which is exact for white noise on slow motion.
    """
    starts = track.times[track.times + horizon <= track.times[-1] + 1e-9]
    if len(starts) == 0:
        return 0.0
    change = float(np.sqrt(np.mean((track.at(starts + horizon) - track.at(starts)) ** 2)))
    second = np.diff(track.values, 2)
    noise = float(np.sqrt(np.mean(second**2) / 6)) if len(second) else 0.0
    return change if change > max(SMALLEST_MOTION, SIGNAL_TO_NOISE * noise) else 0.0


def motions(scene: Scene, recordings: Sequence[Recording], horizon: float) -> dict[str, float]:
    """The largest `motion` of each measured joint in any recording, by joint path."""
    found: dict[str, float] = {}
    for recording in recordings:
        for joint, track in measured_joints(scene, recording).items():
            found[joint] = max(found.get(joint, 0.0), motion(track, horizon))
    return found


def speeds(scene: Scene, recordings: Sequence[Recording]) -> dict[str, float]:
    """RMS velocity of each measured joint, rad/s or m/s, by joint path."""
    squares: dict[str, list[FloatArray]] = {}
    for recording in recordings:
        for joint, track in measured_joints(scene, recording).items():
            squares.setdefault(joint, []).append(velocity_track(track).values ** 2)
    return {joint: float(np.sqrt(np.mean(np.concatenate(parts)))) for joint, parts in squares.items()}


def check_velocities(scene: Scene, recording: Recording, horizon: float) -> None:
    """Refuse a recording whose velocities are not the derivatives of its positions.

    Raises:
        RecordingError: names the joint, and the factor between the two where a wrong unit would explain it.
    """
    for joint, track in measured_joints(scene, recording).items():
        velocity = recording.measurements.get(f"{joint}.velocity")
        if velocity is None or motion(track, horizon) == 0.0:
            continue
        mismatch, factor = _compare(track, velocity, horizon)
        if mismatch > VELOCITY_MISMATCH:
            raise RecordingError(
                f"Recording '{recording.name}': the velocity of '{joint}' is not the derivative of its position; "
                f"integrated over {horizon:g} s they differ by {100 * mismatch:.0f} % of the motion.",
                hint=f"The velocity is about {factor:.3g} times what the position says. Check units and signs of the "
                "mapping, or leave the velocity out: it is then derived from the position.",
            )


def _compare(position: Track, velocity: Track, horizon: float) -> tuple[float, float]:
    """RMS of (∫v dt − Δx) over RMS of Δx, and the least-squares factor between them."""
    area = 0.5 * (velocity.values[1:] + velocity.values[:-1]) * np.diff(velocity.times)
    integral = np.concatenate([[0.0], np.cumsum(area)])
    begin, end = max(position.times[0], velocity.times[0]), min(position.times[-1], velocity.times[-1])
    starts = position.times[(position.times >= begin) & (position.times + horizon <= end)]
    if len(starts) == 0:
        return 0.0, 1.0
    moved = position.at(starts + horizon) - position.at(starts)
    told = np.interp(starts + horizon, velocity.times, integral) - np.interp(starts, velocity.times, integral)
    scale = float(moved @ moved)
    return float(np.sqrt(np.mean((told - moved) ** 2) / (scale / len(moved)))), float(told @ moved) / scale


def parameters_at_rest(addresses: Sequence[str], moved: Mapping[str, float]) -> list[str]:
    """Parameters that act only where a joint moves, of joints that did not."""
    still = {joint for joint, distance in moved.items() if distance == 0.0}
    parsed = {name: Address.parse(name) for name in addresses}
    return [name for name, address in parsed.items() if address.attribute in _MOVING and address.path in still]


def warnings(scene: Scene, recordings: Sequence[Recording]) -> list[str]:
    """What is assumed about the recordings, one sentence each."""
    found: list[str] = []
    for recording in recordings:
        measured = measured_joints(scene, recording)
        missing = [joint for joint in joint_names(scene) if joint not in measured]
        derived = [joint for joint in measured if f"{joint}.velocity" not in recording.measurements]
        if missing:
            found.append(
                f"{recording.name}: not measured, so each prediction starts where the scene has them: "
                f"{', '.join(missing)}."
            )
        if derived:
            found.append(f"{recording.name}: velocities derived from positions: {', '.join(derived)}.")
        used = {f"{joint}.{kind}" for joint in measured for kind in ("position", "velocity")}
        unused = [name for name in recording.measurements if name not in used]
        if unused:
            found.append(f"{recording.name}: measured but not used by the fit: {', '.join(unused)}.")
    free = [path for path, body in scene.bodies.items() if path not in scene.child_joint and not body.kinematic]
    loose = [path for path in free if all(path not in item.bodies for item in scene.articulations.values())]
    if loose:
        found.append(f"Free bodies start where the scene has them in each prediction: {', '.join(loose)}.")
    return list(dict.fromkeys(found))
