"""Finding the coordinates at which the residuals are smallest.

Two stages. Nelder–Mead (Comput. J. 7, 308, 1965; with the dimension-dependent coefficients of Gao and Han, Comput.
Optim. Appl. 51, 259, 2012) needs no derivatives and finds its way from far off and across the kinks of friction and
contact; it works on a few windows. Then Gauss–Newton steps within a trust region, with the Jacobian of all windows
from one batch, converge in a few steps where Nelder–Mead would take hundreds.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import least_squares, minimize

from hanzo_twin.spatial import FloatArray
from hanzo_twin.sync.calibration.problem import Problem

SIMPLEX = 0.2
COARSE_WINDOWS = 30
EVALUATIONS_PER_PARAMETER = 15


def coarse_search(problem: Problem, start: FloatArray, budget: int, report: Callable[[float], None]) -> FloatArray:
    """Nelder–Mead on at most `COARSE_WINDOWS` windows; never worse there than ``start``."""
    few = problem.on(problem.windows.thinned(COARSE_WINDOWS))
    low, high = np.array([c.range for c in few.coordinates]).T
    best = [few.cost(start)]

    def cost(z: FloatArray) -> float:
        found = few.cost(np.clip(z, low, high))
        if found < best[0]:
            best[0] = found
            report(found)
        return found

    outcome = minimize(
        cost,
        start,
        method="Nelder-Mead",
        bounds=list(zip(low, high, strict=True)),
        options={
            "initial_simplex": _simplex(start, low, high),
            "adaptive": True,
            "maxfev": min(budget, EVALUATIONS_PER_PARAMETER * len(start)),
            "xatol": 0.01,
            "fatol": 1e-3 * best[0],
        },
    )
    found: FloatArray = np.clip(outcome.x, low, high)
    return found


def refine(problem: Problem, start: FloatArray, budget: int, report: Callable[[float], None]) -> FloatArray:
    """Gauss–Newton in a rectangular trust region (Voglis and Lagaris, 2004) on all windows."""
    low, high = np.array([c.range for c in problem.coordinates]).T
    latest: dict[bytes, FloatArray] = {}

    def residuals(z: FloatArray) -> FloatArray:
        found: FloatArray = problem.residuals([z])[0]
        latest.clear()
        latest[z.tobytes()] = found
        report(problem.rms(found))
        return found

    def slopes(z: FloatArray) -> FloatArray:
        known = latest.get(z.tobytes())
        return problem.slopes(z, problem.residuals([z])[0] if known is None else known)

    outcome = least_squares(
        residuals,
        np.clip(start, low, high),
        jac=slopes,
        bounds=(low, high),
        method="dogbox",
        xtol=1e-3,
        ftol=1e-5,
        gtol=1e-10,
        max_nfev=max(1, budget // (len(start) + 1)),
    )
    found: FloatArray = np.clip(outcome.x, low, high)
    return found


def _simplex(start: FloatArray, low: FloatArray, high: FloatArray) -> FloatArray:
    """Corners [P + 1, P]: the start, and one step along each coordinate, inwards where a bound is near."""
    steps = np.where(start + SIMPLEX <= high, SIMPLEX, -SIMPLEX)
    corners: FloatArray = np.clip(np.vstack([start, start + np.diag(steps)]), low, high)
    return corners
