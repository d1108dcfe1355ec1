"""Noise as a function of (seed, sensor, field, index of the reading): nothing is drawn, so nothing has to be kept.

A restored, forked or replayed simulation reads the same noise. With v the true value, n and b normal numbers::

    r = v + bias + bias_stddev · b + walk_stddev · W(t) + √(stddev² + (relative_stddev · v)² + shot · |v|) · n

saturated at ± limit and rounded to multiples of the resolution. W is a Wiener process (W(0) = 0, variance t); its value
at reading i is found by halving an interval of 2⁴⁰ readings, each half a Brownian bridge, so that any reading costs the
same. Numbers come from the counter-based generator Philox 4×64 (Salmon et al., "Parallel random numbers: as easy as
1, 2, 3", SC 2011).
"""

from __future__ import annotations

import hashlib
import math
from functools import lru_cache

import numpy as np

from hanzo_twin.scene.sensors import Noise
from hanzo_twin.sensors.port import AnyArray
from hanzo_twin.spatial import FloatArray

_WALK_LEVELS = 40


def stream(seed: int, name: str, index: int) -> np.random.Generator:
    """Random numbers of reading ``index`` of what is called ``name``; 2¹²⁸ of them until those of the next."""
    return np.random.Generator(np.random.Philox(key=_key(seed, name), counter=[0, 0, index, 0]))


@lru_cache(maxsize=4096)
def _key(seed: int, name: str) -> tuple[int, int]:
    digest = hashlib.blake2b(f"{seed}\0{name}".encode(), digest_size=16).digest()
    return int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:], "little")


def spoil(
    values: AnyArray, noise: Noise, *, seed: int, name: str, index: int, seconds: float, lost: float
) -> FloatArray:
    """``values`` (numbers of any shape) as reading ``index`` shows them.

    Args:
        name: of the sensor and field.
        seconds: between two readings, for the walk.
        lost: what stands in place of a value that is dropped; a whole vector drops at once, rays and pixels alone.
    """
    true = np.asarray(values, dtype=np.float64)
    random = stream(seed, name, index)
    read = true + noise.bias
    if noise.bias_stddev:
        read += noise.bias_stddev * stream(seed, f"{name}\0bias", 0).standard_normal(true.shape)
    if noise.walk_stddev:
        read += noise.walk_stddev * math.sqrt(seconds) * _walk(seed, f"{name}\0walk", index, true.size, true.shape)
    if noise.stddev or noise.relative_stddev or noise.shot:
        with np.errstate(invalid="ignore"):
            variance = noise.stddev**2 + (noise.relative_stddev * true) ** 2 + noise.shot * np.abs(true)
            # What is nowhere (an infinite range) has no noise.
            variance = np.where(np.isfinite(true), variance, 0.0)
        read += np.sqrt(variance) * random.standard_normal(true.shape)
    if math.isfinite(noise.limit):
        read = np.where(np.isfinite(read), np.clip(read, -noise.limit, noise.limit), read)
    if noise.resolution:
        read = np.round(read / noise.resolution) * noise.resolution
    if noise.dropout:
        shape = true.shape[:2] if true.ndim >= 2 else ()
        drops = random.random(shape) < noise.dropout
        read[drops] = lost
    return read


def _walk(seed: int, name: str, index: int, count: int, shape: tuple[int, ...]) -> FloatArray:
    """W [shape] after ``index`` readings of one second each."""
    left, right = np.zeros(count), _node(seed, name, count, 0, 0) * math.sqrt(2.0**_WALK_LEVELS)
    start, length = 0, 1 << _WALK_LEVELS
    for level in range(1, _WALK_LEVELS + 1):
        if index == start:
            break
        length >>= 1
        place = start // (2 * length)
        # A bridge's middle: the mean of its ends, with a quarter of the interval as variance.
        middle = (left + right) / 2 + math.sqrt(length / 2) * _node(seed, name, count, level, place)
        if index >= start + length:
            start, left = start + length, middle
        else:
            right = middle
    return left.reshape(shape)


@lru_cache(maxsize=8192)
def _node(seed: int, name: str, count: int, level: int, place: int) -> FloatArray:
    return stream(seed, f"{name}\0{level}", place).standard_normal(count)
