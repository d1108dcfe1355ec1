"""Recordings cut into short stretches that the twin predicts one by one (multiple shooting).

Each window begins at a measured sample: joint positions and velocities are set to what was measured there, the
recorded inputs are replayed, and the predicted positions are compared with what was measured within the horizon. So an
error of the model cannot grow without limit, and all windows are simulated at once.

Predictions are interpolated between steps at the times of the measured samples; measurements are never interpolated,
except for the start of joints that were not sampled together with the first one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from hanzo_twin.errors import RecordingError
from hanzo_twin.scene.model import Scene
from hanzo_twin.spatial import FloatArray, IntArray
from hanzo_twin.sync.calibration.velocity import smoothed, velocity_track
from hanzo_twin.twin.recording import Recording, Track

SAMPLES_PER_WINDOW = 6
GAP_INTERVALS = 5.0
# Seconds since 1970 as floating-point numbers are no finer than this.
TIME_TOLERANCE = 1e-6


@dataclass(frozen=True, kw_only=True, eq=False)
class Windows:
    """W windows of ``steps`` steps, and the K numbers that each is to predict.

    Args:
        recordings: where they come from; ``recording`` [W] is the index of each one's.
        starts: device time at which each begins [W], s.
        positions / velocities: initial joint state [W, n_joints], rad or m, rad/s or m/s.
        step_seconds / steps: of the replay.
        attributes: addresses that are predicted.
        attribute: index of the address of each number [K]; ``column`` [K] its joint; ``is_velocity`` [K].
        times: when it was measured, seconds after the start [W, K].
        measured: its value [W, K]; NaN where there was no sample.
    """

    recordings: tuple[Recording, ...]
    recording: IntArray
    starts: FloatArray
    positions: FloatArray
    velocities: FloatArray
    step_seconds: float
    steps: int
    attributes: tuple[str, ...]
    attribute: IntArray
    column: IntArray
    is_velocity: IntArray
    times: FloatArray
    measured: FloatArray

    def __len__(self) -> int:
        return len(self.starts)

    def select(self, chosen: IntArray) -> Windows:
        """The windows of these indices."""
        return replace(
            self,
            recording=self.recording[chosen],
            starts=self.starts[chosen],
            positions=self.positions[chosen],
            velocities=self.velocities[chosen],
            times=self.times[chosen],
            measured=self.measured[chosen],
        )

    def thinned(self, most: int) -> Windows:
        """At most ``most`` windows, evenly chosen."""
        if len(self) <= most:
            return self
        return self.select(np.unique(np.linspace(0, len(self) - 1, most).round().astype(np.int64)))

    def sample(self, positions: FloatArray, velocities: FloatArray) -> FloatArray:
        """What a rollout [..., W, steps, n_joints] (states after each step) predicts for the K numbers [..., W, K]."""
        after = self.times / self.step_seconds
        upper = np.clip(np.ceil(after - 1e-9).astype(np.int64), 1, self.steps)
        share = np.clip(after - (upper - 1), 0.0, 1.0)
        row = np.arange(len(self))[:, None]
        picked = np.empty((*positions.shape[:-3], *self.times.shape))
        for is_velocity, initial, trajectory in ((0, self.positions, positions), (1, self.velocities, velocities)):
            mine = np.flatnonzero(self.is_velocity == is_velocity)
            column, high = self.column[mine][None, :], upper[:, mine]
            above = trajectory[..., row, high - 1, column]
            below = np.where(high > 1, trajectory[..., row, np.maximum(high - 2, 0), column], initial[row, column])
            picked[..., mine] = below + share[:, mine] * (above - below)
        return picked


def join(parts: Sequence[Windows]) -> Windows:
    """The windows of several recordings as one."""
    offsets = np.cumsum([0, *(len(part.recordings) for part in parts[:-1])])
    return replace(
        parts[0],
        recordings=tuple(recording for part in parts for recording in part.recordings),
        recording=np.concatenate([part.recording + offset for part, offset in zip(parts, offsets, strict=True)]),
        starts=np.concatenate([part.starts for part in parts]),
        positions=np.concatenate([part.positions for part in parts]),
        velocities=np.concatenate([part.velocities for part in parts]),
        times=np.concatenate([part.times for part in parts]),
        measured=np.concatenate([part.measured for part in parts]),
    )


def joint_names(scene: Scene) -> tuple[str, ...]:
    """Paths of the articulated joints: the columns of joint arrays."""
    return tuple(joint for articulation in scene.articulations.values() for joint in articulation.joints)


def measured_joints(scene: Scene, recording: Recording) -> dict[str, Track]:
    """Position tracks by joint path, in the order of the scene's joints.

    Raises:
        RecordingError: no joint position was measured.
    """
    found = {
        joint: recording.measurements[f"{joint}.position"]
        for joint in joint_names(scene)
        if f"{joint}.position" in recording.measurements
    }
    if not found:
        raise RecordingError(
            f"Recording '{recording.name}' has no joint position; a calibration compares joint positions.",
            hint=f"Measured: {', '.join(recording.measurements)}. Map a column to an address such as "
            + ", ".join(f"{joint}.position" for joint in joint_names(scene)[:1])
            + ".",
        )
    return found


def cut(
    scene: Scene,
    recording: Recording,
    attributes: Sequence[str],
    *,
    horizon: float,
    step_seconds: float,
    samples: int = SAMPLES_PER_WINDOW,
    smooth: bool = False,
) -> Windows:
    """One window at each sample of the first measured joint that leaves room for ``horizon`` s.

    Args:
        attributes: positions and velocities to predict, each measured in ``recording``.
        samples: numbers that each window predicts of each attribute: evenly spaced, the last at the horizon.
        smooth: begin at the `smoothed` measurements. Noise of the start grows with the horizon, and biases a fit.

    Raises:
        RecordingError: no joint position is measured, or the recording is shorter than the horizon.
    """
    tracks = measured_joints(scene, recording)
    lead = next(iter(tracks.values()))
    starts = lead.times[
        (lead.times >= recording.start - TIME_TOLERANCE) & (lead.times + horizon <= recording.end + TIME_TOLERANCE)
    ]
    starts = starts[_uninterrupted(starts, horizon, tracks.values())]
    if len(starts) == 0:
        raise RecordingError(
            f"Recording '{recording.name}' is too short: {recording.end - recording.start:.3g} s with all joints "
            f"measured, for predictions {horizon:g} s ahead without a gap.",
            hint="Record longer and without interruptions, or predict less far ahead.",
        )
    positions, velocities = _initial_states(scene, recording, tracks, starts, smooth)
    targets = [_targets(recording.measurements[name], starts, horizon, samples) for name in attributes]
    columns = [joint_names(scene).index(name.rpartition(".")[0]) for name in attributes]
    return Windows(
        recordings=(recording,),
        recording=np.zeros(len(starts), dtype=np.int64),
        starts=starts,
        positions=positions,
        velocities=velocities,
        step_seconds=step_seconds,
        steps=max(1, math.ceil(horizon / step_seconds - 1e-6)),
        attributes=tuple(attributes),
        attribute=np.repeat(np.arange(len(attributes)), samples),
        column=np.repeat(np.array(columns, dtype=np.int64), samples),
        is_velocity=np.repeat(np.array([name.endswith(".velocity") for name in attributes], dtype=np.int64), samples),
        times=np.concatenate([times for times, _ in targets], axis=1),
        measured=np.concatenate([values for _, values in targets], axis=1),
    )


def _uninterrupted(starts: FloatArray, horizon: float, tracks: Iterable[Track]) -> IntArray:
    """Indices of the starts whose windows no gap touches.

    Where the samples of a joint pause for five times their usual interval, the inputs of that time are missing as well
    (whatever swallowed the one swallowed the other), so what was predicted across the gap would say nothing.
    """
    good = np.ones(len(starts), dtype=bool)
    for track in tracks:
        intervals = np.diff(track.times)
        if len(intervals) > 1:
            wide = np.flatnonzero(intervals > GAP_INTERVALS * float(np.median(intervals)))
            for begin, end in zip(track.times[wide], track.times[wide + 1], strict=True):
                good &= (starts + horizon <= begin + TIME_TOLERANCE) | (starts >= end - TIME_TOLERANCE)
    return np.flatnonzero(good)


def _initial_states(
    scene: Scene, recording: Recording, tracks: Mapping[str, Track], starts: FloatArray, smooth: bool
) -> tuple[FloatArray, FloatArray]:
    names = joint_names(scene)
    positions = np.tile([scene.joints[name].initial_position for name in names], (len(starts), 1)).astype(np.float64)
    velocities = np.zeros_like(positions)
    for column, name in enumerate(names):
        if name in tracks:
            position = tracks[name]
            velocity = recording.measurements.get(f"{name}.velocity")
            if smooth:
                position, velocity = smoothed(position), velocity and smoothed(velocity)
            positions[:, column] = position.at(starts)
            velocities[:, column] = (velocity or velocity_track(tracks[name])).at(starts)
    return positions, velocities


def _targets(track: Track, starts: FloatArray, horizon: float, samples: int) -> tuple[FloatArray, FloatArray]:
    """Times after the start and values [W, samples] of the samples nearest to even fractions of the horizon."""
    spacing = horizon / samples
    wanted = starts[:, None] + spacing * np.arange(1, samples + 1)
    after = np.clip(np.searchsorted(track.times, wanted), 1, max(1, len(track.times) - 1))
    nearer_before = wanted - track.times[after - 1] < track.times[np.minimum(after, len(track.times) - 1)] - wanted
    index = np.where(nearer_before, after - 1, after)
    # The prediction ends at the horizon; the last sample is the one before it.
    index = np.where(track.times[index] > starts[:, None] + horizon + TIME_TOLERANCE, index - 1, index)
    times = track.times[index] - starts[:, None]
    known = (times > TIME_TOLERANCE) & (np.abs(track.times[index] - wanted) <= spacing)
    known[:, 1:] &= index[:, 1:] != index[:, :-1]
    return np.where(known, times, horizon), np.where(known, track.values[index], np.nan)
