"""What a protocol module implements: a `Source` brings messages in, a `Sink` carries predictions and alerts out.

Both run as one task each, reconnect by themselves, and report a `LinkStatus`. Modules are found by name in the entry
points ``hanzo_twin.sources`` and ``hanzo_twin.sinks``.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """One message as it came off the wire.

    Args:
        channel: MQTT topic, ROS topic, node id …; "" for a file's row.
        payload: bytes to be decoded as JSON, or fields that the source has decoded already.
        received: wall time of arrival, s.
        token: what the source needs to acknowledge it; None if there is nothing to acknowledge.
    """

    channel: str
    payload: bytes | Mapping[str, float | str]
    received: float
    token: Any = None


@dataclass(frozen=True, kw_only=True)
class LinkStatus:
    """Health of one source or sink. Counters run from the start of the process.

    Args:
        state: ``finished`` is the end of a file; ``failed`` will not recover without a change of configuration.
        dropped: messages given up because a buffer was full, because they were refused (too large, unreadable), or
            because they could not be sent.
        last_error: text of the latest trouble, "" if there was none.
        warnings: what is allowed but should be changed, such as a connection that is not encrypted.
    """

    name: str
    state: Literal["connecting", "connected", "reconnecting", "finished", "failed"]
    messages: int = 0
    dropped: int = 0
    reconnects: int = 0
    last_error: str = ""
    warnings: tuple[str, ...] = ()


class Inbox:
    """A bounded buffer between sources and the sync loop.

    `put` waits while the buffer is full and `try_put` says so: for sources with flow control (MQTT QoS 1, files).
    `offer` drops a message instead and counts it: for sources that cannot wait. A message that its peer waits to have
    acknowledged (one with a token) is never dropped.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.dropped = 0
        self._messages: deque[Message] = deque()
        self._filled = asyncio.Event()
        self._drained = asyncio.Event()
        self._drained.set()

    def __len__(self) -> int:
        return len(self._messages)

    async def put(self, message: Message) -> None:
        while not self.try_put(message):
            self._drained.clear()
            await self._drained.wait()

    def try_put(self, message: Message) -> bool:
        """Buffer the message if there is room; whether there was."""
        if len(self._messages) >= self.size:
            return False
        self._messages.append(message)
        self._filled.set()
        return True

    def offer(self, message: Message) -> None:
        """Buffer the message; when full, at the expense of the oldest without a token, or else of itself."""
        if self.try_put(message):
            return
        self.dropped += 1
        for index, waiting in enumerate(self._messages):
            if waiting.token is None:
                del self._messages[index]
                self._messages.append(message)
                return

    async def wait(self) -> None:
        """Return when there is something to take."""
        await self._filled.wait()

    def take(self) -> list[Message]:
        """Everything that is buffered, oldest first; the buffer is empty afterwards."""
        taken = list(self._messages)
        self._messages.clear()
        self._filled.clear()
        self._drained.set()
        return taken


class Source(Protocol):
    """A stream of messages, constructed as ``Source(config, clock=clock, inbox=inbox, limits=limits)``."""

    async def run(self) -> None:
        """Connect, deliver to the inbox, reconnect with the configured back-off; return when the stream has ended.

        Raises:
            SourceUnavailableError: only for trouble that waiting cannot mend (a certificate file that is missing,
                a file that is not there); the sync loop reports it and goes on with its other sources.
            RecordingError: a file cannot be used as a recording; reported likewise.
        """
        ...

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """The messages are safe in the history; the peer may forget them. Must not block."""
        ...

    def status(self) -> LinkStatus: ...


class Sink(Protocol):
    """Where predictions and alerts go, constructed as ``Sink(config, clock=clock, limits=limits)``."""

    async def run(self) -> None:
        """Connect and send what `publish` queued, reconnecting; runs until cancelled."""
        ...

    def publish(self, payload: bytes, *, channel: str = "") -> None:
        """Queue a message; never blocks. When the queue is full the oldest is dropped and counted.

        ``channel`` is appended to the configured topic with a slash (``predictions`` + ``alerts``); a file gets a
        sibling (``predictions.jsonl`` and ``predictions.alerts.jsonl``).
        """
        ...

    def status(self) -> LinkStatus: ...


@dataclass(frozen=True, kw_only=True)
class LinkLimits:
    """Bounds that the definition's ``sync`` block gives to every link.

    Args:
        buffer_size: most messages buffered (and, with flow control, unacknowledged) at once.
        reconnect_backoff_ms: waits before the 1st, 2nd … attempt to reconnect; the last is repeated.
        paced: recorded data come at their recorded pace; otherwise (mode batch) as fast as they are taken.
    """

    buffer_size: int = 100
    reconnect_backoff_ms: tuple[float, ...] = (100, 500, 2000, 10000)
    paced: bool = True

    def backoff_seconds(self, attempt: int) -> float:
        """Wait before reconnection attempt number ``attempt`` (from 0), s."""
        return self.reconnect_backoff_ms[min(attempt, len(self.reconnect_backoff_ms) - 1)] / 1000
