"""Swing a pendulum up and hold it, with a motor that is too weak to lift it at once."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from hanzo_twin.engines.port import EngineConfig
from hanzo_twin.errors import UnsupportedError
from hanzo_twin.rl.task import Actions, ObservationTerm, Recipe, RewardTerm, Task
from hanzo_twin.rl.terms import wrap_angle
from hanzo_twin.rl.world import Start, World, joint_columns
from hanzo_twin.scene.load import load_scene
from hanzo_twin.scene.model import Scene
from hanzo_twin.spatial import FloatArray

SCENE = Path(__file__).parent / "scenes" / "pendulum.usda"
MAX_EFFORT = 2.0
STEP_HZ = 20.0
MAX_SECONDS = 10.0
JUDGED_SECONDS = 2.0
HOLD_ANGLE = 0.2


def build(scene: Scene) -> Task:
    """The task for any scene whose first articulation has one joint, hanging at position 0.

    Upright is position π. The reward is −(φ² + 0.1 φ̇² + 0.001 τ²) with φ the angle from upright, as in the classic
    task. Success: the mean |φ| over the last two seconds is below 0.2 rad.

    Raises:
        UnsupportedError: there is no such joint.
    """
    joint = _hinge(scene)
    column = int(joint_columns(scene, [joint])[0])

    def angle(world: World) -> FloatArray:
        return wrap_angle(world.joint_positions[:, column] - math.pi)

    def velocity(world: World) -> FloatArray:
        return world.joint_velocities[:, column]

    def begin(start: Start) -> None:
        start.joint_positions[:, column] = start.draws.uniform("angle", low=-math.pi, high=math.pi)[:, 0]
        start.joint_velocities[:, column] = start.draws.uniform("velocity", low=-1.0, high=1.0)[:, 0]
        start.remember("late_error", np.zeros(len(start.envs)))

    def remember(world: World) -> None:
        left = world.steps * world.step_seconds > MAX_SECONDS - JUDGED_SECONDS + 0.5 * world.step_seconds
        world.memory["late_error"] = world.memory["late_error"] + np.where(left, np.abs(angle(world)), 0.0)

    def late_error(world: World) -> FloatArray:
        last = np.abs(angle(world))
        counted = JUDGED_SECONDS / world.step_seconds
        return (world.memory["late_error"] + last) / counted

    return Task(
        name="pendulum",
        observations=(
            ObservationTerm(name="cosine", size=1, read=lambda w: np.cos(angle(w))[:, None], low=-1.0, high=1.0),
            ObservationTerm(name="sine", size=1, read=lambda w: np.sin(angle(w))[:, None], low=-1.0, high=1.0),
            ObservationTerm(name="velocity", size=1, read=lambda w: velocity(w)[:, None]),
        ),
        rewards=(
            RewardTerm(name="angle", weight=-1.0, read=lambda w: angle(w) ** 2),
            RewardTerm(name="velocity", weight=-0.1, read=lambda w: velocity(w) ** 2),
            RewardTerm(name="effort", weight=-0.001, read=lambda w: (MAX_EFFORT * w.action[:, 0]) ** 2),
        ),
        start=(begin,),
        actions=Actions(kind="effort", joints=(joint,), max_effort=MAX_EFFORT),
        step_hz=STEP_HZ,
        max_seconds=MAX_SECONDS,
        success=lambda world: late_error(world) < HOLD_ANGLE,
        metrics=(("late_angle_error", late_error),),
        remember=remember,
    )


def _hinge(scene: Scene) -> str:
    for articulation in scene.articulations.values():
        if len(articulation.joints) == 1 and scene.joints[articulation.joints[0]].kind == "revolute":
            return articulation.joints[0]
    raise UnsupportedError(
        f"The task 'pendulum' needs an articulation of one revolute joint; the scene '{scene.source}' has none.",
        hint="See examples/pendulum/pendulum.usda.",
    )


PENDULUM = Recipe(
    name="pendulum",
    summary="swing up and hold a pendulum with a weak motor",
    scene=lambda: load_scene(SCENE),
    build=build,
    config=EngineConfig(step_hz=240.0),
)
