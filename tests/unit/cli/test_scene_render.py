"""``hanzo-twin scene render``, ``scene scan`` and the sensors of ``scene check``."""

from __future__ import annotations

import json
from pathlib import Path

import imageio.v2 as imageio
import pytest
from typer.testing import CliRunner, Result

from hanzo_twin.cli.main import app
from hanzo_twin.errors import UnsupportedError
from hanzo_twin.sensors.mirror import picture_renderer

SCENE = Path(__file__).parents[3] / "examples/arm_table/scene.usda"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["scene", *arguments])


@pytest.fixture
def pictures() -> None:
    try:
        picture_renderer()
    except UnsupportedError as none:
        pytest.skip(str(none))


def test_check_lists_sensors_and_cameras() -> None:
    told, listed = run("check", str(SCENE)), json.loads(run("check", str(SCENE), "--json").stdout)

    assert "/World/arm/payload/imu" in told.stdout
    sensors = {each["path"]: each for each in listed["sensors"]}
    assert sensors["/World/lidar"] == {"path": "/World/lidar", "kind": "lidar", "body": "", "rate_hz": None}
    assert sensors["/World/camera"]["kind"] == "camera"
    assert sensors["/World/arm/payload/imu"]["body"] == "/World/arm/payload"


def test_a_picture_of_the_first_camera(pictures: None, tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    done = run("render", str(SCENE), "-o", str(file), "--width", "80", "--height", "60")

    assert done.exit_code == 0
    assert done.stdout.startswith("/World/camera at 0 s on kinematic, drawn by ")
    assert imageio.imread(file).shape == (60, 80, 3)


def test_an_overview_with_instances_as_json(pictures: None, tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    arguments = ["--camera", "overview", "--instance", "--width", "80", "--height", "60", "--seconds", "0.1", "--json"]
    report = json.loads(run("render", str(SCENE), "-o", str(file), *arguments).stdout)

    assert (report["camera"], report["kind"], report["time"]) == ("", "instance", pytest.approx(0.1, abs=0.005))
    names = {part["name"] for part in report["parts"]}
    assert {"/World/table/top", "/World/box_4", "/World/arm/link_2"} <= names
    assert sum(part["share"] for part in report["parts"]) == pytest.approx(1.0)


def test_depth_tells_its_range(pictures: None, tmp_path: Path) -> None:
    done = run("render", str(SCENE), "-o", str(tmp_path / "a.png"), "--depth", "--width", "40", "--height", "30")

    assert "Depths from " in done.stdout
    assert imageio.imread(tmp_path / "a.png").ndim == 2


def test_a_scan_is_plotted_and_counted(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    report = json.loads(run("scan", str(SCENE), "-o", str(tmp_path / "s.png"), "--json").stdout)

    assert (report["lidar"], report["rays"]) == ("/World/lidar", 1024)
    assert report["hits"][0]["name"] == "/World/ground/plane"
    assert sum(hit["rays"] for hit in report["hits"]) == report["returned"]
    assert (tmp_path / "s.png").stat().st_size > 1000


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["render", "--camera", "/World/camara", "-o", "x.png"], 3, "Did you mean '/World/camera'"),
        (["render", "--depth", "--instance", "-o", "x.png"], 2, "ask for one"),
        (["render", "-o", "x.jpg"], 2, "Allowed: .png."),
        (["render", "-o", "x.png", "--engine", "mujoko"], 5, "No engine named 'mujoko'"),
        (["render", "-o", "x.png", "--seconds", "-1"], 2, "--seconds is -1."),
        (["scan", "-o", "x.png", "--lidar", "/World/lidor"], 3, "Did you mean '/World/lidar'"),
        (["scan", "-o", "x.gif"], 2, "Allowed: .png, .svg, .pdf."),
    ],
)
def test_what_cannot_be_is_told(arguments: list[str], code: int, message: str) -> None:
    done = run(arguments[0], str(SCENE), *arguments[1:])

    assert (done.exit_code, message in done.stderr) == (code, True), done.stderr
    assert not Path("x.png").exists()


def test_a_camera_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    done = run("render", str(SCENE), "--camera", "overvew", "-o", str(tmp_path / "a.png"))
    assert done.exit_code == 3
    assert "The scene has no camera 'overvew'." in done.stderr
    assert "Did you mean 'overview'? Allowed: /World/camera, overview." in done.stderr


def test_a_scene_that_the_first_engine_refuses_is_drawn_all_the_same(pictures: None, tmp_path: Path) -> None:
    text = 'def Xform "a" ( prepend apiSchemas = ["PhysicsRigidBodyAPI"] )\n{\n    def Cube "b" {}\n}\n'
    joint = 'def PhysicsSphericalJoint "j"\n{\n    rel physics:body1 = </a>\n}\n'
    (tmp_path / "ball.usda").write_text(f"#usda 1.0\n{text}{joint}")
    file = str(tmp_path / "ball.usda")
    done = run("render", file, "-o", str(tmp_path / "a.png"), "--width", "80", "--height", "60")
    assert done.exit_code == 0, done.stderr
    refused = run("render", file, "-o", str(tmp_path / "a.png"), "--engine", "kinematic")
    assert refused.exit_code == 5
    assert "'kinematic' has no spherical joints" in refused.stderr


def test_time_that_passes_without_forces_is_told(pictures: None, tmp_path: Path) -> None:
    done = run("render", str(SCENE), "-o", str(tmp_path / "a.png"), "--width", "8", "--height", "8", "--seconds", "0.1")
    assert "Nothing falls or collides on the engine 'kinematic'; name another with --engine" in done.stderr


def test_a_scene_without_a_lidar_says_how_it_gets_one(tmp_path: Path) -> None:
    done = run("scan", str(SCENE.parents[1] / "pendulum/pendulum.usda"), "-o", str(tmp_path / "a.png"))
    assert done.exit_code == 3
    assert "The scene has no lidar." in done.stderr
    assert 'custom token hanzo:sensor = "lidar"' in done.stderr


@pytest.mark.parametrize("engine", ["", " , "])
def test_no_engine_at_all_is_told(engine: str) -> None:
    done = run("check", str(SCENE), "--engine", engine)
    assert done.exit_code == 2
    assert "--engine names no engine." in done.stderr
