"""Where spherical and D6 joints start: as the poses of their bodies say."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest

from hanzo_twin.scene.model import Axis, Drive, Joint
from hanzo_twin.scene.starting import frames_held, start_at, start_of
from hanzo_twin.scene.tree import reversed_joint
from hanzo_twin.spatial import Pose

AXES = [Axis(name=name, rotation=rotation) for rotation in (True, False) for name in ("z", "x", "y")]

WORLD = """
def Xform "World"
{{
    def Xform "bob" (prepend apiSchemas = ["PhysicsRigidBodyAPI", "PhysicsMassAPI"])
    {{
        float physics:mass = 1
        float3 physics:diagonalInertia = (0.1, 0.1, 0.1)
        double3 xformOp:translate = {place}
        quatd xformOp:orient = (0.9659258262890683, 0, -0.25881904510252074, 0)
        uniform token[] xformOpOrder = ["xformOp:translate", "xformOp:orient"]
    }}
    def {kind} "joint" {apis}
    {{
        rel physics:body1 = </World/bob>
        point3f physics:localPos1 = (0, 0, 1)
        {more}
    }}
}}
"""
HELD = "(0.5, 0, -0.8660254037844386)"
LOCKED = ["transX", "transY", "transZ"]


def d6(*axes: Axis) -> Joint:
    identity = Pose.identity()
    ends: dict[str, Any] = {"parent": "", "child": "/a", "pose_parent_joint": identity, "pose_child_joint": identity}
    return Joint(path="/j", kind="d6", free_axes=axes, **ends)


@pytest.mark.parametrize("axes", [axes for count in (1, 2, 3, 4) for axes in combinations(AXES, count)], ids=str)
def test_positions_come_back(axes: tuple[Axis, ...]) -> None:
    random = np.random.default_rng(4)
    joint = d6(*axes)
    for _ in range(5):
        start = random.uniform(-1.5, 1.5, len(axes))
        assert start_at(joint, frames_held(joint, start)) == pytest.approx(start, abs=1e-12)


def test_single_and_double_rotations_may_be_large() -> None:
    x, y = (Axis(name=name, rotation=True) for name in ("x", "y"))
    for joint, start in ((d6(y), [2.9]), (d6(x, y), [-2.5, 2.9])):
        assert start_at(joint, frames_held(joint, np.array(start))) == pytest.approx(start, abs=1e-12)


def authored(kind: str, place: str = HELD, limits: str = "") -> str:
    apis, more = "", limits
    if kind == "PhysicsJoint":
        names = ", ".join(f'"PhysicsLimitAPI:{name}"' for name in [*LOCKED, *(["rotY"] if limits else [])])
        apis = f"(prepend apiSchemas = [{names}])"
        bounds = (f"float limit:{name}:physics:low = 1\nfloat limit:{name}:physics:high = -1\n" for name in LOCKED)
        more = "\n".join([*bounds, limits])
    return WORLD.format(kind=kind, place=place, apis=apis, more=more)


@pytest.mark.parametrize("kind", ["PhysicsSphericalJoint", "PhysicsJoint"])
def test_authored_poses_stay(inspect_usda: Any, kind: str) -> None:
    scene, found = inspect_usda(authored(kind))
    assert "joint-misaligned" not in found
    bob, joint = scene.bodies["/World/bob"], scene.joints["/World/joint"]
    assert bob.pose_world_body.position == pytest.approx([0.5, 0.0, -(0.75**0.5)], abs=1e-9)
    start = start_of(scene, joint)
    expected = [0.0, -np.pi / 6, 0.0] if kind == "PhysicsJoint" else [np.cos(np.pi / 12), 0.0, -np.sin(np.pi / 12), 0.0]
    assert start == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("kind", ["PhysicsSphericalJoint", "PhysicsJoint"])
def test_a_child_that_is_not_where_the_joint_holds_it_is_moved_and_told(inspect_usda: Any, kind: str) -> None:
    scene, found = inspect_usda(authored(kind, "(0.6, 0, -0.8660254037844386)"))
    assert "0.1 m" in found["joint-misaligned"][0].message
    pose = scene.bodies["/World/bob"].pose_world_body
    assert pose.position == pytest.approx([0.5, 0.0, -(0.75**0.5)], abs=1e-9)


def test_a_start_outside_the_limits_of_an_axis_is_moved_inside(inspect_usda: Any) -> None:
    limits = "float limit:rotY:physics:low = -10\nfloat limit:rotY:physics:high = 10\n"
    scene, found = inspect_usda(authored("PhysicsJoint", limits=limits))
    assert found["joint-misaligned"][0].path == "/World/joint"
    assert start_of(scene, scene.joints["/World/joint"])[1] == pytest.approx(-np.radians(10.0))


def test_axes_of_a_reversed_joint_are_the_other_way() -> None:
    drive = Drive(stiffness=1.0, target_position=0.4, target_velocity=0.1)
    (axis,) = reversed_joint(d6(Axis(name="y", rotation=True, lower=-0.2, upper=1.0, drive=drive))).free_axes
    assert (axis.lower, axis.upper) == (-1.0, 0.2)
    assert axis.drive == Drive(stiffness=1.0, target_position=-0.4, target_velocity=-0.1)


@pytest.mark.parametrize(("rate", "lost"), [("", True), ("57.29577951308232", False)])
def test_velocities_of_bodies_on_joints_are_told_unless_the_joint_gives_them(
    inspect_usda: Any, rate: str, lost: bool
) -> None:
    state = f"float state:angular:physics:velocity = {rate}\n" if rate else ""
    text = authored("PhysicsRevoluteJoint", "(0, 0, -1)", f'uniform token physics:axis = "Y"\n{state}')
    still = text.replace("(0.9659258262890683, 0, -0.25881904510252074, 0)", "(1, 0, 0, 0)")
    # A hinge one metre above that turns by 1 rad/s about Y moves the body by −1 m/s along X.
    moving = still.replace(
        "float physics:mass = 1",
        "float physics:mass = 1\nvector3f physics:velocity = (-1, 0, 0)\n"
        "vector3f physics:angularVelocity = (0, 57.29577951308232, 0)",
    )
    _, found = inspect_usda(moving)
    assert ("body-velocity-lost" in found) == lost
    if lost:
        assert "it hangs on '/World/joint'" in found["body-velocity-lost"][0].message
        assert "state:angular:physics:velocity" in found["body-velocity-lost"][0].remedy
    assert "body-velocity-lost" not in inspect_usda(still)[1]
