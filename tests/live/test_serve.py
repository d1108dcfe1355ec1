"""``hanzo-twin serve`` as a user runs it, and everything under it killed in turn."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from tests.live.api_server import free_port
from tests.live.cutting_proxy import cutting_proxy
from tests.live.runtimes import definition
from tests.live.waiting import until

from hanzo_twin.client import Client
from hanzo_twin.clock import WallClock
from hanzo_twin.errors import ConflictError, SettingsError
from hanzo_twin.runtime.directory import process_started_ticks
from hanzo_twin.runtime.launcher import LocalLauncher
from hanzo_twin.runtime.supervisor import Child, Supervisor
from hanzo_twin.service.views import EventView
from hanzo_twin.stores.postgres_cluster import find_cluster

pytestmark = [pytest.mark.live, pytest.mark.timeout(180)]


@dataclass
class Served:
    """One data directory, and the `serve` processes that were started on it."""

    data: Path
    port: int = field(default_factory=free_port)
    metrics_port: int = field(default_factory=free_port)
    workers: int = 1
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def launcher(self) -> LocalLauncher:
        """Sees the runtimes; starts none."""
        return LocalLauncher(self.data / "runtimes")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> subprocess.Popen[str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("HANZO_TWIN_")}
        environment |= {
            "HANZO_TWIN_DATA_DIR": str(self.data),
            "HANZO_TWIN_SERVER_PORT": str(self.port),
            "HANZO_TWIN_METRICS_PORT": str(self.metrics_port),
            "HANZO_TWIN_SERVER_WORKERS": str(self.workers),
            "HANZO_TWIN_RUNTIME_CHECKPOINT_SECONDS": "0.2",
            "COLUMNS": "200",
        }
        command = [str(Path(sys.executable).with_name("hanzo-twin")), "serve"]
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=self.data.parent
        )
        self.started.append(process)
        return process

    def ready(self, process: subprocess.Popen[str]) -> None:
        def look() -> bool:
            if process.poll() is not None:
                raise AssertionError(f"serve ended: {process.stdout.read() if process.stdout else ''}")
            return self.answers("/ready")

        until("the API is ready", look, within_s=120)

    def answers(self, path: str) -> bool:
        try:
            return httpx.get(self.url + path).status_code == 200
        except httpx.HTTPError:
            return False

    def get(self, path: str) -> dict[str, Any]:
        return dict(httpx.get(self.url + path, timeout=20).raise_for_status().json())

    def post(self, path: str, body: Any = None, **query: Any) -> dict[str, Any]:
        answer = httpx.post(self.url + path, json=body, params=query, timeout=60)
        assert answer.is_success, answer.text
        return dict(answer.json())

    def child(self, process: subprocess.Popen[str], name: str, *, beside: int | None = None) -> int:
        """Process id of the API or the controller, of another one than ``beside``."""

        def look() -> int | None:
            for each in psutil.Process(process.pid).children():
                with contextlib.suppress(psutil.NoSuchProcess):  # it died this moment
                    command = each.cmdline()
                    if "hanzo_twin.runtime.child" in command and name in command and each.pid != beside:
                        return each.pid
            return None

        return until(f"the {name} runs", look)

    def runtime(self, *, beside: int | None = None) -> int:
        """Process id of the only runtime."""

        def look() -> int | None:
            for twin_id in self.launcher.known():
                seen = self.launcher.observe(twin_id)
                if seen.ready is not None and seen.pid != beside:
                    return seen.pid
            return None

        return until("a runtime serves", look)

    def running_twin(self) -> int:
        """Create and start a twin; process id of its runtime."""
        self.post("/v1/twins", definition())
        started = self.post("/v1/twins/pendulum/start", wait_seconds=50)
        assert started["phase"] == "running", started
        return self.runtime()

    def processes(self) -> set[int]:
        """Ids of all processes that name the data directory in their command or environment, or work in it."""
        found = set()
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.pid != os.getpid() and process.status() != psutil.STATUS_ZOMBIE:
                    words = [*process.cmdline(), *process.environ().values(), process.cwd()]
                    found |= {process.pid} if any(str(self.data) in word for word in words) else set()
        return found

    def postmaster(self) -> int | None:
        return find_cluster(self.data / "postgres").server_pid()

    def time(self) -> float:
        return float(self.get("/v1/twins/pendulum/state")["time"])

    def clean_up(self) -> None:
        for process in self.started:
            if process.poll() is None:
                process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
        for twin_id in self.launcher.known():
            self.launcher.kill(twin_id)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    made = Served(tmp_path / "data")
    yield made
    made.clean_up()


def gone(pid: int) -> bool:
    return process_started_ticks(pid) is None


def test_whatever_is_killed_comes_back_and_the_twin_goes_on(served: Served) -> None:
    served.workers = 2
    serve = served.start()
    served.ready(serve)
    runtime = served.running_twin()

    for name in ("api-1", "api-2", "controller", "worker"):
        pid = served.child(serve, name)
        os.kill(pid, signal.SIGKILL)
        until(f"the {name} is gone", lambda pid=pid: gone(pid))  # type: ignore[misc]
        # Two API processes share the socket: nobody who asks while one is gone is turned away.
        assert served.answers("/alive"), name
        served.child(serve, name, beside=pid)
    assert served.runtime() == runtime

    before = served.time()
    os.kill(runtime, signal.SIGKILL)
    second = served.runtime(beside=runtime)
    until("the restart is written down", lambda: served.get("/v1/twins/pendulum")["restarts"] >= 1)
    until("it answers", lambda: served.answers("/v1/twins/pendulum/state"))
    assert served.time() >= before - 0.5, "at most the checkpoint interval and a tick are lost"

    postmaster = served.postmaster()
    assert postmaster is not None
    os.kill(postmaster, signal.SIGKILL)
    until("the database is gone", lambda: gone(postmaster))
    until("the database is back", lambda: served.answers("/ready"))
    assert served.runtime() == second

    assert "hanzo_twin_active_simulations" in httpx.get(f"http://127.0.0.1:{served.metrics_port}/metrics").text


def test_a_stream_of_events_goes_on_whatever_is_cut_or_killed(served: Served) -> None:
    serve = served.start()
    served.ready(serve)
    runtime = served.running_twin()
    with cutting_proxy(served.port) as proxy, Client(served.url) as direct, Client(proxy.url) as followed:
        state = direct.get_state_bytes("pendulum")

        def happens() -> None:
            """Something that is told to whoever follows."""
            direct.set_state_bytes("pendulum", state)

        events = followed.events("pendulum")
        assert next(events).kind == "opened"
        happens()
        first = next(event for event in events if event.kind == "state-set")

        proxy.cut()
        happens()
        second = next(events)
        assert (second.kind, number(second)) == ("state-set", number(first) + 1)

        api = served.child(serve, "api")
        os.kill(api, signal.SIGKILL)
        served.child(serve, "api", beside=api)
        until("the API answers again", lambda: served.answers("/ready"))
        happens()
        third = next(events)
        assert (third.kind, number(third)) == ("state-set", number(first) + 2)

        os.kill(runtime, signal.SIGKILL)
        missed, again = next(events), next(events)
        assert (missed.kind, missed.id) == ("missed", "")
        assert missed.message.startswith("The process of the twin was started again")
        assert (again.kind, number(again)) == ("opened", 1)

        later = direct.events("pendulum", after=again.id)
        happens()
        assert next(event for event in later if event.kind == "state-set").id == (
            next(event for event in events if event.kind == "state-set").id
        )
        direct.stop_twin("pendulum", wait_seconds=30)
        with pytest.raises(ConflictError, match="is stopped, not running"):
            list(events)


def number(event: EventView) -> int:
    return int(event.id.rpartition("-")[2])


def test_serve_killed_takes_its_own_along_and_the_next_adopts_the_runtimes(served: Served) -> None:
    served.workers = 2
    first = served.start()
    served.ready(first)
    runtime = served.running_twin()
    assert len(served.processes()) > 5
    before = served.time()
    first.kill()
    first.wait()
    until("nothing but the runtime is left", lambda: served.processes() == {runtime}, within_s=20)
    second = served.start()
    served.ready(second)
    until("the twin is seen", lambda: served.answers("/v1/twins/pendulum/state"))
    assert served.runtime() == runtime
    assert served.time() > before
    assert served.get("/v1/twins/pendulum")["restarts"] == 0


def test_after_everything_was_killed_at_once_the_next_serve_goes_on(served: Served) -> None:
    first = served.start()
    served.ready(first)
    served.running_twin()
    before = served.time()
    for pid in served.processes():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    first.wait()
    until("nothing is left", lambda: not served.processes())
    second = served.start()
    served.ready(second)
    until("the twin runs again", lambda: served.answers("/v1/twins/pendulum/state"))
    assert served.time() >= before - 0.5
    second.terminate()
    second.communicate(timeout=60)
    assert second.returncode == 0
    assert served.processes() == set()


def test_sigterm_ends_everything_and_the_twin_continues_next_time(served: Served) -> None:
    first = served.start()
    served.ready(first)
    runtime = served.running_twin()
    environment = served.post("/v1/gym/envs", {"task": "pendulum"})["id"]
    before = served.time()
    first.terminate()
    said, _ = first.communicate(timeout=60)
    assert first.returncode == 0
    assert "Hanzo Twin is ready; Ctrl-C stops it." in said
    assert f"http://127.0.0.1:{served.port}/v1" in said
    assert "Traceback" not in said
    assert gone(runtime)
    assert served.processes() == set()
    assert not served.answers("/alive")
    second = served.start()
    served.ready(second)
    until("the twin runs again", lambda: served.answers("/v1/twins/pendulum/state"))
    served.runtime()
    assert served.time() >= before
    lost = httpx.get(f"{served.url}/v1/gym/envs/{environment}", timeout=20)
    assert lost.status_code == 410
    assert "has ended: the server was stopped" in lost.text


@pytest.mark.parametrize(("taken", "setting"), [("port", "server.port"), ("metrics_port", "metrics.port")])
def test_a_taken_port_is_named_with_its_setting(served: Served, taken: str, setting: str) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", getattr(served, taken)))
        other.listen()
        said, _ = (process := served.start()).communicate(timeout=60)
    assert process.returncode == ConflictError.exit_code
    flat = re.sub(r"\s+", " ", said)
    assert f"Port {getattr(served, taken)} of 127.0.0.1 cannot be used: Address already in use." in flat
    variable = "HANZO_TWIN_" + setting.replace(".", "_").upper()
    assert f"choose another port with {setting} ({variable})" in flat
    assert "Traceback" not in said


def test_a_data_directory_is_served_once(served: Served) -> None:
    first = served.start()
    served.ready(first)
    served.port, served.metrics_port, port = free_port(), free_port(), served.port
    second = served.start()
    said, _ = second.communicate(timeout=60)
    assert second.returncode == ConflictError.exit_code
    assert f"Another 'hanzo-twin serve' already runs on {served.data}." in re.sub(r"\s+", " ", said)
    served.port = port
    assert served.answers("/ready")


async def test_a_child_that_can_never_run_ends_serve_with_what_it_said(tmp_path: Path) -> None:
    hopeless = Child(
        name="api", module="hanzo_twin.runtime.child", output=tmp_path / "out", arguments=("nonsense",), environment={}
    )
    with pytest.raises(SettingsError, match=r"The api cannot run \(exit code 2\)\. Usage: python -m hanzo_twin"):
        await Supervisor([hopeless], WallClock()).run()
