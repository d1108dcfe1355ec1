"""One scene authored in metres/Z up and in centimetres/grams/Y up must load as the same `Scene`."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import pytest

from hanzo_twin.spatial import Pose

TEMPLATE = """#usda 1.0
(
    defaultPrim = "World"
    metersPerUnit = {meters}
    kilogramsPerUnit = {kilograms}
    upAxis = "{up}"
)

def Xform "World"
{{
    def PhysicsScene "physicsScene"
    {{
        vector3f physics:gravityDirection = {down}
        float physics:gravityMagnitude = {gravity}
    }}

    def Material "steel" (prepend apiSchemas = ["PhysicsMaterialAPI"])
    {{
        float physics:density = {density}
        float physics:dynamicFriction = 0.4
    }}

    def Cube "wall" (prepend apiSchemas = ["PhysicsCollisionAPI"])
    {{
        double size = {size}
        double3 xformOp:translate = {wall}
        uniform token[] xformOpOrder = ["xformOp:translate"]
    }}

    def Camera "camera"
    {{
        float2 clippingRange = ({near}, {far})
        float focalLength = 24
        double3 xformOp:translate = {wall}
        uniform token[] xformOpOrder = ["xformOp:translate"]
    }}

    def Xform "robot" (prepend apiSchemas = ["PhysicsArticulationRootAPI"])
    {{
        def Xform "base" (prepend apiSchemas = ["PhysicsRigidBodyAPI"])
        {{
            vector3f physics:velocity = {velocity}
            vector3f physics:angularVelocity = {spin}
            double3 xformOp:translate = {base}
            uniform token[] xformOpOrder = ["xformOp:translate"]

            def Cube "box" (prepend apiSchemas = ["PhysicsCollisionAPI", "MaterialBindingAPI"])
            {{
                rel material:binding:physics = </World/steel>
                double size = {size}
            }}
        }}

        def Xform "arm" (prepend apiSchemas = ["PhysicsRigidBodyAPI", "PhysicsMassAPI"])
        {{
            float physics:mass = {mass}
            float3 physics:diagonalInertia = ({inertia}, {inertia}, {inertia})
            point3f physics:centerOfMass = ({offset}, 0, 0)
            double3 xformOp:translate = {base}
            uniform token[] xformOpOrder = ["xformOp:translate"]

            def Capsule "rod" (prepend apiSchemas = ["PhysicsCollisionAPI"])
            {{
                uniform token axis = "X"
                double height = {size}
                double radius = {offset}
            }}
        }}

        def PhysicsFixedJoint "weld"
        {{
            rel physics:body1 = </World/robot/base>
            point3f physics:localPos0 = {base}
        }}

        def PhysicsRevoluteJoint "hinge" (prepend apiSchemas = ["PhysicsDriveAPI:angular"])
        {{
            uniform token physics:axis = "X"
            rel physics:body0 = </World/robot/base>
            rel physics:body1 = </World/robot/arm>
            float physics:lowerLimit = -90
            float physics:upperLimit = 90
            float drive:angular:physics:stiffness = {stiffness}
            float drive:angular:physics:damping = {stiffness}
            float drive:angular:physics:maxForce = {torque}
            float newton:damping = {stiffness}
            float newton:friction = {torque}
            float newton:armature = {inertia}
        }}

        def Xform "slide" (prepend apiSchemas = ["PhysicsRigidBodyAPI", "PhysicsMassAPI"])
        {{
            float physics:mass = {mass}
            float3 physics:diagonalInertia = ({inertia}, {inertia}, {inertia})
            double3 xformOp:translate = {base}
            uniform token[] xformOpOrder = ["xformOp:translate"]
        }}

        def PhysicsPrismaticJoint "rail" (prepend apiSchemas = ["PhysicsDriveAPI:linear"])
        {{
            uniform token physics:axis = "Z"
            rel physics:body0 = </World/robot/arm>
            rel physics:body1 = </World/robot/slide>
            float physics:lowerLimit = {minus_size}
            float physics:upperLimit = {size}
            float drive:linear:physics:stiffness = {spring}
            float drive:linear:physics:damping = {spring}
            float drive:linear:physics:maxForce = {force}
            float newton:damping = {spring}
            float newton:friction = {force}
            float newton:armature = {mass}
            float newton:velocityLimit = {size}
        }}
    }}
}}
"""


def point(x: float, y: float, z: float, unit: float, up: str) -> str:
    return str((x * unit, y * unit, z * unit) if up == "Z" else (x * unit, z * unit, -y * unit))


def text(*, meters: float, kilograms: float, up: str) -> str:
    unit, heavy = round(1 / meters), round(1 / kilograms)
    return TEMPLATE.format(
        meters=meters,
        kilograms=kilograms,
        up=up,
        down="(0, 0, -1)" if up == "Z" else "(0, -1, 0)",
        gravity=9.75 * unit,
        density=8000 * heavy / unit**3,
        size=0.5 * unit,
        minus_size=-0.5 * unit,
        offset=0.125 * unit,
        wall=point(1, 2, 0.5, unit, up),
        near=0.25 * unit,
        far=64 * unit,
        base=point(0.25, -0.5, 1.5, unit, up),
        velocity=point(0.5, 0.25, -1, unit, up),
        spin=point(90, 45, 30, 1, up),
        mass=2.5 * heavy,
        inertia=0.0625 * heavy * unit**2,
        stiffness=8 * heavy * unit**2,
        torque=30 * heavy * unit**2,
        spring=40 * heavy,
        force=20 * heavy * unit,
    )


def differences(a: Any, b: Any, where: str = "") -> list[str]:
    """Paths of the fields in which two values of the model differ by more than 1e-9."""
    if isinstance(a, Pose):
        turned = abs(float(a.orientation @ b.orientation)) - 1
        moved = float(np.abs(a.position - b.position).max())
        return [] if max(abs(turned), moved) < 1e-9 else [where]
    if is_dataclass(a):
        return [
            line
            for item in fields(a)
            for line in differences(getattr(a, item.name), getattr(b, item.name), f"{where}.{item.name}")
        ]
    if isinstance(a, tuple):
        if len(a) != len(b):
            return [where]
        return [line for i, (x, y) in enumerate(zip(a, b, strict=True)) for line in differences(x, y, f"{where}[{i}]")]
    if isinstance(a, float):
        return [] if a == b or abs(a - b) <= 1e-9 * max(1.0, abs(a)) else [f"{where}: {a} {b}"]
    return [] if a == b else [f"{where}: {a} {b}"]


@pytest.mark.parametrize(
    ("meters", "kilograms", "up"), [(0.01, 1.0, "Z"), (1.0, 1.0, "Y"), (0.01, 0.001, "Y"), (1.0, 0.001, "Z")]
)
def test_units_and_up_axis_do_not_change_the_scene(inspect_usda: Any, meters: float, kilograms: float, up: str) -> None:
    expected, clean = inspect_usda(text(meters=1.0, kilograms=1.0, up="Z"))
    found, _ = inspect_usda(text(meters=meters, kilograms=kilograms, up=up))
    assert not [code for code in clean if code not in ("no-collider", "body-velocity-lost")]
    assert found.gravity == pytest.approx(expected.gravity, abs=1e-9)
    frame = (
        expected.bodies["/World/robot/arm"].pose_world_body.inverse() @ found.bodies["/World/robot/arm"].pose_world_body
    )
    turn = Pose.of((0, 0, 0), (0.5**0.5, 0.5**0.5, 0, 0)) if up == "Y" else Pose.identity()
    assert not differences(frame, turn, "a body keeps its own axes; the world turns about it")
    for kind in ("articulations", "materials", "filtered_pairs"):
        assert differences(tuple(_values(getattr(expected, kind))), tuple(_values(getattr(found, kind)))) == []
    if up == "Z":
        for kind in ("bodies", "joints", "static_shapes", "cameras"):
            assert differences(tuple(_values(getattr(expected, kind))), tuple(_values(getattr(found, kind)))) == []


def test_authored_numbers_arrive_in_si(inspect_usda: Any) -> None:
    scene, _ = inspect_usda(text(meters=0.01, kilograms=0.001, up="Y"))
    arm, base = scene.bodies["/World/robot/arm"], scene.bodies["/World/robot/base"]
    assert scene.gravity == pytest.approx((0, 0, -9.75))
    assert arm.mass == pytest.approx(2.5, rel=1e-12)
    assert arm.diagonal_inertia == pytest.approx((0.0625,) * 3, rel=1e-12)
    assert arm.center_of_mass == pytest.approx((0.125, 0, 0), rel=1e-12)
    assert base.pose_world_body.position == pytest.approx([0.25, -0.5, 1.5], rel=1e-12)
    assert base.linear_velocity == pytest.approx((0.5, 0.25, -1), abs=1e-12)
    assert base.angular_velocity == pytest.approx(tuple(np.radians([90, 45, 30])), abs=1e-12)
    assert base.mass == pytest.approx(8000 * 0.5**3)
    assert base.mass_source == "density"
    hinge, rail = scene.joints["/World/robot/hinge"], scene.joints["/World/robot/rail"]
    assert hinge.drive.stiffness == pytest.approx(8 * 180 / np.pi, rel=1e-7)
    assert hinge.drive.max_effort == pytest.approx(30, rel=1e-7)
    assert (hinge.lower, hinge.upper) == pytest.approx((-np.pi / 2, np.pi / 2))
    assert hinge.damping == pytest.approx(8 * 180 / np.pi, rel=1e-7)
    assert hinge.friction == pytest.approx(30, rel=1e-7)
    assert hinge.armature == pytest.approx(0.0625, rel=1e-7)
    assert rail.drive.stiffness == pytest.approx(40)
    assert rail.drive.max_effort == pytest.approx(20)
    assert (rail.lower, rail.upper, rail.max_velocity) == pytest.approx((-0.5, 0.5, 0.5))
    assert rail.armature == pytest.approx(2.5)
    wall = scene.static_shapes["/World/wall"]
    assert wall.geometry.half_extents == pytest.approx((0.25, 0.25, 0.25))
    assert wall.pose.position == pytest.approx([1, 2, 0.5])
    assert scene.cameras["/World/camera"].clipping_range == pytest.approx((0.25, 64))


def test_the_joint_frames_meet_where_the_bodies_are(inspect_usda: Any) -> None:
    for up in "YZ":
        scene, _ = inspect_usda(text(meters=0.01, kilograms=1.0, up=up))
        for joint in scene.joints.values():
            parent = scene.bodies[joint.parent].pose_world_body if joint.parent else Pose.identity()
            child = scene.bodies[joint.child].pose_world_body
            assert not differences(parent @ joint.pose_parent_joint, child @ joint.pose_child_joint, joint.path)


def test_units_that_are_no_units(inspect_usda: Any, tmp_path: Any) -> None:
    from hanzo_twin.scene.load import inspect_scene

    file = tmp_path / "bad.usda"
    file.write_text(text(meters=1, kilograms=1, up="Z").replace("metersPerUnit = 1", "metersPerUnit = -1"))
    scene, diagnoses = inspect_scene(file)
    assert scene is None
    assert [str(diagnosis) for diagnosis in diagnoses] == [
        f"error[bad-units] {file}: metersPerUnit is -1.0. Author a positive number, such as 1 or 0.01."
    ]


def _values(values: Any) -> Any:
    return values.values() if hasattr(values, "values") else values
