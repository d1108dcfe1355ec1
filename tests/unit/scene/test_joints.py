from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from hanzo_twin.scene.model import Axis, Mimic
from hanzo_twin.scene.tree import motion
from hanzo_twin.spatial import Pose

LINK = """
    def Xform "{name}" (prepend apiSchemas = ["PhysicsRigidBodyAPI", "PhysicsMassAPI"])
    {{
        float physics:mass = 1
        float3 physics:diagonalInertia = (1, 1, 1)
        double3 xformOp:translate = {place}
        {turn}
        uniform token[] xformOpOrder = ["xformOp:translate", "xformOp:orient"]
    }}
"""


def link(name: str, place: str = "(0, 0, 0)", turn: str = "quatd xformOp:orient = (1, 0, 0, 0)") -> str:
    return LINK.format(name=name, place=place, turn=turn)


def joint(kind: str, name: str, parent: str, child: str, more: str = "", api: str = "") -> str:
    ends = "".join(f"rel physics:body{index} = </World/{body}>\n" for index, body in enumerate((parent, child)) if body)
    apis = f"(prepend apiSchemas = [{api}])" if api else ""
    return f'def Physics{kind}Joint "{name}" {apis}\n{{\n{ends}{more}\n}}\n'


def world(*parts: str, api: str = "") -> str:
    return f'def Xform "World" {api}\n{{\n' + "\n".join(parts) + "\n}\n"


REVOLUTE = 'uniform token physics:axis = "X"\n'


def test_a_chain_becomes_a_tree_whatever_the_order(inspect_usda: Any) -> None:
    scene, found = inspect_usda(
        world(
            joint("Revolute", "j3", "b", "c"),
            joint("Revolute", "j2", "a", "b"),
            joint("Fixed", "j1", "", "a"),
            link("c"),
            link("b"),
            link("a"),
        )
    )
    assert list(scene.bodies) == ["/World/a", "/World/b", "/World/c"]
    assert list(scene.joints) == ["/World/j1", "/World/j2", "/World/j3"]
    arm = scene.articulations["/World"]
    assert arm.joints == ("/World/j2", "/World/j3")
    assert (arm.root_body, arm.fixed_base) == ("/World/a", True)
    assert found["articulation-inferred"][0].severity == "info"


def test_a_joint_against_the_tree_is_turned(inspect_usda: Any) -> None:
    frames = "point3f physics:localPos0 = (0, 0, 0.5)\npoint3f physics:localPos1 = (0, 0, -0.25)\n"
    limits = "float physics:lowerLimit = -10\nfloat physics:upperLimit = 90\n"
    scene, found = inspect_usda(
        world(
            link("a"),
            link("b", "(0, 0, -0.75)"),
            joint("Fixed", "weld", "a", "", "point3f physics:localPos0 = (0, 0, 0)"),
            joint("Revolute", "hinge", "b", "a", REVOLUTE + frames + limits),
        )
    )
    weld, hinge = scene.joints["/World/weld"], scene.joints["/World/hinge"]
    assert (weld.parent, weld.child) == ("", "/World/a")
    assert (hinge.parent, hinge.child) == ("/World/a", "/World/b")
    assert hinge.axis == (-1.0, 0.0, 0.0)
    assert (hinge.lower, hinge.upper) == pytest.approx((math.radians(-10), math.radians(90)))
    assert hinge.pose_parent_joint.position == pytest.approx([0, 0, -0.25])
    assert [diagnosis.path for diagnosis in found["joint-reversed"]] == ["/World/hinge"]


def test_a_loop_is_closed_outside_the_tree(inspect_usda: Any) -> None:
    scene, found = inspect_usda(
        world(
            *(link(name) for name in "abc"),
            joint("Fixed", "weld", "", "a"),
            joint("Revolute", "ab", "a", "b"),
            joint("Revolute", "ac", "a", "c"),
            joint("Revolute", "bc", "b", "c"),
        )
    )
    loops = [name for name, item in scene.joints.items() if item.closes_loop]
    assert loops == ["/World/ac"] or loops == ["/World/bc"]
    assert [diagnosis.path for diagnosis in found["loop-joint"]] == loops
    assert len(scene.articulations["/World"].joints) == 2


