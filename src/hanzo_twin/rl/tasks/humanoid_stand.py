"""Stand upright and stay there, after a start that is not quite upright."""

from __future__ import annotations

import numpy as np

from hanzo_twin.engines.port import EngineConfig
from hanzo_twin.rl.task import Actions, EndTerm, ObservationTerm, Recipe, RewardTerm, Task
from hanzo_twin.rl.tasks.ant import floating
from hanzo_twin.rl.terms import action_cost, alive, joint_positions, joint_velocities, norm, sum_of_squares, up_of
from hanzo_twin.rl.world import Start, World, joint_columns
from hanzo_twin.scene.load import load_scene
from hanzo_twin.scene.model import Scene
from hanzo_twin.spatial import BoolArray

LOWEST_SHARE = 0.7
MOST_LEAN = 0.7
MAX_SECONDS = 10.0


def build(scene: Scene) -> Task:
    """The task for any scene with a floating, standing articulation.

    Actions move the position targets of the joints away from where they start, by at most 0.5 rad. Fallen: the root is
    lower than 70 % of its starting height, or leans more than about 45°. Success: still standing after 10 s.

    Raises:
        UnsupportedError: no articulation floats.
    """
    robot = floating(scene, "humanoid_stand")
    columns = joint_columns(scene, robot.joints)
    root = robot.root_body
    pose = scene.bodies[root].pose_world_body.as_array()
    start_positions = np.array([scene.joints[path].initial_position for path in robot.joints])

    def fallen(world: World) -> BoolArray:
        seen = world.body(root)
        low: BoolArray = seen.position[:, 2] < LOWEST_SHARE * pose[2]
        return low | (up_of(seen.orientation) < MOST_LEAN)

    def stood(world: World) -> BoolArray:
        enough: BoolArray = world.steps * world.step_seconds > MAX_SECONDS - 0.5 * world.step_seconds
        return ~fallen(world) & enough

    def begin(start: Start) -> None:
        count, size = len(start.envs), len(columns)
        start.joint_positions[:, columns] += start.draws.uniform("joints", size, low=-0.05, high=0.05)
        shove = start.draws.uniform("shove", 6, low=-0.6, high=0.6) * (0.3 + 0.7 * start.level[:, None])
        raised = np.tile(pose, (count, 1))
        raised[:, 2] += 0.01
        start.place(root, raised, shove)

    return Task(
        name="humanoid_stand",
        bodies=(root,),
        observations=(
            ObservationTerm(name="height", size=1, read=lambda world: world.body(root).position[:, 2:]),
            ObservationTerm(name="orientation", size=4, read=lambda world: world.body(root).orientation),
            ObservationTerm(name="linear_velocity", size=3, read=lambda world: world.body(root).linear_velocity),
            ObservationTerm(name="angular_velocity", size=3, read=lambda world: world.body(root).angular_velocity),
            joint_positions(scene, robot.joints),
            joint_velocities(scene, robot.joints),
        ),
        rewards=(
            alive(1.0),
            RewardTerm(name="upright", read=lambda world: up_of(world.body(root).orientation)),
            RewardTerm(name="drift", weight=-0.5, read=lambda world: norm(world.body(root).linear_velocity)),
            RewardTerm(
                name="posture",
                weight=-0.1,
                read=lambda world: sum_of_squares(world.joint_positions[:, columns] - start_positions),
            ),
            action_cost(0.01),
        ),
        ends=(EndTerm(name="fallen", holds=fallen),),
        start=(begin,),
        actions=Actions(kind="joint_position", joints=robot.joints, position_range=0.5),
        step_hz=50.0,
        max_seconds=MAX_SECONDS,
        success=stood,
    )


HUMANOID_STAND = Recipe(
    name="humanoid_stand",
    summary="keep a humanoid upright",
    scene=lambda: load_scene("library:humanoid"),
    build=build,
    config=EngineConfig(step_hz=500.0),
)
