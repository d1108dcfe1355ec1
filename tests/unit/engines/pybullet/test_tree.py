"""Trees of joints under the drive law, against MuJoCo, which has armature and implicit damping of its own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("pybullet", reason="the extra 'pybullet' is not installed")

from hanzo_twin.engines.port import EngineConfig, load_engine
from hanzo_twin.engines.state import SimState
from hanzo_twin.errors import SimulationError, StateError
from hanzo_twin.scene.model import Articulation, Joint, Scene
from hanzo_twin.spatial import FloatArray, Pose
from hanzo_twin.testing import feature_scenes, scenes

CHAIN = "/World/chain"


def twisted_chain(*, floating: bool) -> Scene:
    """A chain with frames, centres of mass and principal axes of every kind, armature and damping."""
    random = np.random.default_rng(2)

    def pose(scale: float = 0.2) -> Pose:
        return Pose.of(random.normal(size=3) * scale, random.normal(size=4))

    scene = scenes.floating_chain()
    root = f"{CHAIN}/link_0"
    joints = {
        path: replace(
            joint,
            kind="prismatic" if path.endswith("2") else "revolute",
            pose_parent_joint=pose(),
            pose_child_joint=pose(),
            armature=0.05,
            damping=0.1,
            initial_position=0.3,
        )
        for path, joint in scene.joints.items()
    }
    articulation: Articulation = scene.articulations[CHAIN]
    if not floating:
        first = Joint(
            path=f"{CHAIN}/joint_0",
            kind="revolute",
            parent="",
            child=root,
            pose_parent_joint=pose(),
            pose_child_joint=pose(),
            armature=0.05,
            initial_velocity=1.0,
        )
        joints = {first.path: first, **joints}
        articulation = replace(articulation, fixed_base=True, joints=(first.path, *articulation.joints))
    bodies = {}
    for path, body in scene.bodies.items():
        x, y, z = random.normal(size=3) * 0.1
        axes = pose().orientation.tolist()
        bodies[path] = replace(
            body,
            center_of_mass=(x, y, z),
            principal_axes=(axes[0], axes[1], axes[2], axes[3]),
            diagonal_inertia=(0.02, 0.03, 0.035),
        )
    if floating:
        bodies[root] = replace(
            bodies[root],
            pose_world_body=pose(),
            linear_velocity=(0.3, -0.2, 0.1),
            angular_velocity=(0.5, 0.7, -0.4),
        )
    return replace(scene, bodies=bodies, joints=joints, articulations={CHAIN: articulation}, gravity=(0.0, 0.0, -9.81))


def run(engine: str, scene: Scene, pushed: str, wrench: FloatArray) -> tuple[SimState, SimState]:
    simulation = load_engine(engine).load_scene(scene, EngineConfig(step_hz=1000.0))
    if pushed:
        simulation.set_applied_wrench(pushed, wrench[:3], wrench[3:])
    start = simulation.get_state()
    simulation.step(200)
    end = simulation.get_state()
    simulation.close()
    return start, end


def matching(poses: FloatArray) -> FloatArray:
    """Poses with the sign of quaternions fixed."""
    turned = poses.copy()
    turned[:, 3:] *= np.sign(turned[:, 3:4])
    return turned


@pytest.mark.parametrize("floating", [True, False])
@pytest.mark.parametrize("pushed", ["", f"{CHAIN}/link_0", f"{CHAIN}/link_2"])
def test_joints_move_as_in_another_engine(floating: bool, pushed: str) -> None:
    scene = twisted_chain(floating=floating)
    wrench = np.array([1.0, 2.0, 3.0, 0.4, 0.5, 0.6])
    (start, end), (other_start, other_end) = (run(name, scene, pushed, wrench) for name in ("pybullet", "mujoco"))
    assert matching(start.body_poses) == pytest.approx(matching(other_start.body_poses), abs=1e-12)
    assert start.body_velocities == pytest.approx(other_start.body_velocities, abs=1e-12)
    # Joints are integrated in the same way, to rounding; how a floating base turns within a step is not.
    assert end.joint_positions == pytest.approx(other_end.joint_positions, abs=1e-12)
    assert end.joint_velocities == pytest.approx(other_end.joint_velocities, abs=1e-10)
    assert matching(end.body_poses) == pytest.approx(matching(other_end.body_poses), abs=1e-4)
    assert np.abs(end.joint_positions - start.joint_positions).max() > 0.05


@pytest.mark.parametrize("floating", [True, False])
@pytest.mark.parametrize("pushed", ["", f"{CHAIN}/link_1"])
def test_a_ball_among_hinges_moves_as_in_another_engine(floating: bool, pushed: str) -> None:
    scene = twisted_chain(floating=floating)
    (articulation,) = scene.articulations.values()
    ball = scene.joints[f"{CHAIN}/joint_1"]
    ball = replace(ball, kind="spherical", initial_position=0.0, friction=0.0, stiffness=0.5)
    joints = tuple(path for path in articulation.joints if path != ball.path)
    scene = replace(
        scene,
        joints={**scene.joints, ball.path: ball},
        articulations={CHAIN: replace(articulation, joints=joints)},
    )
    wrench = np.array([1.0, 2.0, 3.0, 0.4, 0.5, 0.6])
    (start, end), (_, other_end) = (run(name, scene, pushed, wrench) for name in ("pybullet", "mujoco"))
    # How balls turn within a step is not the same, and springs act at its end here.
    assert end.joint_positions == pytest.approx(other_end.joint_positions, abs=2e-4)
    assert matching(end.body_poses) == pytest.approx(matching(other_end.body_poses), abs=1e-3)
    assert np.abs(end.body_poses - start.body_poses).max() > 0.05


def test_a_ball_feels_changed_parameters() -> None:
    scene = twisted_chain(floating=False)
    ball = replace(scene.joints[f"{CHAIN}/joint_1"], kind="spherical", initial_position=0.0)
    (articulation,) = scene.articulations.values()
    joints = tuple(path for path in articulation.joints if path != ball.path)
    scene = replace(
        scene, joints={**scene.joints, ball.path: ball}, articulations={CHAIN: replace(articulation, joints=joints)}
    )
    changes = {f"{CHAIN}/link_2.mass": 4.0, f"{scene.gravity_path}.gravity.z": -3.0, f"{joints[-1]}.damping": 2.0}
    ends = []
    for name in ("pybullet", "mujoco"):
        simulation = load_engine(name).load_scene(scene, EngineConfig(step_hz=1000.0))
        simulation.step(20)
        for address, value in changes.items():
            simulation.set_parameter(address, value)
        simulation.step(200)
        ends.append(simulation.get_state().joint_positions)
        simulation.close()
    assert ends[0] == pytest.approx(ends[1], abs=2e-4)


def test_another_engines_state_does_not_say_where_a_ball_is() -> None:
    scene = feature_scenes.balls()
    simulation = load_engine("pybullet").load_scene(scene, EngineConfig(step_hz=1000.0))
    with pytest.raises(StateError, match="does not say where joint '/World/double_pendulum/shoulder' is"):
        simulation.set_state(load_engine("mujoco").load_scene(scene, EngineConfig(step_hz=1000.0)).get_state())
    simulation.close()


def test_a_ball_that_diverges_is_told() -> None:
    scene = feature_scenes.loose_pendulum(kind="spherical")
    simulation = load_engine("pybullet").load_scene(scene, EngineConfig(step_hz=1000.0))
    simulation.set_applied_wrench(feature_scenes.BOB, np.full(3, 1e15), np.zeros(3))
    with pytest.raises(SimulationError, match=f"The numbers of joint '{feature_scenes.HINGE}' diverged at"):
        simulation.step(10)
    simulation.close()
