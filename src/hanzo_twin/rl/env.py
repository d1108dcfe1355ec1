"""One world of a twin as a `gymnasium.Env`: the vector environment's code with one row."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import ArrayLike

from hanzo_twin.errors import CommandError, ConflictError, SimulationError
from hanzo_twin.rl.chance import whole_seed
from hanzo_twin.rl.draw_log import DrawLog
from hanzo_twin.rl.episodes import Step
from hanzo_twin.rl.options import ResetOptions
from hanzo_twin.rl.pictures import Picture
from hanzo_twin.rl.spaces import ObservationType, action_space, numbers, observation_space, split
from hanzo_twin.rl.vector_env import Runner
from hanzo_twin.spatial import FloatArray

Info = dict[str, Any]


class TwinEnv(gymnasium.Env[Any, Any]):
    """One world, which the caller resets. Actions are in −1 … 1.

    The same seed and actions give the same bytes, on every machine with the same processor features and versions.
    """

    def __init__(
        self,
        runner: Runner,
        *,
        obs_type: ObservationType,
        metadata: Mapping[str, Any],
        draw_log: DrawLog | None = None,
        take_picture: Callable[[], Picture] | None = None,
    ) -> None:
        self.runner = runner
        self.render_mode = None if take_picture is None else "rgb_array"
        self._take_picture = take_picture
        self._draw_log = draw_log
        self.obs_type = obs_type
        self.metadata = dict(metadata)
        self.observation_space: spaces.Space[Any] = observation_space(runner.layout, obs_type)
        self.action_space: spaces.Space[Any] = action_space(runner.layout)
        self._shape = (len(runner.layout.actions),)
        self._begun = self._over = self._closed = False

    def reset(self, *, seed: int | None = None, options: Mapping[str, Any] | None = None) -> tuple[Any, Info]:
        """Begin an episode; ``options`` as of `TwinVectorEnv.reset`.

        Raises:
            InvalidInputError: an option or the seed does not fit.
        """
        self._check_open()
        seed = None if seed is None else whole_seed(seed)
        super().reset(seed=seed)
        chosen = ResetOptions.of(options, 1)
        seeds = [seed] if seed is not None else None
        if seeds is None and not self._begun:
            seeds = [int(self.np_random.integers(2**62))]
        step = self.runner.reset(seeds=seeds, pinned=chosen.randomization, level=chosen.level)
        self._begun, self._over = True, False
        return self._observation(step), self._drawn(step)

    def step(self, action: ArrayLike) -> tuple[Any, float, bool, bool, Info]:
        """One step under ``action`` [n_actions].

        Raises:
            CommandError: wrong shape, or not finite; nothing moved. ConflictError: no episode is under way.
        """
        self._check_open()
        checked = self._checked(action)
        if not self._begun:
            raise ConflictError("step was called before reset.", hint="Call reset() first; it gives the observation.")
        if self._over:
            raise ConflictError("The episode has ended.", hint="Call reset() to begin the next one.")
        step = self.runner.step(checked[None])
        terminated, truncated = bool(step.terminations[0]), bool(step.truncations[0])
        self._over = terminated or truncated
        info: Info = {f"reward_{name}": term for name, term in zip(self._terms, step.terms[0].tolist(), strict=True)}
        for name, (values, _) in step.values.items():
            info[name] = values[0].item()
        return self._observation(step), float(step.rewards[0]), terminated, truncated, info

    @property
    def _terms(self) -> tuple[str, ...]:
        return self.runner.layout.rewards

    def _checked(self, action: ArrayLike) -> FloatArray:
        array = numbers("action", action)
        if array.shape != self._shape:
            raise CommandError(
                f"action has shape {list(array.shape)}, expected {list(self._shape)}.",
                hint=f"Its numbers command: {', '.join(self.runner.layout.actions)}.",
            )
        # A finite sum proves finite values, and for few numbers it is quicker.
        if not math.isfinite(sum(array.tolist())) and not np.isfinite(array).all():
            raise CommandError(f"action has values that are not finite: {array.tolist()}.")
        return array

    def _observation(self, step: Step) -> Any:
        return split(step.observations[0], self.runner.layout, self.obs_type)

    def _drawn(self, step: Step) -> Info:
        if step.randomization is None:
            return {}
        values = {
            name: drawn[0].copy() if drawn.ndim > 1 else drawn[0].item() for name, drawn in step.randomization.items()
        }
        return {"randomization": values}

    def _check_open(self) -> None:
        if self._closed:
            raise SimulationError("The environment was closed.", hint="Make a new one.")

    def render(self) -> Any:
        """RGB [height, width, 3] of the world now; None where no render mode was asked for."""
        self._check_open()
        return None if self._take_picture is None else self._take_picture()

    def close(self) -> None:
        """Release the world; may be called again."""
        if not self._closed:
            self._closed = True
            self.runner.close()