def test_an_excluded_joint_stays_outside_the_tree(inspect_usda: Any) -> None:
    scene, _ = inspect_usda(
        world(
            *(link(name) for name in "ab"),
            joint("Revolute", "ab", "a", "b", "bool physics:excludeFromArticulation = 1"),
        )
    )
    assert scene.joints["/World/ab"].closes_loop
    assert scene.joints["/World/ab"].initial_position == 0.0
    assert not scene.articulations


@pytest.mark.parametrize("where", ["body", "joint", "above"])
def test_the_articulation_root_may_stand_anywhere(inspect_usda: Any, where: str) -> None:
    text = world(link("a"), link("b"), joint("Fixed", "weld", "", "a"), joint("Revolute", "j", "a", "b"))
    api = "PhysicsArticulationRootAPI"
    path = {"body": "/World/a", "joint": "/World/weld", "above": "/World"}[where]
    text = {
        "body": text.replace('"PhysicsRigidBodyAPI"', f'"PhysicsRigidBodyAPI", "{api}"', 1),
        "joint": text.replace('PhysicsFixedJoint "weld"', f'PhysicsFixedJoint "weld" (prepend apiSchemas = ["{api}"])'),
        "above": text.replace('def Xform "World"', f'def Xform "World" (prepend apiSchemas = ["{api}"])'),
    }[where]
    scene, found = inspect_usda(text)
    assert list(scene.articulations) == [path]
    assert scene.articulations[path].fixed_base
    assert scene.articulations[path].joints == ("/World/j",)
    assert "articulation-inferred" not in found


def test_a_floating_tree_starts_at_its_root(inspect_usda: Any) -> None:
    text = world(link("a"), link("b"), joint("Revolute", "j", "a", "b"))
    scene, _ = inspect_usda(text)
    assert scene.articulations["/World"].root_body == "/World/a"
    assert not scene.articulations["/World"].fixed_base
    head, _, tail = text.rpartition('"PhysicsRigidBodyAPI"')
    scene, found = inspect_usda(f'{head}"PhysicsRigidBodyAPI", "PhysicsArticulationRootAPI"{tail}')
    assert scene.articulations["/World/b"].root_body == "/World/b"
    assert "joint-reversed" in found


def test_a_joint_to_the_world_moves_with_its_anchor(inspect_usda: Any) -> None:
    scene, found = inspect_usda("""
def Xform "World"
{
    double3 xformOp:translate = (1, 2, 3)
    uniform token[] xformOpOrder = ["xformOp:translate"]
    def Xform "a" (prepend apiSchemas = ["PhysicsRigidBodyAPI"]) {}
    def PhysicsFixedJoint "weld"
    {
        rel physics:body0 = </World>
        rel physics:body1 = </World/a>
    }
}
""")
    assert scene.joints["/World/weld"].parent == ""
    assert scene.joints["/World/weld"].pose_parent_joint.position == pytest.approx([1, 2, 3])
    assert "joint-misaligned" not in found


def test_zero_limits_of_a_revolute_joint_are_none(inspect_usda: Any) -> None:
    zero = "float physics:lowerLimit = 0\nfloat physics:upperLimit = 0\n"
    scene, found = inspect_usda(
        world(link("a"), link("b"), joint("Revolute", "r", "", "a", zero), joint("Prismatic", "p", "a", "b", zero))
    )
    assert (scene.joints["/World/r"].lower, scene.joints["/World/r"].upper) == (-math.inf, math.inf)
    assert (scene.joints["/World/p"].lower, scene.joints["/World/p"].upper) == (0.0, 0.0)
    assert [diagnosis.message for diagnosis in found["zero-limits"]] == [
        "Its limits are 0 and 0, as CAD exporters write when they know none; it is taken as unlimited.",
        "Both limits are 0 m: the joint cannot move.",
    ]


