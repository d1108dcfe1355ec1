from __future__ import annotations

import math
import os
import struct
import time
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hanzo_twin.scene.load import inspect_scene, load_scene
from hanzo_twin.scene.model import Box, Cylinder, Mesh, Mimic, Scene, Sphere
from hanzo_twin.scene.tree import motion
from hanzo_twin.spatial import FloatArray, Pose, quaternion_from_axis_angle, quaternion_multiply, rotation_matrix

PENDULUM = Path(os.environ.get("PENDULUM_DATA", Path(__file__).parents[4] / "shared/data/dfki_pendulum"))

MASS = '<inertial><mass value="5"/><inertia ixx="1" ixy="0" ixz="0" iyy="1" iyz="0" izz="1"/></inertial>'
ROBOT = """
<link name="base">
  <inertial><origin xyz="0.01 -0.02 0.03" rpy="0.3 -0.2 0.5"/><mass value="3.25"/>
    <inertia ixx="0.02" ixy="0.001" ixz="-0.002" iyy="0.03" iyz="0.0005" izz="0.04"/></inertial>
  <collision><origin xyz="0 0 0.05" rpy="0 0.1 0"/>
    <geometry><cylinder radius="0.1" length="0.25"/></geometry></collision>
</link>
<link name="upper">
  <inertial><origin xyz="0 0 0.2"/><mass value="1.75"/>
    <inertia ixx="0.011" ixy="0" ixz="0" iyy="0.012" iyz="0" izz="0.013"/></inertial>
  <collision><geometry><box size="0.25 0.5 1"/></geometry></collision>
</link>
<link name="fore">
  <inertial><mass value="0.5"/><inertia ixx="0.001" ixy="0" ixz="0" iyy="0.002" iyz="0" izz="0.0025"/></inertial>
  <visual><geometry><sphere radius="0.125"/></geometry><material name="red"><color rgba="1 0 0 1"/></material></visual>
</link>
<link name="finger">
  <inertial><mass value="0.125"/><inertia ixx="0.001" ixy="0" ixz="0" iyy="0.001" iyz="0" izz="0.001"/></inertial>
</link>
<link name="thumb">
  <inertial><mass value="0.125"/><inertia ixx="0.001" ixy="0" ixz="0" iyy="0.001" iyz="0" izz="0.001"/></inertial>
</link>
<link name="tool"/>
<joint name="shoulder" type="revolute">
  <origin xyz="0.1 0.2 0.3" rpy="0.4 -0.5 0.6"/><parent link="base"/><child link="upper"/><axis xyz="0.6 0 0.8"/>
  <limit lower="-1.25" upper="2.5" effort="40" velocity="3"/><dynamics damping="0.75" friction="0.125"/>
</joint>
<joint name="elbow" type="continuous">
  <origin xyz="0 0 0.4" rpy="-1.5708 0 0"/><parent link="upper"/><child link="fore"/><axis xyz="0 -1 0"/>
</joint>
<joint name="grip" type="prismatic">
  <origin xyz="0 0.05 0.1" rpy="0 0 1"/><parent link="fore"/><child link="finger"/><axis xyz="0 1 0"/>
  <limit lower="0" upper="0.05" effort="10" velocity="0.5"/><dynamics damping="4" friction="2"/>
</joint>
<joint name="grip_too" type="prismatic">
  <origin xyz="0 -0.05 0.1"/><parent link="fore"/><child link="thumb"/><axis xyz="0 1 0"/>
  <limit lower="-0.05" upper="0" effort="10" velocity="0.5"/><mimic joint="grip" multiplier="-1" offset="0"/>
</joint>
<joint name="tool_mount" type="fixed"><origin xyz="0 0 0.2"/><parent link="fore"/><child link="tool"/></joint>
"""


def rpy_pose(element: ET.Element | None) -> Pose:
    """An <origin> by the URDF specification: fixed axes, roll then pitch then yaw."""
    if element is None:
        return Pose.identity()
    xyz = [float(word) for word in element.get("xyz", "0 0 0").split()]
    roll, pitch, yaw = (float(word) for word in element.get("rpy", "0 0 0").split())
    about = quaternion_from_axis_angle
    turn = quaternion_multiply(
        about([0, 0, 1], yaw), quaternion_multiply(about([0, 1, 0], pitch), about([1, 0, 0], roll))
    )
    return Pose.of(xyz, turn)


