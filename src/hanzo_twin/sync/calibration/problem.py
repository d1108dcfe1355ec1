"""The fit as a least-squares problem: coordinates in, weighted residuals and their Jacobian out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from hanzo_twin.spatial import FloatArray, IntArray
from hanzo_twin.sync.calibration.coordinates import Coordinate
from hanzo_twin.sync.calibration.replay import Replay
from hanzo_twin.sync.calibration.skill import rms
from hanzo_twin.sync.calibration.windows import Windows

DIFFERENCE = 0.01
# Residuals beyond this many times the motion say only that the model failed.
LARGEST = 100.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Problem:
    """Residuals of ``windows`` as a function of the coordinates z [P].

    Args:
        weights: by attribute [A], 1 over the size of an error of that attribute.
        differences: by coordinate [P], how far z is moved for the Jacobian.
    """

    replay: Replay
    windows: Windows
    coordinates: tuple[Coordinate, ...]
    weights: FloatArray
    differences: FloatArray

    def values(self, z: FloatArray) -> dict[str, float]:
        """Parameter values by address at z."""
        return {c.address: c.value(float(at)) for c, at in zip(self.coordinates, z, strict=True)}

    def residuals(self, points: Sequence[FloatArray]) -> FloatArray:
        """Weighted residuals of C points [C, N]; 0 where nothing was measured."""
        predicted = self.replay.predict(self.windows, [self.values(z) for z in points])
        weighted = (predicted - self.windows.measured) * self.weights[self.windows.attribute]
        bounded = np.clip(np.where(np.isfinite(predicted), weighted, LARGEST), -LARGEST, LARGEST)
        flat: FloatArray = np.where(np.isnan(self.windows.measured), 0.0, bounded).reshape(len(points), -1)
        return flat

    def jacobian(self, z: FloatArray) -> FloatArray:
        """Central differences of the residuals [N, P], one-sided at the bounds; all points in one batch."""
        low, high = np.array([c.range for c in self.coordinates]).T
        above, below = np.minimum(z + self.differences, high), np.maximum(z - self.differences, low)
        steps = np.diag(above - z), np.diag(below - z)
        rows = self.residuals([z + step for step in (*steps[0], *steps[1])])
        count = len(z)
        slopes: FloatArray = ((rows[:count] - rows[count:]) / (above - below)[:, None]).T
        return slopes

    def slopes(self, z: FloatArray, residuals: FloatArray) -> FloatArray:
        """As `jacobian` from one-sided differences to ``residuals`` at z: half the work, good enough to step by."""
        high = np.array([c.range[1] for c in self.coordinates])
        steps = np.where(z + self.differences <= high, self.differences, -self.differences)
        rows = self.residuals(list(z + np.diag(steps)))
        slopes: FloatArray = ((rows - residuals) / steps[:, None]).T
        return slopes

    def cost(self, z: FloatArray) -> float:
        """RMS of the weighted residuals of what was measured."""
        return self.rms(self.residuals([z])[0])

    def rms(self, residuals: FloatArray) -> float:
        return float(np.sqrt(residuals @ residuals / max(1, self.known)))

    @property
    def known(self) -> int:
        """How many numbers were measured."""
        return int(np.count_nonzero(~np.isnan(self.windows.measured)))

    def on(self, windows: Windows) -> Problem:
        """The same problem on other windows."""
        return replace(self, windows=windows)

    def of(self, indices: Sequence[int]) -> Problem:
        """The same problem with only these coordinates free."""
        return replace(
            self,
            coordinates=tuple(self.coordinates[index] for index in indices),
            differences=self.differences[list(indices)],
        )

    def reweighted(self, z: FloatArray) -> Problem:
        """Weights from the residuals at z, so that attributes that are predicted better count more.

        An attribute's error is not taken to be less than a hundredth of what it was: an exact model would otherwise
        make one attribute infinitely important.
        """
        residuals = self.residuals([z])[0].reshape(self.windows.measured.shape)
        shown = np.where(np.isnan(self.windows.measured), np.nan, residuals)
        sizes = np.array([rms(shown[:, self.windows.attribute == index]) for index in range(len(self.weights))])
        return replace(self, weights=self.weights / np.maximum(np.nan_to_num(sizes, nan=1.0), 0.01))

    def blocks(self, numbers: IntArray) -> IntArray:
        """Numbers of blocks [W] for each residual [N]."""
        return np.repeat(numbers, self.windows.measured.shape[1])