def test_the_start_follows_the_authored_poses(inspect_usda: Any) -> None:
    turned = f"quatd xformOp:orient = ({math.cos(0.2)}, {math.sin(0.2)}, 0, 0)"
    scene, found = inspect_usda(world(link("a"), link("b", turn=turned), joint("Revolute", "j", "a", "b", REVOLUTE)))
    assert scene.joints["/World/j"].initial_position == pytest.approx(0.4)
    assert "joint-misaligned" not in found


def test_an_authored_joint_state_moves_the_body(inspect_usda: Any) -> None:
    state = "float state:angular:physics:position = 30\nfloat state:angular:physics:velocity = -90\n"
    scene, _ = inspect_usda(world(link("a"), link("b"), joint("Revolute", "j", "a", "b", REVOLUTE + state)))
    hinge = scene.joints["/World/j"]
    assert (hinge.initial_position, hinge.initial_velocity) == pytest.approx((math.radians(30), math.radians(-90)))
    pose = scene.bodies["/World/b"].pose_world_body
    assert pose.apply(np.array([0.0, 1, 0])) == pytest.approx([0, math.cos(math.pi / 6), 0.5])


def test_a_start_outside_the_limits_is_clamped(inspect_usda: Any) -> None:
    limits = "float physics:lowerLimit = 10\nfloat physics:upperLimit = 90\n"
    scene, found = inspect_usda(world(link("a"), link("b"), joint("Revolute", "j", "a", "b", REVOLUTE + limits)))
    assert scene.joints["/World/j"].initial_position == pytest.approx(math.radians(10))
    assert found["start-outside-limits"][0].message == (
        "It would start at 0 rad, outside 0.174533 … 1.5708 rad; it starts at 0.174533 rad."
    )
    pose = scene.bodies["/World/b"].pose_world_body
    assert pose.orientation == pytest.approx(motion(scene.joints["/World/j"], math.radians(10)).orientation)


def test_bodies_that_are_not_where_the_joint_holds_them(inspect_usda: Any) -> None:
    scene, found = inspect_usda(world(link("a"), link("b", "(0, 0.1, 0)"), joint("Revolute", "j", "a", "b", REVOLUTE)))
    assert found["joint-misaligned"][0].severity == "warning"
    assert scene.bodies["/World/b"].pose_world_body == Pose.identity()


def test_a_generic_joint_keeps_its_free_axes(inspect_usda: Any) -> None:
    locked = "".join(
        f"float limit:{axis}:physics:low = 1\nfloat limit:{axis}:physics:high = -1\n"
        for axis in ("transX", "transY", "rotX")
    )
    limited = "float limit:rotZ:physics:low = -90\nfloat limit:rotZ:physics:high = 45\n"
    slide = "float limit:transZ:physics:low = -0.5\nfloat limit:transZ:physics:high = 0.25\n"
    drive = "float drive:rotZ:physics:stiffness = 2\n"
    api = (
        ", ".join(f'"PhysicsLimitAPI:{axis}"' for axis in ("transX", "transY", "transZ", "rotX", "rotZ"))
        + ', "PhysicsDriveAPI:rotZ"'
    )
    more = locked + limited + slide + drive
    scene, _ = inspect_usda(world(link("a"), link("b"), joint("", "j", "a", "b", more, api)))
    item = scene.joints["/World/j"]
    assert item.kind == "d6"
    assert item.free_axes[:2] == (
        Axis(name="z", rotation=False, lower=-0.5, upper=0.25),
        Axis(name="y", rotation=True),
    )
    last = item.free_axes[2]
    assert (last.name, last.rotation, last.lower, last.upper) == ("z", True, -math.pi / 2, math.pi / 4)
    assert last.drive.stiffness == pytest.approx(2 * 180 / math.pi)
    assert len(item.free_axes) == 3


