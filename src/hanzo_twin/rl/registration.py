"""Registers every task with Gymnasium as ``hanzo_twin/<Task>-v0``."""

from __future__ import annotations

from hanzo_twin import plugins

NAMESPACE = "hanzo_twin"


def environment_id(task: str) -> str:
    """``arm_reach`` → ``ArmReach-v0``."""
    return "".join(part.capitalize() for part in task.split("_")) + "-v0"


def register() -> None:
    """Register the tasks that are installed; nothing heavy is imported before one is made."""
    from gymnasium.envs.registration import register as add

    for task in plugins.names(plugins.TASKS):
        add(
            id=f"{NAMESPACE}/{environment_id(task)}",
            entry_point="hanzo_twin.rl.make:make",
            vector_entry_point="hanzo_twin.rl.make:make_vec",
            kwargs={"task": task},
        )