def axis_of(joint: ET.Element) -> FloatArray:
    element = joint.find("axis")
    axis = np.array([float(word) for word in (element.get("xyz", "1 0 0") if element is not None else "1 0 0").split()])
    unit: FloatArray = axis / np.linalg.norm(axis)
    return unit


def link_poses_by_urdf(text: str, positions: dict[str, float]) -> dict[str, Pose]:
    """Forward kinematics from the XML alone."""
    robot = ET.fromstring(f"<robot>{text}</robot>")
    poses = {"base": Pose.identity()}
    for joint in robot.findall("joint"):
        parent, child = joint.find("parent"), joint.find("child")
        assert parent is not None
        assert child is not None
        q = positions.get(joint.get("name", ""), 0.0)
        if joint.get("type") == "prismatic":
            moved = Pose.of(axis_of(joint) * q)
        else:
            moved = Pose.of((0, 0, 0), quaternion_from_axis_angle(axis_of(joint), q))
        poses[child.get("link", "")] = poses[parent.get("link", "")] @ rpy_pose(joint.find("origin")) @ moved
    return poses


def link_poses_by_scene(scene: Scene, positions: dict[str, float]) -> dict[str, Pose]:
    poses: dict[str, Pose] = {"": Pose.identity()}
    for joint in scene.joints.values():
        q = positions.get(joint.path.rpartition("/")[2], 0.0)
        poses[joint.child] = (
            poses[joint.parent] @ joint.pose_parent_joint @ motion(joint, q) @ joint.pose_child_joint.inverse()
        )
    return {path.rpartition("/")[2]: pose for path, pose in poses.items()}


@pytest.mark.parametrize(
    "positions",
    [{}, {"shoulder": 0.7, "elbow": -2.0, "grip": 0.03}, {"shoulder": -1.2, "elbow": 3.0, "grip_too": -0.02}],
)
def test_forward_kinematics_agrees_with_the_urdf(inspect_urdf: Any, positions: dict[str, float]) -> None:
    scene, _ = inspect_urdf(ROBOT)
    expected, found = link_poses_by_urdf(ROBOT, positions), link_poses_by_scene(scene, positions)
    for name in ("base", "upper", "fore", "finger", "thumb"):
        np.testing.assert_allclose(found[name].position, expected[name].position, atol=2e-7)
        assert abs(float(found[name].orientation @ expected[name].orientation)) == pytest.approx(1, abs=1e-12)


def test_masses_arrive_exactly(inspect_urdf: Any) -> None:
    scene, found = inspect_urdf(ROBOT)
    bodies = {path.rpartition("/")[2]: body for path, body in scene.bodies.items()}
    assert {name: body.mass for name, body in bodies.items()} == {
        "base": 3.25, "upper": 1.75, "fore": 0.5, "finger": 0.125, "thumb": 0.125
    }  # fmt: skip
    assert bodies["base"].center_of_mass == (0.01, -0.02, 0.03)
    assert bodies["upper"].diagonal_inertia == (0.011, 0.012, 0.013)
    inertia = np.array([[0.02, 0.001, -0.002], [0.001, 0.03, 0.0005], [-0.002, 0.0005, 0.04]])
    turn = rotation_matrix(rpy_pose(ET.fromstring('<origin rpy="0.3 -0.2 0.5"/>')).orientation)
    axes = rotation_matrix(np.array(bodies["base"].principal_axes))
    np.testing.assert_allclose(
        axes @ np.diag(bodies["base"].diagonal_inertia) @ axes.T, turn @ inertia @ turn.T, atol=1e-12
    )
    assert {body.mass_source for body in bodies.values()} == {"authored"}
    assert "mass-guessed" not in found


