"""Training reports to a real MLflow server, goes on without it, and tells it the rest when it is back."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

import httpx
import pytest

pytest.importorskip("stable_baselines3", reason="the extra train is not installed")

from hanzo_twin.errors import InvalidInputError
from hanzo_twin.rl.training import mlflow_run
from hanzo_twin.rl.training.spec import parse_spec
from hanzo_twin.rl.training.train import train

SERVES = all(find_spec(name) for name in ("mlflow", "flask", "flask_cors", "pandas", "aiohttp"))
pytestmark = [
    pytest.mark.live,
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.skipif(not SERVES, reason="what 'mlflow server' needs is not installed"),
]
SPEC = {
    "task": "pendulum",
    "num_envs": 4,
    "total_steps": 4096,
    "evaluate_every": 1024,
    "evaluation_episodes": 2,
    "hyperparameters": {"n_steps": 64, "batch_size": 64, "n_epochs": 1},
}


class Server:
    """``mlflow server`` on a port of its own, over a database file."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self._folder = folder
        self.uri = f"http://127.0.0.1:{self._port}"
        self.start()

    def start(self) -> None:
        with (self._folder / "server.log").open("a") as log:
            self._process = self._begin(log)
        with httpx.Client(base_url=self.uri, timeout=2.0) as client:
            while self._process.poll() is None:
                try:
                    if client.get("/health").status_code == 200:
                        return
                except httpx.TransportError:
                    time.sleep(0.2)
        pytest.fail((self._folder / "server.log").read_text())

    def _begin(self, log: IO[str]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [
                sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self._port), "--workers",
                "1", "--backend-store-uri", f"sqlite:///{self._folder / 'mlflow.db'}", "--artifacts-destination",
                str(self._folder / "artifacts"),
            ],
            env=os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"},
            cwd=self._folder,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip

    def kill(self) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


class Watcher:
    """Keeps what it is told; ``server`` dies with the first judgement."""

    stopping = False

    def __init__(self, server: Server) -> None:
        self.lines: list[str] = []
        self._server = server

    def report(self, progress: float, message: str = "", **metrics: float) -> None:
        """Progress is of no matter here."""

    def log(self, line: str) -> None:
        if "held-out return" in line and not any("held-out return" in each for each in self.lines):
            self._server.kill()
        self.lines.append(line)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    running = Server(tmp_path)
    yield running
    running.kill()


def test_a_server_that_is_killed_loses_nothing(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow import MlflowClient

    monkeypatch.setattr(mlflow_run, "_FAREWELL_S", 2.0)
    folder, spec = tmp_path / "run", parse_spec({**SPEC, "tracking_uri": server.uri})
    watcher = Watcher(server)
    done = train(spec, folder, watcher)
    told = "\n".join(watcher.lines)
    assert done["steps"] == 4096
    assert re.search(f"MLflow at '{server.uri}' does not take the metrics: Connection re(fused|set by peer). Tr", told)
    assert "did not get the last" in told
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    judged = [row["steps"] for row in rows if "evaluation/return_mean" in row]
    assert judged == [1024, 2048, 3072, 4096]

    server.start()
    train(spec, folder, watcher)
    client = MlflowClient(tracking_uri=server.uri)
    (run,) = client.search_runs([client.get_experiment_by_name("hanzo-twin").experiment_id])
    assert (run.info.status, run.data.params["algo"]) == ("FINISHED", "ppo")
    history: list[Any] = client.get_metric_history(run.info.run_id, "evaluation/return_mean")
    assert sorted({metric.step for metric in history}) == judged
    server.kill()

    with pytest.raises(InvalidInputError, match=r"cannot be used: Connection refused\.\n  Start it with 'mlflow serv"):
        train(spec, tmp_path / "another", watcher)
