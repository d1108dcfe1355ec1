"""The examples of reinforcement learning run through the public API only, and assert what they learned."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

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


def test_every_library_has_an_example() -> None:
    assert [path.stem for path in EXAMPLES] == ["01_stable_baselines3", "02_ppo_in_one_file", "03_rllib"]