def test_a_generic_joint_keeps_what_resists(inspect_usda: Any) -> None:
    def read(slide: bool) -> Any:
        locked = "transX", "transY", *(() if slide else ("transZ",))
        limits = "".join(f"float limit:{n}:physics:low = 1\nfloat limit:{n}:physics:high = -1\n" for n in locked)
        resists = "".join(
            f"float {name} = {value}\n"
            for name, value in (
                ("newton:armature", 0.25),
                ("newton:damping", 2.0),
                ("newton:friction", 0.5),
                ("mjc:stiffness", 3.0),
                ("physxJoint:maxJointVelocity", 90.0),
            )
        )
        api = ", ".join(f'"PhysicsLimitAPI:{name}"' for name in locked)
        scene, _ = inspect_usda(world(link("a"), link("b"), joint("", "j", "a", "b", limits + resists, api)))
        return scene.joints["/World/j"]

    ball, mixed = read(slide=False), read(slide=True)
    for item in (ball, mixed):
        assert (item.armature, item.friction, item.stiffness) == (0.25, 0.5, 3.0)
    # Rotations alone count in degrees, as those of hinges do.
    assert (ball.damping, ball.max_velocity) == pytest.approx((2.0 * 180 / math.pi, math.pi / 2))
    assert (mixed.damping, mixed.max_velocity) == pytest.approx((2.0, 90.0))


def test_a_spherical_joint_keeps_its_cone_and_what_resists(inspect_usda: Any) -> None:
    more = 'uniform token physics:axis = "Y"\nfloat mjc:stiffness = 3\nfloat newton:velocityLimit = 90\n'

    def read(limits: str) -> tuple[Any, Any]:
        scene, found = inspect_usda(world(link("a"), link("b"), joint("Spherical", "j", "a", "b", more + limits)))
        return scene.joints["/World/j"], found

    item, _ = read("float physics:coneAngle0Limit = 30\nfloat physics:coneAngle1Limit = 60\n")
    assert item.axis == (0.0, 1.0, 0.0)
    assert item.cone == pytest.approx((math.pi / 6, math.pi / 3))
    assert (item.stiffness, item.max_velocity) == pytest.approx((3.0, math.pi / 2))
    assert read("")[0].cone == (math.inf, math.inf)
    assert read("float physics:coneAngle0Limit = 30\n")[0].cone == pytest.approx((math.pi / 6, math.inf))
    item, found = read("float physics:coneAngle0Limit = 0\nfloat physics:coneAngle1Limit = 0\n")
    assert item.cone == (math.inf, math.inf)
    assert "taken as unlimited" in found["zero-limits"][0].message


@pytest.mark.parametrize(
    ("kind", "api", "more", "code", "message"),
    [
        (
            "Spherical",
            '"PhysicsDriveAPI:rotX"',
            "",
            "drive-lost",
            "Its drive 'rotX' is not kept: a joint of type Physics",
        ),
        ("Revolute", '"PhysicsDriveAPI:linear"', "", "drive-lost", "Its drive 'linear' is not kept"),
        ("", '"PhysicsLimitAPI:distance"', "", "limit-lost", "Its limit 'distance' is not kept"),
        ("Fixed", "", "float physics:breakForce = 5\n", "break-lost", "beyond a force of 5; it never does"),
        ("Revolute", "", "float physics:breakTorque = 7\n", "break-lost", "beyond a torque of 7; it never does"),
    ],
)
def test_what_a_joint_does_not_keep_is_told(
    inspect_usda: Any, kind: str, api: str, more: str, code: str, message: str
) -> None:
    _, found = inspect_usda(world(link("a"), link("b"), joint(kind, "j", "a", "b", more, api)))
    (told,) = found[code]
    assert told.path == "/World/j"
    assert message in told.message
    assert told.remedy


def test_what_joints_keep_is_not_told_as_lost(inspect_usda: Any) -> None:
    for kind, api in (
        ("Revolute", '"PhysicsDriveAPI:angular"'),
        ("", '"PhysicsDriveAPI:rotZ", "PhysicsLimitAPI:transX"'),
    ):
        _, found = inspect_usda(world(link("a"), link("b"), joint(kind, "j", "a", "b", "", api)))
        assert not {"drive-lost", "limit-lost", "break-lost"} & found.keys()


