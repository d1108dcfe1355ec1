"""``hanzo-twin scene convert``: the report, JSON, and exit codes."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner, Result

from hanzo_twin.cli.main import app

ROOT = Path(__file__).parents[3]
PENDULUM = ROOT / "examples/pendulum/pendulum.usda"
ARM = ROOT / "examples/arm/arm.usda"
LIMIT = "Its velocity limit of 2.0944 rad/s is lost."


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["scene", "convert", *arguments])


def test_the_report_lists_what_is_lost_and_counts_the_rest(tmp_path: Path) -> None:
    done = run(str(ARM), str(tmp_path / "arm.xml"))
    shown = done.stdout

    assert done.exit_code == 0
    [line] = [line for line in shown.splitlines() if "velocity-limit-lost" in line]
    assert line.rstrip().split(maxsplit=6)[2:] == ["/World/arm/joint_1", "and", "5", "others", LIMIT]
    assert "Kept: gravity, 1 articulation, " in shown
    assert "joints (6 with changes)" in shown
    assert f"Written: {tmp_path / 'arm.xml'}." in shown


def test_json_has_all_entries(tmp_path: Path) -> None:
    done = run(str(PENDULUM), str(tmp_path / "out.usdc"), "--json")
    report = json.loads(done.stdout)

    assert report["files"] == [str(tmp_path / "out.usdc")]
    assert report["changed"] == report["lost"] == []
    assert {entry["code"] for entry in report["kept"]} >= {"body", "joint", "articulation", "gravity"}


def test_a_source_that_cannot_be_read_exits_with_1_and_writes_nothing(tmp_path: Path) -> None:
    (tmp_path / "bad.xml").write_text("<mujoco>\n<wrong/>\n</mujoco>")

    told = run(str(tmp_path / "bad.xml"), str(tmp_path / "out.usda"))
    listed = run(str(tmp_path / "bad.xml"), str(tmp_path / "out.usda"), "--json")

    assert (told.exit_code, listed.exit_code) == (1, 1)
    assert "error[mjcf-refused]" in told.stderr
    assert json.loads(listed.stdout)["diagnoses"][0]["code"] == "mjcf-refused"
    assert [entry.name for entry in tmp_path.iterdir()] == ["bad.xml"]


def test_an_unknown_target_is_a_usage_error(tmp_path: Path) -> None:
    refused = run(str(PENDULUM), str(tmp_path / "out.step"))

    assert refused.exit_code == 2
    assert "Scenes cannot be written as '.step'." in refused.stderr


def test_what_is_there_is_replaced_only_by_force(tmp_path: Path) -> None:
    target = tmp_path / "out.usda"
    target.write_text("mine")

    refused = run(str(PENDULUM), str(target))
    assert refused.exit_code == 4
    assert f"'{target}' exists already; it is not replaced." in refused.stderr
    assert "--force" in refused.stderr
    assert target.read_text() == "mine"
    assert run(str(PENDULUM), str(target), "--force").exit_code == 0
    assert target.read_text().startswith("#usda")


def test_compose_replaces_only_by_force(tmp_path: Path) -> None:
    target = tmp_path / "cell.usda"
    target.write_text("mine")
    wanted = ["scene", "compose", "library:room", "--output", str(target)]

    refused = CliRunner().invoke(app, wanted)
    assert (refused.exit_code, target.read_text()) == (4, "mine")
    assert CliRunner().invoke(app, [*wanted, "--force"]).exit_code == 0


def test_findings_that_are_alike_stand_in_one_line(tmp_path: Path) -> None:
    cubes = "".join(
        f'def Cube "box_{index}" ( prepend apiSchemas = ["PhysicsRigidBodyAPI", "PhysicsCollisionAPI"] ) {{ }}\n'
        for index in range(6)
    )
    (tmp_path / "boxes.usda").write_text(f"#usda 1.0\n{cubes}")
    told = CliRunner().invoke(app, ["scene", "check", str(tmp_path / "boxes.usda")]).stdout
    [line] = [line for line in told.splitlines() if "mass-guessed" in line]
    assert line.startswith("warning[mass-guessed] /box_0: No mass and no density is authored;")
    assert line.endswith("And 5 others alike, which --json lists: /box_1, /box_2, /box_3, …")
    listed = CliRunner().invoke(app, ["scene", "check", str(tmp_path / "boxes.usda"), "--json"]).stdout
    assert listed.count('"mass-guessed"') == 6
