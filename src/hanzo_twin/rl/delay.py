"""Commands on their way to the actuators: late by a delay of each world's own."""

from __future__ import annotations

import numpy as np

from hanzo_twin.rl.actions import Commands
from hanzo_twin.spatial import FloatArray, IntArray

MAX_DELAY_S = 1.0


class CommandDelay:
    """Remembers the commands of the last steps; ``delays`` [N] s are rounded to steps of the engine.

    Args:
        engine_steps: within one step of the environment. engine_seconds: one of them.
    """

    def __init__(self, num_envs: int, *, engine_steps: int, engine_seconds: float, max_delay_s: float) -> None:
        self._steps = engine_steps
        self._seconds = engine_seconds
        self._depth = int(np.ceil(max_delay_s / (engine_steps * engine_seconds))) + 1
        self._history: dict[str, FloatArray] = {}
        self._fresh = np.ones(num_envs, dtype=np.bool_)
        self._envs = np.arange(num_envs)[:, None]

    def reset(self, envs: IntArray) -> None:
        """Begin anew: what is commanded first counts as having been commanded before."""
        self._fresh[envs] = True

    def apply(self, commands: Commands, delays: FloatArray) -> Commands:
        """Commands [N, engine_steps, n_joints] that arrive during this step."""
        late = np.rint(delays / self._seconds).astype(np.int64)
        # Of which step back a command comes that arrives in engine step k.
        back = -((np.arange(self._steps) - late[:, None]) // self._steps)
        arriving: Commands = {}
        for name, values in commands.items():
            history = self._history.get(name)
            if history is None:
                history = np.repeat(values[:, None], self._depth, axis=1)
            else:
                history = np.concatenate([values[:, None], history[:, :-1]], axis=1)
                history[self._fresh] = values[self._fresh, None]
            self._history[name] = history
            arriving[name] = history[self._envs, back]
        self._fresh[:] = False
        return arriving
