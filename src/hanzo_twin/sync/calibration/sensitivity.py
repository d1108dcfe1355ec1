"""Which parameters the data can determine, judged before anything is fitted.

The Jacobian J [N, P] says how the predicted numbers, in units of the motion they describe, answer to the parameters,
in units of their own size. Its singular value decomposition J/√N = U·S·Vᵀ splits the parameter space into directions
(rows of Vᵀ) that the data answer to by s. A direction with s = 0 changes no prediction: whatever is fitted, the truth
may lie anywhere along it. (Kailath et al., Linear Estimation, 2000; Brun et al., Water Resour. Res. 37, 1015, 2001.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hanzo_twin.spatial import FloatArray

RELATIVE_FLOOR = 1e-4
ABSOLUTE_FLOOR = 1e-3
NULL_FLOOR = 1e-9
PARTICIPATION = 0.05


@dataclass(frozen=True, kw_only=True, eq=False)
class Sensitivity:
    """Args:
    singular_values: S [P], largest first: RMS answer of the data to one unit in each direction.
    groups: parameters (indices) that take part in each direction that changes nothing.
    """

    singular_values: FloatArray
    groups: tuple[tuple[int, ...], ...]


def analyse(jacobian: FloatArray) -> Sensitivity:
    """The sensitivity that ``jacobian`` [N, P] (dimensionless, as the module says) describes.

    A direction changes nothing when its singular value is below 1e-4 of the largest one or, whatever that is, below
    1e-9; when the largest one is below 1e-3 none of them does.
    """
    count, parameters = jacobian.shape
    # Rows of zeros give directions to data with fewer numbers than parameters.
    padded = np.vstack([jacobian, np.zeros((max(0, parameters - count), parameters))])
    _, values, directions = np.linalg.svd(padded / np.sqrt(max(count, 1)), full_matrices=False)
    floor = max(RELATIVE_FLOOR * float(values[0]), NULL_FLOOR)
    null = values < floor if values[0] >= ABSOLUTE_FLOOR else np.ones(parameters, dtype=bool)
    return Sensitivity(singular_values=values, groups=_groups(directions[null]))


def _groups(null: FloatArray) -> tuple[tuple[int, ...], ...]:
    """Parameters that can only change together: the connected blocks of the projector onto the null space."""
    projector = np.abs(null.T @ null)
    linked = projector > PARTICIPATION**2
    groups: list[tuple[int, ...]] = []
    left = [index for index in range(projector.shape[0]) if linked[index, index]]
    while left:
        group, border = {left[0]}, [left[0]]
        while border:
            neighbours = {int(i) for i in np.flatnonzero(linked[border.pop()])} & set(left) - group
            group |= neighbours
            border += neighbours
        groups.append(tuple(sorted(group)))
        left = [index for index in left if index not in group]
    return tuple(groups)
