"""What is taken from a scene, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from hanzo_twin.engines.mujoco import MujocoEngine
from hanzo_twin.engines.port import EngineConfig, JointCommand
from hanzo_twin.errors import CommandError, InvalidInputError, SceneError, StateError, UnsupportedError
from hanzo_twin.scene.model import Axis, Body, Cone, Drive, Joint, Mesh, Mimic, Scene, Shape, Sphere
from hanzo_twin.spatial import Pose
from hanzo_twin.testing import feature_scenes, scenes

CONFIG = EngineConfig(step_hz=500.0)
CUBE = np.array([[x, y, z] for x in (-0.1, 0.1) for y in (-0.1, 0.1) for z in (-0.1, 0.1)])
CUBE_TRIANGLES = np.array(
    [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1], [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4],
     [1, 5, 7], [1, 7, 3]]
)  # fmt: skip


def load(scene: Scene) -> Any:
    return MujocoEngine().load_scene(scene, CONFIG)


def with_joint(scene: Scene, path: str, **changes: Any) -> Scene:
    return replace(scene, joints={**scene.joints, path: replace(scene.joints[path], **changes)})


def with_shape(scene: Scene, body: str, **changes: Any) -> Scene:
    shape = replace(scene.bodies[body].shapes[0], **changes)
    return replace(scene, bodies={**scene.bodies, body: replace(scene.bodies[body], shapes=(shape,))})


def weld(path: str, parent: str, child: str, **changes: Any) -> Joint:
    frames = {"pose_parent_joint": Pose.identity(), "pose_child_joint": Pose.identity()}
    return Joint(**({"path": path, "kind": "fixed", "parent": parent, "child": child} | frames | changes))


def free_body(path: str, position: tuple[float, float, float], **changes: Any) -> Body:
    shape = Shape(path=f"{path}/shape", geometry=Sphere(radius=0.05), pose=Pose.identity())
    body = Body(
        path=path, pose_world_body=Pose.of(position), mass=1.0, diagonal_inertia=(0.01, 0.01, 0.01), shapes=(shape,)
    )
    return replace(body, **changes)


def test_joint_frames_are_the_scenes() -> None:
    turned = Pose.of((0.1, 0.2, 0.3), (0.5, 0.5, 0.5, 0.5))
    child = Pose.of((0.05, 0.0, 0.0), (np.cos(0.3), 0.0, np.sin(0.3), 0.0))
    scene = with_joint(
        scenes.pendulum(), "/World/pendulum/hinge", pose_parent_joint=turned, pose_child_joint=child, axis=(1.0, 0, 0)
    )
    simulation = load(scene)
    turn = Pose.of((0, 0, 0), (np.cos(0.35), np.sin(0.35), 0.0, 0.0))
    simulation.set_joint_state("/World/pendulum", np.array([0.7]), np.array([0.0]))
    expected = turned @ turn @ child.inverse()
    seen = simulation.get_observation("/World/pendulum/bob")
    assert seen["position"] == pytest.approx(expected.position, abs=1e-12)
    assert seen["orientation"] == pytest.approx(expected.orientation, abs=1e-12)


def test_a_mimic_joint_follows() -> None:
    scene = scenes.double_pendulum(initial_positions=(0.0, 0.3))
    path = "/World/double_pendulum"
    scene = with_joint(scene, f"{path}/elbow", mimic=Mimic(joint=f"{path}/shoulder", multiplier=-2.0, offset=0.3))
    simulation = load(scene)
    simulation.set_joint_command(path, JointCommand(efforts=np.array([6.0, 0.0])))
    simulation.step(200)
    shoulder, elbow = simulation.get_observation(path)["positions"]
    assert abs(shoulder) > 0.1
    assert elbow == pytest.approx(-2.0 * shoulder + 0.3, abs=0.01)


@pytest.mark.parametrize("kind", ["fixed", "revolute", "spherical"])
def test_a_loop_stays_closed(kind: str) -> None:
    scene = scenes.double_pendulum(initial_positions=(0.5, 0.2))
    path = "/World/double_pendulum"
    simulation = load(scene)
    tip = simulation.get_observation(f"{path}/lower")
    world_tip = Pose.of(tip["position"], tip["orientation"]) @ Pose.of((0.0, 0.0, -1.0))
    pin = weld(
        f"{path}/pin", "", f"{path}/lower", kind=kind, closes_loop=True, axis=(0.0, 1.0, 0.0),
        pose_parent_joint=world_tip, pose_child_joint=Pose.of((0.0, 0.0, -1.0)),
    )  # fmt: skip
    held = load(replace(scene, joints={**scene.joints, pin.path: pin}))
    held.step(500)
    seen = held.get_observation(f"{path}/lower")
    end = Pose.of(seen["position"], seen["orientation"]).apply(np.array([0.0, 0.0, -1.0]))
    assert end == pytest.approx(world_tip.position, abs=2e-3)
    simulation.step(500)
    loose = simulation.get_observation(f"{path}/lower")
    assert np.abs(loose["position"] - seen["position"]).max() > 0.1


def test_a_revolute_loop_turns_about_its_axis_only() -> None:
    wheel = free_body("/World/wheel", (0.0, 0.0, 0.0))
    for kind, free in (("revolute", [1, 0, 0]), ("spherical", [1, 1, 1]), ("fixed", [0, 0, 0])):
        axle = weld("/World/axle", "", wheel.path, kind=kind, axis=(1.0, 0.0, 0.0), closes_loop=True)
        scene = Scene(gravity=(0.0, 0.0, 0.0), bodies={wheel.path: wheel}, joints={axle.path: axle})
        simulation = load(scene)
        simulation.set_applied_wrench(wheel.path, np.ones(3), np.full(3, 0.02))
        simulation.step(250)
        spin = simulation.get_observation(wheel.path)["angular_velocity"]
        # torque / inertia · time = 0.02 / 0.01 · 0.5
        assert spin == pytest.approx(free, abs=0.02), kind


def test_a_spherical_joint_turns_about_its_point() -> None:
    bob = free_body("/World/bob", (0.3, 0.0, 0.0))
    ball = weld("/World/ball", "", bob.path, kind="spherical", pose_child_joint=Pose.of((-0.3, 0.0, 0.0)))
    simulation = load(Scene(bodies={bob.path: bob}, joints={ball.path: ball}))
    simulation.step(100)
    seen = simulation.get_observation(bob.path)
    assert seen["position"][2] < -0.1
    assert np.linalg.norm(seen["position"]) == pytest.approx(0.3, abs=1e-9)


def test_a_d6_joint_moves_in_its_free_axes_only() -> None:
    slider = free_body("/World/slider", (0.0, 0.0, 0.0))
    axes = (Axis(name="x", rotation=False), Axis(name="z", rotation=False, lower=-0.2, upper=0.2))
    joint = weld("/World/d6", "", slider.path, kind="d6", free_axes=axes)
    simulation = load(Scene(bodies={slider.path: slider}, joints={joint.path: joint}))
    simulation.set_applied_wrench(slider.path, np.array([1.0, 5.0, 0.0]), np.array([1.0, 1.0, 1.0]))
    simulation.step(500)
    x, y, z = simulation.get_observation(slider.path)["position"]
    assert x == pytest.approx(0.5, rel=0.01)
    assert y == 0.0
    assert z == pytest.approx(-0.2, abs=0.01)


def test_a_joint_outside_articulations_keeps_its_drive() -> None:
    scene = with_joint(
        scenes.arm6(), f"{scenes.ARM}/joint_6", drive=Drive(stiffness=50.0, damping=5.0, target_position=0.8)
    )
    arm = scene.articulations[scenes.ARM]
    simulation = load(replace(scene, articulations={arm.path: replace(arm, joints=arm.joints[:5])}))
    simulation.set_joint_command(arm.path, JointCommand(positions=np.zeros(5)))
    state = simulation.get_state()
    assert state.joint_positions.shape == (5,)
    simulation.step(1000)
    model, data = simulation.native
    loose = model.joint(f"{scenes.ARM}/joint_6")
    assert data.qpos[loose.qposadr[0]] == pytest.approx(0.8, abs=0.05)
    batch = MujocoEngine().load_batch(simulation.scene, CONFIG, 2, threads=1)
    batch.set_state([state], [1])
    batch.rollout(1000, positions=np.zeros((2, 1000, 5)))
    assert batch.get_state([1])[0] == simulation.get_state()
    simulation.set_parameter(f"{scenes.ARM}/joint_6.driveStiffness", 0.0)
    simulation.step(1000)
    assert data.qpos[loose.qposadr[0]] != pytest.approx(0.8, abs=0.05)


def test_another_engines_state_needs_all_joints_in_articulations() -> None:
    scene = scenes.arm6()
    arm = scene.articulations[scenes.ARM]
    simulation = load(replace(scene, articulations={arm.path: replace(arm, joints=arm.joints[:5])}))
    with pytest.raises(StateError, match="does not say where joint '/World/arm/joint_6' is"):
        simulation.set_state(replace(simulation.get_state(), engine="another"))


def test_limits_hold() -> None:
    scene = with_joint(scenes.pendulum(initial_position=1.0), "/World/pendulum/hinge", lower=-0.2)
    simulation = load(scene)
    simulation.step(1000)
    assert simulation.get_observation("/World/pendulum")["positions"][0] > -0.25


def test_kinematic_bodies_stand_until_moved() -> None:
    lift = free_body("/World/lift", (0.0, 0.0, 1.0), kinematic=True)
    simulation = load(Scene(bodies={lift.path: lift}))
    simulation.step(50)
    assert simulation.get_observation(lift.path)["position"].tolist() == [0.0, 0.0, 1.0]
    still, upright = np.zeros(3), np.array([1.0, 0.0, 0.0, 0.0])
    simulation.set_body_state(lift.path, np.array([0.0, 0.0, 2.0]), upright, still, still)
    state = simulation.get_state()
    fork = simulation.fork()
    fork.step(5)
    assert fork.get_observation(lift.path)["position"].tolist() == [0.0, 0.0, 2.0]
    batch = MujocoEngine().load_batch(simulation.scene, CONFIG, 2, threads=1)
    batch.set_state([state], [1])
    batch.step(5)
    assert batch.body_poses[:, 0, 2].tolist() == [1.0, 2.0]
    with pytest.raises(CommandError, match="kinematic body '/World/lift' a velocity"):
        simulation.set_body_state(lift.path, still, upright, np.ones(3), still)


def test_gravity_can_be_off_for_a_body() -> None:
    bodies = [free_body("/World/a", (0.0, 0.0, 1.0)), free_body("/World/b", (1.0, 0.0, 1.0), gravity_enabled=False)]
    simulation = load(Scene(bodies={body.path: body for body in bodies}))
    simulation.step(100)
    assert simulation.get_observation("/World/a")["position"][2] < 0.9
    assert simulation.get_observation("/World/b")["position"][2] == pytest.approx(1.0, abs=1e-12)


def test_filtered_pairs_pass_through_each_other() -> None:
    scene = scenes.falling_box(height=0.2)
    simulation = load(scene)
    simulation.step(500)
    assert simulation.get_observation("/World/box")["position"][2] > 0.09
    by_body, by_shape = ("/World/box", "/World/ground"), ("/World/ground", "/World/box/shape")
    for pairs in ((by_body,), (by_shape,), (by_body, by_shape, by_body)):
        through = load(replace(scene, filtered_pairs=pairs))
        through.step(500)
        assert through.get_observation("/World/box")["position"][2] < -1.0


def test_bodies_of_one_articulation_do_not_collide_where_pairs_are_filtered() -> None:
    for same in (True, False):
        scene = scenes.arm6()
        if not same:
            scene = replace(scene, filtered_pairs=())
        simulation = load(scene)
        folded = np.array([0.0, 0.0, 3.0, 0.0, 0.0, 0.0])
        simulation.set_joint_state(scenes.ARM, folded, np.zeros(6))
        simulation.step()
        assert (simulation.native[1].ncon == 0) == same


@pytest.mark.parametrize(
    "geometry",
    [
        Mesh(vertices=CUBE, triangles=CUBE_TRIANGLES),
        Mesh(vertices=CUBE, triangles=CUBE_TRIANGLES, approximation="none"),
        Mesh(vertices=CUBE, triangles=CUBE_TRIANGLES, approximation="boundingCube"),
        Cone(radius=0.1, half_height=0.1),
    ],
)
def test_shapes_rest_on_their_surface(geometry: Mesh | Cone) -> None:
    simulation = load(with_shape(scenes.falling_box(height=0.12), "/World/box", geometry=geometry))
    simulation.step(500)
    assert simulation.get_observation("/World/box")["position"][2] == pytest.approx(0.1, abs=1e-3)


def test_a_bounding_sphere_encloses_the_mesh() -> None:
    geometry = Mesh(vertices=CUBE, triangles=CUBE_TRIANGLES, approximation="boundingSphere")
    simulation = load(with_shape(scenes.falling_box(height=0.2), "/World/box", geometry=geometry))
    simulation.step(500)
    assert simulation.get_observation("/World/box")["position"][2] == pytest.approx(0.1 * np.sqrt(3), abs=1e-3)


ARM = scenes.arm6()
JOINT = f"{scenes.ARM}/joint_2"
BOX = scenes.falling_box()
DENT = Mesh(
    vertices=np.vstack([CUBE, [[0.0, 0.0, 0.0]]]),
    triangles=np.vstack([CUBE_TRIANGLES[2:], [[0, 1, 8], [1, 3, 8], [3, 2, 8], [2, 0, 8]]]),
    approximation="none",
)
REFUSED = {
    "dented mesh": (with_shape(BOX, "/World/box", geometry=DENT), "'/World/box/shape' asks for its triangles"),
    "spherical drive": (with_joint(ARM, JOINT, kind="spherical"), f"no drives in spherical joints; '{JOINT}' has one"),
    "elliptic cone": (
        feature_scenes.coned(0.3, 0.6),
        f"cannot keep the spherical joint '{feature_scenes.HINGE}' within an elliptic cone",
    ),
    "prismatic loop": (
        replace(
            ARM,
            joints={**ARM.joints, "/World/l": weld("/World/l", "", scenes.PAYLOAD, kind="prismatic", closes_loop=True)},
        ),
        "close a loop with the prismatic joint '/World/l'",
    ),
    "sprung loop": (
        replace(
            ARM,
            joints={**ARM.joints, "/World/l": weld("/World/l", "", scenes.PAYLOAD, stiffness=1.0, closes_loop=True)},
        ),
        "springs of '/World/l'",
    ),
    "moving kinematic body": (
        Scene(bodies={"/World/a": free_body("/World/a", (0, 0, 0), kinematic=True, linear_velocity=(1.0, 0.0, 0.0))}),
        "kinematic body '/World/a' a velocity",
    ),
    "held kinematic body": (
        Scene(
            bodies={"/World/a": free_body("/World/a", (0, 0, 0), kinematic=True)},
            joints={"/World/w": weld("/World/w", "", "/World/a")},
        ),
        "kinematic body '/World/a' on a joint",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_honoured_is_refused(case: str) -> None:
    scene, message = REFUSED[case]
    with pytest.raises(UnsupportedError) as refusal:
        load(scene)
    assert message in refusal.value.message
    assert "Engine 'mujoco'" in refusal.value.message
    assert refusal.value.hint


def test_impossible_numbers_name_the_engine() -> None:
    with pytest.raises(SceneError, match=r"Engine 'mujoco' cannot build the scene(.|\n)*/World/a"):
        load(Scene(bodies={"/World/a": free_body("/World/a", (0, 0, 0), diagonal_inertia=(1.0, 0.1, 0.1))}))
    flat = Mesh(vertices=CUBE[:4], triangles=CUBE_TRIANGLES[:2])
    with pytest.raises(SceneError, match="'/World/box/shape' has no volume"):
        load(with_shape(BOX, "/World/box", geometry=flat))


def test_an_empty_batch_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="0 envs"):
        MujocoEngine().load_batch(ARM, CONFIG, 0)


def test_a_native_state_that_is_not_finite_is_refused() -> None:
    simulation = load(ARM)
    state = simulation.get_state()
    damaged = bytearray(state.native)
    damaged[-8:] = np.array([np.nan]).tobytes()
    with pytest.raises(StateError, match="native part of the state has numbers that are not finite"):
        simulation.set_state(replace(state, native=bytes(damaged)))
    assert simulation.get_state() == state


@pytest.mark.parametrize("degrees", [0.5, 178.0])
def test_cones_too_narrow_or_too_wide_are_refused(degrees: float) -> None:
    angle = float(np.radians(degrees))
    scene = feature_scenes.coned(angle, angle)
    with pytest.raises(UnsupportedError, match=f"joint '{feature_scenes.HINGE}' within a cone of {degrees:g}°") as told:
        load(scene)
    assert "Allowed: 1° to 175°" in told.value.hint
