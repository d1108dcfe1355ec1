"""How a live twin is doing, as one value."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate
from typing import Any

import numpy as np

from hanzo_twin.sync.port import LinkStatus

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


@dataclass(frozen=True, kw_only=True)
class SignalDrift:
    """Drift of one measured attribute: RMS innovation over the window against its threshold (None: no threshold)."""

    address: str
    dimension: str
    unit: str
    rms: float | None
    threshold: float | None
    drifting: bool


@dataclass(frozen=True, kw_only=True)
class ReadingCounts:
    """Readings since the start: all that were decoded, and what became of those that were not used.

    Args:
        ahead: stamped more than a second ahead of the device's time.
    """

    received: int
    late: int
    ahead: int
    duplicate: int
    out_of_order: int
    rejected: int
    unmapped: int
    dropped: int


@dataclass(frozen=True, kw_only=True)
class SyncStatus:
    """Health of synchronization.

    Args:
        health: ``starting``, ``synchronized`` (with the device, or alone with the clock), ``drifting``, ``degraded``
            (a source, a sink, the history or the simulation fails; see ``trouble``), ``finished`` or ``stopped``.
        device_time: device time that the twin has reached, s; None before the first reading.
        lag_s: how far that is behind the device.
        tick_ms: from the moment a tick was due to its end (waiting for the processor included).
        reading_ms: from the arrival of a reading to the end of the tick that used it.
        tick_durations: all ticks by duration, as `Durations.to_dict`.
        step_durations: all physics steps by the time of their tick's comparison, divided by its steps.
    """

    mode: str
    health: str
    trouble: tuple[str, ...]
    device_time: float | None
    lag_s: float | None
    simulated_s: float
    ticks: int
    overruns: int
    steps: int
    tick_ms: dict[str, float | None]
    reading_ms: dict[str, float | None]
    tick_durations: dict[str, Any]
    step_durations: dict[str, Any]
    readings: ReadingCounts
    clock_jumps: int
    published: int
    links: tuple[LinkStatus, ...]
    drift: tuple[SignalDrift, ...]
    recalibration: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)
