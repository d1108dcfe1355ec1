"""How many ticks and steps a live twin has made, how long they took, and how long readings waited for theirs."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import deque
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np

SAMPLES = 3000


TICK_BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
STEP_BOUNDS_S = (2e-6, 5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 1e-1)


class Durations:
    """How many durations since the start lay at or below each of ``bounds`` [s]: a histogram of Prometheus."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(self._bounds) + 1)
        self._sum = 0.0

    def add(self, seconds: float, count: int = 1) -> None:
        """Note ``count`` durations of ``seconds`` each."""
        self._counts[bisect_left(self._bounds, seconds)] += count
        self._sum += seconds * count

    def to_dict(self) -> dict[str, Any]:
        """``bounds``, the cumulative ``counts`` (the last is that of all) and the ``sum`` of the durations, s."""
        return {"bounds": list(self._bounds), "counts": list(accumulate(self._counts)), "sum": self._sum}


class Latencies:
    """The newest 3,000 durations, and their quantiles."""

    def __init__(self) -> None:
        self._samples: deque[float] = deque(maxlen=SAMPLES)

    def add(self, seconds: float) -> None:
        self._samples.append(seconds)

    def quantiles_ms(self) -> dict[str, float | None]:
        """``p50``, ``p99`` and ``max`` in ms; None before any sample."""
        if not self._samples:
            return {"p50": None, "p99": None, "max": None}
        p50, p99 = np.quantile(self._samples, [0.5, 0.99]) * 1e3
        return {"p50": round(float(p50), 3), "p99": round(float(p99), 3), "max": round(max(self._samples) * 1e3, 3)}


class Timing:
    """Notes what ticks do and when; moments are monotonic time [s]."""

    def __init__(self) -> None:
        self.first_reading = math.inf
        self._ticks = self._overruns = self._steps = 0
        self._tick_latency, self._reading_latency = Latencies(), Latencies()
        self._tick_durations, self._step_durations = Durations(TICK_BOUNDS_S), Durations(STEP_BOUNDS_S)
        self._arrivals: list[float] = []

    def arrived(self, now: float) -> None:
        """Readings have come."""
        self._arrivals.append(now)
        self.first_reading = min(self.first_reading, now)

    def missed(self, ticks: int) -> None:
        """So many ticks came too late and were left out."""
        self._overruns += ticks

    def ended(self, seconds: float) -> None:
        """A tick has ended so long after it was due."""
        self._tick_latency.add(seconds)
        self._tick_durations.add(seconds)

    def stepped(self, steps: int, seconds: float) -> None:
        """A tick has made ``steps`` of the simulation, which took ``seconds``."""
        self._ticks += 1
        self._steps += steps
        if steps:
            self._step_durations.add(seconds / steps, steps)

    def used(self, now: float) -> None:
        """A tick has used all readings that had come."""
        for arrival in self._arrivals:
            self._reading_latency.add(now - arrival)
        self._arrivals.clear()

    def status(self) -> dict[str, Any]:
        """The fields of `SyncStatus` that are about this."""
        return {
            "ticks": self._ticks,
            "overruns": self._overruns,
            "steps": self._steps,
            "tick_ms": self._tick_latency.quantiles_ms(),
            "reading_ms": self._reading_latency.quantiles_ms(),
            "tick_durations": self._tick_durations.to_dict(),
            "step_durations": self._step_durations.to_dict(),
        }
