from __future__ import annotations

import aiomqtt
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from hanzo_twin.sync.mqtt.client import ClosedEarlyError
from hanzo_twin.sync.mqtt.trouble import describe

BROKER = "mqtts://plant:8883"


def told(error: aiomqtt.MqttError, *, has_certificate: bool = False, username: str | None = None) -> str:
    return describe(error, BROKER, has_certificate=has_certificate, username=username).message


@pytest.mark.parametrize(
    ("packet", "code", "text"),
    [
        (PacketTypes.CONNACK, 134, "refused the login as user 'twin': wrong user name or password"),
        (PacketTypes.CONNACK, 135, "does not authorize us as user 'twin'"),
        (PacketTypes.CONNACK, 133, "refused the client id"),
        (PacketTypes.CONNACK, 136, "refused: Server unavailable"),
        (PacketTypes.DISCONNECT, 141, "does not answer any more"),
        (PacketTypes.DISCONNECT, 142, "ended the connection because another client connected with our client id"),
        (PacketTypes.DISCONNECT, 128, "was lost: the connection ended unexpectedly"),
    ],
)
def test_reasons_of_the_broker(packet: int, code: int, text: str) -> None:
    error = aiomqtt.MqttCodeError(ReasonCode(packet, identifier=code), "Unexpected disconnection")
    assert told(error, username="twin") == f"The broker {BROKER} {text}."


def test_a_refused_subscription_is_named() -> None:
    error = aiomqtt.MqttCodeError(ReasonCode(PacketTypes.SUBACK, identifier=135), "subscription to 'arm/#'")
    assert told(error) == f"The broker {BROKER} does not authorize us without a user name (subscription to 'arm/#')."


@pytest.mark.parametrize(
    ("wire_error", "has_certificate", "text"),
    [
        ("tlsv13 alert certificate required", True, "asks for a client certificate and got none"),
        ("sslv3 alert handshake failure", False, "asks for a client certificate and got none"),
        ("tlsv1 alert unknown ca", True, "refused our client certificate: tlsv1 alert unknown ca"),
        ("", True, "closed the connection before it had accepted it"),
    ],
)
def test_early_ends(wire_error: str, has_certificate: bool, text: str) -> None:
    assert told(ClosedEarlyError(wire_error), has_certificate=has_certificate) == f"The broker {BROKER} {text}."
