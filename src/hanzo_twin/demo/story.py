"""The demonstration, step by step: bring everything up, watch the twin find out, ask it a question."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hanzo_twin.broker import LocalBroker, local_broker
from hanzo_twin.client import Client
from hanzo_twin.definition.models import require_physical
from hanzo_twin.definition.yaml_source import parse_definition
from hanzo_twin.demo.device import TRUE_PARAMETERS, DeviceSpec
from hanzo_twin.errors import UnavailableError
from hanzo_twin.service.views import SyncStatusView

TWIN = "demo-arm"
READY_S = 60.0
FOUND_S = 120.0
SETTLE_S = 6.0
WHAT_IF = "/World/arm/payload.mass"
WHAT_IF_FACTOR = 1.5


@dataclass(kw_only=True)
class Progress:
    """What the screen shows; each step of the story writes here."""

    steps: list[tuple[str, float]] = field(default_factory=list)
    status: SyncStatusView | None = None
    events: list[str] = field(default_factory=list)
    history: list[tuple[float, float]] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)

    def step(self, text: str) -> None:
        self.steps.append((text, time.monotonic() - self.started))


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What the demonstration found; ``report`` is the line that ``--json`` prints."""

    url: str
    report: dict[str, Any]


Watch = Callable[[Progress], None]


