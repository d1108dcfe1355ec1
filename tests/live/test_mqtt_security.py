from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
from tests.live.conftest import Certificates, MakeBroker, issue_certificates
from tests.live.mqtt_peer import publish, running, source_config

from hanzo_twin.definition.connection import Tls
from hanzo_twin.errors import SourceUnavailableError

pytestmark = pytest.mark.live


def client_tls(certificates: Certificates) -> Tls:
    return Tls(
        ca_file=str(certificates.ca_file),
        cert_file=str(certificates.client_cert_file),
        key_file=str(certificates.client_key_file),
    )


@pytest.fixture
def tls_options(certificates: Certificates) -> dict[str, Any]:
    return {"tls": certificates.server_tls(), "client_tls": certificates.client_context()}


async def test_a_client_certificate_lets_us_in(
    make_mosquitto: MakeBroker, certificates: Certificates, tls_options: dict[str, Any]
) -> None:
    broker = make_mosquitto(**tls_options)
    async with running(source_config(broker.url, tls=client_tls(certificates))) as source:
        await source.connected()
        payloads = [b"%d" % number + b"x" * 3000 for number in range(300)]
        await publish(broker.url, "arm/a", payloads, tls_context=certificates.client_context())
        source.source.acknowledge(await source.receive(300))
        assert source.source.status().warnings == ()
    assert source.payloads() == payloads


async def test_without_a_client_certificate_we_are_told_what_is_missing(
    make_mosquitto: MakeBroker, certificates: Certificates, tls_options: dict[str, Any]
) -> None:
    broker = make_mosquitto(**tls_options)
    async with running(source_config(broker.url, tls=Tls(ca_file=str(certificates.ca_file)))) as source:
        assert await source.trouble() == (
            f"The broker {broker.url} asks for a client certificate and got none.\n"
            "  Set tls.cert_file and tls.key_file to a certificate that the broker trusts."
        )
        assert source.source.status().state == "connecting"


async def test_a_client_certificate_of_another_authority_is_refused(
    make_mosquitto: MakeBroker, certificates: Certificates, tls_options: dict[str, Any], tmp_path: Path
) -> None:
    broker = make_mosquitto(**tls_options)
    stranger = issue_certificates(tmp_path)
    tls = Tls(
        ca_file=str(certificates.ca_file),
        cert_file=str(stranger.client_cert_file),
        key_file=str(stranger.client_key_file),
    )
    async with running(source_config(broker.url, tls=tls)) as source:
        trouble = await source.trouble()
        assert trouble.startswith(f"The broker {broker.url} ")
        assert "refused our client certificate" in trouble


async def test_a_broker_that_cannot_be_trusted_gets_nothing_from_us(
    make_mosquitto: MakeBroker, tls_options: dict[str, Any]
) -> None:
    broker = make_mosquitto(**tls_options)
    async with running(source_config(broker.url)) as source:
        assert (await source.trouble()).startswith(
            f"The broker {broker.url} shows a certificate that cannot be trusted: "
        )


async def test_tls_on_a_port_without_tls(make_mosquitto: MakeBroker, certificates: Certificates) -> None:
    broker = make_mosquitto()
    url = broker.url.replace("mqtt://", "mqtts://")
    async with running(source_config(url, tls=client_tls(certificates))) as source:
        trouble = await source.trouble()
    assert "TLS handshake" in trouble
    assert trouble.endswith("Does this port speak TLS? Without TLS the URL begins with mqtt://.")


async def test_passwords(make_mosquitto: MakeBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    broker = make_mosquitto(passwords={"twin": "right"})
    config = source_config(broker.url, username="twin", password="${BROKER_PASSWORD}")
    monkeypatch.setenv("BROKER_PASSWORD", "wrong")
    async with running(config) as source:
        assert await source.trouble() == (
            f"The broker {broker.url} does not authorize us as user 'twin'.\n"
            "  Check username and password (the variable that it names) in the definition, and the broker's users."
        )
        assert source.source.status().state == "connecting"
        monkeypatch.setenv("BROKER_PASSWORD", "right")
        await source.connected()
        await publish(broker.url, "arm/a", [b"1"], username="twin", password="right")
        await source.receive(1)


async def test_a_missing_password_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BROKER_PASSWORD", raising=False)
    config = source_config("mqtt://127.0.0.1:1", username="twin", password="${BROKER_PASSWORD}")
    with pytest.raises(SourceUnavailableError, match="The environment variable BROKER_PASSWORD"):
        async with running(config) as source:
            await source.until(lambda: source.source.status().state == "failed")


async def test_a_broker_that_is_not_there() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"mqtt://127.0.0.1:{taken.getsockname()[1]}"
        async with running(source_config(url)) as source:
            assert await source.trouble() == (
                f"The broker {url} is not there: the connection was refused.\n  Is it running, and is this its port?"
            )


async def test_a_host_that_does_not_exist_and_a_connection_in_the_clear() -> None:
    async with running(source_config("mqtt://broker.invalid:1883")) as source:
        assert "has a host name that cannot be resolved" in await source.trouble()
        assert source.source.status().warnings == (
            "The connection to mqtt://broker.invalid:1883 is not encrypted. Use mqtts:// and a client certificate.",
        )
