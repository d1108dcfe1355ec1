"""Many worlds of a twin as one `gymnasium.vector.VectorEnv`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import ArrayLike

from hanzo_twin.errors import CommandError, ConflictError, InvalidInputError, SimulationError
from hanzo_twin.rl.chance import whole_seed
from hanzo_twin.rl.draw_log import DrawLog
from hanzo_twin.rl.episodes import Autoreset, Layout, Step
from hanzo_twin.rl.options import ResetOptions
from hanzo_twin.rl.spaces import ObservationType, action_space, numbers, observation_space, split
from hanzo_twin.spatial import BoolArray, FloatArray, IntArray

Info = dict[str, Any]


class Runner(Protocol):
    """What steps the worlds: `Episodes` in this process, or `WorkerEpisodes` in others."""

    @property
    def num_envs(self) -> int: ...

    @property
    def layout(self) -> Layout: ...

    def reset(
        self,
        *,
        seeds: Sequence[int] | None = None,
        envs: IntArray | None = None,
        pinned: Mapping[str, object] | None = None,
        level: float | None = None,
    ) -> Step: ...

    def step(self, actions: FloatArray) -> Step: ...

    def close(self) -> None: ...


class TwinVectorEnv(VectorEnv[Any, Any, Any]):
    """Worlds that are observed, rewarded and reset together, on arrays with a leading env axis.

    World i is a pure function of its seed and of the actions it was given, to the byte: it does not depend on i nor on
    ``num_envs``. As everywhere in Gymnasium, ``reset(seed=s)`` gives world i the seed s + i; a list gives each its own.
    Actions are in −1 … 1.
    """

    def __init__(
        self,
        runner: Runner,
        *,
        obs_type: ObservationType,
        autoreset: Autoreset,
        metadata: Mapping[str, Any],
        draw_log: DrawLog | None = None,
    ) -> None:
        self.runner = runner
        self.num_envs = runner.num_envs
        self.obs_type = obs_type
        self.autoreset_mode = AutoresetMode(autoreset.value)
        self.metadata = {**metadata, "autoreset_mode": self.autoreset_mode}
        self.single_observation_space: spaces.Space[Any] = observation_space(runner.layout, obs_type)
        self.single_action_space: spaces.Space[Any] = action_space(runner.layout)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self._draw_log = draw_log
        self._over = np.zeros(self.num_envs, dtype=np.bool_)
        self._begun = np.zeros(self.num_envs, dtype=np.bool_)
        self._everyone = np.ones(self.num_envs, dtype=np.bool_)
        self._shape = (self.num_envs, len(runner.layout.actions))

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[Any, Info]:
        """Begin new episodes.

        Args:
            seed: of world 0; world i gets ``seed + i``. Or one for each. None goes on to the next episodes of the
                seeds there are, which the first time are drawn by chance.
            options: ``reset_mask`` [N] names the worlds to reset, ``randomization`` pins values, ``level`` sets that
                of the curriculum.

        Raises:
            InvalidInputError: an option or the number of seeds does not fit.
        """
        self._check_open()
        chosen = ResetOptions.of(options, self.num_envs)
        mask = self._everyone if chosen.mask is None else chosen.mask
        envs = np.flatnonzero(mask)
        seeds = self._seeds(seed, envs)
        step = self.runner.reset(seeds=seeds, envs=envs, pinned=chosen.randomization, level=chosen.level)
        self._over[mask] = False
        self._begun[mask] = True
        infos: Info = {}
        self._add_draws(infos, step)
        return split(step.observations, self.runner.layout, self.obs_type), infos

    def _seeds(self, seed: int | Sequence[int | None] | None, envs: IntArray) -> list[int] | None:
        if seed is None:
            if self._begun[envs].all():
                return None
            first = int(self.np_random.integers(2**62))
            return [first + int(env) for env in envs]
        if isinstance(seed, int | np.integer):
            super().reset(seed=whole_seed(seed))
            return [int(seed) + int(env) for env in envs]
        given = [self.np_random.integers(2**62) if one is None else one for one in _listed(seed, self.num_envs)]
        return [int(given[env]) for env in envs]

    def step(self, actions: ArrayLike) -> tuple[Any, FloatArray, BoolArray, BoolArray, Info]:
        """One step of all worlds under ``actions`` [N, n_actions].

        Raises:
            CommandError: wrong shape, or not finite; nothing moved. ConflictError: before the first `reset`, or with
                autoreset disabled in worlds that have ended.
        """
        self._check_open()
        checked = self._checked(actions)
        if not self._begun.all():
            raise ConflictError("step was called before reset.", hint="Call reset() first; it gives the observations.")
        if self.autoreset_mode is AutoresetMode.DISABLED and self._over.any():
            ended = np.flatnonzero(self._over).tolist()
            raise ConflictError(
                f"The episodes of envs {ended} have ended.",
                hint="With autoreset disabled, call reset(options={'reset_mask': mask}) first.",
            )
        step = self.runner.step(checked)
        self._over = step.terminations | step.truncations
        observations = split(step.observations, self.runner.layout, self.obs_type)
        return observations, step.rewards, step.terminations, step.truncations, self._infos(step)

    def _checked(self, actions: ArrayLike) -> FloatArray:
        array = numbers("actions", actions)
        if array.shape != self._shape:
            names = ", ".join(self.runner.layout.actions)
            raise CommandError(
                f"actions has shape {list(array.shape)}, expected {list(self._shape)}.",
                hint=f"One row for each env; its numbers command: {names}.",
            )
        if not np.isfinite(array).all():
            env = int(np.flatnonzero(~np.isfinite(array).all(axis=1))[0])
            raise CommandError(f"actions has values that are not finite, first in env {env}: {array[env].tolist()}.")
        return array

    def _infos(self, step: Step) -> Info:
        infos: Info = {}
        layout = self.runner.layout
        told = ~step.begun
        inner = infos
        if step.final is not None:
            finals = np.full(self.num_envs, None, dtype=object)
            for env, observation in zip(np.flatnonzero(step.begun), step.final, strict=True):
                finals[env] = split(observation, layout, self.obs_type)
            inner = {}
            infos |= {"final_obs": finals, "_final_obs": step.begun.copy()}
            infos |= {"final_info": inner, "_final_info": step.begun.copy()}
            for column, name in enumerate(layout.rewards):
                inner[f"reward_{name}"] = np.where(step.begun, step.terms[:, column], 0.0)
                inner[f"_reward_{name}"] = step.begun.copy()
        for column, name in enumerate(layout.rewards):
            infos[f"reward_{name}"] = step.terms[:, column].copy()
            infos[f"_reward_{name}"] = told.copy()
        for name, (values, mask) in step.values.items():
            inner[name], inner[f"_{name}"] = values, mask
        self._add_draws(infos, step)
        return infos

    def _add_draws(self, infos: Info, step: Step) -> None:
        if step.randomization is not None:
            if self._draw_log is not None and step.counts is not None:
                self._draw_log.add(step.begun, step.randomization, *step.counts)
            drawn: Info = {}
            for name, values in step.randomization.items():
                drawn[name], drawn[f"_{name}"] = values, step.begun.copy()
            infos |= {"randomization": drawn, "_randomization": step.begun.copy()}

    def _check_open(self) -> None:
        if self.closed:
            raise SimulationError("The environment was closed.", hint="Make a new one.")

    def render(self) -> None:
        """Vector environments do not draw; draw one world with `hanzo_twin.make(render_mode=…)`."""

    def close_extras(self, **kwargs: Any) -> None:
        """Release the worlds."""
        self.runner.close()


def _listed(seeds: object, count: int) -> list[int | None]:
    """``seeds`` as a list.

    Raises:
        InvalidInputError: they are not ``count`` whole numbers or None.
    """
    listed: list[Any] = list(seeds) if isinstance(seeds, list | tuple | np.ndarray) else [seeds]
    for one in listed:
        if one is not None:
            whole_seed(one)
    if len(listed) != count:
        raise InvalidInputError(f"Got {len(listed)} seeds for {count} envs.", hint="Give one for each env.")
    return listed
