"""Drift: do prediction and reality stay together, per attribute, over a window of time?

The statistic is the root mean square of the innovations (reading − prediction) of the last ``window_seconds``. It is
kept in buckets of a twentieth of the window, so its cost does not depend on the rate of the readings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hanzo_twin.definition.drift import DriftDetection
from hanzo_twin.spatial import FloatArray, IntArray
from hanzo_twin.sync.signals import Signal

BUCKETS = 20
MIN_SAMPLES = 10
MIN_SPAN_S = 1.0
RECOVERED = 0.8
LARGEST = 1e100
"""What is further off counts as this: its square is a number too."""


@dataclass(frozen=True, kw_only=True)
class DriftEvent:
    """An attribute began (or ceased) to drift at device time ``time``."""

    time: float
    address: str
    dimension: str
    rms: float
    threshold: float
    drifting: bool


class DriftMonitor:
    """Drift statistics of the measured signals.

    An attribute drifts when its RMS innovation exceeds its threshold, with at least 10 readings over at least one
    second in the window; it has recovered when the RMS is below 0.8 of the threshold. Signals without a threshold are
    measured but never drift.

    Args:
        signals: all signals of the twin; columns of `add` refer to them.
        policy: the definition's thresholds and window.
    """

    def __init__(self, signals: Sequence[Signal], policy: DriftDetection) -> None:
        self._signals = list(signals)
        self.window_seconds = policy.window_seconds
        limits = [policy.limit(s.address, s.quantity.dimension, s.unit) if policy.enabled else None for s in signals]
        self.thresholds = np.array([np.inf if limit is None else limit for limit in limits], dtype=np.float64)
        self._width = policy.window_seconds / BUCKETS
        self._squares = np.zeros((BUCKETS, len(signals)))
        self._counts = np.zeros((BUCKETS, len(signals)))
        self._bucket = -1
        self._since = np.inf
        self.drifting = np.zeros(len(signals), dtype=bool)
        self._exceeding = np.zeros(len(signals), dtype=bool)

    def add(self, columns: IntArray, innovations: FloatArray, now: float) -> None:
        """Enter innovations [n] of ``columns`` [n] at device time ``now``."""
        self._turn_to(now)
        row = self._bucket % BUCKETS
        np.add.at(self._squares[row], columns, np.clip(innovations, -LARGEST, LARGEST) ** 2)
        np.add.at(self._counts[row], columns, 1.0)
        if len(columns):
            self._since = min(self._since, now)

    def rms(self) -> FloatArray:
        """RMS innovation of each signal over the window, NaN where there was no reading."""
        counts = self._counts.sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            root: FloatArray = np.sqrt(self._squares.sum(axis=0) / counts)
        return root

    def exceeding(self) -> NDArray[np.bool_]:
        """Which signals were beyond their threshold at the last check, whether they began to drift then or before."""
        return self._exceeding

    def _enough(self, now: float) -> NDArray[np.bool_]:
        lasted = now - self._since >= min(MIN_SPAN_S, self.window_seconds)
        enough: NDArray[np.bool_] = (self._counts.sum(axis=0) >= MIN_SAMPLES) & lasted
        return enough

    def check(self, now: float) -> list[DriftEvent]:
        """Changes since the last check."""
        self._turn_to(now)
        rms = self.rms()
        enough = self._enough(now)
        with np.errstate(invalid="ignore"):
            self._exceeding = enough & (rms > self.thresholds)
            begun = ~self.drifting & self._exceeding
            ceased = self.drifting & enough & (rms < RECOVERED * self.thresholds)
        events = []
        for column in np.flatnonzero(begun | ceased):
            self.drifting[column] = begun[column]
            signal = self._signals[column]
            events.append(
                DriftEvent(
                    time=now,
                    address=signal.address,
                    dimension=signal.quantity.dimension,
                    rms=float(rms[column]),
                    threshold=float(self.thresholds[column]),
                    drifting=bool(begun[column]),
                )
            )
        return events

    def clear(self) -> None:
        """Forget the window, as after a change of parameters: what was predicted with the old ones says nothing."""
        self._exceeding[:] = False
        self._squares[:] = 0
        self._counts[:] = 0
        self._since = np.inf

    def _turn_to(self, now: float) -> None:
        bucket = int(now // self._width)
        if self._bucket < 0 or bucket - self._bucket >= BUCKETS or bucket < self._bucket:
            self.clear()
        else:
            for passed in range(self._bucket + 1, bucket + 1):
                self._squares[passed % BUCKETS] = 0
                self._counts[passed % BUCKETS] = 0
        self._bucket = bucket
