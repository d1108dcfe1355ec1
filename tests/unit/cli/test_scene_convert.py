"""``hanzo-twin scene convert``: the report, JSON, and exit codes."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner, Result

from hanzo_twin.cli.main import app

ROOT = Path(__file__).parents[3]
PENDULUM = ROOT / "examples/pendulum/pendulum.usda"
ARM = ROOT / "examples/arm/arm.usda"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["scene", "convert", *arguments])


def test_the_report_lists_what_is_lost_and_counts_the_rest(tmp_path: Path) -> None:
    done = run(str(ARM), str(tmp_path / "arm.xml"))
    shown = done.stdout

    assert done.exit_code == 0
    assert "LOST     max-velocity" in shown
    assert "/World/arm/joint_1" in shown
    assert "Kept: gravity, 1 articulation, " in shown
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
