"""A policy at work on a live twin: at each step it sees the twin's state and commands its joints."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from hanzo_twin.engines.serial import load_worlds
from hanzo_twin.engines.state import SimState
from hanzo_twin.errors import UnsupportedError
from hanzo_twin.rl.episodes import Autoreset, Episodes
from hanzo_twin.rl.resolve import resolve
from hanzo_twin.rl.training.policy import Policy

_FIELDS = {"positions": "targetPosition", "velocities": "targetVelocity", "efforts": "effort"}


class LiveTwin(Protocol):
    """What a policy needs of a running twin."""

    def state(self) -> SimState: ...

    def command(self, inputs: dict[str, float]) -> None: ...


@dataclass(frozen=True, kw_only=True)
class LiveReport:
    """What came of it: steps taken, the sum of rewards, and how late the latest command was [s]."""

    steps: int
    seconds: float
    total_reward: float
    success: bool | None
    latest_s: float


class LivePolicy:
    """Runs ``policy`` on ``twin``.

    It has a world of its own, set to the twin's state at each step, in which it computes observations and rewards as in
    training.

    Args:
        environment: as `load.environment_of` gives it, with the definition of the twin.
        seed: of what the task draws for an episode, such as a goal.

    Raises:
        UnsupportedError: the policy commands efforts of joints whose drives would fight it.
    """

    def __init__(self, policy: Policy, twin: LiveTwin, environment: dict[str, Any], *, seed: int) -> None:
        arguments = {name: environment[name] for name in ("engine", "task", "step_hz")}
        setup = resolve(environment["twin_id"], domain_randomization=False, **arguments)
        batch = load_worlds(setup.engine, setup.scene, setup.config, 1, threads=1)
        self._episodes = Episodes(
            batch,
            setup.task,
            engine_steps=setup.engine_steps,
            action_type=environment["action_type"],
            randomization=None,
            autoreset=Autoreset.DISABLED,
        )
        self._episodes.reset(seeds=[seed])  # draws what the task remembers of an episode, such as a goal
        self._policy, self._twin = policy, twin
        self._joints = batch.joint_names
        self._refuse_fights()
        self.step_seconds = setup.engine_steps * setup.config.step_seconds

    def _refuse_fights(self) -> None:
        episodes = self._episodes
        if "efforts" not in episodes.command(np.zeros((1, episodes.actions.size))):
            return
        for path in episodes.actions.names:
            joint = episodes.batch.scene.joints[path]
            if joint.drive is not None and (joint.drive.stiffness > 0 or joint.drive.damping > 0):
                raise UnsupportedError(
                    f"The policy commands the effort of '{path}', whose drive would act against it.",
                    hint="Train it with action_type joint, joint_position or joint_velocity.",
                )

    def run(
        self, seconds: float, *, stopping: Callable[[], bool], progress: Callable[[float, float], None]
    ) -> LiveReport:
        """Act for ``seconds`` of wall time, or until ``stopping``."""
        episodes, total, latest, steps = self._episodes, 0.0, 0.0, 0
        begin = time.monotonic()
        episodes.follow([self._twin.state()])
        while (now := time.monotonic() - begin) < seconds and not stopping():
            observations = episodes.observe()
            action = self._policy.act(observations.astype(np.float64))
            commands = episodes.command(action)
            self._twin.command(self._inputs(commands))
            steps += 1
            due = begin + steps * self.step_seconds
            late = time.monotonic() - due
            latest = max(latest, late)
            time.sleep(max(0.0, -late))
            episodes.follow([self._twin.state()])
            total += float(episodes.rewards()[0])
            progress(now / seconds, total)
        success = episodes.succeeds()
        return LiveReport(
            steps=steps,
            seconds=time.monotonic() - begin,
            total_reward=total,
            success=None if success is None else bool(success[0]),
            latest_s=latest,
        )

    def _inputs(self, commands: Mapping[str, np.ndarray]) -> dict[str, float]:
        commanded = set(self._episodes.actions.names) | set(getattr(self._episodes.actions, "joints", ()))
        return {
            f"{joint}.{_FIELDS[field]}": float(values[0, column])
            for field, values in commands.items()
            for column, joint in enumerate(self._joints)
            if joint in commanded
        }

    def close(self) -> None:
        """Release the world."""
        self._episodes.close()
