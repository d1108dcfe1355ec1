from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hanzo_twin.scene.convert.sdf import write
from hanzo_twin.scene.diff import Change, compare_scenes
from hanzo_twin.scene.load import load_scene
from hanzo_twin.scene.model import Mesh, Scene, Sphere
from hanzo_twin.spatial import FloatArray, Pose

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.fixture(scope="module")
def arm() -> Scene:
    return load_scene(EXAMPLES / "arm/arm.usda")


def test_equal_scenes_have_no_difference(arm: Scene) -> None:
    assert compare_scenes(arm, load_scene(EXAMPLES / "arm/arm.usda")) == ()


def test_values_are_told_with_old_and_new(arm: Scene) -> None:
    path = "/World/arm/joint_1"
    joint = arm.joints[path]
    assert joint.drive is not None
    changed = replace(joint, damping=joint.damping + 0.5, drive=replace(joint.drive, stiffness=1.25))
    other = replace(arm, joints={**arm.joints, path: changed}, gravity=(0.0, 0.0, -1.62))
    found = compare_scenes(arm, other)
    assert (
        Change(
            kind="changed",
            thing="scene",
            path=arm.gravity_path,
            field="gravity",
            old="(0, 0, -9.81)",
            new="(0, 0, -1.62)",
        )
        in found
    )
    assert {(each.field, each.new) for each in found if each.path == path} == {
        ("damping", f"{joint.damping + 0.5:.9g}"),
        ("drive.stiffness", "1.25"),
    }
    assert len(found) == 3


def test_things_that_come_and_go(arm: Scene) -> None:
    path, body = list(arm.bodies.items())[-1]
    shape = replace(body.shapes[0], geometry=Sphere(radius=0.1))
    without = {name: each for name, each in arm.materials.items() if name != next(iter(arm.materials))}
    other = replace(arm, bodies={**arm.bodies, path: replace(body, shapes=(shape,))}, materials=without)
    found = compare_scenes(arm, other)
    assert ("removed", "material", next(iter(arm.materials))) in {(each.kind, each.thing, each.path) for each in found}
    geometry = next(each for each in found if each.field == "geometry")
    assert (geometry.thing, geometry.path, geometry.new) == ("shape", shape.path, "Sphere(radius 0.1)")
    backwards = compare_scenes(other, arm)
    assert ("added", "material") in {(each.kind, each.thing) for each in backwards}


def test_tolerance_and_the_two_signs_of_a_quaternion(arm: Scene) -> None:
    path, body = next(iter(arm.bodies.items()))
    pose = body.pose_world_body
    turned = Pose(position=pose.position + 1e-8, orientation=-pose.orientation)
    other = replace(arm, bodies={**arm.bodies, path: replace(body, pose_world_body=turned)})
    assert compare_scenes(arm, other) == ()
    assert [each.field for each in compare_scenes(arm, other, tolerance=1e-10)] == ["pose_world_body"]


def test_formats_with_other_paths_are_matched_by_name(arm: Scene, tmp_path: Path) -> None:
    write(arm, tmp_path / "arm.sdf")
    found = compare_scenes(arm, load_scene(tmp_path / "arm.sdf"))
    assert not [each for each in found if each.thing in ("body", "joint", "articulation", "filtered pair")], found


def test_inertia_is_compared_whatever_its_axes_are_called(arm: Scene) -> None:
    path, body = list(arm.bodies.items())[-1]
    light = replace(body, mass=1e-9, diagonal_inertia=(1e-12, 2e-12, 2e-12), principal_axes=(1.0, 0.0, 0.0, 0.0))
    half = 0.5**0.5
    turned = replace(light, principal_axes=(-half, -half, 0.0, 0.0))
    swapped = replace(light, diagonal_inertia=(2e-12, 1e-12, 2e-12), principal_axes=(half, 0.0, 0.0, half))
    heavier = replace(light, mass=2e-9, diagonal_inertia=(1e-12, 2e-12, 3e-12))
    scene = replace(arm, bodies={**arm.bodies, path: light})
    for same in (turned, swapped):
        assert compare_scenes(scene, replace(arm, bodies={**arm.bodies, path: same})) == ()
    found = compare_scenes(scene, replace(arm, bodies={**arm.bodies, path: heavier}))
    assert [(each.field, each.old, each.new) for each in found] == [
        ("inertia", "(1e-12, 2e-12, 2e-12, 0, 0, 0)", "(1e-12, 2e-12, 3e-12, 0, 0, 0)"),
        ("mass", "1e-09", "2e-09"),
    ]


def test_a_shape_that_only_has_another_path_is_the_same(arm: Scene) -> None:
    path, body = next((path, body) for path, body in arm.bodies.items() if body.shapes)
    shapes = (replace(body.shapes[0], path=f"{path}/elsewhere"), *body.shapes[1:])
    moved = replace(arm, bodies={**arm.bodies, path: replace(body, shapes=shapes)})
    assert [each for each in compare_scenes(arm, moved) if each.thing == "shape"] == []


def test_a_mesh_counted_from_another_frame_is_the_same_surface(arm: Scene) -> None:
    path, body = next(iter(arm.bodies.items()))
    corners = np.array([[0.0, 0.0, 0.0], [0.1, 0.0, 0.0], [0.0, 0.2, 0.0], [0.0, 0.0, 0.3]])
    triangles = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
    half = np.sqrt(0.5)
    turned = np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])  # by −90° about Z

    def scene(vertices: FloatArray, pose: Pose) -> Scene:
        shape = replace(body.shapes[0], geometry=Mesh(vertices=vertices, triangles=triangles), pose=pose)
        return replace(arm, bodies={**arm.bodies, path: replace(body, shapes=(shape,))})

    first = scene(corners, Pose(position=np.zeros(3), orientation=np.array([1.0, 0.0, 0.0, 0.0])))
    moved = Pose(position=np.array([0.5, 0.0, -0.1]), orientation=np.array([half, 0.0, 0.0, half]))
    same = (corners - moved.position) @ turned.T
    assert compare_scenes(first, scene(same, moved)) == ()
    assert [each.field for each in compare_scenes(first, scene(same + 0.01, moved))] == ["geometry", "pose"]
