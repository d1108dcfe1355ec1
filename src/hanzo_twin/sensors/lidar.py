"""Rotary lidar: rays from its prim's origin; +X is ahead, +Z up, azimuths turn from +X to +Y.

Row c of a reading is channel c, from the lowest elevation to the highest; column s its azimuth. A full turn of n
samples starts at its lower azimuth (−180°: behind) and does not repeat the first ray at its end; a narrower field has
rays at both of its ends. A scan is taken at one instant. A lidar that turns (``rotation``) gives, at each reading, the
part of the turn that it made since the reading before.
"""

from __future__ import annotations

import math

import numpy as np

from hanzo_twin.scene.sensors import LidarSettings
from hanzo_twin.spatial import FloatArray

_FULL = 2 * math.pi * (1 - 1e-9)


def directions(settings: LidarSettings) -> FloatArray:
    """Unit vectors [channels, horizontal_samples, 3] in the sensor frame."""
    elevation = _spread(settings.vertical_lower, settings.vertical_upper, settings.channels)
    lower, upper, count = settings.horizontal_lower, settings.horizontal_upper, settings.horizontal_samples
    if upper - lower >= _FULL:
        azimuth = lower + (upper - lower) * np.arange(count) / count
    else:
        azimuth = _spread(lower, upper, count)
    return _vectors(elevation, azimuth)


def sector(settings: LidarSettings, rate: float, index: int) -> FloatArray:
    """Unit vectors [channels, n, 3] of reading ``index`` of a turning lidar."""
    turns = settings.rotation / rate
    count = max(1, round(settings.horizontal_samples * min(turns, 1.0)))
    start = settings.horizontal_lower + 2 * math.pi * ((index - 1) * turns % 1.0)
    azimuth = start + 2 * math.pi * min(turns, 1.0) * (np.arange(count) + 1) / count
    return _vectors(_spread(settings.vertical_lower, settings.vertical_upper, settings.channels), azimuth)


def _spread(lower: float, upper: float, count: int) -> FloatArray:
    return np.linspace(lower, upper, count) if count > 1 else np.array([(lower + upper) / 2])


def _vectors(elevation: FloatArray, azimuth: FloatArray) -> FloatArray:
    flat, up = np.cos(elevation)[:, None], np.sin(elevation)[:, None]
    return np.stack([flat * np.cos(azimuth), flat * np.sin(azimuth), up + 0.0 * azimuth], axis=-1)
