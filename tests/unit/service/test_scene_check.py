from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from hanzo_twin.engines.port import EngineCapabilities, EngineConfig, Simulation, load_engine
from hanzo_twin.errors import UnsupportedError
from hanzo_twin.scene.load import Reference
from hanzo_twin.scene.model import Scene
from hanzo_twin.service import isolation, scene_check
from hanzo_twin.service.scene_check import SceneReport, check_scene, inspect_for_engine

EXAMPLES = Path(__file__).parents[3] / "examples"
BROKEN = """#usda 1.0
def Xform "a" (prepend apiSchemas = ["PhysicsRigidBodyAPI", "PhysicsMassAPI"])
{
    float physics:mass = -1
}
"""


class Picky:
    """An engine that knows boxes and welds only, and refuses all the same."""

    def capabilities(self) -> EngineCapabilities:
        known = load_engine("mujoco").capabilities()
        return replace(known, name="picky", joint_kinds=("fixed",), geometries=("Box",))

    def load_scene(self, scene: Scene, config: EngineConfig) -> Simulation:
        raise UnsupportedError("'/World/box' is too heavy.", hint="Choose a stronger engine.")


def test_the_arm_suits_mujoco() -> None:
    report = check_scene(EXAMPLES / "arm/arm.usda", engine="mujoco")
    assert report.ok
    assert dict(report.counts) == {
        "bodies": 8, "joints": 8, "articulations": 1, "static_shapes": 1, "materials": 3, "sensors": 1, "cameras": 1,
        "lights": 1, "shapes": 8,
    }  # fmt: skip
    assert report.total_mass == pytest.approx(16.6)
    assert report.articulations[0].path == "/World/arm"
    assert report.articulations[0].joints == tuple(f"/World/arm/joint_{index}" for index in range(1, 7))
    assert report == inspect_for_engine(str(EXAMPLES / "arm/arm.usda"), "mujoco")


def test_a_report_survives_json() -> None:
    report = check_scene(EXAMPLES / "pendulum/pendulum.usda")
    assert SceneReport.from_dict(json.loads(json.dumps(report.to_dict()))) == report
    assert report.to_dict()["ok"] is True


def test_errors_make_it_not_ok(tmp_path: Path) -> None:
    file = tmp_path / "broken.usda"
    file.write_text(BROKEN)
    report = check_scene(file, engine="mujoco")
    assert not report.ok
    assert report.diagnoses[0].code == "bad-mass"
    missing = check_scene(tmp_path / "gone.usda")
    assert (missing.ok, missing.fingerprint, missing.counts) == (False, "", ())


def test_composition_is_checked_too() -> None:
    parts = [Reference(ref="../arm/arm.usda</World/arm>", path="/World/arm")]
    report = check_scene(EXAMPLES / "pendulum/pendulum.usda", composition=parts)
    assert report.ok
    assert [item.path for item in report.articulations] == ["/World/pendulum", "/World/arm"]


def test_an_unknown_engine_is_the_callers_fault() -> None:
    with pytest.raises(UnsupportedError, match="No engine named 'mujocco' is installed"):
        check_scene(EXAMPLES / "arm/arm.usda", engine="mujocco")


def test_an_engine_says_all_that_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scene_check, "load_engine", lambda name: Picky())
    report = inspect_for_engine(str(EXAMPLES / "pendulum/pendulum.usda"), "picky")
    assert [(diagnosis.code, diagnosis.path, diagnosis.message) for diagnosis in report.diagnoses[:2]] == [
        ("engine-unsupported", "/World/pendulum/hinge", "The engine 'picky' has no revolute joints."),
        ("engine-unsupported", "/World/pendulum/bob/collision", "The engine 'picky' has no colliders of kind Sphere."),
    ]
    assert report.diagnoses[0].remedy == "It has: fixed. Choose another engine, or change the prim."


def test_an_engine_that_refuses_while_building(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "box.usda"
    file.write_text(
        '#usda 1.0\ndef Cube "box" (prepend apiSchemas = ["PhysicsRigidBodyAPI", "PhysicsCollisionAPI"])\n{\n}\n'
    )
    monkeypatch.setattr(scene_check, "load_engine", lambda name: Picky())
    report = inspect_for_engine(str(file), "picky")
    assert (report.diagnoses[0].code, report.diagnoses[0].message, report.diagnoses[0].remedy) == (
        "engine-refuses",
        "The engine 'picky' refuses the scene: '/World/box' is too heavy.",
        "Choose a stronger engine.",
    )


def test_reading_that_takes_for_ever_is_stopped() -> None:
    report = check_scene(EXAMPLES / "arm/arm.usda", timeout_s=0.01)
    assert [(diagnosis.code, diagnosis.message) for diagnosis in report.diagnoses] == [
        ("file-hangs", "Reading it takes more than 0.01 s.")
    ]


def test_reading_that_takes_all_memory_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "RESIDENT_BYTES", 2**27)
    monkeypatch.setattr(scene_check, "CHILD", ("-c", "import time; taken = b'x' * 2**28; time.sleep(60)"))

    report = check_scene(EXAMPLES / "arm/arm.usda")

    assert [(diagnosis.code, diagnosis.message) for diagnosis in report.diagnoses] == [
        ("file-too-large", "Reading it takes more than 0.125 GiB of memory.")
    ]


def test_reading_that_ends_the_process_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    dying = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"
    monkeypatch.setattr(scene_check, "CHILD", ("-c", dying))
    report = check_scene(EXAMPLES / "arm/arm.usda")
    assert [(diagnosis.code, diagnosis.message) for diagnosis in report.diagnoses] == [
        ("file-crashes", "Reading it kills the process that does so (signal 11).")
    ]
    monkeypatch.setattr(scene_check, "CHILD", ("-c", "raise MemoryError('too much')"))
    report = check_scene(EXAMPLES / "arm/arm.usda")
    assert report.diagnoses[0].message == "Reading it fails: MemoryError: too much."
