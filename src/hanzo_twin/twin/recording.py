"""Time series of a machine: what was measured and what went in, by address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

import numpy as np

from hanzo_twin.errors import RecordingError
from hanzo_twin.spatial import FloatArray

Interpolation = Literal["hold", "linear"]

TIME_RESOLUTION_S = 1e-6
"""Times closer than this are the same: seconds since 1970 as a double are exact to 2.4e-7 s."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Track:
    """One quantity over time.

    Args:
        times: strictly increasing [n], device time in s; sampling may be uneven.
        values: [n], SI.
        interpolation: ``hold`` keeps a value until the next (commands), ``linear`` joins samples (measurements).

    Raises:
        RecordingError: empty, unequal lengths, times that do not increase, or values that are not finite.
    """

    times: FloatArray
    values: FloatArray
    interpolation: Interpolation = "linear"

    def __post_init__(self) -> None:
        for name in ("times", "values"):
            array = np.array(getattr(self, name), dtype=np.float64)
            array.flags.writeable = False
            object.__setattr__(self, name, array)
        if self.times.ndim != 1 or self.times.shape != self.values.shape or len(self.times) == 0:
            raise RecordingError(
                f"A track needs as many times as values, at least one; got {self.times.shape} and {self.values.shape}."
            )
        if not np.isfinite(self.times).all() or not np.isfinite(self.values).all():
            raise RecordingError("A track has times or values that are not finite.")
        if len(self.times) > 1 and np.diff(self.times).min() <= 0:
            row = int(np.argmin(np.diff(self.times))) + 1
            raise RecordingError(f"Times must increase; sample {row} is at {self.times[row]} s.")

    def at(self, times: FloatArray) -> FloatArray:
        """Values at ``times`` (any shape); before the first and after the last sample the nearest one holds."""
        if self.interpolation == "linear":
            return np.interp(times, self.times, self.values)
        index = np.searchsorted(self.times, times + TIME_RESOLUTION_S, side="right") - 1
        held: FloatArray = self.values[np.clip(index, 0, len(self.times) - 1)]
        return held

    def between(self, start: float, end: float) -> Track | None:
        """The samples with ``start`` ≤ time ≤ ``end``, or None if there are none."""
        first, last = np.searchsorted(self.times, start, "left"), np.searchsorted(self.times, end, "right")
        if first >= last:
            return None
        return Track(times=self.times[first:last], values=self.values[first:last], interpolation=self.interpolation)


@dataclass(frozen=True, kw_only=True, eq=False)
class Recording:
    """What happened to a machine over a stretch of time.

    Args:
        name: where it came from, for messages (a file name, ``last 10 s``).
        measurements: readings to be predicted, by address (``/World/arm/joint_1.position``).
        inputs: what acted on the machine, by address (``/World/arm/joint_1.effort``).
    """

    name: str
    measurements: Mapping[str, Track]
    inputs: Mapping[str, Track] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("measurements", "inputs"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))
        if not self.measurements:
            raise RecordingError(f"Recording '{self.name}' holds no measurement.")

    @property
    def start(self) -> float:
        """First time at which every measurement is known, s."""
        return max(float(track.times[0]) for track in self.measurements.values())

    @property
    def end(self) -> float:
        """Last time at which every measurement is known, s."""
        return min(float(track.times[-1]) for track in self.measurements.values())
