"""No goal: the joints can be moved and are observed. What an environment does when no task is named."""

from __future__ import annotations

from hanzo_twin.errors import UnsupportedError
from hanzo_twin.rl.task import Recipe, Task
from hanzo_twin.rl.tasks.pendulum import PENDULUM
from hanzo_twin.rl.terms import joint_positions, joint_velocities
from hanzo_twin.scene.model import Scene


def build(scene: Scene) -> Task:
    """All joints of all articulations; the reward is always zero.

    Raises:
        UnsupportedError: the scene has no joints.
    """
    joints = [path for articulation in scene.articulations.values() for path in articulation.joints]
    if not joints:
        raise UnsupportedError(
            f"The scene '{scene.source}' has no joints that an agent could move.",
            hint="Give a task of your own: make(…, task=Task(…)).",
        )
    return Task(
        name="free",
        observations=(joint_positions(scene, joints), joint_velocities(scene, joints)),
    )


FREE = Recipe(name="free", summary="no goal, no reward", scene=PENDULUM.scene, build=build, config=PENDULUM.config)
