"""What is read of an articulation, as the fields of an `Observation`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from hanzo_twin.spatial import FloatArray

_FIELDS = ("positions", "velocities", "efforts")
Law = tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]
"""Drive, stiffness, damping and limit of all actuators, of which the joints are the first; the commanded efforts."""


class JointReadings(Mapping[str, FloatArray]):
    """``positions``, ``velocities`` and ``efforts`` [n], read-only.

    Efforts are computed when they are asked for, from arrays that nobody writes: most readers want positions only,
    and a step of a small scene takes no longer than a dozen operations on arrays.
    """

    __slots__ = ("_columns", "_law", "_positions", "_velocities")

    def __init__(self, columns: slice, positions: FloatArray, velocities: FloatArray, law: Law) -> None:
        """Take all joints' arrays and show ``columns``."""
        positions.setflags(write=False)
        velocities.setflags(write=False)
        self._columns = columns
        self._positions = positions
        self._velocities = velocities
        self._law = law

    def __getitem__(self, name: str) -> FloatArray:
        if name == "positions":
            return self._positions[self._columns]
        if name == "velocities":
            return self._velocities[self._columns]
        if name == "efforts":
            return self._efforts()[self._columns]
        raise KeyError(name)

    def _efforts(self) -> FloatArray:
        count = len(self._positions)
        drive, stiffness, damping, limit = (array[:count] for array in self._law[:4])
        wanted = drive - stiffness * self._positions - damping * self._velocities
        efforts: FloatArray = np.clip(wanted, -limit, limit) + self._law[4]
        efforts.setflags(write=False)
        return efforts

    def __iter__(self) -> Iterator[str]:
        return iter(_FIELDS)

    def __len__(self) -> int:
        return len(_FIELDS)
