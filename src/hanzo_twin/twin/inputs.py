"""Inputs of a twin over time: commands arrive with a time stamp, wait out the actuator's delay, and then act."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence

import numpy as np

from hanzo_twin.errors import AddressError
from hanzo_twin.scene.addresses import Address, describe
from hanzo_twin.scene.model import Scene
from hanzo_twin.spatial import FloatArray
from hanzo_twin.twin.recording import TIME_RESOLUTION_S, Interpolation

CHANNELS = ("targetPosition", "targetVelocity", "effort")


class InputTrack:
    """Time-stamped values of one input, pruned as they become history."""

    def __init__(self, interpolation: Interpolation = "hold") -> None:
        self.interpolation = interpolation
        self._times: list[float] = []
        self._values: list[float] = []

    def __len__(self) -> int:
        return len(self._times)

    def samples(self) -> tuple[tuple[float, float], ...]:
        return tuple(zip(self._times, self._values, strict=True))

    def add(self, time: float, value: float) -> None:
        """Insert a sample in time order; a second one at the same time replaces the first."""
        at = bisect_right(self._times, time)
        if at and self._times[at - 1] == time:
            self._values[at - 1] = value
            return
        self._times.insert(at, time)
        self._values.insert(at, value)

    def prune(self, before: float) -> None:
        """Forget samples that no longer matter at or after ``before``; the one that holds there is kept."""
        keep = bisect_right(self._times, before) - 1
        if keep > 0:
            del self._times[:keep], self._values[:keep]

    def shift(self, seconds: float) -> None:
        """Move all samples in time, as after a jump of the device's clock."""
        self._times = [time + seconds for time in self._times]

    def at(self, times: FloatArray) -> FloatArray:
        """Values at ``times`` [n]; NaN before the first sample."""
        if not self._times:
            return np.full(len(times), np.nan)
        known = np.asarray(self._times)
        values = np.asarray(self._values)
        if self.interpolation == "linear":
            joined: FloatArray = np.interp(times, known, values, left=np.nan)
            return joined
        index = np.searchsorted(known, times + TIME_RESOLUTION_S, side="right") - 1
        held: FloatArray = np.where(index >= 0, values[np.clip(index, 0, None)], np.nan)
        return held

    def copy(self) -> InputTrack:
        twin = InputTrack(self.interpolation)
        twin._times, twin._values = self._times.copy(), self._values.copy()
        return twin


class InputSchedule:
    """All joint inputs of a scene.

    A sample stamped t acts at t + ``actuatorDelay`` of its joint. The delay may be negative: then what is recorded
    as the input lags behind what acted, and the twin must run that much behind the device's time.
    """

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._joints = tuple(joint for art in scene.articulations.values() for joint in art.joints)
        self._columns = {path: column for column, path in enumerate(self._joints)}
        self._tracks: dict[tuple[str, int], InputTrack] = {}
        self.delays = np.zeros(len(self._joints))

    @property
    def joints(self) -> tuple[str, ...]:
        """Paths of the joints, articulation after articulation."""
        return self._joints

    @property
    def tracks(self) -> Mapping[tuple[str, int], InputTrack]:
        """By (channel, joint column)."""
        return self._tracks

    def column(self, path: str) -> int:
        """Column of a joint.

        Raises:
            AddressError: the joint belongs to no articulation.
        """
        if path not in self._columns:
            raise AddressError(f"Joint '{path}' belongs to no articulation, so it cannot be commanded.")
        return self._columns[path]

    def track(self, address: str, interpolation: Interpolation = "hold") -> InputTrack:
        """The track of an input address, made when first asked for.

        Raises:
            AddressError: not an input of the scene.
        """
        parsed = Address.parse(address)
        if describe(self._scene, parsed).kind != "input":
            raise AddressError(f"'{address}' is not an input.", hint=f"Inputs of a joint: {', '.join(CHANNELS)}.")
        key = (parsed.attribute, self.column(parsed.path))
        if key not in self._tracks:
            self._tracks[key] = InputTrack(interpolation)
        return self._tracks[key]

    def commands(self, times: FloatArray) -> dict[str, FloatArray]:
        """For each channel that has any input: values [n, n_joints] acting at ``times`` [n]; NaN where unset."""
        found: dict[str, FloatArray] = {}
        for (channel, column), track in self._tracks.items():
            if channel not in found:
                found[channel] = np.full((len(times), len(self._joints)), np.nan)
            found[channel][:, column] = track.at(times - self.delays[column])
        return found

    def prune(self, before: float) -> None:
        for (_, column), track in self._tracks.items():
            track.prune(before - max(0.0, self.delays[column]))

    def shift(self, seconds: float) -> None:
        for track in self._tracks.values():
            track.shift(seconds)

    def copy(self) -> InputSchedule:
        other = InputSchedule(self._scene)
        other._tracks = {key: track.copy() for key, track in self._tracks.items()}
        other.delays = self.delays.copy()
        return other


def changes(rows: FloatArray) -> Sequence[int]:
    """Start indices of the runs of equal rows in [n, m]; NaN equals NaN."""
    same = (rows[1:] == rows[:-1]) | (np.isnan(rows[1:]) & np.isnan(rows[:-1]))
    return [0, *(np.flatnonzero(~same.all(axis=1)) + 1).tolist()] if len(rows) else []
