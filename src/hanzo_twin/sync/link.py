"""One source, its buffer and its decoder: messages in, readings out, acknowledged once they are in the history."""

from __future__ import annotations

import math
from collections.abc import Callable

from hanzo_twin.clock import Clock
from hanzo_twin.errors import HanzoTwinError
from hanzo_twin.sync.decode import Decoder, Readings
from hanzo_twin.sync.device_clock import DeviceClock
from hanzo_twin.sync.events import EventLog
from hanzo_twin.sync.port import Inbox, LinkStatus, Source
from hanzo_twin.sync.recorder import Recorder


class Link:
    """Feeds the readings of one source to ``accept``."""

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
        self._clock = clock
        self._device_clock = device_clock
        self._recorder = recorder
        self._events = events
        self._accept = accept
        self._state = ""

    async def receive(self) -> None:
        """Run the source; a failure that waiting cannot mend is reported, and ends this source only."""
        try:
            await self.source.run()
        except HanzoTwinError as failure:
            self.failure = failure.message
            self._events.add("source-failed", str(failure), code=failure.code)

    async def ingest(self) -> None:
        """Decode and store what arrives, for as long as the task lives."""
        while True:
            await self.inbox.wait()
            await self.drain()

    async def drain(self) -> None:
        """Handle what is buffered now."""
        messages = self.inbox.take()
        if not messages:
            return
        readings = Readings()
        rejections = self.decoder.decode(messages, readings)
        self.readings += len(readings)
        jump = self._stamp(readings)
        self._accept(readings, jump)
        if self._recorder is not None:
            await self._recorder.store_readings(readings, rejections)
        self.source.acknowledge(messages)

    def status(self) -> LinkStatus:
        return self.source.status()

    def note_transition(self) -> None:
        """Report a change of the connection's state since the last call."""
        status = self.source.status()
        if status.state != self._state:
            if self._state or status.state != "connecting":
                trouble = f": {status.last_error}" if status.last_error and status.state != "connected" else ""
                self._events.add(f"source-{status.state}", f"{status.name} is {status.state}{trouble}")
            self._state = status.state

    def _stamp(self, readings: Readings) -> float:
        """Learn the device's time from the stamps; give it to readings without one. Returns a jump in seconds."""
        monotonic = self._clock.monotonic()
        newest = max((time for time in readings.times if not math.isnan(time)), default=math.nan)
        jump = 0.0 if math.isnan(newest) else self._device_clock.observe(newest, monotonic)
        if len(readings) and (math.isnan(newest) or any(math.isnan(time) for time in readings.times)):
            if not self._device_clock.known:
                self._device_clock.observe(self._clock.now(), monotonic)
            now = self._device_clock.now(monotonic)
            readings.times = [now if math.isnan(time) else time for time in readings.times]
        return jump
