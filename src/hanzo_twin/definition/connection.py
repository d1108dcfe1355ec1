"""Where sources and sinks connect to: URLs of brokers and servers, and TLS files."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from hanzo_twin.definition.base import LocalPath, Model, problem


def check_url(value: str, schemes: tuple[str, ...], example: str) -> str:
    """``scheme://host[:port][/path]`` with one of ``schemes`` and no credentials in it."""
    try:
        parts = urlsplit(value)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    if parts.username is not None or parts.password is not None:
        raise problem("must not contain a user name or password; use the fields username and password")
    if parts.scheme not in schemes or not host or port == 0:
        raise problem(
            "must be a URL such as {example} ({schemes}), got '{got}'",
            example=example,
            schemes=" or ".join(f"{scheme}://" for scheme in schemes),
            got=value[:200],
        )
    return value


def _check_broker(value: str) -> str:
    return check_url(value, ("mqtt", "mqtts"), "mqtt://127.0.0.1:1883")


def _check_opcua(value: str) -> str:
    return check_url(value, ("opc.tcp",), "opc.tcp://127.0.0.1:4840")


def _check_hosts(value: str) -> str:
    for each in value.split(","):
        host, colon, port = each.strip().rpartition(":")
        if not colon or not host or not port.isdecimal() or not 0 < int(port) < 65536 or "/" in host or "@" in host:
            raise problem("must be host:port, several separated by commas, such as kafka:9092; got '{got}'", got=each)
    return value


BrokerUrl = Annotated[str, AfterValidator(_check_broker)]
OpcUaUrl = Annotated[str, AfterValidator(_check_opcua)]
KafkaBrokers = Annotated[str, AfterValidator(_check_hosts)]


class Tls(Model):
    """Files for an encrypted connection; the peer's certificate is always checked."""

    ca_file: LocalPath | None = Field(
        default=None,
        description="PEM of the authorities that the peer's certificate may come from; none: the system's.",
    )
    cert_file: LocalPath | None = Field(default=None, description="PEM of the client certificate.")
    key_file: LocalPath | None = Field(default=None, description="PEM of its key.")

    @model_validator(mode="after")
    def _check(self) -> Tls:
        if (self.cert_file is None) != (self.key_file is None):
            raise problem("cert_file and key_file belong together; give both or none")
        return self


def broker_address(broker: str) -> tuple[str, int, bool]:
    """Host, port and whether the connection is encrypted, of an ``mqtt://`` or ``mqtts://`` URL."""
    parts = urlsplit(broker)
    encrypted = parts.scheme == "mqtts"
    return parts.hostname or "", parts.port or (8883 if encrypted else 1883), encrypted


def check_tls_scheme(broker: str, tls: Tls | None) -> None:
    """Raise the problem of a URL without encryption where ``tls`` is set."""
    if tls is not None and broker.startswith("mqtt://"):
        raise problem("tls needs an encrypted connection: write the broker as mqtts://…, got '{got}'", got=broker)
