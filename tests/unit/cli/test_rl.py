"""``hanzo-twin rl``: the tasks there are, and what randomization does to their trajectories."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner, Result

from hanzo_twin import plugins
from hanzo_twin.cli.main import app


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["rl", *arguments])


def test_tasks_are_listed_with_the_names_that_gymnasium_knows() -> None:
    listed = {each["name"]: each for each in json.loads(run("tasks", "--json").stdout)}

    assert set(listed) == set(plugins.names(plugins.TASKS))
    assert listed["pendulum"]["gymnasium_id"] == "hanzo_twin/Pendulum-v0"
    assert all(each["summary"] in run("tasks").stdout for each in listed.values())


def test_the_spread_of_a_randomized_task_is_told_and_drawn(tmp_path: Path) -> None:
    plot = tmp_path / "spread.svg"
    few = ("inspect", "--task", "pendulum", "--num-envs", "4", "--seconds", "0.2")
    told = json.loads(run(*few, "--json").stdout)

    assert (told["num_envs"], told["seconds"]) == (4, 0.2)
    assert all(draw["min"] <= draw["max"] and 0 <= draw["influence"] <= 1 for draw in told["draws"].values())
    assert any(distance > 0 for distance in told["rms_from_nominal"].values())
    shown = run(*few, "--plot", str(plot))
    assert all(name in shown.stdout for name in told["draws"])
    assert plot.read_text().startswith("<?xml")


def test_a_plot_that_cannot_be_written_is_refused_before_anything_runs(tmp_path: Path) -> None:
    done = run("inspect", "--task", "pendulum", "--plot", str(tmp_path / "nowhere" / "spread.png"))

    assert done.exit_code == 2
    assert "there is no folder" in done.stderr