class Story:
    """Runs the demonstration inside ``with``; everything it started ends with it."""

    def __init__(self, watch: Watch) -> None:
        self.progress = Progress()
        self._watch = watch
        self._ending = ExitStack()

    def __enter__(self) -> Story:
        self._folder = Path(self._ending.enter_context(TemporaryDirectory(prefix="hanzo-twin-demo-")))
        return self

    def __exit__(self, *failure: object) -> None:
        self._ending.close()

    def tell(self) -> Outcome:
        """The whole story.

        Raises:
            HanzoTwinError: something did not come up, or nothing was found in time; the message says what.
        """
        scene = demo_scene()
        broker = local_broker(self._folder / "broker")
        broker.start()
        self._ending.callback(broker.stop)
        self._say(f"MQTT broker on {broker.url}")
        url = self._ending.enter_context(self._serve())
        client = self._ending.enter_context(Client(url))
        self._say(f"platform on {url}")
        uploaded = client.upload_scene("demo-arm", scene)
        definition = (
            files("hanzo_twin.demo").joinpath("assets/twin.yaml").read_text()
            .replace("${SCENE}", uploaded.uri)
            .replace("${BROKER}", broker.url)
        )  # fmt: skip
        engine = require_physical(parse_definition(definition, "the demonstration's twin")).engine.type
        client.create_twin_from_yaml(definition)
        client.start_twin(TWIN, wait_seconds=READY_S)
        self._say("twin started")
        device = self._device(scene, engine, broker)
        self._ending.callback(_end, device)
        self._wait(client, "readings", lambda status: status.health not in ("starting", "down"), READY_S)
        self._say("machine connected; its payload and friction are not those of the twin")
        ready_s = time.monotonic() - self.progress.started
        before = self._find(client)
        self._say("recalibrated")
        after = self._settle(client)
        found = dict(client.get_sync_status(TWIN).recalibration)
        what_if = self._ask(client)
        self._say("what-if answered")
        published = _end(device)
        final = self._drain(client, published)
        report = _report(before, after, found, what_if, final, published)
        return Outcome(url=url, report={**report, "ready_s": round(ready_s, 2)})

    def _say(self, text: str) -> None:
        self.progress.step(text)
        self._watch(self.progress)

    @contextmanager
    def _serve(self) -> Iterator[str]:
        port = _free_port()
        environment = {
            **os.environ,
            "HANZO_TWIN_DATA_DIR": str(self._folder / "data"),
            "HANZO_TWIN_SERVER_PORT": str(port),
            "HANZO_TWIN_METRICS_PORT": str(_free_port()),
        }
        log = (self._folder / "serve.log").open("wb")
        command = [sys.executable, "-m", "hanzo_twin", "serve"]
        serving = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
        url = f"http://127.0.0.1:{port}"
        try:
            self._await_ready(url, serving)
            yield url
        finally:
            _end(serving)
            log.close()

    def _await_ready(self, url: str, serving: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + READY_S
        with Client(url) as client:
            while serving.poll() is None and time.monotonic() < deadline:
                try:
                    client.get_readiness()
                except UnavailableError:
                    self._watch(self.progress)
                    time.sleep(0.1)
                else:
                    return
        tail = (self._folder / "serve.log").read_text(errors="replace")[-2000:]
        raise UnavailableError(f"The platform did not come up within {READY_S:.0f} s. Its last words:\n{tail}")

    def _device(self, scene: Path, engine: str, broker: LocalBroker) -> subprocess.Popen[bytes]:
        spec = self._folder / "device.json"
        DeviceSpec(scene=str(scene), engine=engine, host="127.0.0.1", port=broker.port).write(spec)
        log = self._ending.enter_context((self._folder / "device.log").open("wb"))
        command = [sys.executable, "-m", "hanzo_twin.demo.device", str(spec)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log)

    def _wait(
        self, client: Client, what: str, reached: Callable[[SyncStatusView], bool], seconds: float
    ) -> SyncStatusView:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            status = self._look(client)
            if reached(status):
                return status
            time.sleep(0.2)
        raise UnavailableError(f"The demonstration waited {seconds:.0f} s for {what} in vain.")

    def _look(self, client: Client) -> SyncStatusView:
        status = client.get_sync_status(TWIN)
        records = client.get_sync_history(TWIN, kind=["lifecycle"], limit=8).records
        self.progress.status = status
        self.progress.events = [str(record.detail.get("message", "")) for record in reversed(records)]
        worst = max((drift.rms or 0.0 for drift in status.drift if drift.dimension == "position"), default=0.0)
        self.progress.history.append((time.monotonic() - self.progress.started, worst))
        self._watch(self.progress)
        return status

    def _find(self, client: Client) -> SyncStatusView:
        """Until the twin has recalibrated itself; returns the last status before that."""
        last = self._look(client)
        deadline = time.monotonic() + FOUND_S
        while time.monotonic() < deadline:
            status = self._look(client)
            if status.recalibration.get("count"):
                return last
            last = status
            time.sleep(0.2)
        raise UnavailableError(
            f"The twin did not recalibrate within {FOUND_S:.0f} s: {json.dumps(last.recalibration)[:500]}"
        )

    def _settle(self, client: Client) -> SyncStatusView:
        """Until the drift window holds nothing from before the recalibration."""
        until = time.monotonic() + SETTLE_S
        while time.monotonic() < until:
            self._look(client)
            time.sleep(0.2)
        return self._look(client)

    def _ask(self, client: Client) -> dict[str, Any]:
        """What if the payload were half as heavy again?"""
        (present,) = client.get_parameters(TWIN, address=[WHAT_IF]).parameters
        heavier = (present.value or 0.0) * WHAT_IF_FACTOR
        fork = client.fork_twin(TWIN, name="heavier-payload", parameters={WHAT_IF: heavier})
        answer = client.compare_twins(TWIN, fork.name, horizon_s=2.0)
        positions = {a: d for a, d in answer.difference.items() if a.endswith(".position")}
        worst = max(positions, key=lambda address: positions[address]["max"])
        return {
            "question": f"{WHAT_IF} × {WHAT_IF_FACTOR}",
            "value": heavier,
            "horizon_s": answer.horizon_s,
            "largest_difference": {"address": worst, "max_rad": positions[worst]["max"]},
        }

    def _drain(self, client: Client, published: int) -> SyncStatusView:
        """Until every message that the machine sent has arrived, or five seconds have passed."""
        deadline = time.monotonic() + 5.0
        status = self._look(client)
        while status.links[0].messages < published and time.monotonic() < deadline:
            time.sleep(0.1)
            status = self._look(client)
        return status


def demo_scene() -> Path:
    """The arm, as installed with the package or as it lies in a checkout.

    Raises:
        UnavailableError: neither is there.
    """
    installed = Path(str(files("hanzo_twin.demo").joinpath("assets/arm.usda")))
    checkout = Path(__file__).parents[3] / "examples" / "arm" / "arm.usda"
    for candidate in (installed, checkout):
        if candidate.exists():
            return candidate
    raise UnavailableError("The demonstration's scene is missing.", hint="Install hanzo-twin again.")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _end(process: subprocess.Popen[bytes]) -> int:
    """Ask a process to end, and see that it does; returns the number of messages that a machine published."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        said, _ = process.communicate(timeout=30)
    except subprocess.TimeoutExpired:
        process.kill()
        said, _ = process.communicate()
    try:
        return int(json.loads(said or b"{}").get("published", 0))
    except ValueError:
        return 0


def _report(
    before: SyncStatusView,
    after: SyncStatusView,
    recalibration: dict[str, Any],
    what_if: dict[str, Any],
    final: SyncStatusView,
    published: int,
) -> dict[str, Any]:
    drifting = {drift.address: drift.rms or 0.0 for drift in before.drift if drift.dimension == "position"}
    worst = max(drifting, key=lambda address: drifting[address])
    settled = {drift.address: drift.rms for drift in after.drift}
    fitted = recalibration["last"]["parameters"]
    return {
        "drift_before": drifting[worst],
        "drift_after": settled[worst],
        "drift_attribute": worst,
        "parameters": {
            address: {"true": true, **{key: fitted[address][key] for key in ("estimate", "low", "high")}}
            for address, true in TRUE_PARAMETERS.items()
        },
        "sync_latency_ms": {"p50": final.reading_ms.p50, "p99": final.reading_ms.p99},
        "readings": {"received": final.links[0].messages, "lost": published - final.links[0].messages},
        "what_if": what_if,
    }
