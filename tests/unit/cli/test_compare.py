"""``hanzo-twin compare`` of engines; that of twins needs a server and is tested with one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hanzo_twin.cli.main import app
from hanzo_twin.errors import InvalidInputError

EXAMPLES = Path(__file__).parents[3] / "examples"
SCENE = str(EXAMPLES / "arm_table" / "scene.usda")
PNG = b"\x89PNG"


def compare(*arguments: str, code: int = 0) -> tuple[str, str]:
    done = CliRunner().invoke(app, ["compare", *arguments])
    assert done.exit_code == code, done.output
    return done.stdout, done.stderr


def test_the_arm_and_its_boxes_on_two_engines(tmp_path: Path) -> None:
    commands = tmp_path / "commands.csv"
    commands.write_text("time,/World/arm/joint_2.targetPosition,/World/arm/joint_5.targetPosition\n0,0.4,0.3\n")
    plot = tmp_path / "plot.png"
    asked = (SCENE, "--engines", "mujoco,gazebo", "--seconds", "0.2", "--step-hz", "500", "--command", str(commands))
    shown, told = compare(*asked, "--plot", str(plot))
    assert shown.startswith("0.2 s in steps of 0.002 s; differences from mujoco.\n")
    assert "\n/World/arm/joint_5 " in shown
    assert "\ngazebo parts from mujoco at 0." in shown
    assert "of first order in the step of 0.002 s" in shown.replace("\n", " ")
    assert f"The plot is in {plot}." in told
    assert plot.read_bytes().startswith(PNG)
    found = json.loads(compare(*asked, "--json")[0])
    assert set(found) == {"reference", "step_s", "seconds", "engines"}
    assert found["engines"]["gazebo"]["first_divergence"]["path"] == "/World/arm/joint_5"
    assert 1e-3 < found["engines"]["gazebo"]["max_joint_error_rad"] < 1e-2
    assert found["engines"]["mujoco"]["max_joint_error_rad"] == 0.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((SCENE,), "It is not said what to compare with."),
        ((SCENE, "other", "--engines", "mujoco,gazebo"), "OTHER is for two twins and does not go with --engines."),
        ((SCENE, "--engines", "mujoco,gazebo", "--now"), "--now is for two twins"),
        (("a", "b", "--seconds", "2"), "--seconds needs --engines."),
        (("a", "b", "--plot", "x.png"), "--plot needs --engines."),
    ],
)
def test_two_forms_are_not_mixed(arguments: tuple[str, ...], message: str) -> None:
    assert message in compare(*arguments, code=InvalidInputError.exit_code)[1]


def test_an_unknown_engine_is_named_with_the_nearest() -> None:
    assert "Did you mean 'gazebo'?" in compare(SCENE, "--engines", "mujoco,gazbo", code=5)[1]


def test_a_bad_command_file_is_told_with_its_line(tmp_path: Path) -> None:
    commands = tmp_path / "commands.csv"
    commands.write_text("time,/World/arm/joint_2.targetPosition\n0,0.4\n1,fast\n")
    told = compare(SCENE, "--engines", "mujoco,gazebo", "--command", str(commands), code=2)[1]
    assert f"{commands}:3: column '/World/arm/joint_2.targetPosition' has 'fast', which is not a number." in told