def test_nothing_sleeps(inspect_usda: Any) -> None:
    asleep = link("a").replace("float physics:mass", "bool physics:startsAsleep = 1\nfloat physics:mass")
    _, found = inspect_usda(world(asleep))
    assert found["sleep-lost"][0].path == "/World/a"
    assert "sleep-lost" not in inspect_usda(world(link("a")))[1]


def test_drives_in_acceleration_mode(inspect_usda: Any) -> None:
    drive = 'uniform token drive:angular:physics:type = "acceleration"\nfloat drive:angular:physics:stiffness = 4\n'
    scene, _ = inspect_usda(
        world(link("a"), link("b"), joint("Revolute", "j", "a", "b", drive, '"PhysicsDriveAPI:angular"'))
    )
    assert scene.joints["/World/j"].drive.mode == "acceleration"
    assert scene.joints["/World/j"].drive.stiffness == pytest.approx(4 * 180 / math.pi)
    assert scene.joints["/World/j"].drive.max_effort == math.inf


def test_mimicry_of_newton_and_physx(inspect_usda: Any) -> None:
    newton = "rel newton:mimicJoint = </World/lead>\nfloat newton:mimicCoef0 = 90\nfloat newton:mimicCoef1 = -2\n"
    physx = (
        "rel physxMimicJoint:rotX:referenceJoint = </World/lead>\nfloat physxMimicJoint:rotX:gearing = 2\n"
        "float physxMimicJoint:rotX:offset = -90\n"
    )
    scene, _ = inspect_usda(
        world(
            *(link(name) for name in "abcd"),
            joint("Revolute", "lead", "a", "b"),
            joint("Revolute", "n", "b", "c", newton),
            joint("Revolute", "p", "c", "d", physx),
        )
    )
    expected = Mimic(joint="/World/lead", multiplier=-2.0, offset=math.pi / 2)
    assert scene.joints["/World/n"].mimic == expected
    assert scene.joints["/World/p"].mimic == expected


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        (
            joint("Revolute", "j", "a", "nobody"),
            "joint-missing-body",
            "physics:body1 names '/World/nobody', which does not exist.",
        ),
        (joint("Revolute", "j", "", ""), "joint-between-nothing", "It connects the world to itself."),
        (joint("Revolute", "j", "a", "a"), "joint-between-nothing", "It connects /World/a to itself."),
        (joint("Distance", "j", "a", "b"), "joint-unsupported", "A joint of kind DistanceJoint is unknown."),
        (
            joint("Revolute", "j", "a", "b", "float physics:lowerLimit = 10\nfloat physics:upperLimit = -10"),
            "limits-crossed",
            "Its lower limit 0.174533 rad is above its upper limit -0.174533 rad.",
        ),
        (
            joint("Revolute", "j", "a", "b", "float newton:damping = -1"),
            "bad-joint-value",
            "Its damping is -57.2958.",
        ),
        (joint("Revolute", "j", "a", "b", "float newton:friction = nan"), "not-finite", "newton:friction is nan."),
        (
            joint("Revolute", "j", "a", "b", "point3f physics:localPos0 = (nan, 0, 0)"),
            "not-finite",
            "Its frame on body0 is not finite.",
        ),
        (
            joint("Revolute", "j", "a", "b", "quatf physics:localRot0 = (0, 0, 0, 0)"),
            "bad-quaternion",
            "physics:localRot0 is zero.",
        ),
        (
            joint("Revolute", "j", "a", "b", "rel newton:mimicJoint = </World/nobody>"),
            "mimic-missing-joint",
            "It mimics '/World/nobody', which is not another joint of the scene.",
        ),
    ],
)
def test_joints_that_cannot_be(inspect_usda: Any, text: str, code: str, message: str) -> None:
    _, found = inspect_usda(world(link("a"), link("b"), text))
    assert (found[code][0].severity, found[code][0].message) == ("error", message)
    assert found[code][0].path == "/World/j"


