"""Mimics and loop closures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("pybullet", reason="the extra 'pybullet' is not installed")

from hanzo_twin.engines.port import EngineConfig, Simulation, load_engine
from hanzo_twin.scene.model import Joint, JointKind, Mimic, Scene
from hanzo_twin.spatial import Pose
from hanzo_twin.testing import scenes

PATH = "/World/double_pendulum"
CONFIG = EngineConfig(step_hz=500.0)


def load(scene: Scene) -> Simulation:
    return load_engine("pybullet").load_scene(scene, CONFIG)


def test_a_joint_mimics_another() -> None:
    scene = scenes.double_pendulum(initial_positions=(1.0, -0.4))
    mimic = Mimic(joint=f"{PATH}/shoulder", multiplier=-0.5, offset=0.1)
    elbow = replace(scene.joints[f"{PATH}/elbow"], mimic=mimic)
    simulation = load(replace(scene, joints={**scene.joints, elbow.path: elbow}))
    start = simulation.get_observation(PATH)["positions"]
    for _ in range(5):
        simulation.step(100)
        shoulder, bent = simulation.get_observation(PATH)["positions"]
        assert bent == pytest.approx(0.1 - 0.5 * shoulder, abs=1e-4)
    assert abs(simulation.get_observation(PATH)["positions"][0] - start[0]) > 0.3
    simulation.close()


def closed(kind: JointKind, *, to: str) -> Scene:
    """The double pendulum, its lower end tied where it is to the world (``to`` "") or to its upper rod."""
    scene = scenes.double_pendulum()
    lower = scene.bodies[f"{PATH}/lower"]
    end = Pose.of((0.0, 0.0, -1.0))
    place = lower.pose_world_body @ end
    if to:
        place = scene.bodies[to].pose_world_body.inverse() @ place
    tie = Joint(
        path=f"{PATH}/tie",
        kind=kind,
        parent=to,
        child=lower.path,
        pose_parent_joint=place,
        pose_child_joint=end,
        axis=(0.0, 1.0, 0.0),
        closes_loop=True,
    )
    return replace(scene, joints={**scene.joints, tie.path: tie})


@pytest.mark.parametrize("kind", ["fixed", "revolute", "spherical"])
def test_a_loop_holds_and_is_restored_to_the_bit(kind: JointKind) -> None:
    scene = closed(kind, to="")
    simulation, loose = load(scene), load(scenes.double_pendulum())
    start = simulation.get_observation(PATH)["positions"]
    simulation.set_applied_wrench(f"{PATH}/upper", np.array([5.0, 0.0, 0.0]), np.zeros(3))
    for each in (simulation, loose):
        each.step(250)
    # Two rods between two points that stand still cannot move.
    assert np.abs(loose.get_observation(PATH)["positions"] - start).max() > 0.3
    assert simulation.get_observation(PATH)["positions"] == pytest.approx(start, abs=5e-3)
    state = simulation.get_state()
    fresh = load(scene)
    fresh.set_state(state)
    for each in (simulation, fresh):
        each.step(250)
    assert fresh.get_state() == simulation.get_state()
    for each in (simulation, loose, fresh):
        each.close()


def test_a_loop_between_bodies_holds() -> None:
    simulation = load(closed("revolute", to=f"{PATH}/upper"))
    start = simulation.get_observation(PATH)["positions"]
    simulation.step(500)
    after = simulation.get_observation(PATH)["positions"]
    assert after[1] == pytest.approx(start[1], abs=5e-3)
    assert abs(after[0] - start[0]) > 0.5
    simulation.close()