def test_joint_numbers_arrive(inspect_urdf: Any) -> None:
    scene, _ = inspect_urdf(ROBOT)
    joints = {path.rpartition("/")[2]: joint for path, joint in scene.joints.items()}
    shoulder, elbow, grip = joints["shoulder"], joints["elbow"], joints["grip"]
    assert (shoulder.lower, shoulder.upper) == pytest.approx((-1.25, 2.5), rel=1e-7)
    assert (shoulder.max_effort, shoulder.max_velocity) == pytest.approx((40, 3), rel=1e-7)
    assert (shoulder.damping, shoulder.friction) == pytest.approx((0.75, 0.125), rel=1e-7)
    assert shoulder.drive is None
    assert (elbow.lower, elbow.upper) == (-math.inf, math.inf)
    assert (grip.lower, grip.upper, grip.max_effort, grip.max_velocity) == pytest.approx((0, 0.05, 10, 0.5))
    assert (grip.damping, grip.friction) == (4.0, 2.0)
    assert joints["grip_too"].mimic == Mimic(joint=grip.path, multiplier=-1.0)


def test_shapes_and_structure(inspect_urdf: Any) -> None:
    scene, found = inspect_urdf(ROBOT)
    bodies = {path.rpartition("/")[2]: body for path, body in scene.bodies.items()}
    assert bodies["base"].shapes[0].geometry == Cylinder(radius=0.1, half_height=0.125)
    assert bodies["base"].shapes[0].pose.position == pytest.approx([0, 0, 0.05])
    assert bodies["upper"].shapes[0].geometry == Box(half_extents=(0.125, 0.25, 0.5))
    visual = bodies["fore"].shapes[0]
    assert (visual.geometry, visual.collides) == (Sphere(radius=0.125), False)
    assert visual.color == pytest.approx((1, 0, 0, 1), abs=1e-6)
    arm = scene.articulations["/robot"]
    assert [path.rpartition("/")[2] for path in arm.joints] == ["shoulder", "elbow", "grip", "grip_too"]
    assert arm.fixed_base
    assert found["link-without-body"][0].message == (
        "The link 'tool' has no mass and no geometry; it is a frame, not a body."
    )
    assert "articulation-inferred" not in found


def test_the_base_can_be_freed(inspect_urdf: Any) -> None:
    welded, found = inspect_urdf(ROBOT)
    assert found["base-welded"][0].message == (
        "The robot is welded to the world: fewer than two moving branches with colliders leave its base 'base', "
        "so it has no legs or wheels."
    )
    floating, found = inspect_urdf(ROBOT, floating_base=True)
    assert found["base-floating"][0].message == "The robot floats: as asked for."
    assert welded.articulations["/robot"].fixed_base
    assert not floating.articulations["/robot"].fixed_base
    assert floating.articulations["/robot"].joints == welded.articulations["/robot"].joints


@pytest.mark.parametrize(
    ("moments", "expected"),
    [("0 0.25 0.25", (2.5e-7, 0.25, 0.25)), ("0 0 0", None), ("1e-18 0.25 0.25", (2.5e-7, 0.25, 0.25))],
)
def test_moments_of_zero(inspect_urdf: Any, moments: str, expected: tuple[float, float, float] | None) -> None:
    x, y, z = moments.split()
    scene, found = inspect_urdf(
        f'<link name="rod"><inertial><mass value="2"/><inertia ixx="{x}" iyy="{y}" izz="{z}" ixy="0" ixz="0" iyz="0"/>'
        '</inertial><collision><geometry><sphere radius="0.5"/></geometry></collision></link>'
    )
    (rod,) = scene.bodies.values()
    assert rod.diagonal_inertia == pytest.approx(expected or (0.2, 0.2, 0.2))
    assert ("inertia-raised" in found) is (expected is not None)
    assert not [code for code, items in found.items() if items[0].severity == "error"]


@pytest.mark.parametrize(
    ("use", "code", "severity"), [("visual", "visual-lost", "warning"), ("collision", "degenerate-scale", "error")]
)
def test_a_box_of_no_size(inspect_urdf: Any, use: str, code: str, severity: str) -> None:
    scene, found = inspect_urdf(f'<link name="a">{MASS}<{use}><geometry><box size="0 0 0"/></geometry></{use}></link>')
    assert [(item.severity, item.path) for item in found[code]] == [(severity, "/robot/Geometry/a/box")]
    assert scene.bodies["/robot/Geometry/a"].shapes == ()


