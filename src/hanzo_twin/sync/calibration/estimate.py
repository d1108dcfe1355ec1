"""A fit, its confidence intervals, and both as parameter values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hanzo_twin.spatial import FloatArray, IntArray
from hanzo_twin.sync.calibration.coordinates import Coordinate
from hanzo_twin.sync.calibration.intervals import block_covariance, standard_errors
from hanzo_twin.sync.calibration.problem import Problem
from hanzo_twin.sync.calibration.result import ParameterEstimate


@dataclass(frozen=True, kw_only=True, eq=False)
class Fitted:
    """The coordinates z [P] at which ``problem`` has its least residuals."""

    problem: Problem
    z: FloatArray

    @property
    def values(self) -> dict[str, float]:
        return self.problem.values(self.z)


def errors_of(fitted: Fitted, blocks: IntArray) -> FloatArray:
    """Standard error of each coordinate [P].

    Those on a bound cannot give way, so the others are taken as if these were known; their own error is that of a fit
    in which all were free.

    Args:
        blocks: number of the block of time of each window [W].
    """
    problem = fitted.problem
    jacobian, residuals = problem.jacobian(fitted.z), problem.residuals([fitted.z])[0]
    of_each = problem.blocks(blocks)
    everything = np.arange(len(fitted.z))
    bound = np.array([bool(c.on_bound(c.value(float(z)))) for c, z in zip(problem.coordinates, fitted.z, strict=True)])
    found = np.empty(len(fitted.z))
    for chosen, wanted in ((everything, bound), (np.flatnonzero(~bound), ~bound)):
        if wanted.any():
            covariance = block_covariance(jacobian[:, chosen], residuals, of_each)
            errors = np.zeros(len(fitted.z))
            errors[chosen] = standard_errors(covariance)
            found[wanted] = errors[wanted]
    return found


def estimate(coordinate: Coordinate, z: float, half_width: float) -> ParameterEstimate:
    """Value and interval of a fitted coordinate."""
    value = coordinate.value(z)
    bound = coordinate.on_bound(value)
    note = ""
    if bound == "lower" and coordinate.lower == 0.0:
        note = "the fit wants no less than zero"
    elif bound:
        note = f"the fit ran into the {bound} bound"
    return ParameterEstimate(
        initial=coordinate.initial,
        estimate=coordinate.lower if bound == "lower" else value,
        low=coordinate.value(z - half_width),
        high=coordinate.value(z + half_width),
        identifiable=True,
        note=note,
    )


def undetermined_estimate(coordinate: Coordinate, reason: str) -> ParameterEstimate:
    """The parameter stays as it was."""
    return ParameterEstimate(
        initial=coordinate.initial, estimate=coordinate.initial, low=None, high=None, identifiable=False, note=reason
    )
