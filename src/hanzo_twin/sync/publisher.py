"""Publishing what the twin says: the present values, and those of the configured horizons."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import orjson

from hanzo_twin.clock import Clock
from hanzo_twin.errors import SimulationError
from hanzo_twin.sync.port import Sink
from hanzo_twin.sync.signals import SignalTable
from hanzo_twin.twin.probe import Probe
from hanzo_twin.twin.twin import Twin

SHARE = 0.2
"""Most of a tick's time that looking ahead may take; when it costs more it is done less often."""


class Publisher:
    """Sends predictions to every sink, and alerts to the channel ``alerts`` below each sink's topic.

    A prediction is ``{"twin", "time", "values": {address: value}, "ahead": [{"horizon_s", "time", "values"}]}``. What
    lies ahead is simulated on a fork under the inputs that hold now. A value that is not known is null.
    """

    def __init__(
        self,
        name: str,
        twin: Twin,
        table: SignalTable,
        sinks: Sequence[Sink],
        *,
        horizons_s: Sequence[float],
        period_s: float,
        clock: Clock,
    ) -> None:
        self._name = name
        self._twin = twin
        self._sinks = list(sinks)
        measured = [signal.address for signal in table.signals if signal.role == "measurement"]
        self._addresses = list(dict.fromkeys(measured))
        computed = [signal.address for signal in table.signals if signal.quantity.kind in ("state", "input")]
        self._computed = [address for address in self._addresses if address in set(computed)]
        self._probe = Probe(twin.scene, self._computed)
        self._horizons = sorted(horizon for horizon in horizons_s if horizon > 0)
        self._period = period_s
        self._clock = clock
        self._next_look = -math.inf
        self.published = 0

    def publish(self) -> None:
        """Send the present prediction."""
        if not self._sinks:
            return
        message: dict[str, Any] = {
            "twin": self._name,
            "time": self._twin.time,
            "values": self._values(self._twin),
        }
        now = self._clock.monotonic()
        if self._horizons and now >= self._next_look:
            with suppress(SimulationError):  # what diverges on the way says nothing of the future
                message["ahead"] = self.look_ahead(self._horizons)
            cost = self._clock.monotonic() - now
            self._next_look = now + max(0.0, cost / SHARE - self._period)
        self._send(message, "")

    def alert(self, kind: str, message: str, detail: Mapping[str, Any]) -> None:
        """Send an alert for people."""
        self._send({"twin": self._name, "time": self._twin.time, "alert": kind, "message": message, **detail}, "alerts")

    def look_ahead(self, horizons_s: Sequence[float]) -> list[dict[str, Any]]:
        """Values after each of the ascending ``horizons_s``, under the inputs that hold now."""
        fork = self._twin.fork()
        start = fork.time
        try:
            ahead = []
            for horizon in horizons_s:
                fork.advance_to(start + horizon)
                ahead.append({"horizon_s": horizon, "time": fork.time, "values": self._values(fork)})
            return ahead
        finally:
            fork.close()

    def _values(self, twin: Twin) -> dict[str, float | None]:
        known = twin.attributes
        values = {address: known[address].value if address in known else None for address in self._addresses}
        read = self._probe.read(twin.simulation)
        values.update(zip(self._computed, read.tolist(), strict=True))
        return values

    def _send(self, message: Mapping[str, Any], channel: str) -> None:
        payload = orjson.dumps(message)
        for sink in self._sinks:
            sink.publish(payload, channel=channel)
        self.published += 1
