"""Run forward on four legs: the observations, rewards and ends of Gymnasium's Ant-v5, but for its contact forces.

Ant-v5 also takes off 5e-4 · Σ clip(cfrc_ext, ±1)², which is at most 0.006 in a step of a random ant whose reward for
standing is 1. A batch of worlds does not tell forces, and reading them costs MuJoCo 3 % of its steps.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from hanzo_twin.engines.port import EngineConfig
from hanzo_twin.errors import NotInstalledError, UnsupportedError
from hanzo_twin.rl.task import Actions, EndTerm, ObservationTerm, Recipe, RewardTerm, Task
from hanzo_twin.rl.terms import action_cost, joint_positions, joint_velocities
from hanzo_twin.rl.world import Start, World, joint_columns
from hanzo_twin.scene.load import load_scene
from hanzo_twin.scene.model import Articulation, Scene
from hanzo_twin.spatial import BoolArray, FloatArray, quaternion_conjugate, rotate_vectors

HEALTHY_HEIGHT = (0.2, 1.0)
MAX_EFFORT = 150.0
NOISE = 0.1


def build(scene: Scene) -> Task:
    """The task for any scene with a floating articulation, such as a quadruped of that size.

    Reward: speed along x + 1 while the torso is between 0.2 and 1 m high − 0.5 · Σ action².

    Raises:
        UnsupportedError: no articulation floats.
    """
    robot = floating(scene, "ant")
    columns = joint_columns(scene, robot.joints)
    torso = robot.root_body
    lowest, highest = HEALTHY_HEIGHT

    def unhealthy(world: World) -> BoolArray:
        height = world.body(torso).position[:, 2]
        return (height < lowest) | (height > highest)

    def speed(world: World) -> FloatArray:
        return (world.body(torso).position[:, 0] - world.memory["x"]) / world.step_seconds

    def turning(world: World) -> FloatArray:
        """In the torso's own frame, as the velocity of a free joint is there."""
        seen = world.body(torso)
        return rotate_vectors(quaternion_conjugate(seen.orientation), seen.angular_velocity)

    def begin(start: Start) -> None:
        shifts = start.draws.uniform("start", 7 + len(columns), low=-NOISE, high=NOISE)
        speeds = NOISE * start.draws.normal("speed", 6 + len(columns))
        place_root(scene, robot, start, shifts[:, :7], speeds[:, :6])
        start.joint_positions[:, columns] += shifts[:, 7:]
        start.joint_velocities[:, columns] += speeds[:, 6:]

    def remember(world: World) -> None:
        world.memory["x"] = world.body(torso).position[:, 0].copy()

    return Task(
        name="ant",
        bodies=(torso,),
        observations=(
            ObservationTerm(name="height", size=1, read=lambda world: world.body(torso).position[:, 2:]),
            ObservationTerm(name="orientation", size=4, read=lambda world: world.body(torso).orientation),
            joint_positions(scene, robot.joints),
            ObservationTerm(name="linear_velocity", size=3, read=lambda world: world.body(torso).linear_velocity),
            ObservationTerm(name="angular_velocity", size=3, read=turning),
            joint_velocities(scene, robot.joints),
        ),
        rewards=(
            RewardTerm(name="forward", read=speed),
            RewardTerm(name="healthy", read=lambda world: (~world.once(unhealthy)).astype(np.float64)),
            action_cost(0.5),
        ),
        ends=(EndTerm(name="unhealthy", holds=lambda world: world.once(unhealthy)),),
        start=(begin,),
        actions=Actions(kind="effort", joints=robot.joints, max_effort=MAX_EFFORT),
        step_hz=20.0,
        max_seconds=50.0,
        metrics=(("distance_x", lambda world: world.body(torso).position[:, 0]),),
        remember=remember,
    )


def floating(scene: Scene, task: str) -> Articulation:
    """The first articulation that is not tied to the world.

    Raises:
        UnsupportedError: there is none.
    """
    for articulation in scene.articulations.values():
        if not articulation.fixed_base and articulation.joints:
            return articulation
    raise UnsupportedError(
        f"The task '{task}' needs a floating articulation; the scene '{scene.source}' has none.",
        hint="A robot whose base is tied to the world cannot walk; take the weld out of the scene.",
    )


def place_root(scene: Scene, robot: Articulation, start: Start, shift: FloatArray, velocity: FloatArray) -> None:
    """Put the root of ``robot`` at its start, its pose changed by ``shift`` [n, 7], with ``velocity`` [n, 6]."""
    pose = scene.bodies[robot.root_body].pose_world_body.as_array() + shift
    length = np.sqrt(pose[:, 3] ** 2 + pose[:, 4] ** 2 + pose[:, 5] ** 2 + pose[:, 6] ** 2)
    pose[:, 3:] /= length[:, None]
    start.place(robot.root_body, pose, velocity)
    start.remember("x", pose[:, 0])


def gymnasium_ant() -> Scene:
    """The ant that comes with Gymnasium.

    Raises:
        NotInstalledError: Gymnasium is missing.
    """
    spec = find_spec("gymnasium")
    if spec is None or spec.origin is None:
        raise NotInstalledError(
            "The ant comes with the package 'gymnasium', which is not installed.",
            hint="Install it with: pip install 'hanzo-twin[rl]'",
        )
    return load_scene(Path(spec.origin).parent / "envs" / "mujoco" / "assets" / "ant.xml")


ANT = Recipe(
    name="ant",
    summary="run forward on four legs",
    scene=gymnasium_ant,
    build=build,
    config=EngineConfig(step_hz=100.0),
)
