"""What a URDF's conversion changes is told: names, kinds of joints, meshes, starting positions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hanzo_twin.scene.load import load_scene
from hanzo_twin.scene.model import Mesh

INERTIAL = (
    '<inertial><mass value="1"/><inertia ixx="0.1" ixy="0" ixz="0" iyy="0.1" iyz="0" izz="0.1"/></inertial>'
    '<collision><geometry><box size="0.1 0.1 0.1"/></geometry></collision>'
)


def links(*names: str) -> str:
    return "".join(f'<link name="{name}">{INERTIAL}</link>' for name in names)


def joint(name: str, kind: str, parent: str, child: str, more: str = "") -> str:
    return f'<joint name="{name}" type="{kind}"><parent link="{parent}"/><child link="{child}"/>{more}</joint>'


def test_names_that_were_changed_are_listed(inspect_urdf: Any) -> None:
    scene, found = inspect_urdf(links("base", "left-leg") + joint("hip-yaw", "continuous", "base", "left-leg"))
    leg, hip = (path.rpartition("/")[2] for path in (list(scene.bodies)[1], scene.articulations["/robot"].joints[0]))
    [told] = found["renamed"]
    assert told.severity == "info"
    assert told.message.endswith(f"in each place: 'left-leg' is {leg}, 'hip-yaw' is {hip}.")


def test_a_robot_that_had_to_be_renamed_is_told(inspect_urdf: Any) -> None:
    scene, found = inspect_urdf(f'<robot name="my-robot.v2">{links("base")}</robot>')
    name = next(iter(scene.bodies)).split("/")[1]
    assert found["renamed"][0].message.endswith(f": 'my-robot.v2' is {name}.")


def test_a_link_that_shares_its_name_with_a_shape_and_a_joint_is_found(inspect_urdf: Any) -> None:
    """The shape comes first and keeps the name, so what is said of the link must not be said of it."""
    shape = '<visual name="wheel"><geometry><box size="1 1 1"/></geometry></visual>'
    scene, found = inspect_urdf(
        f'<link name="base">{INERTIAL}{shape}</link><link name="wheel"/>'
        + links("hub")
        + joint("wheel", "fixed", "base", "wheel")
        + joint("axle", "continuous", "wheel", "hub")
    )
    assert found["link-without-body"][0].path == "/robot/Geometry/base/wheel_1"
    assert found["renamed"][0].message.endswith(": 'wheel' is wheel_1.")
    assert len(scene.bodies) == 2


def test_a_planar_joint_and_a_floating_one_are_told(inspect_urdf: Any) -> None:
    scene, found = inspect_urdf(
        links("base", "puck", "ball")
        + joint("slides", "planar", "base", "puck", '<axis xyz="0 0 1"/>')
        + joint("flies", "floating", "base", "ball")
    )
    assert found["planar-joint"][0].path == "/robot/Physics/slides"
    assert found["planar-joint"][0].message.startswith("The planar joint 'slides' became a generic (D6) joint")
    assert scene.joints["/robot/Physics/slides"].kind == "d6"
    assert found["floating-joint"][0].message.startswith("The floating joint 'flies' became none: the link 'ball'")
    assert "ball" not in {path.rpartition("/")[2] for path in scene.child_joint}


def test_what_hangs_on_a_joint_that_starts_elsewhere_keeps_its_own_position(inspect_urdf: Any) -> None:
    """A knee whose limits leave out zero moves the foot below it; the ankle still starts at zero."""
    limit = '<axis xyz="0 1 0"/><limit lower="-2" upper="-0.8" effort="9" velocity="9"/>'
    scene, found = inspect_urdf(
        links("base", "shin", "foot", "toe")
        + joint("knee", "revolute", "base", "shin", limit)
        + joint("ankle", "continuous", "shin", "foot", '<origin xyz="0 0 -0.3"/><axis xyz="0 1 0"/>')
        + joint("mount", "fixed", "foot", "toe", '<origin xyz="0.1 0 0"/>'),
        floating_base=False,
    )
    assert scene.joints["/robot/Physics/knee"].initial_position == pytest.approx(-0.8)
    assert scene.joints["/robot/Physics/ankle"].initial_position == 0.0
    assert "start-outside-limits" in found
    assert "joint-misaligned" not in found


OBJ = """mtllib none.mtl
v 9 9 9
v 0 0 0
v 1 0 0
v 0 1 0
v 0 0 1
vn 0 0 1
f 2//1 4//1 3//1
f 2//1 3//1 5//1
f -4//1 -1//1 -2//1
f 3//1 4//1 5//1
l 1 2
"""


def test_a_mesh_with_points_that_no_face_uses_is_kept(tmp_path: Path) -> None:
    (tmp_path / "meshes").mkdir()
    (tmp_path / "meshes/part.obj").write_text(OBJ)
    mesh = '<collision><geometry><mesh filename="meshes/part.obj"/></geometry></collision>'
    (tmp_path / "robot.urdf").write_text(f'<robot name="robot"><link name="base">{INERTIAL}{mesh}</link></robot>')
    scene = load_scene(tmp_path / "robot.urdf")
    assert "mesh-lost" not in {diagnosis.code for diagnosis in scene.diagnoses}
    [body] = scene.bodies.values()
    [found] = [shape.geometry for shape in body.shapes if isinstance(shape.geometry, Mesh)]
    assert len(found.triangles) == 4
    assert found.vertices.max() == 1.0


def test_an_obj_that_usd_refuses_is_read_without_what_it_refuses(tmp_path: Path) -> None:
    """Faces of two corners, and normals for some corners only, as in files of Bullet."""
    (tmp_path / "part.obj").write_text(
        "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nv 7 7 7\nvn 0 0 1\nf 1//1 3//1 2//1\nf 1 2 4\nf 1 4 3\nf 1 5\n"
    )
    mesh = '<visual><geometry><mesh filename="part.obj"/></geometry></visual>'
    (tmp_path / "robot.urdf").write_text(f'<robot name="robot"><link name="base">{INERTIAL}{mesh}</link></robot>')
    scene = load_scene(tmp_path / "robot.urdf")
    assert "mesh-lost" not in {diagnosis.code for diagnosis in scene.diagnoses}
    [body] = scene.bodies.values()
    [found] = [shape.geometry for shape in body.shapes if isinstance(shape.geometry, Mesh)]
    assert (len(found.vertices), len(found.triangles)) == (4, 3)


def test_the_remedy_for_a_lost_mesh_is_one_for_its_cause(inspect_urdf: Any, tmp_path: Path) -> None:
    (tmp_path / "broken.stl").write_text("solid nothing")
    (tmp_path / "part.fbx").write_text("x")
    names = ("package://nowhere/a.stl", "b.stl", "broken.stl", "part.fbx", "")
    shapes = "".join(f'<visual><geometry><mesh filename="{name}"/></geometry></visual>' for name in names)
    _, found = inspect_urdf(f'<link name="base">{INERTIAL}{shapes}</link>')
    assert [told.remedy for told in found["mesh-lost"]] == [
        "Name the directory of the package in ROS_PACKAGE_PATH, or put it beside or above the file.",
        "Put the file there, or correct its name.",
        "Check that a mesh viewer opens it, and export it again.",
        "Export the mesh in one of these formats.",
        'Name it: <mesh filename="…"/>.',
    ]
