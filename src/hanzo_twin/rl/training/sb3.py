"""A `TwinVectorEnv` as the vector environment of stable-baselines3."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode
from stable_baselines3.common.vec_env import VecEnv

from hanzo_twin.errors import InvalidInputError
from hanzo_twin.rl.vector_env import TwinVectorEnv


class TwinVecEnv(VecEnv):  # type: ignore[misc]  # stable-baselines3 is not followed
    """Steps all worlds with one call. The environment must reset its worlds in the same step (``SameStep``).

    Infos are dictionaries per world, as stable-baselines3 wants them, and filled only where an episode ended:
    ``terminal_observation``, ``TimeLimit.truncated``, ``episode`` (return ``r``, length ``l``) and ``is_success``.
    """

    def __init__(self, env: TwinVectorEnv) -> None:
        if env.autoreset_mode is not AutoresetMode.SAME_STEP:
            raise InvalidInputError(
                f"stable-baselines3 cannot step an environment whose autoreset_mode is '{env.autoreset_mode.value}'.",
                hint="Make it with autoreset_mode='SameStep'.",
            )
        if not isinstance(env.single_observation_space, spaces.Box):
            raise InvalidInputError(
                "The observations are dictionaries, and flat ones are needed here.",
                hint="Make it with obs_type='flat', or give stable-baselines3 single environments (make_vec_env).",
            )
        self.env = env  # the base class asks it for its render mode
        super().__init__(env.num_envs, env.single_observation_space, env.single_action_space)
        self._actions: np.ndarray | None = None
        self._returns = np.zeros(env.num_envs)
        self._lengths = np.zeros(env.num_envs, dtype=np.int64)
        self._empty: list[dict[str, Any]] = [{} for _ in range(env.num_envs)]
        self._seed: int | None = None

    def seed(self, seed: int | None = None) -> Sequence[int | None]:
        """Taken by the next `reset`; world i gets ``seed + i``."""
        self._seed = seed
        return [None if seed is None else seed + index for index in range(self.num_envs)]

    def reset(self) -> np.ndarray:
        observations, _ = self.env.reset(seed=self._seed)
        self._seed = None
        self._returns[:] = 0.0
        self._lengths[:] = 0
        return np.asarray(observations, dtype=np.float32)

    def step_async(self, actions: np.ndarray) -> None:
        self._actions = actions

    def step_wait(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[dict[str, Any]]]:
        assert self._actions is not None
        observations, rewards, terminated, truncated, infos = self.env.step(self._actions)
        self._returns += rewards
        self._lengths += 1
        done = terminated | truncated
        told = self._empty
        if done.any():
            told = list(told)
            final = infos.get("final_info", {})
            for index in np.flatnonzero(done).tolist():
                told[index] = self._ended(index, infos["final_obs"][index], bool(truncated[index]), final)
            self._returns[done] = 0.0
            self._lengths[done] = 0
        return np.asarray(observations, dtype=np.float32), rewards.astype(np.float32), done, told

    def _ended(self, index: int, observation: Any, truncated: bool, final: dict[str, Any]) -> dict[str, Any]:
        info: dict[str, Any] = {
            "terminal_observation": np.asarray(observation, dtype=np.float32),
            "TimeLimit.truncated": truncated,
            "episode": {"r": float(self._returns[index]), "l": int(self._lengths[index]), "t": 0.0},
        }
        if "is_success" in final and final["_is_success"][index]:
            info["is_success"] = bool(final["is_success"][index])
        return info

    def close(self) -> None:
        self.env.close()

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        return [getattr(self.env, attr_name, None)] * len(self._chosen(indices))

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        raise AttributeError(f"The worlds share '{attr_name}'; it cannot be set for some of them.")

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> list[Any]:
        return [getattr(self.env, method_name)(*args, **kwargs)] * len(self._chosen(indices))

    def env_is_wrapped(self, wrapper_class: type[Any], indices: Any = None) -> list[bool]:
        return [False] * len(self._chosen(indices))

    def _chosen(self, indices: Any) -> list[int]:
        return list(range(self.num_envs)) if indices is None else list(np.atleast_1d(indices))
