"""What happened to a live twin, in the order it happened: for people, for status pages and for the history."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hanzo_twin.clock import Clock

KEPT = 1000


@dataclass(frozen=True, kw_only=True)
class SyncEvent:
    """One thing that happened.

    Args:
        number: counts up from 1 within one run.
        wall: wall time, s.
        time: device time, s; NaN where there is none yet.
        kind: kebab-case name such as ``drift-began`` or ``source-reconnecting``.
        message: for people.
        detail: for machines.
    """

    number: int
    wall: float
    time: float
    kind: str
    message: str
    detail: Mapping[str, Any] = field(default_factory=dict)


class EventLog:
    """The newest thousand events; each one is also given to the listeners."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._events: deque[SyncEvent] = deque(maxlen=KEPT)
        self._count = 0
        self.listeners: list[Callable[[SyncEvent], None]] = []

    def add(self, kind: str, message: str, *, time: float = float("nan"), **detail: Any) -> SyncEvent:
        """Note that something happened, now."""
        self._count += 1
        event = SyncEvent(
            number=self._count, wall=self._clock.now(), time=time, kind=kind, message=message, detail=detail
        )
        self._events.append(event)
        for listener in self.listeners:
            listener(event)
        return event

    def newest(self, limit: int = 100) -> list[SyncEvent]:
        """At most ``limit`` events, oldest first."""
        return list(self._events)[-limit:]

    def after(self, number: int) -> list[SyncEvent]:
        """Those kept whose number is greater, oldest first."""
        return [event for event in self._events if event.number > number]
