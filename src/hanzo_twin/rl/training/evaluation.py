"""Judging a policy: one episode in each of N worlds, side by side, from seeds that training never saw."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from hanzo_twin.rl.vector_env import TwinVectorEnv
from hanzo_twin.spatial import FloatArray


class Acts(Protocol):
    """A policy: observations [N, n_observations] to actions [N, n_actions], without chance."""

    def act(self, observations: FloatArray) -> FloatArray: ...


@dataclass(frozen=True, kw_only=True, eq=False)
class Evaluation:
    """What came of N episodes.

    Args:
        seeds: of the episodes [N].
        returns: sum of rewards [N]. lengths: steps [N]. terminated: ended for good, not by time [N].
        success: [N], None where the task does not say what success is.
        metrics: of the task, by name [N].
    """

    seeds: tuple[int, ...]
    returns: FloatArray
    lengths: FloatArray
    terminated: np.ndarray
    success: np.ndarray | None
    metrics: dict[str, FloatArray]

    @property
    def success_rate(self) -> float | None:
        return None if self.success is None else float(self.success.mean())

    def summary(self) -> dict[str, Any]:
        """Numbers for people and JSON."""
        found: dict[str, Any] = {
            "episodes": len(self.seeds),
            "first_seed": self.seeds[0],
            "return_mean": float(self.returns.mean()),
            "return_std": float(self.returns.std()),
            "return_min": float(self.returns.min()),
            "return_max": float(self.returns.max()),
            "length_mean": float(self.lengths.mean()),
            "success_rate": self.success_rate,
        }
        if self.success is not None:
            found["succeeded"] = int(self.success.sum())
        return found | {f"{name}_mean": float(np.nanmean(values)) for name, values in self.metrics.items()}


def evaluate(
    policy: Acts,
    env: TwinVectorEnv,
    *,
    seed: int,
    progress: Callable[[float], None] | None = None,
) -> Evaluation:
    """One episode in each world of ``env``, whose seeds are ``seed``, ``seed + 1``, ….

    What happens in a world after its episode has ended is not counted.
    """
    count = env.num_envs
    returns, lengths = np.zeros(count), np.zeros(count)
    terminated, open_ = np.zeros(count, dtype=np.bool_), np.ones(count, dtype=np.bool_)
    values: dict[str, FloatArray] = {}
    observations, _ = env.reset(seed=seed)
    while open_.any():
        observations, rewards, ended, cut, infos = env.step(policy.act(observations))
        returns[open_] += rewards[open_]
        lengths[open_] += 1
        over = open_ & (ended | cut)
        if over.any():
            terminated[over] = ended[over]
            _keep(values, infos, over)
            open_ &= ~over
            if progress is not None:
                progress(1.0 - float(open_.mean()))
    success = values.pop("is_success", None)
    return Evaluation(
        seeds=tuple(range(seed, seed + count)),
        returns=returns,
        lengths=lengths,
        terminated=terminated,
        success=None if success is None else success > 0.5,
        metrics=values,
    )


def _keep(values: dict[str, FloatArray], infos: dict[str, Any], over: np.ndarray) -> None:
    """Take what the worlds that ended say of their episodes."""
    inner = infos.get("final_info", infos)
    for name, told in inner.items():
        mask = inner.get(f"_{name}")
        if mask is None or not isinstance(told, np.ndarray) or name.startswith("reward_") or name == "final_obs":
            continue
        if told.ndim == 1 and told.dtype.kind in "fbi":
            kept = values.setdefault(name, np.full(len(over), np.nan))
            kept[over & mask] = told[over & mask]
