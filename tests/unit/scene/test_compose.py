from __future__ import annotations

from pathlib import Path

import pytest

from hanzo_twin.scene.load import Reference, inspect_scene, load_scene

CELL = """#usda 1.0
(
    defaultPrim = "World"
    metersPerUnit = 1
    upAxis = "Z"
)
def Xform "World"
{
    def Cube "floor" (prepend apiSchemas = ["PhysicsCollisionAPI"])
    {
        double size = 1
    }
    def Xform "stand"
    {
        double3 xformOp:translate = (1, 0, 0.5)
        uniform token[] xformOpOrder = ["xformOp:translate"]
    }
}
"""
BOX = """#usda 1.0
(
    defaultPrim = "Box"
    metersPerUnit = 1
    upAxis = "Z"
)
def Cube "Box" (prepend apiSchemas = ["PhysicsRigidBodyAPI", "PhysicsCollisionAPI", "PhysicsMassAPI"])
{
    double size = 0.5
    float physics:mass = 2
}
"""
ROBOT = """<robot name="bot"><link name="base">
<inertial><mass value="3"/><inertia ixx="1" ixy="0" ixz="0" iyy="1" iyz="0" izz="1"/></inertial></link>
<link name="arm"><inertial><mass value="1"/><inertia ixx="1" ixy="0" ixz="0" iyy="1" iyz="0" izz="1"/></inertial></link>
<joint name="j" type="continuous"><origin xyz="0 0 1"/><parent link="base"/><child link="arm"/></joint></robot>"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "cell.usda").write_text(CELL)
    (tmp_path / "box.usda").write_text(BOX)
    (tmp_path / "bot.urdf").write_text(ROBOT)
    return tmp_path


def test_parts_stand_at_their_paths(folder: Path) -> None:
    parts = [
        Reference(ref="box.usda", path="/World/boxes/first"),
        Reference(ref="box.usda", path="/World/boxes/second"),
    ]
    scene = load_scene(folder / "cell.usda", composition=parts)
    assert list(scene.bodies) == ["/World/boxes/first", "/World/boxes/second"]
    assert "/World/floor" in scene.static_shapes
    assert scene.fingerprint != load_scene(folder / "cell.usda").fingerprint


def test_a_robot_from_urdf_stands_in_a_usd_cell(folder: Path) -> None:
    scene = load_scene(folder / "cell.usda", composition=[Reference(ref="bot.urdf", path="/World/stand/bot")])
    assert list(scene.articulations) == ["/World/stand/bot"]
    arm = scene.bodies["/World/stand/bot/Geometry/base/arm"]
    assert arm.pose_world_body.position == pytest.approx([1, 0, 1.5])
    assert scene.joints["/World/stand/bot/Physics/root_joint"].pose_parent_joint.position == pytest.approx([1, 0, 0.5])


def test_a_urdf_may_be_the_base(folder: Path) -> None:
    scene = load_scene(folder / "bot.urdf", composition=[Reference(ref="box.usda", path="/bot/load")])
    assert {"/bot/Geometry/base", "/bot/load"} <= set(scene.bodies)


def test_a_part_of_a_file_can_be_named(folder: Path) -> None:
    arm = Path(__file__).parents[3] / "examples/arm/arm.usda"
    scene = load_scene(folder / "cell.usda", composition=[Reference(ref=f"{arm}</World/arm>", path="/World/arm")])
    assert len(scene.articulations["/World/arm"].joints) == 6
    assert "/World/TempSensor_01" not in scene.sensors


def test_an_edit_of_a_part_shows_in_every_scene_that_refers_to_it(folder: Path) -> None:
    parts = [Reference(ref="box.usda", path="/World/box")]
    (folder / "other.usda").write_text(CELL.replace("floor", "ground"))
    scenes = [load_scene(folder / name, composition=parts) for name in ("cell.usda", "other.usda")]
    assert [scene.bodies["/World/box"].mass for scene in scenes] == [2.0, 2.0]
    (folder / "box.usda").write_text(BOX.replace("mass = 2", "mass = 5"))
    scenes = [load_scene(folder / name, composition=parts) for name in ("cell.usda", "other.usda")]
    assert [scene.bodies["/World/box"].mass for scene in scenes] == [5.0, 5.0]


def test_an_edit_of_a_part_shows_through_a_reference_in_the_file(folder: Path) -> None:
    (folder / "scene.usda").write_text(
        CELL.replace('def Xform "stand"\n', 'def "stand" (prepend references = @./box.usda@)\n')
    )
    assert load_scene(folder / "scene.usda").bodies["/World/stand"].mass == 2.0
    (folder / "box.usda").write_text(BOX.replace("mass = 2", "mass = 5"))
    assert load_scene(folder / "scene.usda").bodies["/World/stand"].mass == 5.0


@pytest.mark.parametrize(
    ("ref", "path", "code", "message"),
    [
        ("gone.usda", "/World/box", "file-missing", "There is no file '{folder}/gone.usda'."),
        ("box.usda", "World/box", "bad-prim-path", "'World/box' is not a prim path that a part can stand at."),
        ("box.usda", "/World/box.x", "bad-prim-path", "'/World/box.x' is not a prim path that a part can stand at."),
        ("box.usda", "/World/2 x", "bad-prim-path", "'/World/2 x' is not a prim path that a part can stand at."),
        ("box.usda", "/", "bad-prim-path", "'/' is not a prim path that a part can stand at."),
        ("box.usda</Lid>", "/World/box", "nothing-to-reference", "'box.usda' has no prim '/Lid'."),
        ("nameless.usda", "/World/box", "nothing-to-reference", "'nameless.usda' has no default prim."),
        ("box.step", "/World/box", "unknown-format", "'box.step' is of no known format."),
        ("broken.usda", "/World/box", "not-usd", None),
        ("broken.urdf", "/World/box", "xml-broken", None),
        ("lame.urdf", "/World/box", "no-links", "The robot has no link."),
    ],
)
def test_parts_that_cannot_be_added(folder: Path, ref: str, path: str, code: str, message: str | None) -> None:
    (folder / "nameless.usda").write_text(BOX.replace('    defaultPrim = "Box"\n', ""))
    (folder / "broken.usda").write_text("#usda 1.0\n}")
    (folder / "broken.urdf").write_text("<robot")
    (folder / "lame.urdf").write_text('<robot name="lame"/>')
    (folder / "box.step").write_text("ISO")
    scene, diagnoses = inspect_scene(folder / "cell.usda", composition=[Reference(ref=ref, path=path)])
    assert scene is not None, "the rest can still be looked at"
    assert diagnoses[0].severity == "error"
    assert diagnoses[0].code == code
    if message is not None:
        assert diagnoses[0].message == message.format(folder=folder)


def test_a_path_that_is_taken(folder: Path) -> None:
    _, diagnoses = inspect_scene(folder / "cell.usda", composition=[Reference(ref="box.usda", path="/World")])
    assert "path-occupied" in {diagnosis.code for diagnosis in diagnoses}


@pytest.mark.parametrize(("field", "old", "new"), [("metersPerUnit", "1", "0.01"), ("upAxis", '"Z"', '"Y"')])
def test_parts_in_other_units_are_refused(folder: Path, field: str, old: str, new: str) -> None:
    (folder / "box.usda").write_text(BOX.replace(f"{field} = {old}", f"{field} = {new}"))
    _, diagnoses = inspect_scene(folder / "cell.usda", composition=[Reference(ref="box.usda", path="/World/box")])
    assert (diagnoses[0].severity, diagnoses[0].code) == ("error", "units-differ")
    assert diagnoses[0].message.startswith(f"Its {field} is {new.strip(chr(34))}, that of the scene it is used in")


def test_a_missing_asset_inside_a_file(folder: Path) -> None:
    (folder / "scene.usda").write_text(CELL.replace('"stand"\n', '"stand" (prepend references = @./gone.usda@)\n'))
    _, diagnoses = inspect_scene(folder / "scene.usda")
    assert (diagnoses[0].severity, diagnoses[0].code) == ("error", "asset-missing")
    assert "gone.usda" in diagnoses[0].message
