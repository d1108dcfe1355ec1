"""A real API server for live tests: uvicorn in a thread, on an embedded database of its own."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import uvicorn

from hanzo_twin.api.app import create_app
from hanzo_twin.definition.settings import Metrics, Server, Settings

PENDULUM = Path(__file__).parents[2] / "examples" / "pendulum" / "pendulum.usda"
HINGE = "/World/pendulum/hinge"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def settings_in(folder: Path) -> Settings:
    """Embedded everything below ``folder``, on free ports."""
    return Settings(data_dir=folder, server=Server(port=free_port()), metrics=Metrics(port=free_port()))


@contextmanager
def api_server(settings: Settings) -> Iterator[str]:
    """The URL of a server that is ready."""
    config = uvicorn.Config(create_app(settings), port=settings.server.port, log_config=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        deadline = time.monotonic() + 60
        while not server.started:
            assert thread.is_alive(), "the server ended before it had started"
            assert time.monotonic() < deadline, "the server did not start within 60 s"
            time.sleep(0.01)
        url = f"http://127.0.0.1:{settings.server.port}"
        assert httpx.get(f"{url}/ready", timeout=30).status_code == 200
        yield url
    finally:
        server.should_exit = True
        thread.join(timeout=30)
        assert not thread.is_alive(), "the server did not end"
