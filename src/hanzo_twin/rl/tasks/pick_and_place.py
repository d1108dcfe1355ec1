"""Take a cube from a table and put it down elsewhere on it."""

from __future__ import annotations

import numpy as np

from hanzo_twin.engines.port import EngineConfig
from hanzo_twin.rl.task import Actions, EndTerm, ObservationTerm, Recipe, RewardTerm, Task
from hanzo_twin.rl.tasks import gripper, parts
from hanzo_twin.rl.terms import (
    action_cost,
    distance_to,
    joint_positions,
    joint_velocities,
    norm,
    remembered,
    tracking,
)
from hanzo_twin.rl.world import Start, World
from hanzo_twin.scene.model import Drive, Scene
from hanzo_twin.spatial import BoolArray, FloatArray

CUBE = "/World/cube"
HAND = "/World/gantry/hand"
HALF_CUBE = 0.025
TABLE_HEIGHT = 0.4
HALF_REACH = 0.25
PLACED = 0.04
LIFTED = 0.04
_CARRY = Drive(stiffness=4000.0, damping=400.0, max_effort=400.0)


def make_scene() -> Scene:
    """A gantry of three slides with a two-finger hand over a table, and a cube."""
    height = TABLE_HEIGHT + 0.3
    beam = parts.body("/World/gantry/beam", (0.0, 0.0, height + 0.2), 2.0)
    trolley = parts.body("/World/gantry/trolley", (0.0, 0.0, height + 0.1), 2.0)
    palm = parts.box(f"{HAND}/palm", (0.03, 0.07, 0.015), (0.0, 0.0, 0.0), color=(0.9, 0.6, 0.1, 1.0))
    hand = parts.body(HAND, (0.0, 0.0, height), 1.0, [palm], size=0.1)
    reach = HALF_REACH + 0.1
    joints = [
        parts.joint("/World/gantry/x", "prismatic", None, beam, (1.0, 0.0, 0.0), limits=(-reach, reach), drive=_CARRY),
        parts.joint("/World/gantry/y", "prismatic", beam, trolley, (0, 1.0, 0), limits=(-reach, reach), drive=_CARRY),
        parts.joint("/World/gantry/z", "prismatic", trolley, hand, (0, 0, 1.0), limits=(-0.19, 0.1), drive=_CARRY),
    ]
    tips, slides = gripper.fingers(hand)
    bodies = [beam, trolley, hand, *tips]
    cube = parts.body(
        CUBE,
        (0.1, 0.0, TABLE_HEIGHT + HALF_CUBE),
        0.1,
        [parts.box(f"{CUBE}/hull", (HALF_CUBE,) * 3, color=(0.8, 0.2, 0.2, 1.0))],
        size=2 * HALF_CUBE,
    )
    table = parts.box("/World/table", (0.45, 0.45, 0.02), (0.0, 0.0, TABLE_HEIGHT - 0.02), color=(0.6, 0.45, 0.3, 1.0))
    return parts.scene(
        "pick_and_place",
        [*bodies, cube],
        [*joints, *slides],
        [parts.robot("/World/gantry", bodies, [*joints, *slides])],
        [table, parts.ground()],
    )


def build(scene: Scene) -> Task:
    """The task for any scene with the bodies `CUBE` and `HAND` and a table between which things are carried.

    Reward: the hand near the cube, the cube lifted, the cube near its goal. Success: the cube within 4 cm of the goal,
    at rest. Dropped from the table: the episode ends.

    Raises:
        UnsupportedError: one of the bodies is missing.
    """
    parts.check_bodies("pick_and_place", scene, (CUBE, HAND))
    joints = scene.articulations["/World/gantry"].joints
    rest = float(scene.bodies[CUBE].pose_world_body.position[2])
    to_goal = distance_to(CUBE, "goal")

    def tip(world: World) -> FloatArray:
        between: FloatArray = world.body(HAND).position - np.array([0.0, 0.0, gripper.FINGER_LENGTH])
        return between

    def to_cube(world: World) -> FloatArray:
        return norm(tip(world) - world.body(CUBE).position)

    def height(world: World) -> FloatArray:
        raised: FloatArray = world.body(CUBE).position[:, 2] - rest
        return raised

    def placed(world: World) -> BoolArray:
        return (to_goal(world) < PLACED) & (norm(world.body(CUBE).linear_velocity) < 0.05) & (height(world) < 0.01)

    def begin(start: Start) -> None:
        count = len(start.envs)
        place = start.draws.uniform("cube", 2, low=-HALF_REACH, high=HALF_REACH)
        goal = start.draws.uniform("goal", 2, low=-HALF_REACH, high=HALF_REACH)
        # At level 0 the goal is where the cube lies.
        goal = place + (goal - place) * start.level[:, None]
        pose = np.zeros((count, 7))
        pose[:, :2], pose[:, 2], pose[:, 3] = place, rest, 1.0
        start.place(CUBE, pose)
        start.remember("goal", np.concatenate([goal, np.full((count, 1), rest)], axis=1))

    return Task(
        name="pick_and_place",
        bodies=(CUBE, HAND),
        observations=(
            joint_positions(scene, joints),
            joint_velocities(scene, joints),
            ObservationTerm(name="cube_position", size=3, read=lambda world: world.body(CUBE).position),
            ObservationTerm(name="cube_orientation", size=4, read=lambda world: world.body(CUBE).orientation),
            ObservationTerm(name="hand_to_cube", size=3, read=lambda world: world.body(CUBE).position - tip(world)),
            remembered("goal", 3),
            ObservationTerm(
                name="cube_to_goal", size=3, read=lambda world: world.memory["goal"] - world.body(CUBE).position
            ),
        ),
        rewards=(
            tracking("hand_at_cube", to_cube, scale=0.1),
            RewardTerm(name="lifted", weight=1.0, read=lambda world: (height(world) > LIFTED).astype(np.float64)),
            tracking("cube_at_goal", to_goal, scale=0.15, weight=4.0),
            RewardTerm(name="placed", weight=5.0, read=lambda world: placed(world).astype(np.float64)),
            action_cost(0.001),
        ),
        ends=(EndTerm(name="dropped", holds=lambda world: height(world) < -0.1),),
        start=(begin,),
        actions=Actions(kind="joint_velocity", joints=joints, max_velocity=0.5),
        step_hz=20.0,
        max_seconds=10.0,
        success=placed,
        metrics=(("final_distance_m", to_goal),),
    )


PICK_AND_PLACE = Recipe(
    name="pick_and_place",
    summary="put a cube where it belongs",
    scene=make_scene,
    build=build,
    config=EngineConfig(step_hz=500.0),
)
