from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hanzo_twin.errors import ConflictError, HanzoTwinError, InvalidInputError, OutputError, SceneError
from hanzo_twin.scene.composition import write_composition
from hanzo_twin.scene.load import Reference, load_scene

BOX = """#usda 1.0
(
    defaultPrim = "box"
    metersPerUnit = 1
    upAxis = "Z"
)
def Xform "box" (
    prepend apiSchemas = ["PhysicsRigidBodyAPI", "PhysicsMassAPI"]
    variants = { string load = "empty" }
    prepend variantSets = "load"
)
{
    float physics:mass = 2
    def Cube "shape" (prepend apiSchemas = ["PhysicsCollisionAPI"])
    {
        double size = 0.1
    }
    variantSet "load" = {
        "empty" { token note = "empty" }
        "full" { float physics:density = 0
            def Sphere "ball" (prepend apiSchemas = ["PhysicsCollisionAPI"]) { double radius = 0.02 }
        }
    }
}
"""
BASE = BOX[: BOX.index("def Xform")].replace('"box"', '"World"') + 'def Xform "World" {}\n'
URDF = (
    '<robot name="arm"><link name="base"><inertial><mass value="3"/>'
    '<inertia ixx="1" ixy="0" ixz="0" iyy="1" iyz="0" izz="1"/></inertial></link></robot>'
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "base.usda").write_text(BASE)
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "box.usda").write_text(BOX.replace(" }", "\n}").replace("{ ", "{\n"))
    (tmp_path / "arm.urdf").write_text(URDF)
    return tmp_path


