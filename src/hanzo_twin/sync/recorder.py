"""Writing what sync sees and does into the history."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np

from hanzo_twin.clock import Clock
from hanzo_twin.errors import StoreUnavailableError
from hanzo_twin.stores.history.batch import MICROSECONDS_MAX, AddressTable, HistoryBatch, Kind
from hanzo_twin.stores.history.writer import HistoryWriter
from hanzo_twin.sync.decode import Readings, Rejection
from hanzo_twin.sync.drift import DriftEvent
from hanzo_twin.sync.events import EventLog, SyncEvent
from hanzo_twin.sync.signals import SignalTable
from hanzo_twin.sync.synchronizer import TickResult
from hanzo_twin.twin.twin import ParameterChange

RETRY_S = 0.5
PENDING_BATCHES = 2000
REJECTIONS_PER_SECOND = 20


class Recorder:
    """Appends rows to a twin's history, and holds on when the disk does not take them.

    Readings are written before they are acknowledged: `store_readings` waits until the disk takes them. What the twin
    itself produces (predictions, drift, changes) is queued meanwhile, up to 2,000 batches, then counted as lost.
    """

    def __init__(self, writer: HistoryWriter, table: SignalTable, clock: Clock, events: EventLog) -> None:
        self._writer = writer
        self._table = AddressTable([signal.address for signal in table.signals])
        self._kinds = np.array(
            [Kind.COMMAND if signal.role == "input" else Kind.READING for signal in table.signals], dtype=np.uint8
        )
        self._clock = clock
        self._events = events
        self._pending: list[HistoryBatch] = []
        self._second = 0
        self._rejections = 0
        self._unavailable = ""
        self._recovered = False
        self.lost_batches = 0
        events.listeners.append(self._on_event)

    @property
    def trouble(self) -> str:
        """Why the history cannot be written now, "" if it can."""
        if self._unavailable and self.lost_batches:
            return f"{self._unavailable} {self.lost_batches} batches of predictions and events were lost."
        return self._unavailable

    async def store_readings(self, readings: Readings, rejections: Sequence[Rejection]) -> None:
        """Return when the readings, and as many rejections as the limit allows, are in the history."""
        batches = []
        if len(readings):
            columns = np.array(readings.columns, dtype=np.int64)
            batches.append(
                HistoryBatch(
                    kind=self._kinds[columns],
                    addresses=self._table,
                    address=columns,
                    time=readings.times,
                    received=readings.received,
                    value=readings.values,
                )
            )
        batches += [self._rejection(rejection) for rejection in self._limited(rejections)]
        for batch in batches:
            while not self._try_append(batch):
                await self._clock.sleep_until(self._clock.monotonic() + RETRY_S)
        self._tell_recovery()

    def tick(self, result: TickResult) -> None:
        """Write the predictions of a tick, one for each reading that was compared, and drift that began or ceased."""
        known = np.isfinite(result.predictions)
        if known.any():
            self._queue(
                HistoryBatch(
                    kind=Kind.PREDICTION,
                    addresses=self._table,
                    address=result.readings.columns[known],
                    time=result.readings.times[known],
                    received=self._clock.now(),
                    value=result.predictions[known],
                )
            )
        for event in result.drift:
            self._queue(self._drift(event))

    def parameter(self, change: ParameterChange) -> None:
        detail = json.dumps({"before": change.before, "cause": change.cause})
        self._queue(self._row(Kind.PARAMETER, change.address, change.time, change.after, detail))

    def command(self, address: str, time: float, value: float) -> None:
        """Write an input that did not come as a reading, such as one given through the API."""
        self._queue(self._row(Kind.COMMAND, address, time, value, None))

    def flush(self) -> bool:
        """Write what is queued; False if the disk still does not take it."""
        while self._pending:
            if not self._try_append(self._pending[0]):
                return False
            del self._pending[0]
        return True

    def _on_event(self, event: SyncEvent) -> None:
        detail = json.dumps({"message": event.message, **event.detail}, default=str)
        self._queue(self._row(Kind.LIFECYCLE, event.kind, event.time, float("nan"), detail))

    def _queue(self, batch: HistoryBatch) -> None:
        if self.flush() and self._try_append(batch):
            self._tell_recovery()
            return
        if len(self._pending) < PENDING_BATCHES:
            self._pending.append(batch)
        else:
            self.lost_batches += 1

    def _try_append(self, batch: HistoryBatch) -> bool:
        try:
            self._writer.append(batch)
        except StoreUnavailableError as trouble:
            if not self._unavailable:
                self._unavailable = trouble.message
                self._events.add("history-unavailable", f"{trouble.message} Readings are not acknowledged meanwhile.")
            return False
        self._recovered = self._recovered or bool(self._unavailable)
        self._unavailable = ""
        return True

    def _tell_recovery(self) -> None:
        """Not while a batch is being written: the event is a batch itself."""
        if self._recovered:
            self._recovered = False
            lost, self.lost_batches = self.lost_batches, 0
            losses = f" {lost} batches of predictions and events were lost; no reading was." if lost else ""
            self._events.add("history-available", f"The history can be written again.{losses}")

    def _limited(self, rejections: Sequence[Rejection]) -> list[Rejection]:
        """A flood of garbage must not fill the disk: so many a second are written, all are counted."""
        second = int(self._clock.monotonic())
        if second != self._second:
            self._second, self._rejections = second, 0
        room = max(0, REJECTIONS_PER_SECOND - self._rejections)
        self._rejections += len(rejections)
        return list(rejections[:room])

    def _rejection(self, rejection: Rejection) -> HistoryBatch:
        detail = {"channel": rejection.channel, "reason": rejection.reason, "payload": rejection.payload}
        return self._row(Kind.LIFECYCLE, "reading-rejected", rejection.received, float("nan"), json.dumps(detail))

    def _drift(self, event: DriftEvent) -> HistoryBatch:
        detail = json.dumps({"threshold": event.threshold, "drifting": event.drifting, "dimension": event.dimension})
        return self._row(Kind.DRIFT, event.address, event.time, event.rms, detail)

    def _row(self, kind: Kind, address: str, time: float, value: float, detail: str | None) -> HistoryBatch:
        """One row; where there is no device time, or none that can be kept, it has the wall time."""
        received = self._clock.now()
        return HistoryBatch(
            kind=kind,
            addresses=[address],
            time=time if abs(time) * 1e6 <= MICROSECONDS_MAX else received,
            received=received,
            value=value,
            detail={} if detail is None else {0: detail},
        )
