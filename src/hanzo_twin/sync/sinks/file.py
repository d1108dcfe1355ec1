"""Predictions and alerts to a file, one JSON object a line."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal

from hanzo_twin.clock import Clock
from hanzo_twin.definition.publish import FilePublish
from hanzo_twin.sync.port import LinkLimits, LinkStatus

_log = logging.getLogger(__name__)

_Line = tuple[str, bytes]


class FileSink:
    """A `Sink` that appends to ``path``; each channel has a file beside it (``predictions.alerts.jsonl``).

    A disk that is full or gone is tried again with the back-off. Meanwhile at most ``limits.buffer_size`` lines wait,
    and older ones are dropped. A line is written whole or not at all.
    """

    def __init__(self, config: FilePublish, *, identity: str, clock: Clock, limits: LinkLimits) -> None:
        self._path = Path(config.path)
        self._clock = clock
        self._limits = limits
        self._waiting: deque[_Line] = deque()
        self._filled = asyncio.Event()
        self._one_writer = threading.Lock()
        self._state: Literal["connecting", "connected", "reconnecting"] = "connecting"
        self._written = self._dropped = self._reconnects = 0
        self._last_error = ""

    async def run(self) -> None:
        """Write until cancelled; what is queued then is still written."""
        failures = 0
        try:
            while True:
                await self._filled.wait()
                lines = self._take()
                unwritten = await asyncio.to_thread(self._append, lines)
                if not unwritten:
                    failures = 0
                    continue
                self._put_back(unwritten)
                backoff = self._limits.backoff_seconds(failures)
                failures += 1
                await self._clock.sleep_until(self._clock.monotonic() + backoff)
        finally:
            self._append(self._take())

    def publish(self, payload: bytes, *, channel: str = "") -> None:
        """Queue a line; when full, at the expense of the oldest."""
        self._waiting.append((channel, payload.replace(b"\n", b" ")))
        self._drop_oldest()
        self._filled.set()

    def status(self) -> LinkStatus:
        return LinkStatus(
            name=str(self._path),
            state=self._state,
            messages=self._written,
            dropped=self._dropped,
            reconnects=self._reconnects,
            last_error=self._last_error,
        )

    def _take(self) -> Sequence[_Line]:
        lines = tuple(self._waiting)
        self._waiting.clear()
        self._filled.clear()
        return lines

    def _put_back(self, lines: Sequence[_Line]) -> None:
        self._waiting.extendleft(reversed(lines))
        self._drop_oldest()
        self._filled.set()

    def _drop_oldest(self) -> None:
        while len(self._waiting) > self._limits.buffer_size:
            self._waiting.popleft()
            self._dropped += 1

    def _append(self, lines: Sequence[_Line]) -> Sequence[_Line]:
        """Append ``lines`` to their files; those that could not be. Runs in a thread: a disk may take its time."""
        unwritten: list[_Line] = []
        with self._one_writer:
            for channel in dict.fromkeys(channel for channel, _ in lines):
                belonging = [line for line in lines if line[0] == channel]
                try:
                    _append_whole(self._file_of(channel), [payload for _, payload in belonging])
                except OSError as failure:
                    unwritten += belonging
                    self._last_error = f"{self._file_of(channel)} cannot be written: {failure.strerror}."
        self._written += len(lines) - len(unwritten)
        if unwritten:
            _log.warning("%s", self._last_error)
            self._state = "reconnecting"
        elif lines:
            self._reconnects += self._state == "reconnecting"
            self._state = "connected"
        return unwritten

    def _file_of(self, channel: str) -> Path:
        if not channel:
            return self._path
        return self._path.with_suffix(f".{channel.replace('/', '.')}{self._path.suffix}")


def _append_whole(path: Path, payloads: Sequence[bytes]) -> None:
    """Append all of ``payloads``, or none of them.

    Raises:
        OSError: none was appended.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    data = b"".join(payload + b"\n" for payload in payloads)
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        before = os.fstat(file).st_size
        try:
            while data:
                data = data[os.write(file, data) :]
        except OSError:
            with suppress(OSError):
                os.ftruncate(file, before)
            raise
    finally:
        os.close(file)
