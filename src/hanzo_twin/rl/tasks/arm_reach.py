"""Bring the end of an arm to a point."""

from __future__ import annotations

import numpy as np

from hanzo_twin.engines.forward_kinematics import ForwardKinematics, starting_roots
from hanzo_twin.engines.port import EngineConfig
from hanzo_twin.errors import UnsupportedError
from hanzo_twin.rl.task import Actions, ObservationTerm, Recipe, RewardTerm, Task
from hanzo_twin.rl.terms import (
    action_cost,
    distance_to,
    joint_positions,
    joint_velocities,
    remembered,
    spread_joints,
    sum_of_squares,
    tracking,
)
from hanzo_twin.rl.world import Start, World, joint_columns
from hanzo_twin.scene.load import load_scene
from hanzo_twin.scene.model import Articulation, Scene
from hanzo_twin.spatial import FloatArray

REACHED = 0.05
LOWEST_TARGET = 0.1
_TRIES = 8
_SPREAD = 1.2


def build(scene: Scene) -> Task:
    """The task for any scene with an arm that is tied to the world; its last body is the end.

    Targets are where the end is at random joint positions, so each can be reached. Success: nearer than 5 cm.

    Raises:
        UnsupportedError: no articulation is tied to the world.
    """
    arm = fixed_arm(scene, "arm_reach")
    end = arm.bodies[-1]
    columns = joint_columns(scene, arm.joints)
    distance = distance_to(end, "target")
    reach = Reach(scene, arm)

    def begin(start: Start) -> None:
        start.remember("target", reach.targets(start))

    def error(world: World) -> FloatArray:
        return world.memory["target"] - world.body(end).position

    return Task(
        name="arm_reach",
        bodies=(end,),
        observations=(
            joint_positions(scene, arm.joints),
            joint_velocities(scene, arm.joints),
            ObservationTerm(name="end_position", size=3, read=lambda world: world.body(end).position),
            remembered("target", 3),
            ObservationTerm(name="error", size=3, read=error),
        ),
        rewards=(
            tracking("near", distance, scale=0.3),
            tracking("nearer", distance, scale=0.05),
            action_cost(0.001),
            RewardTerm(
                name="speed", weight=-0.002, read=lambda world: sum_of_squares(world.joint_velocities[:, columns])
            ),
        ),
        start=(spread_joints(scene, arm.joints, position=0.5), begin),
        actions=Actions(kind="joint_velocity", joints=arm.joints, max_velocity=1.5),
        step_hz=20.0,
        max_seconds=5.0,
        success=lambda world: distance(world) < REACHED,
        metrics=(("final_distance_m", distance),),
    )


class Reach:
    """Points that the end of ``arm`` reaches."""

    def __init__(self, scene: Scene, arm: Articulation) -> None:
        names = [path for articulation in scene.articulations.values() for path in articulation.joints]
        self._kinematics = ForwardKinematics(scene, names)
        self._columns = joint_columns(scene, arm.joints)
        joints = [scene.joints[path] for path in arm.joints]
        self._lower = np.array([max(joint.lower, joint.initial_position - _SPREAD) for joint in joints])
        self._upper = np.array([min(joint.upper, joint.initial_position + _SPREAD) for joint in joints])
        self._row = list(scene.bodies).index(arm.bodies[-1])
        self._roots = starting_roots(scene)

    def targets(self, start: Start) -> FloatArray:
        """Points [n, 3] above the floor: the first that is, of a few drawn; else the highest of them."""
        count = len(start.envs)
        best = np.full((count, 3), -np.inf)
        for attempt in range(_TRIES):
            drawn = start.draws.uniform(f"target.{attempt}", len(self._columns), low=self._lower, high=self._upper)
            point = self._end(start, drawn)
            better = (best[:, 2] < LOWEST_TARGET) & (point[:, 2] > best[:, 2])
            best[better] = point[better]
        return best

    def _end(self, start: Start, drawn: FloatArray) -> FloatArray:
        positions = start.joint_positions.copy()
        positions[:, self._columns] = drawn
        roots = [np.tile(part, (len(drawn), 1, 1)) for part in self._roots]
        poses, _ = self._kinematics.place(positions, np.zeros_like(positions), roots[0], roots[1])
        return poses[:, self._row, :3]


def fixed_arm(scene: Scene, task: str) -> Articulation:
    """The first articulation that is tied to the world.

    Raises:
        UnsupportedError: there is none.
    """
    for articulation in scene.articulations.values():
        if articulation.fixed_base and articulation.joints:
            return articulation
    raise UnsupportedError(
        f"The task '{task}' needs an arm that is tied to the world; the scene '{scene.source}' has none.",
        hint="Such as library:arm.",
    )


ARM_REACH = Recipe(
    name="arm_reach",
    summary="bring the end of an arm to a point",
    scene=lambda: load_scene("library:arm"),
    build=build,
    config=EngineConfig(step_hz=500.0),
)
