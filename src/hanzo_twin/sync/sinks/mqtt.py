"""Predictions and alerts to an MQTT broker."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from hashlib import sha256
from itertools import count

from hanzo_twin.clock import Clock
from hanzo_twin.definition.publish import MqttPublish
from hanzo_twin.errors import SourceUnavailableError
from hanzo_twin.sync.mqtt.client import BrokerClient, ClientOptions
from hanzo_twin.sync.mqtt.connection import BrokerLink, Session
from hanzo_twin.sync.port import LinkLimits, LinkStatus

_IN_FLIGHT = 16
"""Messages that may wait for the broker's answer at once; one at a time would wait out every round trip."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Outgoing:
    number: int
    topic: str
    payload: bytes


class MqttSink:
    """A `Sink` on an MQTT broker (5, or 3.1.1 where the broker knows no better).

    At most ``limits.buffer_size`` messages wait; above QoS 0 each is kept until the broker has taken it, and sent again
    on the next connection if that did not happen.
    """

    def __init__(self, config: MqttPublish, *, identity: str, clock: Clock, limits: LinkLimits) -> None:
        if config.broker is None:
            raise SourceUnavailableError(
                f"The sink of topic '{config.topic}' names no broker.", hint="Give it the broker of a source."
            )
        self._config = config
        self._size = limits.buffer_size
        self._numbers = count()
        self._waiting: deque[_Outgoing] = deque()
        self._in_flight: dict[int, _Outgoing] = {}
        self._filled = asyncio.Event()
        self._sent = 0
        self._dropped = 0
        self._link = BrokerLink(
            config,
            config.broker,
            session=Session(identifier=config.client_id or _derived_identifier(identity, config), persistent=False),
            clock=clock,
            limits=limits,
            open_client=self._open_client,
            serve=self._send,
        )

    async def run(self) -> None:
        """Send until cancelled. Errors as `Sink.run`."""
        await self._link.run()

    def publish(self, payload: bytes, *, channel: str = "") -> None:
        """Queue a message for ``topic`` or ``topic/channel``; when full, at the expense of the oldest."""
        topic = f"{self._config.topic}/{channel}" if channel else self._config.topic
        if len(self._waiting) >= self._size:
            self._waiting.popleft()
            self._dropped += 1
        self._waiting.append(_Outgoing(number=next(self._numbers), topic=topic, payload=payload))
        self._filled.set()

    def status(self) -> LinkStatus:
        link = self._link
        return LinkStatus(
            name=f"{link.broker}/{self._config.topic}",
            state=link.state,
            messages=self._sent,
            dropped=self._dropped,
            reconnects=link.reconnects,
            last_error=link.last_error,
            warnings=link.warnings,
        )

    def _open_client(self, options: ClientOptions) -> BrokerClient:
        return BrokerClient(options, lambda topic, payload, receipt: None, refused=self._note_refusal)

    async def _send(self, client: BrokerClient) -> None:
        self._link.established()
        senders = [asyncio.ensure_future(self._send_one_by_one(client)) for _ in range(_IN_FLIGHT)]
        try:
            await asyncio.gather(*senders)
        finally:
            for sender in senders:
                sender.cancel()
            await asyncio.gather(*senders, return_exceptions=True)
            self._take_back()

    async def _send_one_by_one(self, client: BrokerClient) -> None:
        while True:
            while not self._waiting:
                self._filled.clear()
                await self._filled.wait()
            outgoing = self._waiting.popleft()
            self._in_flight[outgoing.number] = outgoing
            await client.publish(outgoing.topic, outgoing.payload, qos=self._config.qos, retain=self._config.retain)
            del self._in_flight[outgoing.number]
            self._sent += 1

    def _take_back(self) -> None:
        """Queue again, in order, what the broker has not taken."""
        self._waiting.extendleft(sorted(self._in_flight.values(), key=lambda outgoing: -outgoing.number))
        self._in_flight.clear()
        while len(self._waiting) > self._size:
            self._waiting.popleft()
            self._dropped += 1

    def _note_refusal(self, reason: str) -> None:
        self._dropped += 1
        self._sent -= 1
        self._link.last_error = (
            f"The broker {self._link.broker} refused a message for '{self._config.topic}': {reason}."
        )


def _derived_identifier(identity: str, config: MqttPublish) -> str:
    return f"hanzo-twin-{identity}-out-{sha256(config.topic.encode()).hexdigest()[:8]}"
