"""Links without mass: what cannot move is the world's, what is welded weighs next to nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hanzo_twin.scene.convert import convert
from hanzo_twin.scene.load import load_scene
from hanzo_twin.scene.model import Box, Mesh

NOTHING = '<inertial><mass value="0"/><inertia ixx="0" ixy="0" ixz="0" iyy="0" iyz="0" izz="0"/></inertial>'
HEAVY = '<inertial><mass value="2"/><inertia ixx="0.1" ixy="0" ixz="0" iyy="0.1" iyz="0" izz="0.1"/></inertial>'
SLAB = '<collision name="slab"><geometry><box size="200 200 10"/></geometry></collision>'
WELD = '<joint name="weld" type="fixed"><parent link="{}"/><child link="{}"/><origin xyz="0 0 1"/></joint>'
HINGE = '<joint name="hinge" type="continuous"><parent link="{}"/><child link="{}"/><axis xyz="0 1 0"/></joint>'


@pytest.mark.parametrize("mass", ["", NOTHING])
def test_what_has_no_mass_and_cannot_move_is_part_of_the_world(inspect_urdf: Any, mass: str) -> None:
    text = f'<link name="plane">{mass}{SLAB}</link><link name="top">{mass}{SLAB}</link>{WELD.format("plane", "top")}'
    scene, found = inspect_urdf(text)
    assert not scene.bodies
    assert not scene.joints
    bottom, top = scene.static_shapes.values()
    assert (bottom.path, bottom.collides, bottom.geometry) == (
        "/robot/Geometry/plane/slab",
        True,
        Box(half_extents=(100.0, 100.0, 5.0)),
    )
    assert top.pose.position[2] == 1.0
    [told] = found["static-links"]
    assert str(told).startswith(
        "info[static-links] /robot: No link has mass and no joint moves: it is part of the world"
    )
    assert "mass-guessed" not in found


def test_it_is_a_body_when_it_shall_float(inspect_urdf: Any) -> None:
    scene, found = inspect_urdf(f'<link name="plane">{NOTHING}{SLAB}</link>', floating_base=True)
    assert list(scene.bodies) == ["/robot/Geometry/plane"]
    assert "mass-guessed" in found


def test_a_still_mesh_collides_as_it_is_where_bullet_would_let_it(tmp_path: Path) -> None:
    (tmp_path / "part.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nf 1 3 2\nf 1 2 4\nf 1 4 3\n")
    for concave, wanted in (("yes", "none"), ("no", "convexHull")):
        shape = f'<collision concave="{concave}"><geometry><mesh filename="part.obj"/></geometry></collision>'
        file = tmp_path / f"{concave}.urdf"
        file.write_text(f'<robot name="hall"><link name="hall">{shape}</link></robot>')
        [found] = load_scene(file).static_shapes.values()
        assert isinstance(found.geometry, Mesh)
        assert found.geometry.approximation == wanted


def test_a_welded_link_without_mass_weighs_next_to_nothing(inspect_urdf: Any) -> None:
    foot = '<collision><geometry><sphere radius="0.1"/></geometry></collision>'
    links = f'<link name="shin">{HEAVY}</link><link name="foot">{foot}</link><link name="arm">{HEAVY}{foot}</link>'
    scene, found = inspect_urdf(links + WELD.format("shin", "foot") + HINGE.format("shin", "arm"))
    body = scene.bodies["/robot/Geometry/shin/foot"]
    assert body.mass == pytest.approx(2e-9)
    assert [told.message for told in found["links-without-mass"]] == [
        "These links have no mass and are welded to 'shin'; they weigh next to nothing (2e-09 kg each): 'foot'."
    ]
    assert "mass-guessed" not in found


def test_a_base_without_mass_keeps_its_body_and_is_welded(inspect_urdf: Any) -> None:
    scene, found = inspect_urdf(
        f'<link name="base">{NOTHING}{SLAB}</link><link name="arm">{HEAVY}</link>' + HINGE.format("base", "arm")
    )
    assert [articulation.root_body for articulation in scene.articulations.values()] == ["/robot/Geometry/base"]
    assert scene.bodies["/robot/Geometry/base"].mass < 1e-8
    assert found["base-welded"][0].message == "The robot is welded to the world: its root link 'base' has no mass."


def test_a_moving_link_without_mass_gets_one_and_that_is_told(inspect_urdf: Any) -> None:
    ball = '<collision><geometry><sphere radius="0.1"/></geometry></collision>'
    scene, found = inspect_urdf(
        f'<link name="base">{HEAVY}</link><link name="arm">{NOTHING}{ball}</link>' + HINGE.format("base", "arm")
    )
    assert scene.bodies["/robot/Geometry/base/arm"].mass == pytest.approx(4.18879)
    assert [told.path for told in found["mass-guessed"]] == ["/robot/Geometry/base/arm"]


def test_a_still_scene_is_written_and_read_as_one(tmp_path: Path, inspect_urdf: Any) -> None:
    inspect_urdf(f'<link name="plane">{SLAB}</link>')
    report = convert(tmp_path / "robot.urdf", tmp_path / "again.urdf")
    assert not report.of("lost")
    again = load_scene(tmp_path / "again.urdf")
    assert not again.bodies
    [shape] = again.static_shapes.values()
    assert shape.geometry == Box(half_extents=(100.0, 100.0, 5.0))
    assert 'robot name="robot"' in (tmp_path / "again.urdf").read_text()
