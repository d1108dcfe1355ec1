"""Robots that others wrote go through SDF and URDF and stay the same physics."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from hanzo_twin.scene.convert import convert
from hanzo_twin.scene.load import load_scene
from hanzo_twin.testing.physics_equivalence import compare_physics

_SITE = Path(find_spec("numpy").origin).parents[1]  # type: ignore[arg-type, union-attr]
_ROBOTS = "cmeel.prefix/share/example-robot-data/robots"


@pytest.mark.parametrize("suffix", [".sdf", ".urdf"])
@pytest.mark.parametrize(
    "robot",
    [
        f"{_ROBOTS}/ur_description/urdf/ur5_robot.urdf",
        f"{_ROBOTS}/panda_description/urdf/panda.urdf",
        "pybullet_data/kuka_iiwa/model.urdf",
        "gymnasium/envs/mujoco/assets/ant.xml",
        f"{_ROBOTS}/cassie_description/robots/cassie.sdf",
    ],
)
def test_robots_stay_the_same_physics(tmp_path: Path, robot: str, suffix: str) -> None:
    source = _SITE / robot
    if not source.exists():
        pytest.skip(f"{robot} is not installed")
    if suffix == ".urdf" and not robot.endswith(".urdf"):
        pytest.skip("it has armature, loops or spherical joints, which a URDF has not")
    convert(source, tmp_path / f"robot{suffix}")
    difference = compare_physics(load_scene(source), load_scene(tmp_path / f"robot{suffix}"))
    assert difference.worst < 1e-6, difference.report()
