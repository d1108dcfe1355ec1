"""A link: what becomes of the messages of one source, whatever goes wrong on the way."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from hanzo_twin.clock import ManualClock
from hanzo_twin.definition.target import Target
from hanzo_twin.definition.topics import bind
from hanzo_twin.errors import SourceUnavailableError
from hanzo_twin.sync.decode import Decoder, Readings
from hanzo_twin.sync.device_clock import DeviceClock
from hanzo_twin.sync.events import EventLog
from hanzo_twin.sync.link import Link
from hanzo_twin.sync.port import Inbox, LinkStatus, Message
from hanzo_twin.sync.signals import SignalTable
from hanzo_twin.testing.scenes import pendulum

POSITION = "/World/pendulum/hinge.position"


class Peer:
    """A source with a peer that keeps every message until it is acknowledged, and delivers it again on each run."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self.kept: list[Message] = []
        self.runs = 0
        self.failure: Exception | None = None
        self.state: Any = "connected"

    async def run(self) -> None:
        self.runs += 1
        for message in self.kept:
            await self._inbox.put(message)
        if self.failure is not None:
            failure, self.failure = self.failure, None
            raise failure
        await asyncio.Event().wait()

    def send(self, content: Any) -> None:
        payload = content if isinstance(content, bytes) else json.dumps(content).encode()
        message = Message(channel="p", payload=payload, received=0.0, token=len(self.kept))
        self.kept.append(message)
        self._inbox.offer(message)

    def acknowledge(self, messages: Sequence[Message]) -> None:
        for message in messages:
            self.kept.remove(message)

    def status(self) -> LinkStatus:
        return LinkStatus(name="peer", state=self.state)


class Bench:
    """A link between a `Peer` and a list."""

    def __init__(self) -> None:
        self.clock = ManualClock(1000.0)
        self.events = EventLog(self.clock)
        self.accepted: list[tuple[list[float], list[float], float]] = []
        self.refuse: Callable[[], None] = lambda: None
        inbox = Inbox(100)
        self.peer = Peer(inbox)
        decoder = Decoder(bind(("p",), {"p": Target.model_validate({"to": POSITION})}), SignalTable(pendulum()))
        self.device_clock = DeviceClock()
        self.link = Link(
            self.peer,
            inbox,
            decoder,
            clock=self.clock,
            device_clock=self.device_clock,
            recorder=None,
            events=self.events,
            accept=self.accept,
        )

    def accept(self, readings: Readings, jump: float) -> None:
        self.refuse()
        self.accepted.append((readings.values, readings.times, jump))

    @property
    def values(self) -> list[float]:
        return [value for values, _, _ in self.accepted for value in values]

    def kinds(self) -> list[str]:
        return [event.kind for event in self.events.newest()]

    async def settle(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)

    async def pass_time(self, seconds: float, *, sending: bool = True) -> None:
        """Messages every 0.1 s, stamped rightly."""
        for _ in range(round(seconds * 10)):
            self.clock.advance(0.1)
            if sending:
                self.peer.send({"value": 0.0, "timestamp": self.clock.now()})
            await self.settle()
            self.link.note_transition()


@asynccontextmanager
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    task = asyncio.create_task(made.link.run())
    await made.settle()
    yield made
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_what_is_handed_on_is_acknowledged() -> None:
    async with bench() as b:
        b.peer.send({"value": 1.0, "timestamp": 1000.0})
        b.peer.send(b"garbage")
        await b.settle()
        assert b.accepted == [([1.0], [1000.0], 0.0)]
        assert b.peer.kept == []
        assert b.link.decoder.rejected == 1


async def test_an_unforeseen_failure_is_told_of_and_what_was_not_acknowledged_comes_again() -> None:
    async with bench() as b:
        b.refuse = refuse
        b.peer.send({"value": 1.0, "timestamp": 1000.0})
        await b.settle()
        assert len(b.peer.kept) == 1
        assert b.link.trouble == "peer failed: ZeroDivisionError: on purpose"
        told = b.events.newest()[-1]
        assert (told.kind, told.message) == ("source-crashed", f"{b.link.trouble}. It is started again in 0.5 s.")
        b.refuse = lambda: None
        b.clock.advance(0.5)
        await b.settle()
        assert b.values == [1.0]
        assert b.peer.kept == []
        assert b.peer.runs == 2
        assert b.link.trouble == ""
        assert b.kinds()[-1] == "source-restarted"


