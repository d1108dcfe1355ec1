"""Ctrl-C on a training run: it saves, says so, and the same command goes on."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("stable_baselines3", reason="the extra train is not installed")
pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(240)]


def test_an_interrupted_run_goes_on(tmp_path: Path) -> None:
    spec = tmp_path / "spec.json"
    spec.write_text(json.dumps({"evaluation_episodes": 2, "evaluate_every": 2000, "num_envs": 8}))
    command = [
        str(Path(sys.executable).with_name("hanzo-twin")), "train", "--task", "pendulum", "--spec", str(spec),
        "--output", str(tmp_path / "run"), "--total-steps",
    ]  # fmt: skip
    with subprocess.Popen([*command, "100_000_000"], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as run:
        assert run.stderr is not None
        for line in run.stderr:
            if "held-out return" in line:
                break
        run.send_signal(signal.SIGINT)
        _, told = run.communicate(timeout=120)
    assert run.returncode == 130, told
    assert "Saving a checkpoint" in told
    assert f"the same command goes on. The run is in {tmp_path / 'run'}" in " ".join(told.split())
    steps = max(int(path.name) for path in (tmp_path / "run" / "checkpoints").glob("[0-9]*"))
    again = subprocess.run(
        [*command, str(steps + 1000), "--json"], capture_output=True, text=True, timeout=200, check=False
    )
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["steps"] >= steps + 1000
    assert min(row["steps"] for row in _rows(tmp_path / "run")) < steps
    changed = subprocess.run([*command, "5", "--seed", "9"], capture_output=True, text=True, timeout=100, check=False)
    assert changed.returncode == 4
    assert "holds another run: seed 0, now 9" in " ".join(changed.stderr.split())


def _rows(run: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
