"""The scenes that come with the package: complete, labelled, to scale, and composed by reference."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import numpy as np
import pytest

from hanzo_twin.errors import SceneError
from hanzo_twin.scene import library
from hanzo_twin.scene.library.catalogue import entries
from hanzo_twin.scene.load import Reference, load_scene

EXAMPLES = Path(__file__).parents[3] / "examples"
QUARTER = (math.sqrt(0.5), 0.0, 0.0, math.sqrt(0.5))


@pytest.mark.parametrize("name", library.names())
def test_nothing_is_lost_or_guessed_and_everything_has_a_label_and_a_colour(name: str) -> None:
    scene = load_scene(f"library:{name}")
    assert scene.diagnoses == ()
    shapes = [*scene.static_shapes.values(), *(shape for body in scene.bodies.values() for shape in body.shapes)]
    assert [shape.path for shape in shapes if not shape.semantic_label or shape.color is None] == []
    assert scene.cameras
    assert scene.lights
    assert scene.gravity == (0.0, 0.0, -9.81)


def test_the_catalogue_says_what_they_are() -> None:
    found = {entry.name: entry for entry in entries()}
    assert tuple(found) == library.names()
    assert found["pallet"].size == (1.2, 0.8, 0.144)
    assert found["humanoid"].size[2] == 1.7
    assert found["shelf"].uri == "library:shelf"
    assert all(entry.summary.endswith(".") for entry in found.values())


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(SceneError, match=r"The library has no scene 'shelv'\.\n  Did you mean 'shelf'\?"):
        load_scene("library:shelv")
    with pytest.raises(SceneError, match=r"/World/x: The library has no scene 'armm'"):
        load_scene("library:room", composition=[Reference(ref="library:armm", path="/World/x")])


def test_the_humanoid_weighs_what_it_should_and_stands_on_both_feet() -> None:
    scene = load_scene("library:humanoid")
    assert sum(body.mass for body in scene.bodies.values()) == pytest.approx(70.0, rel=1e-6)
    articulation = scene.articulations["/humanoid"]
    assert not articulation.fixed_base
    assert len(articulation.joints) == 24
    for path in articulation.joints:
        joint = scene.joints[path]
        assert joint.drive is not None
        assert math.isfinite(joint.lower)
        assert joint.lower <= 0 <= joint.upper
        mirrored = scene.joints.get(path.replace("_left", "_right"))
        assert mirrored is not None
        assert mirrored.drive == joint.drive
    weighted = [body.mass * body.pose_world_body.apply(np.array(body.center_of_mass)) for body in scene.bodies.values()]
    center = np.asarray(sum(weighted) / 70.0)
    heel, toe = -0.08, 0.152 * 1.7 - 0.08
    assert heel + 0.04 < center[0] < toe - 0.04
    assert abs(center[1]) < 1e-9
    assert 0.5 * 1.7 < center[2] < 0.6 * 1.7


def test_the_arm_is_that_of_the_example() -> None:
    shipped, example = load_scene("library:arm"), load_scene(EXAMPLES / "arm/arm.usda")
    ours = {path.removeprefix("/arm"): body for path, body in shipped.bodies.items()}
    theirs = {path.removeprefix("/World/arm"): body for path, body in example.bodies.items()}
    assert list(ours) == list(theirs)
    for name, body in ours.items():
        assert (body.mass, body.diagonal_inertia, body.center_of_mass) == (
            theirs[name].mass,
            theirs[name].diagonal_inertia,
            theirs[name].center_of_mass,
        )
    for path, joint in shipped.joints.items():
        other = example.joints[path.replace("/arm", "/World/arm")]
        values = ("axis", "lower", "upper", "armature", "damping", "friction", "drive", "pose_parent_joint")
        assert [getattr(joint, name) for name in values] == [getattr(other, name) for name in values]


def test_an_edit_of_the_shelf_shows_in_every_shelf_of_the_warehouse(tmp_path: Path) -> None:
    for file in library.FOLDER.glob("*.usda"):
        shutil.copy(file, tmp_path)
    before = load_scene(tmp_path / "warehouse.usda")
    shelf = tmp_path / "shelf.usda"
    text = shelf.read_text()
    assert text.count("float3 xformOp:scale = (0.6, 1.8, 0.04)") == 4
    shelf.write_text(text.replace("float3 xformOp:scale = (0.6, 1.8, 0.04)", "float3 xformOp:scale = (0.5, 1.8, 0.04)"))
    after = load_scene(tmp_path / "warehouse.usda")
    changed = {path for path, shape in after.static_shapes.items() if shape != before.static_shapes[path]}
    assert changed == {f"/warehouse/shelf_{shelf}/board_{board}" for shelf in range(1, 5) for board in range(1, 5)}
    assert after.bodies == before.bodies


def test_one_robot_is_placed_twice() -> None:
    parts = [
        Reference(ref="library:arm", path="/room/arm_1", translate=(1.0, 2.0, 0.5)),
        Reference(ref="library:arm", path="/room/arm_2", translate=(-1.0, 0.0, 0.0), orient=QUARTER),
    ]
    scene = load_scene("library:room", composition=parts)
    assert list(scene.articulations) == ["/room/arm_1", "/room/arm_2"]
    assert all(articulation.fixed_base for articulation in scene.articulations.values())
    flange = load_scene("library:arm").bodies["/arm/payload"].pose_world_body
    first, second = (scene.bodies[f"/room/arm_{index}/payload"].pose_world_body for index in (1, 2))
    np.testing.assert_allclose(first.position, flange.position + np.array([1.0, 2.0, 0.5]), atol=1e-9)
    x, y, z = flange.position
    np.testing.assert_allclose(second.position, [-1.0 - y, x, z], atol=1e-7)
    assert not scene.diagnoses


def test_the_example_definition_places_its_parts() -> None:
    from hanzo_twin import load_definition
    from hanzo_twin.definition.models import require_physical
    from hanzo_twin.sync.assembly import load_definition_scene

    file = EXAMPLES / "warehouse/library.yaml"
    scene = load_definition_scene(require_physical(load_definition(file)), file.parent)
    assert [path for path in scene.articulations if path.endswith("_2")] == [
        "/warehouse/arm_2",
        "/warehouse/mobile_robot_2",
    ]
    np.testing.assert_allclose(
        scene.bodies["/warehouse/mobile_robot_2/chassis"].pose_world_body.position, [3.2, 2.2, 0], atol=1e-9
    )


def test_the_documentation_lists_them_as_they_are() -> None:
    page = (EXAMPLES.parent / "docs/library.md").read_text()
    for entry in entries():
        size = " × ".join(f"{length:g}" for length in entry.size)
        assert f"| `{entry.name}` | {size} | {entry.summary} |" in page
