"""Engines against each other: the same scene and commands, contact-free, on every installed engine with dynamics."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hanzo_twin.engines.port import Engine, EngineConfig, JointCommand, Simulation, load_engine
from hanzo_twin.scene.model import Scene
from hanzo_twin.spatial import FloatArray
from hanzo_twin.testing import scenes

REFERENCE = "mujoco"
CONFIG = EngineConfig(step_hz=500.0)
TARGETS = np.array([0.4, -0.3, 0.8, 0.2, -0.5, 0.1])


@pytest.fixture
def other(engine: Engine) -> Engine:
    """An engine with dynamics that is not the reference itself."""
    if engine.capabilities().name == REFERENCE:
        pytest.skip("the reference")
    return engine


def passive_arm() -> Scene:
    """The six-joint arm without drives and dry friction, which engines model differently; armature and damping stay."""
    scene = scenes.arm6()
    joints = {path: replace(joint, drive=None, friction=0.0) for path, joint in scene.joints.items()}
    return replace(scene, joints=joints)


def final_positions(engine: Engine, scene: Scene, seconds: float, targets: FloatArray | None = None) -> FloatArray:
    simulation: Simulation = engine.load_scene(scene, CONFIG)
    if targets is not None:
        simulation.set_joint_command(scenes.ARM, JointCommand(positions=targets))
    simulation.step(round(seconds * CONFIG.step_hz))
    positions = simulation.get_observation(scenes.ARM)["positions"]
    simulation.close()
    return positions


def test_passive_motion_agrees(other: Engine) -> None:
    scene = passive_arm()
    ours, reference = (final_positions(engine, scene, 0.5) for engine in (other, load_engine(REFERENCE)))
    # Both integrate velocities, then positions, with the damping implicit: the same numbers up to rounding.
    assert np.abs(ours - reference).max() < (1e-9 if other.capabilities().precision == "double" else 1e-4)
    starts = [joint.initial_position for joint in scene.joints.values() if joint.kind != "fixed"]
    assert np.abs(ours - starts).max() > 0.5


def test_drives_agree_after_a_second(other: Engine) -> None:
    ours, reference = (
        final_positions(engine, scenes.arm6(), 1.0, TARGETS) for engine in (other, load_engine(REFERENCE))
    )
    # Where it comes to rest does not depend on how the drive is integrated, implicit or not.
    assert np.abs(ours - reference).max() < 1e-3
