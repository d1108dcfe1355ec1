"""The examples of reinforcement learning run through the public API only, and assert what they learned."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib.metadata import EntryPoint
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import hanzo_twin
from hanzo_twin.testing import check_vector_env

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples" / "rl").glob("*.py"))
RLLIB = ROOT / ".venv-rllib" / "bin" / "python"


def _python(example: Path) -> str:
    if "rllib" in example.stem:
        if not (RLLIB.parent.parent / ".installed").exists():
            pytest.skip("RLlib lives in an environment of its own, which is not there; make it with: make rllib")
        return str(RLLIB)
    if find_spec("stable_baselines3") is None:
        pytest.skip("the extra train is not installed")
    return sys.executable


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_learns(example: Path) -> None:
    done = subprocess.run(
        [_python(example), str(example)], capture_output=True, text=True, timeout=280, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].endswith(".")


def test_a_task_of_ones_own_is_found_by_name_once_its_package_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = ROOT / "examples" / "rl" / "own_task"
    monkeypatch.syspath_prepend(folder)
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = project["entry-points"]["hanzo_twin.tasks"]
    recipe = EntryPoint(name="cartpole", group="hanzo_twin.tasks", value=named["cartpole"]).load()
    check_vector_env(lambda num_envs: hanzo_twin.make_vec(task=recipe, num_envs=num_envs))
    worlds = hanzo_twin.make_vec(task=recipe, num_envs=4, autoreset_mode="SameStep")
    worlds.reset(seed=0)
    ended = [worlds.step(np.ones((4, 1)))[4] for _ in range(40)]
    assert not any(info["final_info"]["is_success"].any() for info in ended if "final_info" in info)
    worlds.close()


def test_every_library_has_an_example() -> None:
    assert [path.stem for path in EXAMPLES] == ["01_stable_baselines3", "02_ppo_in_one_file", "03_rllib"]
