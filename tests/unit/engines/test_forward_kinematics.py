"""Forward kinematics against an engine that has its own."""

from __future__ import annotations

import numpy as np
import pytest

from hanzo_twin.engines.forward_kinematics import ForwardKinematics, integrate_orientation
from hanzo_twin.engines.mujoco import MujocoEngine
from hanzo_twin.engines.port import EngineConfig
from hanzo_twin.scene.model import Scene
from hanzo_twin.testing import scenes


@pytest.mark.parametrize("scene", [scenes.arm6_with_boxes(), scenes.floating_chain(), scenes.cart()])
def test_poses_and_velocities_are_the_engines(scene: Scene) -> None:
    simulation = MujocoEngine().load_scene(scene, EngineConfig())
    (articulation,) = scene.articulations.values()
    random = np.random.default_rng(5)
    count = len(articulation.joints)
    simulation.set_joint_state(articulation.path, random.uniform(-1, 1, count), random.uniform(-2, 2, count))
    if not articulation.fixed_base:
        quaternion = random.normal(size=4)
        simulation.set_body_state(
            articulation.root_body, random.normal(size=3), quaternion, *random.normal(size=(2, 3))
        )
    state = simulation.get_state()
    kinematics = ForwardKinematics(scene, articulation.joints)
    roots = list(kinematics.roots)
    poses, velocities = kinematics.place(
        np.tile(state.joint_positions, (3, 1)),
        np.tile(state.joint_velocities, (3, 1)),
        np.tile(state.body_poses[roots], (3, 1, 1)),
        np.tile(state.body_velocities[roots], (3, 1, 1)),
    )
    assert poses == pytest.approx(np.tile(state.body_poses, (3, 1, 1)), abs=1e-12)
    assert velocities == pytest.approx(np.tile(state.body_velocities, (3, 1, 1)), abs=1e-12)


def test_orientation_turns_about_world_axes() -> None:
    start = np.array([[np.cos(0.5), np.sin(0.5), 0.0, 0.0]])
    turned = integrate_orientation(start, np.array([[0.0, 0.0, 3.0]]), 0.2)
    expected = [
        np.cos(0.3) * np.cos(0.5),
        np.cos(0.3) * np.sin(0.5),
        np.sin(0.3) * np.sin(0.5),
        np.sin(0.3) * np.cos(0.5),
    ]
    assert turned[0] == pytest.approx(expected, abs=1e-15)
    assert integrate_orientation(start, np.zeros((1, 3)), 0.2) is not start
    assert np.array_equal(integrate_orientation(start, np.zeros((1, 3)), 0.2), start)
