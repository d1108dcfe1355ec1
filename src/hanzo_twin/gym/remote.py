"""A session as a `gymnasium.vector.VectorEnv`, for learners in another process."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import ArrayLike

from hanzo_twin.errors import InvalidInputError, SimulationError
from hanzo_twin.gym import gym_pb2 as pb
from hanzo_twin.gym.client import SessionCalls
from hanzo_twin.gym.spaces import build_space
from hanzo_twin.gym.wire import from_array, from_observations
from hanzo_twin.rl.chance import whole_seed
from hanzo_twin.rl.spaces import numbers

# That of world i, seed + i, must be a signed integer of 64 bits, too.
LARGEST_SEED = 2**62 - 1


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
        if isinstance(seed, list | tuple | np.ndarray):
            raise InvalidInputError("A remote environment takes one seed.", hint="World i gets the seed + i.")
        checked = None if seed is None else whole_seed(seed)
        if checked is not None and checked > LARGEST_SEED:
            raise InvalidInputError(f"The seed is {checked}.", hint=f"Allowed over gRPC: 0 to {LARGEST_SEED}.")
        self._check_open()
        reply = self._calls.reset(seed=checked, options=options)
        return from_observations(reply.observations), _infos(reply)

    def step(self, actions: ArrayLike) -> tuple[Any, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """One step of all worlds. Errors as of the environment, and SessionLostError: the session is gone."""
        self._check_open()
        reply = self._calls.step(numbers("actions", actions))
        return (
            from_observations(reply.observations),
            from_array(reply.rewards),
            from_array(reply.terminated),
            from_array(reply.truncated),
            _infos(reply),
        )

    def _check_open(self) -> None:
        if self.closed:
            raise SimulationError("The environment was closed.", hint="Create another one.")

    def render(self) -> None:
        """Vector environments do not draw."""

    def close_extras(self, **kwargs: Any) -> None:
        """End the session."""
        self._calls.end()


def _infos(reply: pb.Transition) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(reply.infos) if reply.infos else {}
    infos = {name: _with_arrays(value) for name, value in told.items()}
    return infos | {name: from_array(array) for name, array in reply.arrays.items()}


def _with_arrays(value: Any) -> Any:
    """What stands in an info of its own, such as ``info["randomization"]``, as arrays again."""
    if not isinstance(value, Mapping):
        return value
    return {name: np.asarray(each) if isinstance(each, list) else _with_arrays(each) for name, each in value.items()}
