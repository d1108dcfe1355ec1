"""Meshes that stand, as their triangles."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hanzo_twin.engines.mujoco import MujocoEngine, plates
from hanzo_twin.engines.port import EngineConfig
from hanzo_twin.errors import UnsupportedError
from hanzo_twin.scene.model import Box, Material, Mesh, Scene, Shape, Sphere
from hanzo_twin.spatial import FloatArray, Pose
from hanzo_twin.testing import feature_scenes, scenes

ENGINE = MujocoEngine()
CONFIG = EngineConfig(step_hz=1000.0)
STAND, BALL = "/World/stand", "/World/ball"
OTHER = Material(path="/World/other", dynamic_friction=0.1, static_friction=0.1)


def cup() -> Scene:
    return feature_scenes.standing(feature_scenes.cup("none"), height=0.0)


def slab(**changes: object) -> Scene:
    """A block of 1 kg that slides with 1 m/s on a slab of triangles that is not convex: it has a notch far away."""
    x, y = 3.0, 0.5
    outline = [(-x, -y), (x, -y), (x, y), (x - 0.2, 0.0), (x - 0.4, y), (-x, y)]
    top = np.array([(*corner, 0.0) for corner in outline])
    vertices = np.vstack([top, top - [0.0, 0.0, 0.1]])
    faces = [(0, 1, 3), (1, 2, 3), (0, 3, 4), (0, 4, 5)]
    faces += [(c + 6, b + 6, a + 6) for a, b, c in faces]
    for side in range(6):
        a, b = side, (side + 1) % 6
        faces += [(a, a + 6, b + 6), (a, b + 6, b)]
    scene = feature_scenes.standing(Mesh(vertices=vertices, triangles=np.array(faces), approximation="none"))
    (ball,) = scene.bodies.values()
    half = 0.05
    block = replace(
        ball,
        shapes=(replace(ball.shapes[0], geometry=Box(half_extents=(half, half, half))),),
        pose_world_body=Pose.of((-1.0, 0.0, half)),
        mass=1.0,
        diagonal_inertia=(0.00167, 0.00167, 0.00167),
        linear_velocity=(1.0, 0.0, 0.0),
    )
    return replace(scene, bodies={block.path: replace(block, **changes)})  # type: ignore[arg-type]


def slowed(scene: Scene, *, friction: tuple[str, float] | None = None) -> float:
    """The coefficient of friction that the block feels."""
    simulation = ENGINE.load_scene(scene, CONFIG)
    if friction is not None:
        simulation.set_parameter(*friction)
    simulation.step(100)
    before = simulation.get_observation(BALL)["linear_velocity"][0]
    simulation.step(100)
    return float(before - simulation.get_observation(BALL)["linear_velocity"][0]) / (9.81 * 0.1)


def of_materials(scene: Scene, moving: str, standing: str, *materials: Material) -> Scene:
    (block,) = scene.bodies.values()
    shapes = tuple(replace(shape, material=moving) for shape in block.shapes)
    stand = replace(scene.static_shapes[STAND], material=standing)
    known = {**scene.materials, **{one.path: one for one in materials}}
    bodies = {block.path: replace(block, shapes=shapes)}
    return replace(scene, bodies=bodies, static_shapes={STAND: stand}, materials=known)


def test_contacts_are_with_the_shape_and_bear_the_weight() -> None:
    simulation = ENGINE.load_scene(slab(linear_velocity=(0.0, 0.0, 0.0)), CONFIG)
    simulation.step(500)
    contacts = simulation.contacts()
    assert {frozenset(pair) for pair in contacts.shapes} == {frozenset({STAND, f"{BALL}/shape"})}
    up = sum(
        force if first == f"{BALL}/shape" else -force
        for (first, _), force in zip(contacts.shapes, contacts.forces, strict=True)
    )
    assert up == pytest.approx([0.0, 0.0, 9.81], abs=1e-3)
    assert simulation.get_observation(BALL)["position"][2] == pytest.approx(0.05, abs=1e-4)


def test_a_state_continues_to_the_bit() -> None:
    simulation = ENGINE.load_scene(feature_scenes.corner(), CONFIG)
    simulation.step(150)
    state, fork = simulation.get_state(), simulation.fork()
    simulation.step(200)
    fork.step(200)
    assert fork.get_state() == simulation.get_state()
    fork.set_state(state)
    fork.step(200)
    assert fork.get_state() == simulation.get_state()
    batch = ENGINE.load_batch(feature_scenes.corner(), CONFIG, 2)
    batch.set_state([state, state])
    batch.step(200)
    assert batch.get_state() == (simulation.get_state(),) * 2


def test_plates_are_within_the_mesh() -> None:
    scene = cup()
    parts = plates.plates(scene.static_shapes[STAND])
    assert len(parts) == 14
    for part in parts:
        corners = np.asarray(part.geometry.vertices)  # type: ignore[union-attr]
        assert all(_within_the_cup(corner) for corner in corners)
        # Walls and floor are 0.04 m thick: half of that.
        assert np.linalg.norm(corners[0] - corners[len(corners) // 2]) == pytest.approx(0.02, rel=0.05)


def _within_the_cup(point: FloatArray) -> bool:
    x, y, z = np.abs(point[0]), np.abs(point[1]), point[2]
    inner = max(x, y) < 0.06 - 1e-9 and z > -0.06 + 1e-9
    return bool(max(x, y) < 0.1 + 1e-9 and -0.1 - 1e-9 < z < 0.1 + 1e-9 and not inner)


def test_too_many_parts_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plates, "MAX_PLATES", 13)
    with pytest.raises(UnsupportedError) as refused:
        ENGINE.load_scene(cup(), CONFIG)
    assert f"13 flat parts of a mesh that stands at most; '{STAND}' has 14." in refused.value.message
    assert "convexDecomposition" in refused.value.hint
    assert "pybullet" in refused.value.hint
    assert "mujoco" not in refused.value.hint


def test_the_friction_is_that_of_the_materials() -> None:
    plain = slab()
    assert slowed(plain) == pytest.approx(0.5, rel=0.05)
    # One material moves: the plates say how they touch it. Two do: pairs say it.
    mixed = of_materials(plain, OTHER.path, scenes.MATERIAL, OTHER)
    assert slowed(mixed) == pytest.approx(0.3, rel=0.05)
    assert slowed(with_bystander(mixed)) == pytest.approx(0.3, rel=0.05)
    assert slowed(of_materials(plain, "", OTHER.path, OTHER)) == pytest.approx(0.3, rel=0.05)


def with_bystander(scene: Scene) -> Scene:
    """With a second body far away, of another material."""
    (block,) = scene.bodies.values()
    shape = Shape(path="/World/far/shape", geometry=Box(half_extents=(0.1,) * 3), pose=Pose.identity())
    far = replace(block, path="/World/far", shapes=(shape,), pose_world_body=Pose.of((0.0, 50.0, 0.0)))
    return replace(scene, bodies={**scene.bodies, far.path: far})


@pytest.mark.parametrize("bystander", [False, True])
def test_friction_is_a_parameter_of_either_material(bystander: bool) -> None:
    mixed = of_materials(slab(), OTHER.path, scenes.MATERIAL, OTHER)
    scene = with_bystander(mixed) if bystander else mixed
    assert slowed(scene, friction=(f"{OTHER.path}.dynamicFriction", 0.5)) == pytest.approx(0.5, rel=0.05)
    assert slowed(scene, friction=(f"{scenes.MATERIAL}.dynamicFriction", 0.1)) == pytest.approx(0.1, rel=0.05)
    same = with_bystander(slab()) if bystander else slab()
    assert slowed(same, friction=(f"{scenes.MATERIAL}.dynamicFriction", 0.2)) == pytest.approx(0.2, rel=0.05)


def test_attributes_of_mujoco_have_the_last_word() -> None:
    scene = replace(slab(), engine_attributes={f"{STAND}.mjc:solref": (0.05, 1.0)})
    model = ENGINE.load_scene(scene, CONFIG).native[0]
    assert {tuple(row) for row in model.geom_solref[:-1].tolist()} == {(0.05, 1.0)}
    stiff = ENGINE.load_scene(slab(), CONFIG).native[0]
    assert {tuple(row) for row in stiff.geom_solref[:-1].tolist()} == {plates.STIFFNESS}


def test_a_bounce_is_that_of_the_materials() -> None:
    scene = feature_scenes.standing(feature_scenes.cup("none"), height=0.4)
    bouncy = Material(path=scenes.MATERIAL, restitution=0.8)
    simulation = ENGINE.load_scene(replace(scene, materials={bouncy.path: bouncy}), CONFIG)
    speeds = []
    while simulation.time < 0.5:
        simulation.step()
        speeds.append(float(simulation.get_observation(BALL)["linear_velocity"][2]))
    assert max(speeds) / -min(speeds) == pytest.approx(0.8, abs=0.1)


def test_a_filtered_mesh_lets_through() -> None:
    scene = replace(cup(), filtered_pairs=((BALL, STAND),))
    simulation = ENGINE.load_scene(scene, CONFIG)
    simulation.step(500)
    assert simulation.get_observation(BALL)["position"][2] == pytest.approx(-9.81 * 0.5**2 / 2, rel=0.01)


def test_a_small_ball_does_not_fall_through_a_sheet() -> None:
    scene = feature_scenes.bowl()
    (ball,) = scene.bodies.values()
    small = replace(
        ball,
        shapes=(replace(ball.shapes[0], geometry=Sphere(radius=0.01)),),
        pose_world_body=Pose.of((0.0131, 0.0213, 0.05)),
        linear_velocity=(0.0, 0.0, -3.0),
    )
    simulation = ENGINE.load_scene(replace(scene, bodies={ball.path: small}), CONFIG)
    simulation.step(500)
    assert simulation.get_observation(BALL)["position"][2] > 0.005


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("name", ["sheet", "triangle", "three at an edge", "far away"])
def test_odd_meshes_can_be_collided_with(name: str, scale: float) -> None:
    square = np.array([(-1.0, -1.0, 0.0), (1.0, -1.0, 0.0), (1.0, 1.0, 0.0), (-1.0, 1.0, 0.0)])
    vertices, triangles = square, np.array([(0, 1, 2), (0, 2, 3)])
    if name == "triangle":
        triangles = triangles[:1]
    elif name == "three at an edge":
        vertices, triangles = np.vstack([square, [(0.0, 0.0, -1.0)]]), np.array([(0, 1, 2), (0, 2, 3), (0, 2, 4)])
    elif name == "far away":
        vertices = np.vstack([square, square + np.array([1e4, 0.0, 0.0])])
        triangles = np.vstack([triangles, triangles + 4])
    scene = feature_scenes.standing(Mesh(vertices=scale * vertices, triangles=triangles, approximation="none"))
    simulation = ENGINE.load_scene(scene, CONFIG)
    simulation.step(700)
    if scale >= 1.0:
        assert simulation.get_observation(BALL)["position"][2] == pytest.approx(0.03, abs=1e-3)