def test_joints_that_mimic_each_other(inspect_usda: Any) -> None:
    mimics = {"ab": "bc", "bc": "ca", "ca": "ab"}
    joints = [
        joint("Revolute", n, n[0], n[1], f"rel newton:mimicJoint = </World/{leader}>") for n, leader in mimics.items()
    ]
    _, found = inspect_usda(world(*(link(name) for name in "abc"), *joints))
    assert [one.path for one in found["mimic-circle"]] == ["/World/ab", "/World/bc", "/World/ca"]
    assert found["mimic-circle"][0].severity == "error"


def test_a_disabled_joint_is_left_out(inspect_usda: Any) -> None:
    scene, found = inspect_usda(
        world(link("a"), link("b"), joint("Revolute", "j", "a", "b", "bool physics:jointEnabled = 0"))
    )
    assert not scene.joints
    assert found["joint-disabled"][0].severity == "info"


def test_who_does_not_touch_whom(inspect_usda: Any) -> None:
    shape = 'def Cube "s" (prepend apiSchemas = ["PhysicsCollisionAPI"]) {}'
    parts = [link(name).replace("float physics:mass", shape + "\nfloat physics:mass") for name in "abcde"]
    parts[2] = (
        parts[2]
        .replace('"PhysicsMassAPI"', '"PhysicsMassAPI", "PhysicsFilteredPairsAPI"')
        .replace("float physics:mass", "rel physics:filteredPairs = </World/d>\nfloat physics:mass")
    )
    groups = """
    def PhysicsCollisionGroup "odd" (prepend apiSchemas = ["CollectionAPI:colliders"])
    {
        rel collection:colliders:includes = </World/a>
        rel physics:filteredGroups = </World/even>
    }
    def PhysicsCollisionGroup "even" (prepend apiSchemas = ["CollectionAPI:colliders"])
    {
        rel collection:colliders:includes = </World/e>
    }
"""
    scene, _ = inspect_usda(world(*parts, groups, joint("Fixed", "j", "a", "b")))
    assert scene.filtered_pairs == (("/World/a", "/World/b"), ("/World/a", "/World/e"), ("/World/c", "/World/d"))


def test_groups_of_one_name_are_one(inspect_usda: Any) -> None:
    shape = 'def Cube "s" (prepend apiSchemas = ["PhysicsCollisionAPI"]) {}'
    parts = [link(name).replace("float physics:mass", shape + "\nfloat physics:mass") for name in "abc"]
    group = """
    def PhysicsCollisionGroup "{name}" (prepend apiSchemas = ["CollectionAPI:colliders"])
    {{
        rel collection:colliders:includes = </World/{member}>
        {more}
    }}
"""
    groups = [
        group.format(name="one", member="a", more='string physics:mergeGroup = "m"'),
        group.format(name="two", member="b", more='string physics:mergeGroup = "m"'),
        group.format(name="three", member="c", more="rel physics:filteredGroups = </World/one>"),
    ]
    scene, _ = inspect_usda(world(*parts, *groups))
    assert scene.filtered_pairs == (("/World/a", "/World/c"), ("/World/b", "/World/c"))


@pytest.mark.parametrize(
    ("authored", "touches"),
    [
        ("", False),
        ("bool newton:selfCollisionEnabled = 0", False),
        ("bool newton:selfCollisionEnabled = 1", True),
        ("bool physxArticulation:enabledSelfCollisions = 1", True),
    ],
)
def test_an_articulation_touches_itself_where_its_file_says_so(inspect_usda: Any, authored: str, touches: bool) -> None:
    api = '(prepend apiSchemas = ["NewtonArticulationRootAPI"])'
    text = world(
        authored,
        *(link(name) for name in "abc"),
        joint("Revolute", "ab", "a", "b"),
        joint("Revolute", "bc", "b", "c"),
        api=api,
    )
    scene, _ = inspect_usda(text)
    assert (("/World/a", "/World/c") not in scene.filtered_pairs) == touches
