"""URDF out: the robot reads back as the same physics, and everything that a URDF cannot hold is told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hanzo_twin.errors import UnsupportedError
from hanzo_twin.scene.convert import convert
from hanzo_twin.scene.convert.urdf import write
from hanzo_twin.scene.load import load_scene
from hanzo_twin.scene.model import Capsule, Cylinder, Mimic, Scene, Shape, Sphere
from hanzo_twin.spatial import Pose
from hanzo_twin.testing.physics_equivalence import compare_physics

EXAMPLES = Path(__file__).parents[4] / "examples"


def bare(scene: Scene) -> Scene:
    """Without what a URDF has no words for."""
    joints = {path: replace(joint, armature=0.0, drive=None) for path, joint in scene.joints.items()}
    return replace(scene, joints=joints)


@pytest.mark.parametrize("name", ["arm/arm.usda", "pendulum/pendulum.usda"])
def test_robots_of_the_examples_are_the_same_physics(tmp_path: Path, name: str) -> None:
    scene = bare(load_scene(EXAMPLES / name))
    write(scene, tmp_path / "robot.urdf")
    again = load_scene(tmp_path / "robot.urdf")
    difference = compare_physics(scene, again)
    assert difference.worst < 1e-6, difference.report()
    third = tmp_path / "again.urdf"
    write(again, third)
    assert compare_physics(again, load_scene(third)).worst < 1e-6


def test_everything_that_is_not_in_the_file_is_told(tmp_path: Path) -> None:
    scene = load_scene(EXAMPLES / "arm_table/scene.usda")
    report = convert(EXAMPLES / "arm_table/scene.usda", tmp_path / "robot.urdf")
    lost = {entry.path: entry for entry in report.of("lost")}
    robot = scene.articulations["/World/arm"].bodies
    outside = [path for path in scene.bodies if path not in robot]
    assert outside
    assert all(lost[path].code == "body-lost" for path in outside)
    assert all(path in lost for path in (*scene.static_shapes, *scene.materials, *scene.lights, *scene.cameras))
    for joint in scene.joints.values():
        codes = {entry.code for entry in report.of("lost") if entry.path == joint.path}
        assert ("armature-lost" in codes) == bool(joint.armature)
        assert ("drive-lost" in codes) == (joint.drive is not None)


def test_a_floating_robot_floats_when_it_is_told_to(tmp_path: Path) -> None:
    scene = bare(load_scene("library:humanoid"))
    entries = write(scene, tmp_path / "robot.urdf")
    assert {"base-unsaid", "root-moved", "capsule-split", "filtered-pair-lost"} <= {entry.code for entry in entries}
    again = load_scene(tmp_path / "robot.urdf", floating_base=True)
    difference = compare_physics(scene, again)
    assert difference.mass_matrix < 1e-6, difference.report()
    assert difference.gravity < 1e-6, difference.report()
    assert not difference.missing


def solid(scene: Scene, kind: type) -> list[Shape]:
    robot = next(iter(scene.articulations.values())).bodies
    shapes = [shape for path in robot for shape in scene.bodies[path].shapes]
    return [shape for shape in shapes if shape.collides and isinstance(shape.geometry, kind)]


def test_capsules_touch_as_before(tmp_path: Path) -> None:
    scene = load_scene(EXAMPLES / "arm/arm.usda")
    write(scene, tmp_path / "robot.urdf")
    again = load_scene(tmp_path / "robot.urdf")
    capsules = len(solid(scene, Capsule))
    assert capsules
    assert len(solid(again, Sphere)) - len(solid(scene, Sphere)) == 2 * capsules
    assert len(solid(again, Cylinder)) - len(solid(scene, Cylinder)) == capsules


def test_mimicry_and_limits(tmp_path: Path) -> None:
    scene = bare(load_scene(EXAMPLES / "arm/arm.usda"))
    first, second = [path for path, joint in scene.joints.items() if joint.kind == "revolute"][:2]
    follower = replace(
        scene.joints[second], mimic=Mimic(joint=first, multiplier=-2.0, offset=0.25), lower=float("-inf")
    )
    write(replace(scene, joints={**scene.joints, second: follower}), tmp_path / "robot.urdf")
    again = load_scene(tmp_path / "robot.urdf")
    found = next(joint for path, joint in again.joints.items() if path.endswith(second.rpartition("/")[2]))
    assert found.mimic is not None
    assert found.mimic.joint.endswith(first.rpartition("/")[2])
    assert (found.mimic.multiplier, found.mimic.offset) == pytest.approx((-2.0, 0.25))
    assert found.lower == float("-inf")
    assert found.upper == pytest.approx(follower.upper)


def test_a_scene_without_bodies_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match="URDF holds links, and the scene has no body and no shape"):
        write(Scene(bodies={}), tmp_path / "robot.urdf")


def test_joints_that_urdf_has_not_are_welded_and_told(tmp_path: Path) -> None:
    scene = bare(load_scene(EXAMPLES / "arm/arm.usda"))
    path = next(path for path, joint in scene.joints.items() if joint.kind == "revolute")
    ball = replace(scene.joints[path], kind="spherical")
    entries = write(replace(scene, joints={**scene.joints, path: ball}), tmp_path / "robot.urdf")
    assert [entry.what for entry in entries if entry.code == "joint-welded"] == [
        "URDF has no spherical joint: it became a fixed one."
    ]


def test_joint_frames_anywhere_on_their_bodies(tmp_path: Path) -> None:
    scene = bare(load_scene(EXAMPLES / "arm/arm.usda"))
    frame = Pose.of((0.1, -0.2, 0.3), (0.8, 0.1, 0.5, -0.3))
    joints = {path: replace(joint, pose_child_joint=frame) for path, joint in scene.joints.items()}
    scene = replace(scene, joints=joints)
    write(scene, tmp_path / "robot.urdf")
    difference = compare_physics(scene, load_scene(tmp_path / "robot.urdf"))
    assert max(difference.mass_matrix, difference.gravity, difference.positions) < 1e-6, difference.report()
