"""What is particular to DART: contacts of every shape, cones of friction, loops, balls, wrenches, refusals."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("dartpy")

from hanzo_twin.engines.gazebo import GazeboEngine
from hanzo_twin.engines.gazebo.simulation import GazeboSimulation
from hanzo_twin.engines.port import EngineConfig, JointCommand
from hanzo_twin.errors import SceneError, StateError, UnsupportedError
from hanzo_twin.scene.model import (
    Body,
    Box,
    Capsule,
    Cone,
    Cylinder,
    Drive,
    Geometry,
    Joint,
    Material,
    Mesh,
    Mimic,
    Plane,
    Scene,
    Shape,
    Sphere,
)
from hanzo_twin.spatial import Pose, quaternion_from_axis_angle
from hanzo_twin.testing import scenes

CONFIG = EngineConfig(step_hz=500.0)
HALF = 0.1
CUBE = np.array([[x, y, z] for x in (-HALF, HALF) for y in (-HALF, HALF) for z in (-HALF, HALF)])
# Two triangles a face; corners are numbered 4x + 2y + z.
FACES = ((0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3))
TRIANGLES = np.array([corners for a, b, c, d in FACES for corners in ((a, b, c), (a, c, d))])
Load = Callable[..., GazeboSimulation]
GEOMETRIES: tuple[Geometry, ...] = (
    Box(half_extents=(HALF, HALF, HALF)),
    Sphere(radius=HALF),
    Cylinder(radius=HALF, half_height=HALF),
    Cone(radius=HALF, half_height=HALF),
    Mesh(vertices=CUBE, triangles=TRIANGLES),
)
GROUND = Shape(path="/World/ground", geometry=Plane(), pose=Pose.identity())


def thing(geometry: Geometry, path: str = "/World/thing", height: float = 0.15, *, kinematic: bool = False) -> Body:
    """A free body of 1 kg that is one shape."""
    return Body(
        path=path,
        pose_world_body=Pose.of((0.0, 0.0, height)),
        mass=1.0,
        diagonal_inertia=(0.004, 0.004, 0.004),
        shapes=(Shape(path=f"{path}/shape", geometry=geometry, pose=Pose.identity(), material="/World/material"),),
        kinematic=kinematic,
    )


def world(*bodies: Body, ground: Shape = GROUND, restitution: float = 0.0) -> Scene:
    material = Material(path="/World/material", restitution=restitution)
    return Scene(
        bodies={body.path: body for body in bodies},
        static_shapes={ground.path: replace(ground, material=material.path)},
        materials={material.path: material},
    )


@pytest.fixture
def load() -> Iterator[Load]:
    opened: list[GazeboSimulation] = []

    def one(scene: Scene, config: EngineConfig = CONFIG) -> GazeboSimulation:
        opened.append(GazeboEngine().load_scene(scene, config))
        return opened[-1]

    yield one
    for simulation in opened:
        simulation.close()


def height(simulation: GazeboSimulation, path: str = "/World/thing") -> float:
    return float(simulation.get_observation(path)["position"][2])


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=lambda geometry: type(geometry).__name__)
@pytest.mark.parametrize("ground", ["plane", "box", "mesh"])
def test_every_shape_stands_on_every_ground(load: Load, geometry: Geometry, ground: str) -> None:
    grounds: dict[str, Shape] = {
        "plane": GROUND,
        "box": replace(GROUND, geometry=Box(half_extents=(5.0, 5.0, 1.0)), pose=Pose.of((0.0, 0.0, -1.0))),
        "mesh": replace(
            GROUND,
            geometry=Mesh(vertices=10 * CUBE, triangles=TRIANGLES, approximation="none"),
            pose=Pose.of((0.0, 0.0, -1.0)),
        ),
    }
    simulation = load(world(thing(geometry, height=HALF + 0.02), ground=grounds[ground]))
    simulation.step(400)
    # Hard contacts let through what a step of the fall goes, 0.6 m/s · 2 ms, and push it out within a second.
    assert height(simulation) == pytest.approx(HALF, abs=1.5e-3)


def test_a_capsule_lies_on_its_side(load: Load) -> None:
    lying = Pose.of((0.0, 0.0, 0.15), quaternion_from_axis_angle((0.0, 1.0, 0.0), np.pi / 2))
    body = replace(thing(Capsule(radius=HALF, half_height=HALF)), pose_world_body=lying)
    simulation = load(world(body))
    simulation.step(400)
    assert height(simulation) == pytest.approx(HALF, abs=1.5e-3)


def test_restitution_gives_back_its_square_of_the_height(load: Load) -> None:
    simulation = load(world(thing(Sphere(radius=HALF), height=1.0 + HALF), restitution=0.8), EngineConfig(step_hz=2000))
    # It lands after √(2/g) = 0.45 s; it goes up again with 0.8 of the speed, which lifts
    # it by 0.8² m another 0.8 · 0.45 s later. A step of the fall, 4.4 m/s · 0.5 ms, is what that may be off by.
    tops = []
    for _ in range(80):
        simulation.step(20)
        tops.append(height(simulation))
    assert max(tops[50:]) == pytest.approx(HALF + 0.8**2, abs=6e-3)


def test_sweeps_of_the_cone_solver_make_friction_the_same_in_all_directions(load: Load) -> None:
    config = replace(CONFIG, solver_iterations=100)
    losses = []
    for direction in (0.0, np.pi / 8, np.pi / 4):
        simulation = load(scenes.incline(angle=0.0, friction=0.5), config)
        simulation.step(50)
        block = simulation.get_observation("/World/block")
        velocity = 2.0 * np.array([np.cos(direction), np.sin(direction), 0.0])
        simulation.set_body_state(block.path, block["position"], block["orientation"], velocity, np.zeros(3))
        simulation.step(100)
        losses.append(2.0 - np.linalg.norm(simulation.get_observation(block.path)["linear_velocity"][:2]))
    # v loses μ g t; the solver stops at 1e-5 of the impulses.
    assert losses == pytest.approx([0.5 * 9.81 * 0.2] * 3, rel=1e-3)


def test_states_continue_to_the_bit_with_the_cone_solver_and_all_shapes(load: Load) -> None:
    bodies = [
        replace(
            thing(geometry, path=f"/World/thing_{index}"),
            pose_world_body=Pose.of((0.15 * index, 0.0, 0.3)),
            angular_velocity=(1.0, 0.3 * index, 0.2),
        )
        for index, geometry in enumerate(GEOMETRIES)
    ]
    for config in (CONFIG, replace(CONFIG, solver_iterations=20)):
        simulation, other = load(world(*bodies), config), load(world(*bodies), config)
        simulation.step(100)
        other.set_state(simulation.get_state())
        simulation.step(100)
        other.step(100)
        assert other.get_state() == simulation.get_state()


def test_a_kinematic_body_carries_and_stays(load: Load) -> None:
    shelf = thing(Box(half_extents=(0.3, 0.3, 0.05)), path="/World/shelf", height=0.5, kinematic=True)
    simulation = load(world(shelf, thing(Sphere(radius=HALF), height=0.66)))
    simulation.step(300)
    assert height(simulation) == pytest.approx(0.65, abs=1.5e-3)
    turned, none = np.array([1.0, 0.0, 0.0, 0.0]), np.zeros(3)
    simulation.set_body_state("/World/shelf", np.array([3.0, 0.0, 0.5]), turned, none, none)
    simulation.step(300)
    assert simulation.get_observation("/World/shelf")["position"].tolist() == [3.0, 0.0, 0.5]
    assert height(simulation) == pytest.approx(HALF, abs=1.5e-3)


@pytest.mark.parametrize("pair", [("/World/thing", "/World/ground"), ("/World/ground", "/World/thing/shape")])
def test_filtered_pairs_pass_through_each_other(load: Load, pair: tuple[str, str]) -> None:
    simulation = load(replace(world(thing(Sphere(radius=HALF))), filtered_pairs=(pair,)))
    simulation.step(500)
    assert height(simulation) == pytest.approx(0.15 - 9.81 / 2, abs=0.02)


def test_a_wrench_acts_at_the_centre_of_mass(load: Load) -> None:
    scene = scenes.floating_body(spin=(0.0, 0.0, 0.0))
    (brick,) = scene.bodies.values()
    brick = replace(brick, linear_velocity=(0.0, 0.0, 0.0), center_of_mass=(0.3, 0.1, -0.2))
    simulation = load(replace(scene, bodies={brick.path: brick}))
    force, torque = np.array([1.0, 2.0, 3.0]), np.array([0.1, 0.2, 0.3])
    simulation.set_applied_wrench(brick.path, force, torque)
    simulation.step(1)
    seen = simulation.get_observation(brick.path)
    spin = seen["angular_velocity"]
    assert spin == pytest.approx(0.002 * torque / np.array(brick.diagonal_inertia), rel=1e-3)
    # The pose is that after the step, in which the body turned by 4e-5 rad.
    assert seen["linear_velocity"] + np.cross(spin, brick.center_of_mass) == pytest.approx(0.002 * force / 2, rel=1e-3)


def test_the_drive_law_knows_of_wrenches(load: Load) -> None:
    mass, damping, push = 2.0, 4000.0, 3.0
    simulation = load(scenes.cart(mass=mass, damping=damping))
    simulation.set_applied_wrench("/World/cart/block", np.array([push, 0.0, 0.0]), np.zeros(3))
    simulation.step(1)
    speed = simulation.get_observation("/World/cart")["velocities"][0]
    # The damper acts on the speed at the end of the step: m v = (F − d v) h.
    assert speed == pytest.approx(push * 0.002 / (mass + 0.002 * damping), rel=1e-9)


def four_bar() -> Scene:
    """A parallelogram of 1 m bars that hangs from the world; the hinge ``closing`` on the world closes the loop."""
    down, across = (0.0, 0.0, -1.0), (1.0, 0.0, 0.0)

    def bar(name: str, start: tuple[float, float, float], along: tuple[float, float, float]) -> Body:
        center = (along[0] / 2, along[1] / 2, along[2] / 2)
        return Body(
            path=f"/World/{name}",
            pose_world_body=Pose.of(start),
            mass=1.0,
            center_of_mass=center,
            diagonal_inertia=(0.1, 0.1, 0.1),
        )

    def hinge(name: str, parent: str, child: str, on_parent: Pose, on_child: Pose, loop: bool = False) -> Joint:
        return Joint(
            path=f"/World/{name}",
            kind="revolute",
            parent=parent,
            child=child,
            pose_parent_joint=on_parent,
            pose_child_joint=on_child,
            axis=(0.0, 1.0, 0.0),
            closes_loop=loop,
            initial_velocity=1.0 if name == "left_hinge" else -1.0 if name == "top_hinge" else 0.0,
        )

    bodies = [bar("left", (0.0, 0.0, 0.0), down), bar("bottom", (0.0, 0.0, -1.0), across)]
    bodies.append(bar("right", (1.0, 0.0, -1.0), (0.0, 0.0, 1.0)))
    joints = [
        hinge("left_hinge", "", "/World/left", Pose.identity(), Pose.identity()),
        hinge("top_hinge", "/World/left", "/World/bottom", Pose.of(down), Pose.identity()),
        hinge("right_hinge", "/World/bottom", "/World/right", Pose.of(across), Pose.identity()),
        hinge("closing", "", "/World/right", Pose.of(across), Pose.of((0.0, 0.0, 1.0)), loop=True),
    ]
    return Scene(bodies={body.path: body for body in bodies}, joints={joint.path: replace(joint) for joint in joints})


@pytest.mark.parametrize("kind", ["revolute", "spherical"])
def test_a_loop_stays_closed(load: Load, kind: str) -> None:
    scene = four_bar()
    joints = dict(scene.joints)
    joints["/World/closing"] = replace(joints["/World/closing"], kind=kind)  # type: ignore[arg-type]
    simulation = load(replace(scene, joints=joints))
    simulation.step(500)
    right = simulation.get_observation("/World/right")
    end = Pose.of(right["position"], right["orientation"]).apply(np.array([0.0, 0.0, 1.0]))
    # The constraint acts on velocities and corrects a hundredth of the error a step: it drifts by some v²h a second.
    assert end == pytest.approx([1.0, 0.0, 0.0], abs=2e-3)
    assert abs(right["position"][0] - 1.0) > 0.01
    other = load(replace(scene, joints=joints))
    other.set_state(simulation.get_state())
    simulation.step(100)
    other.step(100)
    assert other.get_state() == simulation.get_state()


def test_a_loop_that_is_open_at_the_start_is_refused(load: Load) -> None:
    scene = four_bar()
    joints = dict(scene.joints)
    joints["/World/closing"] = replace(joints["/World/closing"], pose_parent_joint=Pose.of((1.2, 0.0, 0.0)))
    with pytest.raises(UnsupportedError, match=r"'/World/closing' is 0.2 \(m, rad\) open"):
        load(replace(scene, joints=joints))


def ball_pendulum(**options: float) -> Scene:
    scene = scenes.pendulum()
    (hinge,) = scene.joints.values()
    (articulation,) = scene.articulations.values()
    joint = replace(hinge, kind="spherical", **options)  # type: ignore[arg-type]
    return replace(
        scene, joints={joint.path: joint}, articulations={articulation.path: replace(articulation, joints=())}
    )


def test_a_ball_swings_as_a_hinge(load: Load) -> None:
    simulation = load(ball_pendulum())
    bob = "/World/pendulum/bob"
    simulation.set_applied_wrench(bob, np.array([1.0, 0.0, 0.0]), np.zeros(3))
    simulation.step(100)
    hinge = load(scenes.pendulum())
    hinge.set_applied_wrench(bob, np.array([1.0, 0.0, 0.0]), np.zeros(3))
    hinge.step(100)
    ours, expected = (one.get_observation(bob)["position"] for one in (simulation, hinge))
    assert ours == pytest.approx(expected, abs=1e-6)
    assert abs(ours[0]) > 0.01
    with pytest.raises(StateError, match="does not say where joint '/World/pendulum/hinge' is"):
        simulation.set_state(replace(simulation.get_state(), engine="another"))


def test_acceleration_drives_do_not_depend_on_the_mass(load: Load) -> None:
    ends = []
    for mass in (1.0, 20.0):
        scene = scenes.cart(mass=mass)
        joints = {
            path: replace(joint, drive=Drive(stiffness=50.0, damping=10.0, mode="acceleration"))
            for path, joint in scene.joints.items()
        }
        simulation = load(replace(scene, joints=joints))
        simulation.set_joint_command("/World/cart", JointCommand(positions=np.array([1.0])))
        simulation.step(100)
        ends.append(float(simulation.get_observation("/World/cart")["positions"][0]))
    assert ends[0] == pytest.approx(ends[1], rel=1e-9)
    assert ends[0] > 0.3


@pytest.mark.parametrize("armature", [0.0, 3.0])
def test_a_mimic_moves_as_one_with_what_it_follows(load: Load, armature: float) -> None:
    scene = scenes.double_pendulum(initial_positions=(0.0, 0.1))
    upper, lower = scene.joints.values()
    joints = {
        upper.path: replace(upper, armature=armature),
        lower.path: replace(lower, mimic=Mimic(joint=upper.path, multiplier=2.0, offset=0.1)),
    }
    bodies = {path: replace(body, center_of_mass=(0.0, 0.0, 0.0)) for path, body in scene.bodies.items()}
    # The lower hinge carries no weight off its axis: its body is at 1 m from the upper one and turns thrice as fast.
    scene = replace(scene, joints=joints, bodies=bodies, gravity=(0.0, 0.0, 0.0))
    across = next(iter(bodies.values())).diagonal_inertia[1]
    inertia = across + armature + 9 * across + 1.0
    simulation = load(scene)
    simulation.set_joint_command("/World/double_pendulum", JointCommand(efforts=np.array([1.0, 0.0])))
    simulation.step(150)
    seen = simulation.get_observation("/World/double_pendulum")
    assert seen["velocities"] == pytest.approx([0.3 / inertia, 0.6 / inertia], rel=1e-9)
    assert seen["positions"][1] == pytest.approx(2 * seen["positions"][0] + 0.1, abs=1e-9)


def test_a_mimic_follows_a_drive(load: Load) -> None:
    scene = scenes.double_pendulum()
    upper, lower = scene.joints.values()
    joints = {
        upper.path: replace(upper, drive=Drive(stiffness=500.0, damping=50.0, max_effort=60.0), friction=0.2),
        lower.path: replace(lower, mimic=Mimic(joint=upper.path, multiplier=-1.0), armature=0.1),
    }
    simulation = load(replace(scene, joints=joints))
    simulation.set_joint_command("/World/double_pendulum", JointCommand(positions=np.array([0.4, 0.0])))
    simulation.step(1500)
    positions = simulation.get_observation("/World/double_pendulum")["positions"]
    # It started 1.5 rad from where it belongs; the drive carries some 8 N·m of weight.
    assert positions[1] == pytest.approx(-positions[0], abs=1e-6)
    assert positions[0] == pytest.approx(0.4, abs=0.02)


def test_what_dart_cannot_honour_is_refused_by_name(load: Load) -> None:
    scene = scenes.cart()
    (slide,) = scene.joints.values()

    def with_joint(**options: object) -> Scene:
        joint = replace(slide, **options)  # type: ignore[arg-type]
        return replace(scene, joints={joint.path: joint})

    with pytest.raises(UnsupportedError, match="cannot make '/World/cart/slide' mimic '/World/other'"):
        load(with_joint(mimic=Mimic(joint="/World/other")))
    with pytest.raises(UnsupportedError, match="cannot close a loop with the prismatic joint"):
        load(with_joint(closes_loop=True))
    with pytest.raises(UnsupportedError, match="cannot limit the turn of the spherical joint"):
        load(ball_pendulum(upper=1.0))
    moving = replace(thing(Sphere(radius=HALF), kinematic=True), linear_velocity=(1.0, 0.0, 0.0))
    with pytest.raises(UnsupportedError, match="cannot give the kinematic body '/World/thing' a velocity"):
        load(world(moving))
    with pytest.raises(UnsupportedError, match="cannot move the infinite plane '/World/thing/shape'"):
        load(world(thing(Plane())))
    dent = np.vstack([CUBE, [[0.0, 0.0, 0.0]]])
    folded = np.array([*TRIANGLES[:-2], (1, 5, 8), (5, 7, 8), (7, 3, 8), (3, 1, 8)])
    with pytest.raises(UnsupportedError, match="meshes that move as convex bodies only, but '/World/thing/shape'"):
        load(world(thing(Mesh(vertices=dent, triangles=folded, approximation="none"))))
    with pytest.raises(SceneError, match="'/World/thing/shape' has no volume"):
        load(world(thing(Mesh(vertices=CUBE[:4], triangles=TRIANGLES[:2]))))