def part(path: str = "/World/box", translate: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Reference:
    return Reference(ref="parts/box.usda", path=path, translate=translate)


def test_edits_of_the_parts_show(folder: Path) -> None:
    target = folder / "cell.usda"
    write_composition(folder / "base.usda", [part(), part("/World/other", translate=(1, 0, 0))], target)
    text = target.read_text()
    assert "@./base.usda@" in text
    assert "@./parts/box.usda@" in text
    assert str(folder) not in text
    scene = load_scene(target)
    assert [body.mass for body in scene.bodies.values()] == [2, 2]
    assert scene.bodies["/World/other"].pose_world_body.position == pytest.approx([1, 0, 0])
    box = folder / "parts" / "box.usda"
    box.write_text(box.read_text().replace("physics:mass = 2", "physics:mass = 5"))
    assert [body.mass for body in load_scene(target).bodies.values()] == [5, 5]


def test_overrides_and_variants(folder: Path) -> None:
    target = folder / "cell.usda"
    write_composition(
        folder / "base.usda",
        [part(), part("/World/other")],
        target,
        overrides={"/World/box.physics:mass": "7.5", "/World/box/shape.purpose": "guide"},
        variants={"/World/other:load": "full"},
    )
    scene = load_scene(target)
    assert scene.bodies["/World/box"].mass == 7.5
    assert scene.bodies["/World/other"].mass == 2
    assert len(scene.bodies["/World/box"].shapes) == 1
    assert len(scene.bodies["/World/other"].shapes) == 2


def test_other_formats_are_converted_beside_the_stage(folder: Path) -> None:
    target = folder / "cell.usda"
    done = write_composition(folder / "base.usda", [Reference(ref="arm.urdf", path="/World/arm")], target)
    assert dict(done.converted) == {"arm.urdf": str(folder / "cell_parts" / "arm.usda")}
    assert [body.mass for body in load_scene(target).bodies.values()] == [3]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"overrides": {"/World/bax.physics:mass": "1"}}, "the scene has no prim '/World/bax'"),
        ({"overrides": {"/World/box.physics:mas": "1"}}, "'/World/box' has no attribute 'physics:mas'."),
        ({"overrides": {"/World/box.physics:mass": "heavy"}}, "'heavy' is not a value for '/World/box.physics:mass'"),
        ({"overrides": {"/World/box.physics:mass": "1\n}"}}, "is not a value for"),
        ({"variants": {"/World/box:loda": "full"}}, "'/World/box' has no variant set 'loda'."),
        ({"variants": {"/World/box:load": "half"}}, "The variant set '/World/box:load' has no choice 'half'."),
    ],
)
def test_what_does_not_exist_is_named(folder: Path, given: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        write_composition(folder / "base.usda", [part()], folder / "cell.usda", **given)
    assert message in caught.value.message
    assert not list(folder.glob("*cell*"))


@pytest.mark.parametrize(
    ("base", "target", "kind", "message"),
    [
        ("gone.usda", "cell.usda", SceneError, "There is no file"),
        ("base.usda", "cell.urdf", InvalidInputError, "'cell.urdf' is not a USD file, and only USD refers to others."),
        ("base.usda", "gone/cell.usda", InvalidInputError, "There is no directory"),
    ],
)
def test_files_that_do_not_fit(folder: Path, base: str, target: str, kind: type[HanzoTwinError], message: str) -> None:
    with pytest.raises(kind, match=message):
        write_composition(folder / base, [part()], folder / target)


def test_a_part_that_is_missing_or_broken_leaves_no_file(folder: Path) -> None:
    (folder / "broken.usda").write_text(BOX.replace("physics:mass = 2", "physics:mass = -2"))
    for ref in ("gone.usda", "broken.usda"):
        with pytest.raises(SceneError, match="is not written"):
            write_composition(folder / "base.usda", [Reference(ref=ref, path="/World/x")], folder / "cell.usda")
    assert not list(folder.glob("*cell*"))


def test_an_unknown_part_of_the_library_is_named(folder: Path) -> None:
    with pytest.raises(SceneError, match="The library has no scene 'shelff'") as caught:
        write_composition(
            folder / "base.usda", [Reference(ref="library:shelff", path="/World/x")], folder / "cell.usda"
        )
    assert caught.value.hint.startswith("Did you mean 'shelf'?")


def test_a_part_that_cannot_be_converted_leaves_no_folder(folder: Path) -> None:
    (folder / "broken.urdf").write_text(URDF.replace('value="3"', 'value="heavy"'))
    with pytest.raises(SceneError, match=r"broken\.urdf"):
        write_composition(folder / "base.usda", [Reference(ref="broken.urdf", path="/World/x")], folder / "cell.usda")
    assert not list(folder.glob("*cell*"))


@pytest.mark.parametrize("name", ["base.usda", "parts/box.usda", "inner.usda"])
def test_a_file_that_the_scene_refers_to_is_not_overwritten(folder: Path, name: str) -> None:
    write_composition(folder / "base.usda", [part()], folder / "inner.usda")
    inner = Reference(ref="inner.usda", path="/World/inner")
    before = (folder / name).read_bytes()
    with pytest.raises(InvalidInputError, match=rf"'.*{name}' is a file that the scene refers to") as caught:
        write_composition(folder / "base.usda", [part(), inner], folder / name, overwrite=True)
    assert caught.value.hint == "Name another file."
    assert (folder / name).read_bytes() == before


def test_a_composition_can_be_written_again(folder: Path) -> None:
    for place in (0.0, 1.0):
        write_composition(folder / "base.usda", [part(translate=(place, 0, 0))], folder / "cell.usda", overwrite=True)
    with pytest.raises(ConflictError, match=r"cell\.usda' exists already; it is not replaced") as caught:
        write_composition(folder / "base.usda", [part()], folder / "cell.usda")
    assert caught.value.hint == "Name another file, or replace it with --force (overwrite=True)."
    assert load_scene(folder / "cell.usda").bodies["/World/box"].pose_world_body.position[0] == 1.0


def test_parts_of_one_name_in_different_folders_stay_two(folder: Path) -> None:
    for name, mass in (("left", 1), ("right", 2)):
        (folder / name).mkdir()
        (folder / name / "arm.urdf").write_text(
            (folder / "arm.urdf").read_text().replace('value="3"', f'value="{mass}"')
        )
    parts = [Reference(ref=f"{name}/arm.urdf", path=f"/World/{name}") for name in ("left", "right", "left")]
    parts[2] = replace(parts[2], path="/World/again")
    done = write_composition(folder / "base.usda", parts, folder / "cell.usda")
    assert len(set(done.converted.values())) == 2
    masses = {path.split("/")[2]: body.mass for path, body in load_scene(folder / "cell.usda").bodies.items()}
    assert [masses[name] for name in ("left", "right", "again")] == [1.0, 2.0, 1.0]


def test_a_target_that_cannot_be_written(folder: Path) -> None:
    # Nobody, not even root, makes files in /proc.
    with pytest.raises(OutputError, match=r"'/proc/cell\.usda' cannot be written: no file can be made") as caught:
        write_composition(folder / "base.usda", [part()], "/proc/cell.usda")
    assert caught.value.hint == "Name a folder that can be written."
