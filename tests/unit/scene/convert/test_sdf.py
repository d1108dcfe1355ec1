"""SDF out: what is written reads back as the same physics, and what is not is told."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hanzo_twin.scene.convert import convert
from hanzo_twin.scene.convert.sdf import write
from hanzo_twin.scene.load import load_scene
from hanzo_twin.scene.model import Mesh, Scene
from hanzo_twin.spatial import Pose
from hanzo_twin.testing.physics_equivalence import compare_physics

EXAMPLES = Path(__file__).parents[4] / "examples"
Inspect = Callable[[str], tuple[Scene, dict[str, list[Any]]]]


def last_names(paths: Iterable[Iterable[str]]) -> list[list[str]]:
    return [[path.rpartition("/")[2] for path in each] for each in paths]


@pytest.mark.parametrize("name", ["arm/arm.usda", "arm_table/scene.usda", "pendulum/pendulum.usda"])
def test_examples_are_the_same_physics(tmp_path: Path, name: str) -> None:
    scene = load_scene(EXAMPLES / name)
    convert(EXAMPLES / name, tmp_path / "out.sdf")
    again = load_scene(tmp_path / "out.sdf")
    difference = compare_physics(scene, again)
    assert difference.worst < 1e-6, difference.report()
    assert last_names(again.filtered_pairs) == last_names(scene.filtered_pairs)
    assert again.gravity == scene.gravity
    assert again.step_hint == scene.step_hint
    joints = [[each.joints for each in one.articulations.values()] for one in (scene, again)]
    assert last_names(joints[0]) == last_names(joints[1])
    third = tmp_path / "again.sdf"
    convert(tmp_path / "out.sdf", third)
    assert compare_physics(again, load_scene(third)).worst < 1e-6


def test_shapes_materials_and_looks_survive(tmp_path: Path) -> None:
    scene = load_scene(EXAMPLES / "arm_table/scene.usda")
    convert(EXAMPLES / "arm_table/scene.usda", tmp_path / "out.sdf")
    again = load_scene(tmp_path / "out.sdf")
    read = {path.rpartition("/")[2]: body for path, body in again.bodies.items()}
    for path, body in scene.bodies.items():
        before = [shape for shape in body.shapes if shape.collides]
        after = [shape for shape in read[path.rpartition("/")[2]].shapes if shape.collides]
        assert [type(shape.geometry) for shape in after] == [type(shape.geometry) for shape in before]
        for one, other in zip(before, after, strict=True):
            assert other.pose.as_array() == pytest.approx(one.pose.as_array(), abs=1e-9)
            if one.material:
                material = again.materials[other.material]
                assert material.dynamic_friction == scene.materials[one.material].dynamic_friction


PAIR = """
def Xform "a" (prepend apiSchemas = ["PhysicsRigidBodyAPI", "PhysicsMassAPI"]) {
  float physics:mass = 1  float3 physics:diagonalInertia = (1, 1, 1)
}
def Xform "b" (prepend apiSchemas = ["PhysicsRigidBodyAPI", "PhysicsMassAPI"]) {
  float physics:mass = 1  float3 physics:diagonalInertia = (1, 1, 1)
}
"""


def world(joint: str) -> str:
    bodies = PAIR.replace("  float3", "\n  float3")
    return f'def Xform "World" {{ {bodies}\ndef {joint} }}'


def ends(content: str = "") -> str:
    return f"{{\nrel physics:body0 = </World/a>\nrel physics:body1 = </World/b>\n{content}\n}}"


def locked(*names: str) -> str:
    return "\n".join(f"float limit:{name}:physics:low = 1\nfloat limit:{name}:physics:high = -1" for name in names)


def apis(*names: str) -> str:
    return "(prepend apiSchemas = [" + ", ".join(f'"PhysicsLimitAPI:{name}"' for name in names) + "])"


@pytest.mark.parametrize(
    ("free", "kind"),
    [
        (("rotX", "rotY"), "d6"),
        (("rotZ",), "revolute"),
        (("transX",), "prismatic"),
        (("rotX", "rotY", "rotZ"), "spherical"),
        ((), "fixed"),
    ],
)
def test_generic_joints_that_sdf_has(inspect_usda: Inspect, tmp_path: Path, free: tuple[str, ...], kind: str) -> None:
    fixed = [name for name in ("transX", "transY", "transZ", "rotX", "rotY", "rotZ") if name not in free]
    scene, _ = inspect_usda(world(f'PhysicsJoint "j" {apis(*fixed)} {ends(locked(*fixed))}'))
    assert not [entry for entry in write(scene, tmp_path / "out.sdf") if entry.outcome == "lost"]
    again = load_scene(tmp_path / "out.sdf")
    assert next(iter(again.joints.values())).kind == kind


def test_generic_joint_that_sdf_has_not_is_lost(inspect_usda: Inspect, tmp_path: Path) -> None:
    scene, _ = inspect_usda(world(f'PhysicsJoint "j" {ends()}'))
    (entry,) = [entry for entry in write(scene, tmp_path / "out.sdf") if entry.outcome == "lost"]
    assert (entry.code, entry.path) == ("joint-lost", "/World/j")
    assert "SDF has no joint with the freedoms translation x, translation y" in entry.what


def test_loops_start_and_mimicry(inspect_usda: Inspect, tmp_path: Path) -> None:
    limits = "float physics:lowerLimit = -90\nfloat physics:upperLimit = 90"
    scene, _ = inspect_usda(world(f'PhysicsRevoluteJoint "j" {ends(limits)}'))
    path, joint = next(iter(scene.joints.items()))
    loop = replace(joint, path="/World/loop", closes_loop=True)
    moved = replace(joint, initial_position=0.5)
    scene = replace(scene, joints={path: moved, loop.path: loop})
    write(scene, tmp_path / "out.sdf")
    again = load_scene(tmp_path / "out.sdf")
    assert again.joints["/World/World/j"].initial_position == pytest.approx(0.5)
    assert again.joints["/World/World/loop"].closes_loop
    shifted = replace(loop, pose_parent_joint=replace(loop.pose_parent_joint, position=np.array([1.0, 0, 0])))
    entries = write(replace(scene, joints={path: moved, loop.path: shifted}), tmp_path / "out.sdf")
    assert [entry.what for entry in entries if entry.code == "loop-lost"] == [
        "It closes a loop that is open (by 1 m) when all joints are at zero."
    ]


def test_what_sdf_cannot_hold_is_told(tmp_path: Path) -> None:
    report = convert(EXAMPLES / "arm/arm.usda", tmp_path / "out.sdf")
    told = {(entry.outcome, entry.code) for entry in report.entries}
    assert {("lost", "attribute-lost"), ("changed", "armature-own"), ("changed", "drive-plugin")} <= told


def test_meshes_go_to_files_beside(tmp_path: Path) -> None:
    corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1.0]])
    mesh = Mesh(vertices=corners, triangles=np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]]))
    scene = load_scene(EXAMPLES / "pendulum/pendulum.usda")
    path, body = list(scene.bodies.items())[-1]
    shape = replace(body.shapes[0], geometry=mesh, collides=True)
    scene = replace(scene, bodies={**scene.bodies, path: replace(body, shapes=(shape,))})
    write(scene, tmp_path / "out.sdf")
    again = load_scene(tmp_path / "out.sdf")
    (found,) = [each for each in again.bodies[path].shapes if each.collides]
    assert isinstance(found.geometry, Mesh)
    assert found.geometry.vertices == pytest.approx(corners)
    assert found.geometry.approximation == "convexHull"


def test_joint_frames_anywhere_on_their_bodies(tmp_path: Path) -> None:
    scene = load_scene(EXAMPLES / "arm/arm.usda")
    frame = Pose.of((0.1, -0.2, 0.3), (0.8, 0.1, 0.5, -0.3))
    joints = {path: replace(joint, pose_child_joint=frame) for path, joint in scene.joints.items()}
    scene = replace(scene, joints=joints)
    write(scene, tmp_path / "robot.sdf")
    difference = compare_physics(scene, load_scene(tmp_path / "robot.sdf"))
    assert max(difference.mass_matrix, difference.gravity, difference.positions) < 1e-6, difference.report()
