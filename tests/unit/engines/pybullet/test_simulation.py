"""What PyBullet makes of a scene, beyond what every engine must."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import psutil
import pybullet
import pytest

pytest.importorskip("pybullet", reason="the extra 'pybullet' is not installed")

from hanzo_twin.engines.port import EngineConfig, Simulation, load_engine
from hanzo_twin.engines.pybullet import PybulletEngine
from hanzo_twin.engines.pybullet.geometry import add_collision_shape
from hanzo_twin.errors import CommandError, SceneError, StateError, UnsupportedError
from hanzo_twin.scene.model import Body, Box, Geometry, Mesh, Plane, Scene, Shape, Sphere
from hanzo_twin.spatial import Pose
from hanzo_twin.testing import scenes
from hanzo_twin.testing.suite import without_garbage_collection

CUBE = np.array([[x, y, z] for x in (-0.1, 0.1) for y in (-0.1, 0.1) for z in (-0.1, 0.1)])
QUADS = ((0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3))
CUBE_TRIANGLES = np.array([[a, b, c] for w, x, y, z in QUADS for a, b, c in ((w, x, y), (w, y, z))])
NONE = np.zeros(3)


def load(scene: Scene, hz: float = 500.0) -> Simulation:
    return load_engine("pybullet").load_scene(scene, EngineConfig(step_hz=hz))


def with_body(scene: Scene, change: Callable[[Body], Body]) -> Scene:
    """``scene`` with its first body changed."""
    first = next(iter(scene.bodies.values()))
    return replace(scene, bodies={**scene.bodies, first.path: change(first)})


def dropped(geometry: Geometry, *, height: float = 0.3, **shape: object) -> Scene:
    """A body of ``geometry`` that falls on the ground."""

    def change(body: Body) -> Body:
        return replace(body, shapes=(replace(body.shapes[0], geometry=geometry, **shape),))  # type: ignore[arg-type]

    return with_body(scenes.falling_box(height=height), change)


def height(simulation: Simulation, path: str = "/World/box") -> float:
    return float(simulation.get_observation(path)["position"][2])


@pytest.mark.parametrize("approximation", ["convexHull", "none", "boundingCube"])
def test_a_mesh_rests_as_its_hull(approximation: str) -> None:
    mesh = Mesh(vertices=CUBE, triangles=CUBE_TRIANGLES, approximation=approximation)
    simulation = load(dropped(mesh))
    simulation.step(700)
    # Bullet keeps a margin of a millimetre around hulls.
    assert height(simulation) == pytest.approx(0.1, abs=1.5e-3)
    simulation.close()


def test_a_mesh_that_is_not_convex_or_has_no_volume_is_refused() -> None:
    bent = Mesh(vertices=CUBE, triangles=CUBE_TRIANGLES[:-2], approximation="none")
    with pytest.raises(UnsupportedError, match=r"'/World/box/shape' asks for its triangles and is not convex"):
        load(dropped(bent))
    flat = Mesh(vertices=CUBE * [1, 1, 0], triangles=CUBE_TRIANGLES)
    with pytest.raises(SceneError, match="'/World/box/shape' has no volume"):
        load(dropped(flat))
    with pytest.raises(UnsupportedError, match="cannot move the infinite plane '/World/box/shape'"):
        load(dropped(Plane()))


def test_a_static_mesh_collides_as_its_triangles() -> None:
    scene = dropped(Sphere(radius=0.02))
    # A frame of two bars with a gap of 0.2 m; its hull would close the gap.
    aside = np.array([0.2, 0.0, 0.0])
    left, right = CUBE + aside, CUBE - aside
    bars = Mesh(
        vertices=np.vstack([left, right]),
        triangles=np.vstack([CUBE_TRIANGLES, CUBE_TRIANGLES + 8]),
        approximation="none",
    )
    shape = Shape(path="/World/bars", geometry=bars, pose=Pose.of((0.0, 0.0, 0.1)))
    for geometry, expected in ((bars, 0.02), (replace(bars, approximation="convexHull"), 0.22)):
        simulation = load(
            replace(scene, static_shapes={**scene.static_shapes, "/World/bars": replace(shape, geometry=geometry)})
        )
        simulation.step(500)
        assert height(simulation) == pytest.approx(expected, abs=4e-3)
        simulation.close()


def test_every_shape_of_a_body_collides() -> None:
    def change(body: Body) -> Body:
        leg = replace(
            body.shapes[0],
            path="/World/box/leg",
            geometry=Box(half_extents=(0.1, 0.1, 0.1)),
            pose=Pose.of((0, 0, -0.2)),
        )
        return replace(body, shapes=(*body.shapes, leg))

    simulation = load(with_body(scenes.falling_box(height=0.4), change))
    simulation.step(700)
    assert height(simulation) == pytest.approx(0.3, abs=2e-3)
    simulation.close()


@pytest.mark.parametrize("pair", [("/World/box", "/World/ground"), ("/World/box/shape", "/World/ground")])
def test_filtered_pairs_pass_through_each_other(pair: tuple[str, str]) -> None:
    simulation = load(replace(scenes.falling_box(height=0.3), filtered_pairs=(pair,)))
    simulation.step(500)
    assert height(simulation) == pytest.approx(0.3 - 9.81 / 2, abs=0.02)
    simulation.close()


def test_restitution() -> None:
    scene = scenes.falling_sphere(height=1.1)
    materials = {scenes.MATERIAL: replace(scene.materials[scenes.MATERIAL], restitution=0.8)}
    simulation = load(replace(scene, materials=materials), hz=2000.0)
    speeds = []
    for _ in range(1200):
        simulation.step()
        speeds.append(float(simulation.get_observation("/World/ball")["linear_velocity"][2]))
    # The speeds after and before the first impact. Bullet pushes out of each other what got into each other within the
    # step (at most v h), a fifth of it per step: that adds up to a fifth of the speed, here half of that.
    assert 0.8 - 0.01 < max(speeds) / -min(speeds) < 0.8 + 0.1
    simulation.close()


def test_a_kinematic_body_moves_by_hand_only() -> None:
    scene = with_body(scenes.falling_box(height=0.5), lambda body: replace(body, kinematic=True))
    simulation = load(scene)
    simulation.step(100)
    assert height(simulation) == 0.5
    upright = np.array([1.0, 0.0, 0.0, 0.0])
    simulation.set_body_state("/World/box", np.array([0.0, 0.0, 2.0]), upright, NONE, NONE)
    simulation.step(100)
    assert height(simulation) == 2.0
    with pytest.raises(CommandError, match="kinematic body '/World/box' a velocity"):
        simulation.set_body_state("/World/box", NONE, upright, np.ones(3), NONE)
    simulation.close()
    moving = with_body(scene, lambda body: replace(body, linear_velocity=(1.0, 0.0, 0.0)))
    with pytest.raises(UnsupportedError, match="cannot give the kinematic body '/World/box' a velocity"):
        load(moving)


def test_a_body_without_gravity_stays() -> None:
    simulation = load(with_body(scenes.falling_box(height=0.5), lambda body: replace(body, gravity_enabled=False)))
    simulation.step(500)
    assert height(simulation) == pytest.approx(0.5, abs=1e-9)
    simulation.set_parameter("/World/box.mass", 3.0)
    simulation.step(500)
    assert height(simulation) == pytest.approx(0.5, abs=1e-9)
    simulation.close()


def test_speeds_are_not_clamped() -> None:
    # Bullet's own limit for multibodies is 100 m/s or rad/s.
    simulation = load(scenes.floating_body(spin=(0.0, 0.0, 300.0)))
    simulation.step(100)
    assert simulation.get_observation("/World/brick")["angular_velocity"][2] == pytest.approx(300.0, rel=1e-9)
    simulation.close()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"kind": "spherical", "lower": -math.inf, "upper": math.inf},
            "has no drives in spherical joints; '/World/arm/joint_3' has one",
        ),
        (
            {"kind": "prismatic", "closes_loop": True},
            "cannot close a loop with the prismatic joint '/World/arm/joint_3'",
        ),
        ({"closes_loop": True}, "cannot honour limits, drives or springs of '/World/arm/joint_3'"),
    ],
)
def test_what_it_lacks_is_refused_by_name(change: dict[str, object], message: str) -> None:
    scene = scenes.arm6()
    joint = replace(scene.joints["/World/arm/joint_3"], **change)  # type: ignore[arg-type]
    with pytest.raises(UnsupportedError, match=message):
        load(replace(scene, joints={**scene.joints, joint.path: joint}))


def test_a_moved_centre_of_mass_leaves_the_frame_where_it_is() -> None:
    simulation = load(scenes.floating_body())
    simulation.step(10)
    before = simulation.get_state()
    simulation.set_parameter("/World/brick.centerOfMass.x", 0.05)
    after = simulation.get_state()
    assert after.body_poses == pytest.approx(before.body_poses, abs=1e-12)
    assert after.body_velocities == pytest.approx(before.body_velocities, abs=1e-12)
    simulation.close()


def test_a_changed_mass_reaches_the_drive_law() -> None:
    """A world with changed parameters is a world of a scene that says so."""
    scene = scenes.arm6()
    link = scene.bodies["/World/arm/link_4"]
    heavy = replace(link, mass=3.0, diagonal_inertia=tuple(x * (3.0 / link.mass) for x in link.diagonal_inertia))  # type: ignore[arg-type]
    changed, authored = load(scene), load(replace(scene, bodies={**scene.bodies, link.path: heavy}))
    changed.set_parameter(f"{link.path}.mass", 3.0)
    for simulation in (changed, authored):
        simulation.step(100)
    assert np.array_equal(changed.get_state().joint_positions, authored.get_state().joint_positions)
    changed.close()
    authored.close()


def pile() -> Scene:
    """Compound bodies, hulls and capsules that tumble over the arm and the table."""
    random = np.random.default_rng(1)
    scene = scenes.arm6_with_boxes()
    bodies = dict(scene.bodies)
    for index in range(6):
        path = f"/World/tumbling_{index}"
        hull = Mesh(vertices=random.normal(size=(12, 3)) * 0.06, triangles=np.array([[0, 1, 2]]))
        parts: tuple[Geometry, ...] = (Box(half_extents=(0.05, 0.04, 0.03)), hull)
        bodies[path] = Body(
            path=path,
            pose_world_body=Pose.of(
                (0.6 + 0.1 * random.normal(), 0.1 * random.normal(), 0.8 + 0.15 * index), random.normal(size=4)
            ),
            mass=0.5,
            center_of_mass=(0.01, 0.0, 0.0),
            diagonal_inertia=(0.001, 0.0012, 0.0008),
            shapes=tuple(
                Shape(
                    path=f"{path}/{number}",
                    geometry=part,
                    pose=Pose.of((0.03 * number, 0.0, 0.0)),
                    material=scenes.MATERIAL,
                )
                for number, part in enumerate(parts[: 1 + index % 2])
            ),
            angular_velocity=(1.0, 2.0, 3.0),
        )
    return replace(scene, bodies=bodies)


def test_a_tumbling_pile_continues_to_the_bit() -> None:
    scene = pile()
    simulation, fresh = load(scene), load(scene)
    for _ in range(3):
        simulation.step(120)
        state = simulation.get_state()
        fresh.set_state(state)
        assert fresh.get_state() == state
        simulation.step(120)
        fresh.step(120)
        assert fresh.get_state() == simulation.get_state()
    simulation.close()
    fresh.close()


def test_a_native_part_that_is_no_file_of_bullet_is_refused() -> None:
    simulation = load(scenes.arm6())
    state = simulation.get_state()
    garbage = state.native[:32] + bytes(len(state.native) - 32)
    with pytest.raises(StateError, match="is not a file of Bullet"):
        simulation.set_state(replace(state, native=garbage))
    assert simulation.get_state() == state
    simulation.close()


def test_a_world_that_is_dropped_gives_its_client_back() -> None:
    simulation = load(scenes.falling_box())
    client, _ = simulation.native
    assert pybullet.getConnectionInfo(client)["isConnected"]
    with without_garbage_collection():
        del simulation
        assert not pybullet.getConnectionInfo(client)["isConnected"]


def test_building_a_mesh_again_and_again_takes_no_memory() -> None:
    corners = np.random.default_rng(0).normal(size=(1200, 3))
    triangles = np.arange(1200).reshape(-1, 3)
    client = pybullet.connect(pybullet.DIRECT)
    process = psutil.Process()

    def grown(approximation: str) -> int:
        shape = Shape(
            path="/World/mesh",
            geometry=Mesh(vertices=corners, triangles=triangles, approximation=approximation),
            pose=Pose.identity(),
            material="",
        )
        before = process.memory_info().rss
        for _ in range(60):
            add_collision_shape(client, shape, Pose.identity())
            pybullet.resetSimulation(physicsClientId=client)
        return int(process.memory_info().rss) - before

    for approximation in ("convexHull", "none"):
        grown(approximation)
        # The lists that Bullet keeps would be 12 MB.
        assert grown(approximation) < 4_000_000
    pybullet.disconnect(client)


def test_a_world_for_soft_bodies_has_no_states() -> None:
    simulation = PybulletEngine().load_deformable(scenes.falling_box(), EngineConfig())
    simulation.step(10)
    changes = (simulation.get_state, simulation.fork, lambda: simulation.set_parameter("/World/box.mass", 2.0))
    for call in changes:
        with pytest.raises(UnsupportedError, match="cannot restore soft bodies"):
            call()
    assert simulation.get_parameter("/World/box.mass") == 1.0
    simulation.close()