async def test_it_waits_longer_each_time_it_fails() -> None:
    async with bench() as b:
        b.refuse = refuse
        b.peer.send({"value": 1.0})
        for wait in (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 30.0):
            await b.settle()
            assert f"started again in {wait:g} s" in b.events.newest()[-1].message
            b.clock.advance(wait)


async def test_a_source_that_crashes_is_started_again() -> None:
    b = Bench()
    b.peer.failure = RuntimeError("no such luck")
    task = asyncio.create_task(b.link.run())
    await b.settle()
    assert b.link.trouble == "peer failed: RuntimeError: no such luck"
    b.clock.advance(0.5)
    await b.settle()
    assert b.peer.runs == 2
    b.peer.send({"value": 1.0})
    await b.settle()
    assert b.values == [1.0]
    assert b.link.trouble == ""
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_what_waiting_cannot_mend_ends_this_source_only() -> None:
    b = Bench()
    b.peer.failure = SourceUnavailableError("The password is missing.", hint="Set MQTT_PASSWORD.")
    task = asyncio.create_task(b.link.run())
    await b.settle()
    assert not task.done()
    assert b.link.failure == b.link.trouble == "The password is missing."
    assert b.events.newest()[-1].kind == "source-failed"
    assert "Set MQTT_PASSWORD." in b.events.newest()[-1].message
    assert b.link.finished
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_a_stamp_in_the_future_is_set_aside_and_told_of_once() -> None:
    async with bench() as b:
        await b.pass_time(2.0)
        before = len(b.values)
        for _ in range(3):
            b.peer.send({"value": 9.0, "timestamp": 5000.0})
            await b.settle()
        assert 9.0 not in b.values
        assert len(b.values) == before
        assert b.link.ahead == 3
        assert b.peer.kept == []
        assert b.kinds().count("readings-ahead") == 1
        told = b.events.newest()[-1]
        assert told.message.startswith("peer: 1 reading set aside, stamped 3998.0 s ahead of the device's time.")


async def test_stamps_that_all_agree_for_a_second_are_a_clock_that_was_set() -> None:
    async with bench() as b:
        await b.pass_time(2.0)
        b.accepted.clear()
        for _ in range(15):
            b.clock.advance(0.1)
            b.peer.send({"value": 1.0, "timestamp": b.clock.now() + 500.0})
            await b.settle()
        jumps = [jump for _, _, jump in b.accepted if jump]
        assert jumps == [pytest.approx(500.0)]
        assert 3 < len(b.values) < 10
        assert b.device_clock.jumps == 1


async def test_readings_without_a_stamp_get_the_devices_present() -> None:
    async with bench() as b:
        b.peer.send({"value": 1.0, "timestamp": 77.0})
        await b.settle()
        b.clock.advance(3.0)
        b.peer.send(b"2.0")
        await b.settle()
        assert b.accepted[-1][1] == [pytest.approx(80.0)]


async def test_a_source_that_falls_silent_is_told_of_and_so_is_its_return() -> None:
    async with bench() as b:
        await b.pass_time(3.0)
        await b.pass_time(5.0, sending=False)
        assert b.kinds()[-1] == "source-silent"
        assert b.link.trouble == "peer has been silent for 5 s"
        b.peer.send({"value": 0.0, "timestamp": b.clock.now()})
        await b.settle()
        b.link.note_transition()
        assert b.events.newest()[-1].message == "peer was silent for 5.0 s."
        assert b.link.trouble == ""


async def test_a_source_that_is_not_connected_is_not_called_silent() -> None:
    async with bench() as b:
        await b.pass_time(3.0)
        b.peer.state = "reconnecting"
        await b.pass_time(5.0, sending=False)
        assert b.kinds() == ["source-connected", "source-reconnecting"]
        assert b.link.trouble == "peer: reconnecting"


def refuse() -> None:
    raise ZeroDivisionError("on purpose")
