"""What `serve` checks and hands on before anything runs."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from pydantic import SecretStr

from hanzo_twin.definition.settings import Database, Metrics, Server, Settings, Storage, load_settings
from hanzo_twin.errors import ConflictError, SettingsError
from hanzo_twin.runtime.effective_settings import database_url, environment_with, with_database, write_settings
from hanzo_twin.runtime.serve import api_url, listen


def test_a_taken_port_is_named_with_the_setting_that_changes_it(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(
            ConflictError, match=f"Port {port} of 127.0.0.1 cannot be used: Address already in use"
        ) as api:
            listen(Settings(data_dir=tmp_path, server=Server(port=port), metrics=Metrics(enabled=False)))
        with pytest.raises(ConflictError) as metrics:
            listen(Settings(data_dir=tmp_path, server=Server(port=free()), metrics=Metrics(port=port)))
    assert api.value.hint.endswith("choose another port with server.port (HANZO_TWIN_SERVER_PORT).")
    assert metrics.value.hint.endswith("choose another port with metrics.port (HANZO_TWIN_METRICS_PORT).")
    with listen(Settings(data_dir=tmp_path, server=Server(port=port), metrics=Metrics(enabled=False))) as listening:
        assert listening.getsockname()[1] == port


def free() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_children_get_exactly_the_settings_in_force(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(
        data_dir=tmp_path,
        server=Server(port=18082),
        storage=Storage(endpoint="http://h:1", access_key=SecretStr("a"), secret_key=SecretStr("p$${x}${y}")),
    )
    settings = with_database(settings, "postgresql+psycopg://twin:pa%40ss@127.0.0.1:5/twin")
    path = tmp_path / "settings.json"
    write_settings(settings, path)
    assert path.stat().st_mode & 0o077 == 0
    monkeypatch.setenv("HANZO_TWIN_SERVER_PORT", "9999")
    monkeypatch.setenv("MQTT_PASSWORD", "kept")
    environment = environment_with(path)
    assert environment["MQTT_PASSWORD"] == "kept"
    assert load_settings(environ=environment) == settings
    assert database_url(settings) == "postgresql+psycopg://twin:pa%40ss@127.0.0.1:5/twin"


def test_without_a_database_the_setting_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"database\.url is not set\."):
        database_url(Settings(data_dir=tmp_path, database=Database()))


def test_addresses_can_be_opened_in_a_browser(tmp_path: Path) -> None:
    assert api_url(Settings(data_dir=tmp_path, server=Server(host="::1", port=1))) == "http://[::1]:1"
    assert api_url(Settings(data_dir=tmp_path)) == "http://127.0.0.1:8082"
