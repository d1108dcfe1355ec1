"""Velocity of a joint that only measures its position."""

from __future__ import annotations

import numpy as np

from hanzo_twin.spatial import FloatArray
from hanzo_twin.twin.recording import Track

HALF_WIDTH = 0.02
# A sample at the edge of the width belongs to it on both sides, whatever the rounding of its time.
_EDGE = 1e-6


def velocity_track(positions: Track, half_width: float = HALF_WIDTH) -> Track:
    """Slope of the least-squares line through the samples within ``half_width`` s of each, per second.

    At least one neighbour on either side takes part, so that slow sampling gives the centred difference. On evenly
    spaced samples it is the first derivative of Savitzky and Golay for polynomials of degree 1 and 2 (Anal. Chem. 36,
    1627, 1964). A track of one sample has velocity 0.
    """
    times, values = positions.times, positions.values
    count = len(times)
    if count == 1:
        return Track(times=times, values=np.zeros(1))
    index = np.arange(count)
    first = np.minimum(np.searchsorted(times, times - half_width - _EDGE), np.maximum(index - 1, 0))
    last = np.maximum(np.searchsorted(times, times + half_width + _EDGE, side="right"), np.minimum(index + 2, count))
    # Centring first keeps the sums of squares from cancelling.
    t, x = times - times.mean(), values - values.mean()
    number = (last - first).astype(np.float64)
    mean_t, mean_x = _sums(t, first, last) / number, _sums(x, first, last) / number
    covariance = _sums(t * x, first, last) / number - mean_t * mean_x
    variance = _sums(t * t, first, last) / number - mean_t * mean_t
    return Track(times=times, values=covariance / variance)


def _sums(terms: FloatArray, first: FloatArray, last: FloatArray) -> FloatArray:
    running = np.concatenate([[0.0], np.cumsum(terms)])
    total: FloatArray = running[last] - running[first]
    return total
