"""What the tests of physics measure, and how finely an engine can be held to it."""

from __future__ import annotations

import numpy as np

from hanzo_twin.engines.port import Engine, EngineConfig, Simulation
from hanzo_twin.scene.model import Scene
from hanzo_twin.spatial import FloatArray, rotation_matrix

HZ = 1000.0
H = 1.0 / HZ
G = 9.81


def load(engine: Engine, scene: Scene, hz: float = HZ) -> Simulation:
    return engine.load_scene(scene, EngineConfig(step_hz=hz))


def rounding(engine: Engine) -> float:
    """Relative error that a thousand steps may collect by rounding alone: about 1000 units in the last place."""
    return 1e-9 if engine.capabilities().precision == "double" else 1e-4


def position(simulation: Simulation, body: str) -> FloatArray:
    found: FloatArray = simulation.get_observation(body)["position"]
    return found


def velocity(simulation: Simulation, body: str) -> FloatArray:
    found: FloatArray = simulation.get_observation(body)["linear_velocity"]
    return found


def body_spin(simulation: Simulation, body: str) -> FloatArray:
    """Angular velocity [3] in the body's own frame, rad/s."""
    seen = simulation.get_observation(body)
    spin: FloatArray = rotation_matrix(seen["orientation"]).T @ seen["angular_velocity"]
    return spin


def momenta(simulation: Simulation) -> tuple[FloatArray, FloatArray]:
    """Linear momentum [3] and angular momentum [3] about the world's origin, of all bodies."""
    state = simulation.get_state()
    linear, angular = np.zeros(3), np.zeros(3)
    for body, pose, twist in zip(
        simulation.scene.bodies.values(), state.body_poses, state.body_velocities, strict=True
    ):
        rotation = rotation_matrix(pose[3:])
        arm = rotation @ np.asarray(body.center_of_mass)
        push = body.mass * (twist[:3] + np.cross(twist[3:], arm))
        frame = rotation @ rotation_matrix(np.asarray(body.principal_axes))
        linear += push
        angular += np.cross(pose[:3] + arm, push) + frame @ (body.diagonal_inertia * (frame.T @ twist[3:]))
    return linear, angular


def energy(simulation: Simulation) -> float:
    """Kinetic and potential energy of all bodies, J."""
    state = simulation.get_state()
    gravity = -simulation.scene.gravity[2]
    total = 0.0
    for body, pose, twist in zip(
        simulation.scene.bodies.values(), state.body_poses, state.body_velocities, strict=True
    ):
        rotation = rotation_matrix(pose[3:])
        arm = rotation @ np.asarray(body.center_of_mass)
        speed = twist[:3] + np.cross(twist[3:], arm)
        spin = rotation_matrix(np.asarray(body.principal_axes)).T @ rotation.T @ twist[3:]
        total += 0.5 * body.mass * speed @ speed + 0.5 * np.sum(body.diagonal_inertia * spin**2)
        total += body.mass * gravity * (pose[2] + arm[2])
    return float(total)


def falling_crossings(simulation: Simulation, articulation: str, seconds: float) -> list[float]:
    """Times when the first joint passes zero from above, interpolated to second order in the step."""
    step = simulation.config.step_seconds
    crossings: list[float] = []
    before = simulation.get_observation(articulation)["positions"][0]
    for _ in range(int(seconds / step)):
        simulation.step()
        now = simulation.get_observation(articulation)["positions"][0]
        if before > 0 >= now:
            crossings.append(simulation.time - step * now / (now - before))
        before = now
    return crossings
