"""Policies that need no training, to compare with."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from hanzo_twin.spatial import FloatArray


class EpsilonGreedyNavigator:
    """Heads straight for the target; with probability ``epsilon`` it moves at random instead.

    Args:
        random: where its chance comes from.
    """

    def __init__(self, *, epsilon: float, random: np.random.Generator) -> None:
        self._epsilon = epsilon
        self._random = random

    def act(self, observations: Mapping[str, FloatArray]) -> FloatArray:
        """Actions [..., 3] for observations of the task ``navigation`` as a dict."""
        target = np.asarray(observations["relative_target"], dtype=np.float64)
        distance = np.sqrt((target[..., :2] ** 2).sum(axis=-1, keepdims=True))
        greedy = np.zeros_like(target)
        greedy[..., :2] = target[..., :2] / np.maximum(distance, 1e-6)
        wild = self._random.uniform(-1.0, 1.0, target.shape)
        chosen = self._random.uniform(size=distance.shape) < self._epsilon
        return np.where(chosen, wild, greedy)
