"""Where obstacles and targets stand: drawn for many worlds at once."""

from __future__ import annotations

import numpy as np

from hanzo_twin.rl.chance import Draws
from hanzo_twin.rl.terms import norm
from hanzo_twin.spatial import FloatArray

_TRIES = 16


def targets(draws: Draws, *, nearest: float, farthest: FloatArray) -> FloatArray:
    """Positions [n, 2] m around the origin, ``nearest`` to ``farthest`` [n] away, in any direction."""
    angle = draws.uniform("target.angle", low=-np.pi, high=np.pi)[:, 0]
    distance = nearest + (farthest - nearest) * draws.uniform("target.distance")[:, 0]
    return np.stack([distance * np.cos(angle), distance * np.sin(angle)], axis=1)


def obstacles(
    draws: Draws, radii: FloatArray, target: FloatArray, *, half: float, clearance: float, between: int
) -> FloatArray:
    """Positions [n, n_obstacles, 2] m within ±``half``, away from start (the origin), target and each other.

    The first ``between`` stand near the straight way from start to target, the others anywhere. Each takes the first of
    its drawn places where it keeps ``clearance``; NaN where none does.
    """
    count, worlds = len(radii), draws.count
    places = np.full((worlds, count, 2), np.nan)
    zones = [(np.zeros((worlds, 2)), clearance), (target, clearance)]
    for index, radius in enumerate(radii):
        drawn = draws.uniform(f"obstacle.{index}", 2 * _TRIES, low=-1.0, high=1.0)
        for attempt in range(_TRIES):
            along, beside = drawn[:, 2 * attempt], drawn[:, 2 * attempt + 1]
            if index < between:
                share = (0.5 + 0.3 * along)[:, None]
                across = np.stack([-target[:, 1], target[:, 0]], axis=1) / norm(target)[:, None]
                place = share * target + radius * beside[:, None] * across
            else:
                place = half * np.stack([along, beside], axis=1)
            good = np.isnan(places[:, index, 0])
            for center, keep in zones:
                # Nobody keeps away from an obstacle that found no place.
                good &= ~(norm(place - center) < keep + radius)
            places[good, index] = place[good]
        zones.append((places[:, index].copy(), clearance + float(radius)))
    return places
