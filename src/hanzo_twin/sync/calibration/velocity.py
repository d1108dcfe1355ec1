"""Positions and velocities at a moment, from noisy samples around it."""

from __future__ import annotations

import numpy as np

from hanzo_twin.spatial import FloatArray
from hanzo_twin.twin.recording import Track

_DERIVATIVE_WIDTH = 0.02
_SMOOTHING_WIDTH = 0.008
# A sample at the edge of the width belongs to it on both sides, whatever the rounding of its time.
_EDGE = 1e-6


def velocity_track(positions: Track) -> Track:
    """Slope of the least-squares line through the samples within 0.02 s of each, per second.

    At least one neighbour on either side takes part, so that slow sampling gives the centred difference. On evenly
    spaced samples it is the first derivative of Savitzky and Golay for polynomials of degree 1 and 2 (Anal. Chem. 36,
    1627, 1964). A track of one sample has velocity 0.
    """
    if len(positions.times) == 1:
        return Track(times=positions.times, values=np.zeros(1))
    _, slopes = _local_lines(positions, _DERIVATIVE_WIDTH, neighbours=1)
    return Track(times=positions.times, values=slopes)


def smoothed(track: Track) -> Track:
    """Value at each sample of the least-squares line through those within ``half_width`` s of it.

    Where sampling is slower than that, the samples stay as they are. It has no lag; a curvature c moves it by
    c · (0.008 s)² / 6.
    """
    levels, _ = _local_lines(track, _SMOOTHING_WIDTH, neighbours=0)
    return Track(times=track.times, values=levels, interpolation=track.interpolation)


def _local_lines(track: Track, half_width: float, *, neighbours: int) -> tuple[FloatArray, FloatArray]:
    """Level and slope at each sample of the line through its surroundings, ``neighbours`` on either side at least."""
    times, count = track.times, len(track.times)
    index = np.arange(count)
    first = np.minimum(np.searchsorted(times, times - half_width - _EDGE), np.maximum(index - neighbours, 0))
    last = np.maximum(
        np.searchsorted(times, times + half_width + _EDGE, side="right"), np.minimum(index + neighbours + 1, count)
    )
    # Centring first keeps the sums of squares from cancelling.
    t, x = times - times.mean(), track.values - track.values.mean()
    number = (last - first).astype(np.float64)
    mean_t, mean_x = _sums(t, first, last) / number, _sums(x, first, last) / number
    covariance = _sums(t * x, first, last) / number - mean_t * mean_x
    variance = _sums(t * t, first, last) / number - mean_t * mean_t
    alone = last - first < 2
    slopes = np.where(alone, 0.0, covariance / np.where(alone, 1.0, variance))
    levels = np.where(alone, track.values, mean_x + slopes * (t - mean_t) + track.values.mean())
    return levels, slopes


def _sums(terms: FloatArray, first: FloatArray, last: FloatArray) -> FloatArray:
    running = np.concatenate([[0.0], np.cumsum(terms)])
    total: FloatArray = running[last] - running[first]
    return total
