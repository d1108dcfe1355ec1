"""Readings from a recorded log, at the speed at which they were recorded or as fast as they are taken."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Literal

from hanzo_twin.clock import Clock
from hanzo_twin.definition import sources as models
from hanzo_twin.errors import HanzoTwinError, RecordingError, SourceUnavailableError
from hanzo_twin.sync.port import Inbox, LinkLimits, LinkStatus, Message
from hanzo_twin.sync.recording.log import RecordedLog, Row, no_rows

LARGEST_PRESCAN_BYTES = 64 * 1024 * 1024
"""A log up to this size is checked to its end before any of it is delivered."""

_ROWS_AT_ONCE = 1000


class FileSource:
    """A `Source` that plays a CSV or Parquet file: one message a row, with its time and the mapped columns.

    A cell that is empty is left out of its message. Nothing of a file with a wrong row is delivered, except of one that
    is too large to be checked beforehand: there wrong rows are passed over and counted. With ``loop`` in the definition
    the file begins again with times that go on from its end. Where ``limits.paced`` is set, a row is delivered when it
    is due, at ``speed`` times the recorded pace.
    """

    def __init__(
        self,
        config: models.FileSource,
        *,
        identity: str,
        clock: Clock,
        inbox: Inbox,
        limits: LinkLimits,
    ) -> None:
        self._config = config
        self._path = Path(config.path)
        self._clock = clock
        self._inbox = inbox
        self._speed = config.speed if limits.paced else None
        self._state: Literal["connecting", "connected", "finished", "failed"] = "connecting"
        self._messages = self._dropped = 0
        self._last_error = ""
        self._columns: Sequence[str] = ()

    async def run(self) -> None:
        """Play the file; returns at its end.

        Raises:
            SourceUnavailableError: the file is not there.
            RecordingError: it cannot be used.
        """
        try:
            await self._play()
        except HanzoTwinError as failure:
            self._state, self._last_error = "failed", str(failure)
            raise
        self._state = "finished"

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """A file forgets nothing: there is nothing to do."""

    def status(self) -> LinkStatus:
        return LinkStatus(
            name=str(self._path),
            state=self._state,
            messages=self._messages,
            dropped=self._dropped,
            last_error=self._last_error,
        )

    async def _play(self) -> None:
        log = await asyncio.to_thread(self._open)
        checked = self._path.stat().st_size <= LARGEST_PRESCAN_BYTES
        if checked:
            await asyncio.to_thread(_check, log)
        self._columns = log.columns
        self._state = "connected"
        schedule = _Schedule(self._clock, speed=self._speed)
        while True:
            schedule.begin_again()
            await self._play_once(log.rows(reject=None if checked else self._reject), schedule)
            if not self._config.loop:
                return
            schedule.require_duration(self._path)

    async def _play_once(self, rows: Iterator[Row], schedule: _Schedule) -> None:
        while batch := await asyncio.to_thread(lambda: list(islice(rows, _ROWS_AT_ONCE))):
            for row in batch:
                time = await schedule.wait_for(row[0] or 0.0)
                await self._deliver(time, row)
        if not schedule.rows:
            raise no_rows(self._path)

    async def _deliver(self, time: float, row: Row) -> None:
        values = {name: value for name, value in zip(self._columns, row, strict=True) if value is not None}
        values[self._columns[0]] = time
        await self._inbox.put(Message(channel="", payload=values, received=self._clock.now()))
        self._messages += 1

    def _open(self) -> RecordedLog:
        if not self._path.is_file():
            raise SourceUnavailableError(
                f"The recording {self._path} is not there.", hint="Correct sources[].path in the definition."
            )
        return RecordedLog(self._path, time_column=self._config.time_column, columns=tuple(self._config.mapping))

    def _reject(self, wrong: RecordingError) -> None:
        self._dropped += 1
        self._last_error = str(wrong)


class _Schedule:
    """When rows are due, and the times that they carry when the file is played again."""

    def __init__(self, clock: Clock, *, speed: float | None) -> None:
        self._clock = clock
        self._speed = speed
        self._origin: float | None = None
        self._first = self._last = self._offset = 0.0
        self.rows = 0

    def begin_again(self) -> None:
        """Go on after the last row by the mean distance of rows."""
        if self.rows > 1:
            self._offset += (self._last - self._first) * self.rows / (self.rows - 1)
        self.rows = 0

    async def wait_for(self, recorded: float) -> float:
        """Return when the row of that time is due, with the time that it carries; both in s."""
        if not self.rows:
            self._first = recorded
        self._last = recorded
        self.rows += 1
        time = recorded + self._offset
        if self._speed is not None:
            now = self._clock.monotonic()
            if self._origin is None:
                self._origin = now - time / self._speed
            due = self._origin + time / self._speed
            if due > now:
                await self._clock.sleep_until(due)
        return time

    def require_duration(self, path: Path) -> None:
        """Refuse to repeat what takes no time."""
        if self._last <= self._first:
            raise RecordingError(
                f"The recording {path} cannot be played in a loop: its rows have all the same time.",
                hint="Set loop to false.",
            )


def _check(log: RecordedLog) -> None:
    if not sum(1 for _ in log.rows()):
        raise no_rows(log.path)
