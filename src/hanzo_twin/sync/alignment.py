"""Putting readings in order of device time, and the rule for those that come late, twice, or from the future."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np

from hanzo_twin.spatial import FloatArray, IntArray

REMEMBERED = 64


@dataclass(frozen=True, kw_only=True, eq=False)
class AlignedReadings:
    """Readings that are due, sorted by device time: ``columns``, ``values`` and ``times`` [n] each."""

    columns: IntArray
    values: FloatArray
    times: FloatArray

    def __len__(self) -> int:
        return len(self.columns)

    def first(self) -> tuple[IntArray, IntArray]:
        """The columns that occur, ascending, and the index of the oldest reading of each."""
        columns, first = np.unique(self.columns, return_index=True)
        return columns, first

    def latest(self) -> tuple[IntArray, IntArray]:
        """The columns that occur, ascending, and the index of the newest reading of each."""
        columns, first = np.unique(self.columns[::-1], return_index=True)
        return columns, len(self) - 1 - first

    def means(self, numbers: FloatArray) -> FloatArray:
        """Mean of ``numbers`` [n], one a reading, for each of the columns that `latest` returns."""
        _, column, counts = np.unique(self.columns, return_inverse=True, return_counts=True)
        mean: FloatArray = np.bincount(column, weights=numbers) / counts
        return mean


class Aligner:
    """Holds readings until the tick that covers their device time.

    The rule: a reading of a signal with a time stamp already seen is a duplicate and is ignored; one that is not newer
    than the time the twin has reached is late and is not assimilated (the past is not rewritten); all others are used
    in order of their stamps, whatever order they came in. All of them are in the history.
    """

    def __init__(self, columns: int) -> None:
        self.late = 0
        self.duplicates = 0
        self.out_of_order = 0
        self._pending: list[tuple[float, int, float]] = []
        self._recent: list[deque[float]] = [deque(maxlen=REMEMBERED) for _ in range(columns)]

    def __len__(self) -> int:
        return len(self._pending)

    @property
    def oldest(self) -> float:
        """Time of the oldest reading that is held, s; -inf without any."""
        return min((time for time, _, _ in self._pending), default=-math.inf)

    def accept(self, column: int, value: float, time: float, reached: float) -> bool:
        """Whether the reading is new and in time; it is held for `take` unless it is not."""
        if not self.is_new(column, time):
            return False
        if time <= reached:
            self.late += 1
            return False
        self._pending.append((time, column, value))
        return True

    def is_new(self, column: int, time: float) -> bool:
        """Whether no reading of this column had this time stamp; counts duplicates and those out of order."""
        recent = self._recent[column]
        if recent and time <= recent[-1]:
            if time in recent:
                self.duplicates += 1
                return False
            self.out_of_order += 1
        recent.append(time)
        return True

    def take(self, until: float) -> AlignedReadings:
        """The held readings with time ≤ ``until``, by time."""
        self._pending.sort()
        due = [entry for entry in self._pending if entry[0] <= until]
        del self._pending[: len(due)]
        return AlignedReadings(
            times=np.array([entry[0] for entry in due], dtype=np.float64),
            columns=np.array([entry[1] for entry in due], dtype=np.int64),
            values=np.array([entry[2] for entry in due], dtype=np.float64),
        )

    def forget(self) -> None:
        """The device's clock jumped: what is held was stamped before; drop it."""
        self._pending.clear()
        for recent in self._recent:
            recent.clear()
