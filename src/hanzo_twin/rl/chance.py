"""Random numbers of many envs at once, each a pure function of (seed of the env, episode, step, name, place).

A number is SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014) started at a
hash of the first four and read at the fifth. So nothing is carried over from draw to draw: env i gets the same numbers
whatever other envs there are, and one more draw in a task does not shift the others.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from numbers import Integral

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from hanzo_twin.errors import InvalidInputError
from hanzo_twin.spatial import FloatArray, IntArray

Words = NDArray[np.uint64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)
_UNIT = 2.0**-53


class Draws:
    """Numbers for some envs.

    Args:
        seeds: of each env [n].
        episodes / steps: counted from 0, of each env [n]; a draw at reset is at step 0.
    """

    def __init__(self, seeds: Words, episodes: IntArray, steps: IntArray) -> None:
        self.count = len(seeds)
        state = _mix(seeds + _GOLDEN)
        state = _mix(state ^ episodes.astype(np.uint64))
        self._state = _mix(state ^ (steps.astype(np.uint64) << np.uint64(32)))

    def uniform(
        self, name: str, size: int = 1, *, low: float | FloatArray = 0.0, high: float | FloatArray = 1.0
    ) -> FloatArray:
        """Numbers in (low, high) [n, size]."""
        started = _mix(self._state ^ np.uint64(zlib.crc32(name.encode())))
        places = np.arange(1, size + 1, dtype=np.uint64) * _GOLDEN
        words = _mix(started[:, None] + places)
        unit: FloatArray = ((words >> _S11).astype(np.float64) + 0.5) * _UNIT
        return low + (high - low) * unit

    def normal(self, name: str, size: int = 1) -> FloatArray:
        """Standard normal numbers [n, size], by inversion."""
        return normal_of(self.uniform(name, size))

    def integers(self, name: str, count: int, size: int = 1) -> IntArray:
        """Whole numbers from 0 to ``count`` − 1 [n, size]."""
        return np.floor(self.uniform(name, size) * count).astype(np.int64)


def normal_of(unit: FloatArray) -> FloatArray:
    """The standard normal quantiles of numbers in (0, 1); each depends on its own number only, to the bit."""
    quantiles: FloatArray = ndtri(unit)
    return quantiles


def whole_seed(given: object) -> int:
    """``given`` as a seed.

    Raises:
        InvalidInputError: it is no whole number from 0.
    """
    if not isinstance(given, Integral) or given < 0:
        raise InvalidInputError(f"A seed is '{str(given)[:80]}'.", hint="Allowed: whole numbers from 0, and None.")
    return int(given)


def seed_words(seeds: Sequence[int] | IntArray) -> Words:
    """Seeds as words; any whole number is one."""
    return np.array([int(seed) & 0xFFFFFFFFFFFFFFFF for seed in seeds], dtype=np.uint64)


def _mix(words: Words) -> Words:
    words = (words ^ (words >> _S30)) * _FIRST
    words = (words ^ (words >> _S27)) * _SECOND
    mixed: Words = words ^ (words >> _S31)
    return mixed
