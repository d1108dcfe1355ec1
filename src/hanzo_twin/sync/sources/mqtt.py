"""Readings from an MQTT broker, acknowledged only once they are safe."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from hashlib import sha256

from hanzo_twin.clock import Clock
from hanzo_twin.definition import sources as models
from hanzo_twin.sync.mqtt.client import BrokerClient, ClientOptions
from hanzo_twin.sync.mqtt.connection import BrokerLink, Session
from hanzo_twin.sync.mqtt.receipts import Receipt, Receipts
from hanzo_twin.sync.port import Inbox, LinkLimits, LinkStatus, Message

LARGEST_PAYLOAD_BYTES = 256 * 1024
_MOST_UNACKNOWLEDGED = 65535


class MqttSource:
    """A `Source` on an MQTT broker (5, or 3.1.1 where the broker knows no better).

    Above QoS 0 the session is persistent and nothing is acknowledged before `acknowledge` says so: a message that
    was not yet stored when this process, or the broker, died is delivered again. The broker leaves at most
    ``limits.buffer_size`` messages unacknowledged; one that does not know such a limit (3.1.1) is held back by not
    reading its connection while the inbox is full. QoS 0 messages that find the inbox full are dropped and counted,
    and so are payloads of more than 256 KiB.
    """

    def __init__(
        self, config: models.MqttSource, *, identity: str, clock: Clock, inbox: Inbox, limits: LinkLimits
    ) -> None:
        self._config = config
        self._clock = clock
        self._inbox = inbox
        self._messages = 0
        self._dropped = 0
        self._receipts = Receipts()
        self._client: BrokerClient | None = None
        self._overflow: deque[Message] = deque()
        self._spilling: asyncio.Task[None] | None = None
        self._link = BrokerLink(
            config,
            config.broker,
            session=Session(
                identifier=config.client_id or _derived_identifier(identity, config),
                persistent=config.qos > 0,
                receive_maximum=min(limits.buffer_size, _MOST_UNACKNOWLEDGED),
            ),
            clock=clock,
            limits=limits,
            open_client=self._open_client,
            serve=self._subscribe,
        )

    async def run(self) -> None:
        """Receive until cancelled. Errors as `Source.run`."""
        try:
            await self._link.run()
        finally:
            self._client = None
            self._overflow.clear()
            if self._spilling is not None:
                self._spilling.cancel()
                self._spilling = None

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """Acknowledge to the broker what came on the present connection; the rest will be delivered again."""
        if self._client is not None:
            self._settle([message.token for message in messages if message.token is not None])

    def status(self) -> LinkStatus:
        link = self._link
        return LinkStatus(
            name=f"{link.broker}/{','.join(self._config.topic)}",
            state=link.state,
            messages=self._messages,
            dropped=self._dropped,
            reconnects=link.reconnects,
            last_error=link.last_error,
            warnings=link.warnings,
        )

    def _open_client(self, options: ClientOptions) -> BrokerClient:
        self._receipts.clear()
        self._client = BrokerClient(options, self._deliver)
        return self._client

    async def _subscribe(self, client: BrokerClient) -> None:
        await client.subscribe_all(self._config.topic, self._config.qos)
        self._link.established()

    def _deliver(self, topic: str, payload: bytes, receipt: Receipt | None) -> None:
        self._messages += 1
        if receipt is not None:
            self._receipts.owe(receipt)
        if len(payload) > LARGEST_PAYLOAD_BYTES:
            self._refuse(topic, len(payload), receipt)
            return
        message = Message(channel=topic, payload=payload, received=self._clock.now(), token=receipt)
        if receipt is None:
            dropped_before = self._inbox.dropped
            self._inbox.offer(message)
            self._dropped += self._inbox.dropped - dropped_before
        elif self._overflow or not self._inbox.try_put(message):
            self._hold_back(message)

    def _refuse(self, topic: str, size: int, receipt: Receipt | None) -> None:
        self._dropped += 1
        self._link.last_error = (
            f"A message of {size} bytes on '{topic}' was refused; at most {LARGEST_PAYLOAD_BYTES} are allowed."
        )
        if receipt is not None:
            self._settle([receipt])

    def _settle(self, receipts: Sequence[Receipt]) -> None:
        due = self._receipts.settle(receipts)
        if due and self._client is not None:
            self._client.acknowledge(due)

    def _hold_back(self, message: Message) -> None:
        self._overflow.append(message)
        if self._client is not None:
            self._client.pause()
        if self._spilling is None:
            self._spilling = asyncio.get_running_loop().create_task(self._spill_over())

    async def _spill_over(self) -> None:
        """Hand on what was held back, whatever becomes of its connection: not every broker delivers it again."""
        while self._overflow:
            await self._inbox.put(self._overflow[0])
            self._overflow.popleft()
        self._spilling = None
        if self._client is not None:
            self._client.resume()


def _derived_identifier(identity: str, config: models.MqttSource) -> str:
    """Other topics are another session: in the old one the broker would go on with the old subscriptions."""
    link = (config.topic, config.qos, sorted(config.mapping))
    return f"hanzo-twin-{identity}-in-{sha256(repr(link).encode()).hexdigest()[:8]}"
