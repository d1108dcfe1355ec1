"""A device's side of the MQTT tests: a plain aiomqtt client, and a source under test with its inbox."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import aiomqtt

from hanzo_twin.clock import WallClock
from hanzo_twin.definition.sources import MqttSource as Config
from hanzo_twin.sync.port import Inbox, LinkLimits, Message
from hanzo_twin.sync.sources.mqtt import MqttSource

PATIENCE_S = 15.0
QUICK = LinkLimits(buffer_size=1000, reconnect_backoff_ms=(50, 100, 200))


async def until(condition: Callable[[], bool]) -> None:
    """Return when ``condition`` holds."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110  # a status has no event to wait for
            await asyncio.sleep(0.005)


async def publish(url: str, topic: str, payloads: Iterable[bytes], *, qos: int = 1, **options: Any) -> None:
    """Publish and wait until the broker has taken the responsibility for all of them."""
    parts = urlsplit(url)
    async with aiomqtt.Client(parts.hostname or "", parts.port or 1883, **options) as client:
        for payload in payloads:
            await client.publish(topic, payload, qos=qos)


def source_config(url: str, topic: str | list[str] = "arm/#", **fields: Any) -> Config:
    topics = [topic] if isinstance(topic, str) else topic
    fields.setdefault("mapping", {topics[0].replace("#", "a").replace("+", "a"): "/World/arm/joint.position"})
    return Config.model_validate({"type": "mqtt", "broker": url, "topic": topic, **fields})


@dataclass
class Running:
    """A source that runs, and what it has delivered so far."""

    source: MqttSource
    inbox: Inbox
    states: list[str] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)

    def payloads(self) -> list[bytes]:
        return [bytes(message.payload) for message in self.messages if isinstance(message.payload, bytes)]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Watch states and inbox until ``condition`` holds."""
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                await asyncio.sleep(0.005)
                self.look()

    def look(self) -> None:
        state = self.source.status().state
        if not self.states or self.states[-1] != state:
            self.states.append(state)
        self.messages += self.inbox.take()

    async def receive(self, count: int) -> list[Message]:
        """The messages so far, once there are ``count``."""
        await self.until(lambda: len(self.messages) >= count)
        return self.messages

    async def connected(self) -> None:
        await self.until(lambda: self.source.status().state == "connected")

    async def trouble(self) -> str:
        """The first trouble that the source reports."""
        await self.until(lambda: self.source.status().last_error != "")
        return self.source.status().last_error


@asynccontextmanager
async def running(config: Config, *, identity: str = "test", limits: LinkLimits = QUICK) -> AsyncIterator[Running]:
    """The source of ``config``, running."""
    inbox = Inbox(limits.buffer_size)
    source = MqttSource(config, identity=identity, clock=WallClock(), inbox=inbox, limits=limits)
    task = asyncio.create_task(source.run())
    try:
        yield Running(source, inbox)
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


class Cable:
    """A TCP relay to a broker that can be cut."""

    def __init__(self, url: str) -> None:
        self._target = urlsplit(url).port
        self._server: asyncio.Server | None = None
        self._writers: list[asyncio.StreamWriter] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Cable:
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.cut()
        if self._server is not None:
            self._server.close()

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"mqtt://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def cut(self) -> None:
        """Reset all connections, as a switch that loses power would."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        self._writers += [writer, far_writer]
        for source, sink in ((reader, far_writer), (far_reader, writer)):
            task = asyncio.create_task(self._copy(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()
