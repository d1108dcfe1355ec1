"""The last seconds of readings and inputs, kept so that a recalibration can replay them."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence

import numpy as np

from hanzo_twin.spatial import FloatArray, IntArray
from hanzo_twin.sync.signals import Signal
from hanzo_twin.twin.recording import Recording, Track


class ReadingWindow:
    """Readings of the last ``seconds`` of device time, in chunks as they came."""

    def __init__(self, signals: Sequence[Signal], seconds: float) -> None:
        self._signals = list(signals)
        self._seconds = seconds
        self._chunks: deque[tuple[IntArray, FloatArray, FloatArray]] = deque()
        self._newest = -math.inf

    @property
    def span(self) -> float:
        """Seconds of device time that are covered now."""
        if not self._chunks:
            return 0.0
        return float(self._chunks[-1][2].max() - self._chunks[0][2].min())

    def add(self, columns: IntArray, values: FloatArray, times: FloatArray) -> None:
        """Keep readings: columns, values and device times [n]; those older than the window are not kept."""
        if not len(columns):
            return
        self._newest = max(self._newest, float(times.max()))
        oldest = self._newest - self._seconds
        recent = times >= oldest
        if recent.any():
            self._chunks.append((columns[recent], values[recent], times[recent]))
        while float(self._chunks[0][2].max()) < oldest:
            self._chunks.popleft()

    def latest(self) -> dict[int, float]:
        """The newest value of each column."""
        newest: dict[int, tuple[float, float]] = {}
        for columns, values, times in self._chunks:
            for column, value, time in zip(columns.tolist(), values.tolist(), times.tolist(), strict=True):
                if column not in newest or time >= newest[column][0]:
                    newest[column] = (time, value)
        return {column: value for column, (_, value) in newest.items()}

    def clear(self) -> None:
        self._chunks.clear()
        self._newest = -math.inf

    def recording(self, name: str) -> Recording:
        """What is kept, states and inputs by address.

        Raises:
            RecordingError: no state was measured.
        """
        empty = np.empty(0)
        columns = np.concatenate([chunk[0] for chunk in self._chunks]) if self._chunks else empty.astype(np.int64)
        values = np.concatenate([chunk[1] for chunk in self._chunks]) if self._chunks else empty
        times = np.concatenate([chunk[2] for chunk in self._chunks]) if self._chunks else empty
        measurements: dict[str, Track] = {}
        inputs: dict[str, Track] = {}
        for column in np.unique(columns):
            signal = self._signals[int(column)]
            mine = columns == column
            stamps, first = np.unique(times[mine], return_index=True)
            if signal.role == "input" and signal.quantity.kind == "input":
                inputs[signal.address] = Track(times=stamps, values=values[mine][first], interpolation="hold")
            elif signal.quantity.kind == "state":
                measurements[signal.address] = Track(times=stamps, values=values[mine][first])
        return Recording(name=name, measurements=measurements, inputs=inputs)
