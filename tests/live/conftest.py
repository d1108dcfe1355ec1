"""Real brokers. A test whose peer is missing is skipped with the reason, or fails under TWIN_REQUIRE_PEERS=1."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trustme

from hanzo_twin.broker import LocalBroker, ServerTls, embedded_broker, mosquitto
from hanzo_twin.errors import NotInstalledError

MakeBroker = Callable[..., LocalBroker]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests here race real processes against real clocks: one that fails runs once more, and the summary counts it.

    ``--reruns 0`` shows the first failure.
    """
    if config.getoption("reruns", None) is not None:
        return
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.flaky(reruns=1))


def require_peer(make: Callable[[], LocalBroker]) -> LocalBroker:
    """What ``make`` returns; a peer that is not installed skips the test, unless peers are required."""
    try:
        return make()
    except NotInstalledError as missing:
        if os.environ.get("TWIN_REQUIRE_PEERS") == "1":
            pytest.fail(str(missing))
        pytest.skip(str(missing))


@pytest.fixture
def make_mosquitto(tmp_path: Path) -> Iterator[MakeBroker]:
    """Starts a mosquitto with the given options; it ends with the test."""
    started: list[LocalBroker] = []

    def make(**options: Any) -> LocalBroker:
        folder = tmp_path / f"mosquitto-{len(started)}"
        folder.mkdir()
        started.append(require_peer(lambda: mosquitto(folder, **options)))
        started[-1].start()
        return started[-1]

    yield make
    for broker in started:
        broker.kill()


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[LocalBroker]:
    """The embedded broker, running."""
    broker = require_peer(lambda: embedded_broker(tmp_path / "embedded"))
    broker.start()
    yield broker
    broker.kill()


@dataclass(frozen=True, kw_only=True)
class Certificates:
    """PEM files of one authority, of a broker on localhost, and of a client."""

    ca_file: Path
    broker_cert_file: Path
    broker_key_file: Path
    client_cert_file: Path
    client_key_file: Path

    def server_tls(self) -> ServerTls:
        return ServerTls(ca_file=self.ca_file, cert_file=self.broker_cert_file, key_file=self.broker_key_file)

    def client_context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.ca_file)
        context.load_cert_chain(self.client_cert_file, self.client_key_file)
        return context


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return issue_certificates(tmp_path_factory.mktemp("certificates"))


def issue_certificates(folder: Path) -> Certificates:
    """A new authority and what it signs."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    for name, certificate in (
        ("broker", authority.issue_cert("localhost", "127.0.0.1")),
        ("client", authority.issue_cert("twin@example.com", common_name="twin")),
    ):
        certificate.private_key_pem.write_to_path(folder / f"{name}.key")
        certificate.cert_chain_pems[0].write_to_path(folder / f"{name}.pem")
    return Certificates(
        ca_file=folder / "ca.pem",
        broker_cert_file=folder / "broker.pem",
        broker_key_file=folder / "broker.key",
        client_cert_file=folder / "client.pem",
        client_key_file=folder / "client.key",
    )
