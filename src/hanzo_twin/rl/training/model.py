"""Making a model of stable-baselines3 for a spec, new or from a checkpoint."""

from __future__ import annotations

from typing import Any

import numpy as np
import stable_baselines3
import torch
from stable_baselines3.common.vec_env import VecEnv, VecNormalize

from hanzo_twin.errors import InvalidInputError, nearest
from hanzo_twin.rl.training.checkpoints import Checkpoint
from hanzo_twin.rl.training.spec import TrainingSpec
from hanzo_twin.spatial import FloatArray

_CLASSES = {"ppo": stable_baselines3.PPO, "sac": stable_baselines3.SAC, "td3": stable_baselines3.TD3}
_ACTIVATIONS = {"tanh": torch.nn.Tanh, "relu": torch.nn.ReLU, "elu": torch.nn.ELU, "silu": torch.nn.SiLU}
_OURS = ("policy", "env", "policy_kwargs", "verbose", "seed", "device")


def normalized(env: VecEnv, spec: TrainingSpec, checkpoint: Checkpoint | None, gamma: float) -> VecEnv:
    """``env`` with running normalization, where the spec or the algorithm wants it."""
    wanted = spec.normalize if spec.normalize is not None else spec.algo == "ppo"
    if not wanted:
        return env
    if checkpoint is not None:
        return VecNormalize.load(str(checkpoint.folder / "moments.pkl"), env)
    return VecNormalize(env, gamma=gamma)


def make_model(env: VecEnv, spec: TrainingSpec, chosen: dict[str, Any]) -> Any:
    """A new model.

    Raises:
        InvalidInputError: a hyperparameter is unknown or does not fit.
    """
    given = dict(chosen)
    network = given.pop("net_arch")
    activation = given.pop("activation")
    if activation not in _ACTIVATIONS:
        raise InvalidInputError(f"There is no activation '{activation}'.", hint=nearest(activation, _ACTIVATIONS))
    policy = {"net_arch": list(network), "activation_fn": _ACTIVATIONS[activation]}
    if "log_std_init" in given:
        policy["log_std_init"] = given.pop("log_std_init")
    kind = _CLASSES[spec.algo]
    names = kind.__init__.__code__.co_varnames[1 : kind.__init__.__code__.co_argcount]
    known = [name for name in names if not name.startswith("_") and name not in _OURS]
    for name in given:
        if name not in known:
            raise InvalidInputError(
                f"Algorithm {spec.algo} has no hyperparameter '{name}'.",
                hint=nearest(name, [*known, "net_arch", "activation", "log_std_init"]),
            )
    try:
        return kind("MlpPolicy", env, seed=spec.seed, device="cpu", policy_kwargs=policy, verbose=0, **given)
    except (TypeError, ValueError, AssertionError) as error:
        raise InvalidInputError(f"These hyperparameters do not fit {spec.algo}: {error}.") from error


def load_model(env: VecEnv, spec: TrainingSpec, checkpoint: Checkpoint) -> Any:
    """The model of a checkpoint, with its optimizer, its number of steps and, off-policy, its replay buffer."""
    model = _CLASSES[spec.algo].load(checkpoint.folder / "model.zip", env=env, device="cpu")
    replay = checkpoint.folder / "replay.pkl"
    if replay.exists():
        model.load_replay_buffer(str(replay))
    return model


class CurrentPolicy:
    """A model as it is, without chance; ``moments`` is the `VecNormalize` it is trained under, if any."""

    def __init__(self, model: Any, moments: VecNormalize | None) -> None:
        self._model = model
        self._moments = moments

    def act(self, observations: FloatArray) -> FloatArray:
        """Actions [N, n_actions] for observations [N, n_observations]."""
        given = np.asarray(observations, dtype=np.float32)
        if self._moments is not None:
            given = self._moments.normalize_obs(given)
        actions: FloatArray = np.asarray(self._model.predict(given, deterministic=True)[0], dtype=np.float64)
        return np.clip(actions, -1.0, 1.0)