CART = """
<link name="{root}">{mass}</link>
""" + "".join(
    f"""
<link name="wheel_{side}">
  <inertial><mass value="1"/><inertia ixx="1" ixy="0" ixz="0" iyy="1" iyz="0" izz="1"/></inertial>
  <collision><geometry><sphere radius="0.1"/></geometry></collision></link>
<joint name="axle_{side}" type="continuous">
  <parent link="{{root}}"/><child link="wheel_{side}"/><axis xyz="0 1 0"/></joint>
"""
    for side in ("left", "right")
)


@pytest.mark.parametrize(
    ("root", "mass", "floats"), [("chassis", MASS, True), ("world", MASS, False), ("chassis", "", False)]
)
def test_what_has_wheels_floats(inspect_urdf: Any, root: str, mass: str, floats: bool) -> None:
    _, found = inspect_urdf(CART.format(root=root, mass=mass))
    assert ("base-guessed" in found) is floats
    assert ("base-welded" in found) is not floats
    if floats:
        assert str(found["base-guessed"][0]) == (
            "warning[base-guessed] /robot: The robot is taken to float: 2 moving branches with colliders leave its "
            "base 'chassis', like legs or wheels. Load it with floating_base=True or False to decide it yourself."
        )
    scene, _ = inspect_urdf(CART.format(root=root, mass=mass), floating_base=False)
    assert all(articulation.fixed_base for articulation in scene.articulations.values())


def test_a_floating_joint_frees_its_child(inspect_urdf: Any) -> None:
    scene, _ = inspect_urdf(
        f'<link name="world"/><link name="ball">{MASS}</link>'
        '<joint name="free" type="floating"><parent link="world"/><child link="ball"/></joint>'
    )
    assert not scene.joints
    assert [path.rpartition("/")[2] for path in scene.bodies] == ["ball"]


def test_a_planar_joint_is_a_generic_one(inspect_urdf: Any) -> None:
    scene, _ = inspect_urdf(
        f'<link name="base">{MASS}</link><link name="puck">{MASS}</link>'
        '<joint name="table" type="planar"><parent link="base"/><child link="puck"/><axis xyz="0 0 1"/></joint>'
    )
    free = {(axis.name, axis.rotation) for axis in scene.joints["/robot/Physics/table"].free_axes}
    assert free == {("x", False), ("y", False), ("z", True)}


def write_stl(path: Path) -> None:
    """A tetrahedron of edge 1 along each axis."""
    corners = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)]
    faces = [(0, 2, 1), (0, 1, 3), (0, 3, 2), (1, 2, 3)]
    data = b"\0" * 80 + struct.pack("<I", len(faces))
    for face in faces:
        data += struct.pack("<3f", 0, 0, 0) + b"".join(struct.pack("<3f", *corners[i]) for i in face) + b"\0\0"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def mesh_robot(filename: str, scale: str = "") -> str:
    return (
        f'<robot name="robot"><link name="base">{MASS}<collision><geometry><mesh filename="{filename}" {scale}/>'
        "</geometry></collision></link></robot>"
    )


@pytest.mark.parametrize("where", ["beside", "package beside", "ros path", "package above"])
def test_meshes_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    file = tmp_path / "bot_description/urdf/bot.urdf"
    file.parent.mkdir(parents=True)
    name, place = {
        "beside": ("tetra.stl", file.parent / "tetra.stl"),
        "package beside": ("package://parts/tetra.stl", file.parent / "parts/tetra.stl"),
        "ros path": ("package://parts/meshes/tetra.stl", tmp_path / "ros/parts/meshes/tetra.stl"),
        "package above": ("package://bot_description/meshes/tetra.stl", tmp_path / "bot_description/meshes/tetra.stl"),
    }[where]
    monkeypatch.setenv("ROS_PACKAGE_PATH", f"/nowhere:{tmp_path / 'ros'}")
    write_stl(place)
    file.write_text(mesh_robot(name, 'scale="1 2 3"'))
    scene = load_scene(file)
    assert "mesh-lost" not in {diagnosis.code for diagnosis in scene.diagnoses}
    (body,) = scene.bodies.values()
    (shape,) = body.shapes
    assert isinstance(shape.geometry, Mesh)
    assert shape.geometry.approximation == "convexHull"
    assert shape.pose.apply(shape.geometry.vertices).max(axis=0) == pytest.approx([1, 2, 3])


