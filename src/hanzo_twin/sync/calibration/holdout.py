"""What is fitted and what is held back to judge the fit.

Machines in motion pass through regimes (swing up, then balance); the last quarter of a log is then another kind of
data than the rest, and often says nothing. So each recording is divided into blocks of two horizons, and every n-th
block is held back. A window belongs to the fit, or to the held-back data, only if it begins and ends in such blocks: no
sample of the held-back blocks is seen by the fit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hanzo_twin.errors import CalibrationError
from hanzo_twin.spatial import IntArray
from hanzo_twin.sync.calibration.windows import Windows

BLOCK_HORIZONS = 2.0
FEWEST_BLOCKS = 4


@dataclass(frozen=True, kw_only=True, eq=False)
class Split:
    """Indices of windows, and the number of the block in which each of all windows begins [W]."""

    fitted: IntArray
    held_back: IntArray
    blocks: IntArray


def split(windows: Windows, horizon: float, fraction: float) -> Split:
    """Hold back ``fraction`` of the blocks.

    Raises:
        CalibrationError: there are too few blocks; says how long a recording must be.
    """
    length = BLOCK_HORIZONS * horizon
    starts, ends, offset = np.zeros(len(windows), dtype=np.int64), np.zeros(len(windows), dtype=np.int64), 0
    for index, recording in enumerate(windows.recordings):
        mine = windows.recording == index
        count = max(1, int((recording.end - recording.start) / length + 1e-6))
        since = windows.starts[mine] - recording.start
        starts[mine] = offset + np.minimum((since / length).astype(np.int64), count - 1)
        # Just before its end, so that a window that ends where its block does lies within it.
        ends[mine] = offset + np.minimum(((since + horizon - 1e-6) / length).astype(np.int64), count - 1)
        offset += count
    period = max(2, round(1 / fraction))
    held_start, held_end = (numbers % period == period // 2 for numbers in (starts, ends))
    held_back = np.flatnonzero(held_start & held_end & (starts == ends))
    fitted = np.flatnonzero(~held_start & ~held_end)
    if offset < FEWEST_BLOCKS or not len(held_back) or not len(fitted):
        total = sum(recording.end - recording.start for recording in windows.recordings)
        raise CalibrationError(
            f"{total:.3g} s of recording are too short to fit predictions {horizon:g} s ahead and to judge the fit on "
            "data it has not seen.",
            hint=f"Record at least {FEWEST_BLOCKS * length:g} s, or predict less far ahead.",
        )
    return Split(fitted=fitted, held_back=held_back, blocks=starts)
