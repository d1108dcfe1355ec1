"""One connection to an MQTT broker: aiomqtt, with deliveries and acknowledgements in our own hands.

aiomqtt hands messages out one awaited item at a time and has its inner paho client acknowledge them; a reading that
was acknowledged but not yet stored would be lost in a crash. Here the inner client calls ``deliver`` for each message
and acknowledges nothing: `acknowledge` does, once the caller says so. That replaces paho's own handling of PUBLISH
packets (`BrokerClient._take_publish`), which for QoS 2 would also answer before anyone has seen the message, and which
spends half of its time on properties that nobody reads. The versions of both libraries are pinned for this reason.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import aiomqtt
from paho.mqtt.client import MQTT_CLEAN_START_FIRST_ONLY, MQTT_LOG_ERR, Client, DisconnectFlags
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from hanzo_twin.sync.mqtt.receipts import Receipt

KEEPALIVE_S = 15
SESSION_EXPIRY_S = 86_400
_NO_DELAY = (6, 1, 1)
_READS_AT_ONCE = 64
_FAREWELL_S = 1.0
_PUBACK, _PUBREC = 0x40, 0x50
_RETAINED_FOR_NEW_SUBSCRIPTIONS_ONLY = 1

_log = logging.getLogger(__name__)
_wire_log = logging.getLogger(f"{__name__}.wire")
_wire_log.setLevel(logging.CRITICAL)

Deliver = Callable[[str, bytes, "Receipt | None"], None]
"""Called with topic, payload and, above QoS 0, what is owed to the broker for it. Must not block."""


@dataclass(frozen=True, kw_only=True)
class ClientOptions:
    """What one connection is opened with.

    Args:
        version: 5, or 4 for MQTT 3.1.1.
        persistent: the broker keeps the subscriptions, and queues messages, while we are away.
        receive_maximum: most messages above QoS 0 that the broker may leave unacknowledged (MQTT 5 only).
        timeout_s: longest wait for the TCP and TLS handshake, and then for each answer of the broker.
    """

    host: str
    port: int
    version: int
    identifier: str
    username: str | None = None
    password: str | None = None
    tls: ssl.SSLContext | None = None
    persistent: bool = False
    receive_maximum: int = 65535
    timeout_s: float = 10.0


class ClosedEarlyError(aiomqtt.MqttError):
    """The broker closed the connection before it had accepted or refused it."""


class BrokerClient(aiomqtt.Client):
    """One connection, used once: `connect`, and in any case `leave` or `abandon`.

    Args:
        refused: called with the broker's reason when it refuses a published message (MQTT 5 only).
    """

    def __init__(
        self, options: ClientOptions, deliver: Deliver, *, refused: Callable[[str], None] = lambda reason: None
    ) -> None:
        is_5 = options.version == 5
        super().__init__(
            options.host,
            options.port,
            protocol=aiomqtt.ProtocolVersion(options.version),
            identifier=options.identifier,
            username=options.username,
            password=options.password,
            tls_context=options.tls,
            clean_session=None if is_5 else not options.persistent,
            clean_start=not options.persistent if is_5 else MQTT_CLEAN_START_FIRST_ONLY,
            properties=_connect_properties(options) if is_5 else None,
            timeout=options.timeout_s,
            keepalive=KEEPALIVE_S,
            socket_options=(_NO_DELAY,),
            logger=_wire_log,
        )
        self.pending_calls_threshold = 65535
        self.socket_opened = False
        self.wire_error = ""
        self._is_5 = is_5
        self._deliver = deliver
        self._refused = refused
        self._received = 0
        self._paused = False
        self._abandoned = False
        self._fileno = -1
        self._client.connect_timeout = options.timeout_s
        self._client.on_log = self._note_wire_error
        self._client._handle_publish = self._take_publish  # type: ignore[method-assign]  # see the module's docstring

    async def connect(self) -> None:
        """Connect and wait until the broker has accepted.

        Raises:
            aiomqtt.MqttError: it did not. The OSError behind it, if there is one, is its ``__context__``.
        """
        await self.__aenter__()
        self._client.on_log = None

    async def subscribe_all(self, topics: Sequence[str], qos: int) -> None:
        """Subscribe to ``topics``.

        Raises:
            aiomqtt.MqttError: the broker refused one of them, or did not answer.
        """
        for topic in topics:
            if self._is_5:
                options = SubscribeOptions(qos=qos, retainHandling=_RETAINED_FOR_NEW_SUBSCRIPTIONS_ONLY)
                granted = await self.subscribe(topic, options=options)
            else:
                granted = await self.subscribe(topic, qos=qos)
            for code in granted:
                if isinstance(code, ReasonCode) and code.is_failure:
                    raise aiomqtt.MqttCodeError(code, f"subscription to '{topic}'")

    async def closed(self) -> None:
        """Wait for the end of the connection.

        Raises:
            aiomqtt.MqttError: always; it says what ended the connection.
        """
        await asyncio.wait({self._disconnected})
        self._disconnected.result()
        raise aiomqtt.MqttError("the broker ended the connection")

    def acknowledge(self, receipts: Sequence[Receipt]) -> None:
        """Tell the broker that it may forget these messages; one write for all of them."""
        packets = bytearray()
        for receipt in receipts:
            packets += bytes((_PUBREC if receipt.qos == 2 else _PUBACK, 2)) + receipt.packet_id.to_bytes(2, "big")
        if packets and self._client.socket() is not None:
            self._client._packet_queue(_PUBACK, packets, 0, 0)

    def pause(self) -> None:
        """Stop reading, so that TCP slows the broker down."""
        if not self._paused and not self._abandoned:
            self._paused = True
            self._loop.remove_reader(self._fileno)

    def resume(self) -> None:
        """Read on after `pause`."""
        if self._paused and not self._abandoned and self._client.socket() is not None:
            self._paused = False
            self._loop.add_reader(self._fileno, self._read)
            self._loop.call_soon(self._read)

    async def leave(self) -> None:
        """Tell the broker that we go, give it a moment to hear it, and let go of the socket."""
        if not self._disconnected.done() and self._client.disconnect() == MQTTErrorCode.MQTT_ERR_SUCCESS:
            await asyncio.wait({self._disconnected}, timeout=_FAREWELL_S)
        self.abandon()

    def abandon(self) -> None:
        """Let go of the socket at once, whatever state the connection is in."""
        self._abandoned = True
        if self._misc_task is not None:
            self._misc_task.cancel()
        self._client._sock_close()

    def _take_publish(self) -> MQTTErrorCode:
        """Take a PUBLISH packet apart (MQTT 5.0 section 3.3, MQTT 3.1.1 section 3.3) and deliver it."""
        header, body = self._client._in_packet["command"], self._client._in_packet["packet"]
        self._received += 1
        qos = header >> 1 & 3
        position = 2 + int.from_bytes(body[:2], "big")
        topic = body[2:position].decode(errors="replace")
        receipt = None
        if qos:
            receipt = Receipt(packet_id=int.from_bytes(body[position : position + 2], "big"), qos=qos)
            position += 2
        if self._is_5:
            length, position = _variable_integer(body, position)
            position += length
        if qos == 3 or position > len(body):
            return MQTTErrorCode.MQTT_ERR_PROTOCOL
        self._deliver(topic, bytes(body[position:]), receipt)
        return MQTTErrorCode.MQTT_ERR_SUCCESS

    def _read(self) -> None:
        sock = self._client.socket()
        for _ in range(_READS_AT_ONCE):
            before = self._received
            if sock is None or self._paused or not self._read_packet():
                return
            if self._received == before and not _buffered(sock):
                return
        self._loop.call_soon(self._read)

    def _read_packet(self) -> bool:
        """Handle one packet; whether the connection is still good."""
        try:
            return self._client.loop_read() == MQTTErrorCode.MQTT_ERR_SUCCESS
        except Exception as failure:  # noqa: BLE001  # whatever a broken peer provokes in the decoder ends the connection
            self._fail(failure)
            return False

    def _write(self) -> None:
        try:
            self._client.loop_write()
        except OSError as failure:
            self._fail(failure)

    def _fail(self, failure: Exception) -> None:
        _log.warning("Closing the connection to %s:%s: %r", self._hostname, self._port, failure)
        self.abandon()
        outcome = self._disconnected if self._connected.done() else self._connected
        if not outcome.done():
            outcome.set_exception(aiomqtt.MqttError(f"a packet could not be handled: {failure!r}"))

    def _on_socket_open(self, client: Client, userdata: Any, sock: Any) -> None:
        """Runs in the thread that connects, as does the first call of `_on_socket_register_write`."""
        self._loop.call_soon_threadsafe(self._start_reading, sock)

    def _start_reading(self, sock: Any) -> None:
        if self._abandoned:
            self._client._sock_close()
            return
        self.socket_opened = True
        self._fileno = sock.fileno()
        self._loop.add_reader(self._fileno, self._read)
        self._misc_task = self._loop.create_task(self._misc_loop())

    def _on_socket_register_write(self, client: Client, userdata: Any, sock: Any) -> None:
        self._loop.call_soon_threadsafe(self._start_writing, sock)

    def _start_writing(self, sock: Any) -> None:
        if not self._abandoned and sock.fileno() >= 0:
            self._loop.add_writer(sock.fileno(), self._write)

    def _on_socket_unregister_write(self, client: Client, userdata: Any, sock: Any) -> None:
        if sock.fileno() >= 0:
            self._loop.remove_writer(sock.fileno())

    def _on_disconnect(
        self,
        client: Client,
        userdata: Any,
        flags: DisconnectFlags,
        reason_code: ReasonCode,
        properties: Properties | None = None,
    ) -> None:
        if not self._connected.done():
            self._connected.set_exception(ClosedEarlyError(self.wire_error))
            return
        super()._on_disconnect(client, userdata, flags, reason_code, properties)

    def _on_publish(
        self, client: Client, userdata: Any, mid: int, reason_code: ReasonCode, properties: Properties
    ) -> None:
        if reason_code.is_failure:
            self._refused(str(reason_code))
        super()._on_publish(client, userdata, mid, reason_code, properties)

    def _note_wire_error(self, client: Client, userdata: Any, level: int, text: str) -> None:
        if level == MQTT_LOG_ERR:
            self.wire_error = text


def _connect_properties(options: ClientOptions) -> Properties:
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.ReceiveMaximum = options.receive_maximum
    if options.persistent:
        properties.SessionExpiryInterval = SESSION_EXPIRY_S
    return properties


def _variable_integer(body: bytearray, position: int) -> tuple[int, int]:
    """Value of the variable byte integer at ``position``, and the position behind it."""
    value = shift = 0
    while True:
        byte = body[position]
        position += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, position
        shift += 7


def _buffered(sock: Any) -> bool:
    return isinstance(sock, ssl.SSLSocket) and sock.pending() > 0
