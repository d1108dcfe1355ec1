"""What the documentation of environments says runs as it stands there."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

import numpy as np

import hanzo_twin
from hanzo_twin import plugins

PAGE = (Path(__file__).parents[3] / "docs" / "rl.md").read_text(encoding="utf-8")


def run_block(containing: str, folder: Path) -> dict[str, Any]:
    """The names that the code block with ``containing`` leaves behind."""
    blocks: list[str] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    file = folder / "block.py"
    file.write_text(next(code for code in blocks if containing in code), encoding="utf-8")
    return runpy.run_path(str(file))


def test_the_recipe_of_a_task_works(tmp_path: Path) -> None:
    worlds = run_block('name="reach_up"', tmp_path)["worlds"]
    worlds.reset(seed=0)
    _, rewards, _, _, infos = worlds.step(np.zeros((16, 6)))
    assert np.allclose(rewards, infos["reward_height"] + infos["reward_action"])
    assert rewards.max() > 0.5
    worlds.close()


def test_the_randomization_works(tmp_path: Path) -> None:
    spec = run_block("randomization = Randomization(", tmp_path)["randomization"]
    worlds = hanzo_twin.make_vec(task="arm_reach", num_envs=2, domain_randomization=spec)
    _, infos = worlds.reset(seed=0)
    assert infos["randomization"]["damping"].shape == (2, 6)
    worlds.close()


def test_every_task_is_described() -> None:
    assert all(f"| `{name}` |" in PAGE for name in plugins.names(plugins.TASKS))
