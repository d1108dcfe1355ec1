"""Keeping connected: the loop of connect, serve, and connect again that the MQTT source and the MQTT sink share."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Literal

import aiomqtt
from paho.mqtt.reasoncodes import ReasonCode

from hanzo_twin.clock import Clock
from hanzo_twin.definition.connection import broker_address
from hanzo_twin.definition.sources import MqttConnection
from hanzo_twin.errors import SourceUnavailableError
from hanzo_twin.sync.mqtt.client import BrokerClient, ClientOptions, ClosedEarlyError
from hanzo_twin.sync.mqtt.security import is_loopback, password_of, tls_context
from hanzo_twin.sync.mqtt.trouble import UNSUPPORTED_VERSION, describe
from hanzo_twin.sync.port import LinkLimits

VERSIONS = (5, 4)
"""MQTT 5 first; 4 is how the protocol numbers 3.1.1."""

PROBE_TIMEOUT_S = 3.0
"""Longest wait for an answer to MQTT 5, from a broker that may know only 3.1.1 and say nothing."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Session:
    """What the broker is to know us by, and for how long. ``receive_maximum`` as in `ClientOptions`."""

    identifier: str
    persistent: bool
    receive_maximum: int = 65535


class BrokerLink:
    """A connection that is opened again, with back-off, whenever it is lost.

    Args:
        broker: URL of the broker.
        open_client: makes the client of one connection.
        serve: runs on each new connection, calls `established` when it is ready, and may return or go on.
    """

    def __init__(
        self,
        config: MqttConnection,
        broker: str,
        *,
        session: Session,
        clock: Clock,
        limits: LinkLimits,
        open_client: Callable[[ClientOptions], BrokerClient],
        serve: Callable[[BrokerClient], Awaitable[None]],
    ) -> None:
        self.state: Literal["connecting", "connected", "reconnecting", "failed"] = "connecting"
        self.reconnects = 0
        self.last_error = ""
        self.broker = broker
        self._config = config
        self._session = session
        self._clock = clock
        self._limits = limits
        self._open_client = open_client
        self._serve = serve
        self._version: int | None = None
        self._established_at = math.inf
        self._host, self._port, self._encrypted = broker_address(broker)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What should be changed about this connection."""
        if self._encrypted or is_loopback(self._host):
            return ()
        return (f"The connection to {self.broker} is not encrypted. Use mqtts:// and a client certificate.",)

    async def run(self) -> None:
        """Connect and serve until cancelled.

        Raises:
            SourceUnavailableError: a certificate file or a password is missing at the first attempt. Later it is
                waited for, because files and passwords are replaced while we run.
        """
        for warning in self.warnings:
            _log.warning("%s", warning)
        try:
            self._options()
        except SourceUnavailableError as failure:
            self.state, self.last_error = "failed", str(failure)
            raise
        attempt = 0
        while True:
            lasted = await self._connect_and_serve()
            attempt = 0 if lasted > self._limits.backoff_seconds(attempt) else attempt
            backoff = self._limits.backoff_seconds(attempt)
            _log.warning("%s Next attempt in %g s.", self.last_error, backoff)
            await self._clock.sleep_until(self._clock.monotonic() + backoff)
            attempt += 1

    def established(self) -> None:
        """The connection is ready for use."""
        self.reconnects += self.state == "reconnecting"
        self.state = "connected"
        self._established_at = self._clock.monotonic()

    async def _connect_and_serve(self) -> float:
        """One connection, from the attempt to its loss. Returns how long it was good for, s."""
        self._established_at = math.inf
        client = None
        try:
            client = await self._connect()
            await self._serve_until_lost(client)
        except aiomqtt.MqttError as error:
            has_certificate = self._config.tls is not None and self._config.tls.cert_file is not None
            trouble = describe(error, self.broker, has_certificate=has_certificate, username=self._config.username)
            self.last_error = str(trouble)
        except SourceUnavailableError as failure:
            self.last_error = str(failure)
        finally:
            if client is not None:
                await client.leave()
            if self.state == "connected":
                self.state = "reconnecting"
        return max(0.0, self._clock.monotonic() - self._established_at)

    async def _connect(self) -> BrokerClient:
        options = self._options()
        versions = VERSIONS if self._version is None else (self._version,)
        self._version = None
        for version in versions:
            probing = len(versions) > 1 and version == versions[0]
            timeout_s = PROBE_TIMEOUT_S if probing else options.timeout_s
            client = self._open_client(replace(options, version=version, timeout_s=timeout_s))
            try:
                await client.connect()
            except aiomqtt.MqttError as error:
                client.abandon()
                if not probing or not _may_be_for_the_version(error, client):
                    raise
            except BaseException:
                client.abandon()
                raise
            else:
                self._version = version
                return client
        raise AssertionError("the last version was either accepted or raised")

    async def _serve_until_lost(self, client: BrokerClient) -> None:
        tasks = (asyncio.ensure_future(client.closed()), asyncio.ensure_future(self._serve(client)))
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for task in tasks:
            if not task.cancelled():
                task.result()

    def _options(self) -> ClientOptions:
        return ClientOptions(
            host=self._host,
            port=self._port,
            version=VERSIONS[0],
            identifier=self._session.identifier,
            username=self._config.username,
            password=password_of(self._config.password),
            tls=tls_context(self._config.tls) if self._encrypted else None,
            persistent=self._session.persistent,
            receive_maximum=self._session.receive_maximum,
        )


def _may_be_for_the_version(error: aiomqtt.MqttError, client: BrokerClient) -> bool:
    """Whether a broker that knows only MQTT 3.1.1 would have answered our MQTT 5 like this."""
    if isinstance(error, aiomqtt.MqttCodeError):
        return isinstance(error.rc, ReasonCode) and error.rc.value == UNSUPPORTED_VERSION
    return client.socket_opened or isinstance(error, ClosedEarlyError)