@pytest.mark.parametrize(
    ("filename", "content", "reason"),
    [
        ("gone.stl", None, "'gone.stl': there is no such file"),
        ("package://nobody/x.stl", None, "'package://nobody/x.stl': the package 'nobody' was not found"),
        ("junk.stl", b"\xff\x00 junk", "'junk.stl': the file cannot be read as a mesh"),
        ("junk.dae", b"<not collada", "'junk.dae': the file cannot be read as a mesh"),
        ("part.step", b"ISO-10303", "'part.step': the format '.step' is unknown (known: .stl, .obj, .dae)"),
    ],
)
def test_a_lost_mesh_is_named(tmp_path: Path, filename: str, content: bytes | None, reason: str) -> None:
    if content is not None:
        (tmp_path / filename).write_bytes(content)
    file = tmp_path / "bot.urdf"
    file.write_text(mesh_robot(filename))
    scene, diagnoses = inspect_scene(file)
    assert scene is not None
    lost = [diagnosis for diagnosis in diagnoses if diagnosis.code == "mesh-lost"]
    assert [diagnosis.message for diagnosis in lost] == [
        f"The collision mesh of link 'base' (bot.urdf:1) is lost: {reason}."
    ]
    assert (lost[0].severity, lost[0].path) == ("warning", "/robot/Geometry/base")
    assert "no-collider" in {diagnosis.code for diagnosis in diagnoses}


@pytest.mark.skipif(not PENDULUM.is_dir(), reason="the pendulum recordings are not here (PENDULUM_DATA names them)")
def test_the_cad_export_of_a_real_pendulum_loads_untouched() -> None:
    scene = load_scene(PENDULUM / "dfki_simple_pendulum.urdf")
    arm = scene.bodies["/Einfachpendel_1/Geometry/base_link/Link_1"]
    hinge = scene.joints["/Einfachpendel_1/Physics/Joint_1"]
    assert arm.mass == 0.67531
    assert arm.center_of_mass == (0.019646, 0.4338, -4.9518e-17)
    assert arm.diagonal_inertia == (0.0033459, 0.00068565, 0.0026883)
    assert arm.principal_axes == (1.0, 0.0, 0.0, 0.0)
    assert arm.shapes == ()
    assert hinge.axis == (1.0, 0.0, 0.0)
    assert (hinge.lower, hinge.upper, hinge.max_effort, hinge.max_velocity) == (-math.inf, *[math.inf] * 3)
    half = 1.5708 / 2
    assert hinge.pose_parent_joint.orientation == pytest.approx([math.cos(half), -math.sin(half), 0, 0], abs=1e-7)
    assert hinge.pose_parent_joint.position == pytest.approx([-0.0005, 0, 0])
    assert scene.articulations["/Einfachpendel_1"].joints == ("/Einfachpendel_1/Physics/Joint_1",)
    found = [diagnosis.code for diagnosis in scene.diagnoses if diagnosis.severity == "warning"]
    assert sorted(found) == ["mesh-lost"] * 4 + ["zero-effort", "zero-limits"]


def test_conversion_takes_less_than_a_second(inspect_urdf: Any) -> None:
    inspect_urdf(ROBOT)
    start = time.process_time()
    inspect_urdf(ROBOT)
    assert time.process_time() - start < 1.0


def test_links_of_trees_on_a_base_without_mass_do_not_touch(inspect_urdf: Any) -> None:
    """The base is not a body, so that a fixed link and an arm are held by the world each."""
    links = "".join(f'<link name="{name}">{MASS}</link>' for name in ("horn", "arm", "hand"))
    joints = (
        '<joint name="h" type="fixed"><parent link="base"/><child link="horn"/></joint>'
        '<joint name="a" type="continuous"><parent link="base"/><child link="arm"/><axis xyz="0 0 1"/></joint>'
        '<joint name="b" type="continuous"><parent link="arm"/><child link="hand"/><axis xyz="0 0 1"/></joint>'
    )
    scene, _ = inspect_urdf(f'<link name="base"/>{links}{joints}')
    horn, arm, hand = (next(path for path in scene.bodies if path.endswith(f"/{n}")) for n in ("horn", "arm", "hand"))
    pairs = {tuple(sorted(pair)) for pair in ((horn, arm), (horn, hand), (arm, hand))}
    assert pairs <= set(scene.filtered_pairs)
