"""The scenes of the library stand still under their own drives, and what shall move moves, on every engine."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hanzo_twin.engines.port import Engine, EngineConfig, JointCommand, Simulation
from hanzo_twin.scene.load import Reference, load_scene
from hanzo_twin.spatial import Pose

CONFIG = EngineConfig(step_hz=240.0, substeps=4)
STILL_S = 2.0
STILL_M = 0.005
"""Contacts give way by less than a millimetre; the humanoid sways by 2 mm while its drives take up its weight."""

MOVING = ("arm", "box", "conveyor", "humanoid", "pallet", "tote", "wheeled_base", "warehouse")


@pytest.mark.parametrize("name", MOVING)
def test_library_scene_stands_still(engine: Engine, name: str) -> None:
    scene = load_scene(f"library:{name}")
    simulation = engine.load_scene(scene, CONFIG)
    try:
        simulation.step(round(STILL_S * CONFIG.step_hz))
        moved = {path: _moved(body.pose_world_body, simulation, path) for path, body in scene.bodies.items()}
    finally:
        simulation.close()
    worst = max(moved, key=lambda path: moved[path])
    assert moved[worst] < STILL_M, f"{worst} moved by {moved[worst]:.4f} m"


def test_library_wheeled_base_drives_as_its_wheels_turn(engine: Engine) -> None:
    speed = 0.4
    simulation = engine.load_scene(load_scene("library:wheeled_base"), CONFIG)
    try:
        joints = simulation.scene.articulations["/wheeled_base"].joints
        turning = np.array([speed / 0.1 if "/drive_" in joint else 0.0 for joint in joints])
        simulation.set_joint_command("/wheeled_base", JointCommand(velocities=turning))
        simulation.step(480)
        chassis = simulation.get_observation("/wheeled_base/chassis")
    finally:
        simulation.close()
    # The drives' damping of 10 N·m·s/rad loses a little against the casters' friction.
    np.testing.assert_allclose(chassis["linear_velocity"], [speed, 0, 0], atol=0.02)
    np.testing.assert_allclose(chassis["position"][:2], [speed * 2, 0], atol=0.05)


def test_library_conveyor_carries_a_carton(engine: Engine) -> None:
    speed = 0.3
    carton = Reference(ref="library:box", path="/box", translate=(-0.7, 0.0, 0.75))
    simulation = engine.load_scene(load_scene("library:conveyor", composition=[carton]), CONFIG)
    try:
        simulation.set_joint_command("/conveyor", JointCommand(velocities=np.full(20, speed / 0.025)))
        simulation.step(480)
        box = simulation.get_observation("/box")
    finally:
        simulation.close()
    np.testing.assert_allclose(box["linear_velocity"], [speed, 0, 0], atol=0.02)
    np.testing.assert_allclose(box["position"], [-0.7 + speed * 2, 0, 0.75], atol=0.04)


def _moved(start: Pose, simulation: Simulation, path: str) -> float:
    """Distance [m] of a body from where it started; turning counts by a lever of a tenth of a metre."""
    now = simulation.get_observation(path)
    turned = 2 * math.acos(min(1.0, abs(float(start.orientation @ now["orientation"]))))
    return max(float(np.linalg.norm(now["position"] - start.position)), 0.1 * turned)
