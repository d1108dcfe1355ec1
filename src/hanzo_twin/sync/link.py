"""One source and all that its messages pass: decoding, the device's time, the history, and then the acknowledgement."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

import numpy as np

from hanzo_twin.clock import Clock
from hanzo_twin.errors import HanzoTwinError, counted
from hanzo_twin.spatial import FloatArray
from hanzo_twin.sync.decode import Decoder, Readings
from hanzo_twin.sync.device_clock import DeviceClock
from hanzo_twin.sync.events import EventLog
from hanzo_twin.sync.keep_running import KeepRunning
from hanzo_twin.sync.port import Inbox, LinkStatus, Source
from hanzo_twin.sync.recorder import Recorder
from hanzo_twin.sync.silence import Silence

REPEAT_S = 10.0
"""Readings that are set aside are told of at most this often."""


class Link:
    """Feeds the readings of one source to ``accept``, with the seconds by which the device's clock was set (mostly 0).

    Readings stamped more than a second ahead of the device's time are counted and kept in the history, but nobody acts
    on them.
    """

    def __init__(
        self,
        source: Source,
        inbox: Inbox,
        decoder: Decoder,
        *,
        clock: Clock,
        device_clock: DeviceClock,
        recorder: Recorder | None,
        events: EventLog,
        accept: Callable[[Readings, float], None],
    ) -> None:
        self.source = source
        self.inbox = inbox
        self.decoder = decoder
        self.failure = ""
        self.readings = 0
        self.ahead = 0
        self.oldest, self.newest = math.inf, -math.inf
        self._clock = clock
        self._device_clock = device_clock
        self._recorder = recorder
        self._events = events
        self._accept = accept
        self._state = ""
        self._told_of_ahead = -math.inf
        self._silence = Silence()
        self._kept = KeepRunning("source", lambda: self.source.status().name, clock, events)

    @property
    def trouble(self) -> str:
        """What is wrong with it now, "" if nothing is."""
        status = self.source.status()
        if self.failure or self._kept.trouble:
            return self.failure or self._kept.trouble
        if status.state in ("reconnecting", "failed"):
            return f"{status.name}: {status.last_error or status.state}"
        return f"{status.name} has been silent for {silent:.0f} s" if (silent := self._silence.seconds) else ""

    @property
    def over(self) -> bool:
        """Whether nothing more will come."""
        return bool(self.failure) or self.source.status().state in ("finished", "failed")

    @property
    def finished(self) -> bool:
        """Whether nothing more will come, and all that came was handled."""
        return self.over and not len(self.inbox)

    async def run(self, *, ingest: bool = True) -> None:
        """Receive, and unless told otherwise `drain`, until cancelled.

        What fails in a way that nobody foresaw is reported and started again, and what was not acknowledged is then
        delivered again: trouble with one source does not end the twin.
        """
        await self._kept.run(lambda: self._receive_and_ingest(ingest))

    async def _receive_and_ingest(self, ingest: bool) -> None:
        self.inbox.take()
        tasks = {asyncio.ensure_future(self._receive())}
        if ingest:
            tasks.add(asyncio.ensure_future(self._ingest()))
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
            for task in tasks:
                if task.done():
                    task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _receive(self) -> None:
        """Run the source; a failure that waiting cannot mend is reported, and ends this source only."""
        try:
            await self.source.run()
        except HanzoTwinError as failure:
            self.failure = failure.message
            self._events.add("source-failed", str(failure), code=failure.code)

    async def _ingest(self) -> None:
        while True:
            await self.inbox.wait()
            await self.drain()

    async def drain(self) -> None:
        """Handle what is buffered now: decode, hand on, store, acknowledge."""
        messages = self.inbox.take()
        if not messages:
            return
        self._silence.heard(self._clock.monotonic())
        readings = Readings()
        rejections = self.decoder.decode(messages, readings)
        self.readings += len(readings)
        usable, jump = self._judge_times(readings)
        self._accept(usable, jump)
        if self._recorder is not None:
            await self._recorder.store_readings(readings, rejections)
        self.source.acknowledge(messages)
        self._kept.succeeded()

    def status(self) -> LinkStatus:
        return self.source.status()

    def note_transition(self) -> None:
        """Report a change of the connection's state, or silence, since the last call."""
        status = self.source.status()
        if status.state != self._state:
            if self._state or status.state != "connecting":
                trouble = f": {status.last_error}" if status.last_error and status.state != "connected" else ""
                self._events.add(f"source-{status.state}", f"{status.name} is {status.state}{trouble}")
            self._state = status.state
        change = self._silence.check(self._clock.monotonic(), listening=status.state == "connected")
        if change:
            self._events.add(f"source-{change}", f"{status.name} {self._silence.describe(change)}.")

    def _judge_times(self, readings: Readings) -> tuple[Readings, float]:
        """Learn the device's time from the stamps and give it to readings without one.

        Returns the readings whose time can be believed, and by how much the device's clock was set.
        """
        if not len(readings):
            return readings, 0.0
        monotonic = self._clock.monotonic()
        times = np.array(readings.times)
        stamped = ~np.isnan(times)
        jump = 0.0
        if stamped.any():
            jump, _ = self._device_clock.observe_all(times[stamped], monotonic)
        if not stamped.all():
            if not self._device_clock.known:
                self._device_clock.observe(self._clock.now(), monotonic)
            times[~stamped] = self._device_clock.now(monotonic)
            readings.times = times.tolist()
        early = self._device_clock.ahead(times, monotonic)
        if not early.any():
            self.oldest, self.newest = min(self.oldest, float(times.min())), max(self.newest, float(times.max()))
            return readings, jump
        self._tell_of_ahead(times[early] - self._device_clock.now(monotonic))
        return readings.select(np.flatnonzero(~early)), jump

    def _tell_of_ahead(self, seconds: FloatArray) -> None:
        self.ahead += len(seconds)
        now = self._clock.monotonic()
        if now - self._told_of_ahead < REPEAT_S:
            return
        self._told_of_ahead = now
        self._events.add(
            "readings-ahead",
            f"{self.source.status().name}: {counted(len(seconds), 'reading')} set aside, stamped {seconds[0]:.1f} s "
            "ahead of the device's time. If all that follow agree, the device's clock was set.",
            seconds=float(seconds[0]),
        )
