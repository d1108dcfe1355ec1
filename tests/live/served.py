"""``hanzo-twin serve`` as a process of its own, and the command line that speaks to it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from tests.live.api_server import free_port
from tests.live.waiting import until

COMMAND = [sys.executable, "-c", "from hanzo_twin.cli.main import run; run()"]


class Platform:
    """A `serve` of its own, and the command line that speaks to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.metrics_port = free_port()
        self.url = f"http://127.0.0.1:{free_port()}"
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("HANZO_TWIN_")} | {
            "HANZO_TWIN_DATA_DIR": str(folder / "data"),
            "HANZO_TWIN_SERVER_PORT": self.url.rpartition(":")[2],
            "HANZO_TWIN_METRICS_PORT": str(self.metrics_port),
            "HANZO_TWIN_URL": self.url,
        }

    def start(self) -> None:
        with (self.folder / "serve.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*COMMAND, "serve"], stdout=log, stderr=log, env=self.environment, start_new_session=True
            )
        self.until("the server is ready", lambda: _answers(f"{self.url}/ready"))

    def stop(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=60)

    def until(self, what: str, true: Callable[[], bool]) -> None:
        """Wait for what is to become true while the server lives."""

        def look() -> bool:
            assert self.process.poll() is None, f"serve ended: {(self.folder / 'serve.log').read_text()}"
            return true()

        until(what, look, within_s=90)

    def __call__(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*COMMAND, *arguments], capture_output=True, text=True, env=self.environment, check=False, timeout=120
        )
        assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done

    def json(self, *arguments: str, code: int = 0) -> Any:
        return json.loads(self(*arguments, "--json", code=code).stdout)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


@contextmanager
def running(platform: Platform) -> Iterator[Platform]:
    """``platform``, started, and at the end stopped as by Ctrl-C, unless the test has ended it."""
    platform.start()
    try:
        yield platform
    finally:
        if platform.process.poll() is None:
            assert platform.stop() == 0
