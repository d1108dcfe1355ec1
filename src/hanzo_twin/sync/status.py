"""How a live twin is doing, as one value."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from hanzo_twin.sync.alignment import Aligner
from hanzo_twin.sync.drift import DriftMonitor
from hanzo_twin.sync.link import Link
from hanzo_twin.sync.port import LinkStatus
from hanzo_twin.sync.signals import SignalTable


@dataclass(frozen=True, kw_only=True)
class SignalDrift:
    """Drift of one measured attribute: RMS innovation over the window against its threshold (None: no threshold)."""

    address: str
    dimension: str
    unit: str
    rms: float | None
    threshold: float | None
    drifting: bool


def drift_of(table: SignalTable, drift: DriftMonitor) -> tuple[SignalDrift, ...]:
    """Of each measured signal of ``table``, in its order."""
    return tuple(
        SignalDrift(
            address=signal.address,
            dimension=signal.quantity.dimension,
            unit=signal.unit,
            rms=float(rms) if math.isfinite(rms) else None,
            threshold=float(limit) if math.isfinite(limit) else None,
            drifting=bool(drifting),
        )
        for signal, rms, limit, drifting in zip(
            table.signals, drift.rms(), drift.thresholds, drift.drifting, strict=True
        )
        if signal.role == "measurement"
    )


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

    @classmethod
    def of(cls, links: Sequence[Link], aligner: Aligner) -> ReadingCounts:
        """Of all ``links``, and the one aligner that they feed."""
        return cls(
            received=sum(link.readings for link in links),
            late=aligner.late,
            ahead=sum(link.ahead for link in links),
            duplicate=aligner.duplicates,
            out_of_order=aligner.out_of_order,
            rejected=sum(link.decoder.rejected for link in links),
            unmapped=sum(link.decoder.unmapped_total for link in links),
            dropped=sum(link.inbox.dropped for link in links),
        )


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
