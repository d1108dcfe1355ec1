"""A session as a `gymnasium.vector.VectorEnv`, for learners in another process."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import ArrayLike

from hanzo_twin.errors import InvalidInputError
from hanzo_twin.gym import gym_pb2 as pb
from hanzo_twin.gym.client import SessionCalls
from hanzo_twin.gym.spaces import build_space
from hanzo_twin.gym.wire import from_array, from_observations


class RemoteVectorEnv(VectorEnv[Any, Any, Any]):
    """Steps the worlds of a session, all with one call.

    Args:
        address / token: as the answer to the creation of the session gives them.
    """

    def __init__(self, address: str, token: str) -> None:
        self._calls = SessionCalls(address, token)
        described = self._calls.describe()
        self.num_envs = int(described.num_envs)
        self.autoreset_mode = AutoresetMode(described.autoreset)
        self.metadata = {"autoreset_mode": self.autoreset_mode}
        self.single_observation_space = build_space(json.loads(described.observation_space))
        self.single_action_space = build_space(json.loads(described.action_space))
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Begin new episodes; world i gets the seed ``seed + i``.

        Raises:
            InvalidInputError: several seeds, or an option does not fit. SessionLostError: the session is gone.
        """
        if seed is not None and not isinstance(seed, int | np.integer):
            raise InvalidInputError("A remote environment takes one seed.", hint="World i gets the seed + i.")
        reply = self._calls.reset(seed=None if seed is None else int(seed), options=options)
        return from_observations(reply.observations), _infos(reply)

    def step(self, actions: ArrayLike) -> tuple[Any, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """One step of all worlds. Errors as of the environment, and SessionLostError: the session is gone."""
        reply = self._calls.step(np.asarray(actions))
        return (
            from_observations(reply.observations),
            from_array(reply.rewards),
            from_array(reply.terminated),
            from_array(reply.truncated),
            _infos(reply),
        )

    def close_extras(self, **kwargs: Any) -> None:
        """End the session."""
        self._calls.end()


def _infos(reply: pb.Transition) -> dict[str, Any]:
    infos: dict[str, Any] = json.loads(reply.infos) if reply.infos else {}
    return infos | {name: from_array(array) for name, array in reply.arrays.items()}
