"""What a calibration shall fit, and how it is judged."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from hanzo_twin.errors import CalibrationError


@dataclass(frozen=True, kw_only=True)
class CalibrationPlan:
    """How to calibrate.

    Args:
        parameters: addresses to fit; those that the data do not determine are reported and left alone.
        horizon_s: the error that is fitted and reported is that of predictions up to this far ahead, s.
        max_windows: most stretches of the recordings that are predicted; more are thinned out evenly, to fewer where
            the engine's steps are many.
        max_evaluations: most parameter sets that are tried, each on all windows.
        holdout_fraction: share of each recording that is held back from the fit to judge it.
        min_improvement: share by which the error on held-back data must fall for the fit to be accepted.
        velocity_weight: weight of a velocity error times ``horizon_s`` beside a position error; 0 fits positions only.
        confidence: probability that all intervals together hold the true values.
        bounds: (lowest, highest) value by address; the others get those of `hanzo_twin.sync.calibration.coordinates`.

    Raises:
        CalibrationError: no parameter, one named twice, or a number out of range.
    """

    parameters: tuple[str, ...]
    horizon_s: float = 0.3
    max_windows: int = 300
    max_evaluations: int = 2000
    holdout_fraction: float = 0.25
    min_improvement: float = 0.05
    velocity_weight: float = 0.0
    confidence: float = 0.95
    bounds: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "parameters", tuple(self.parameters))
        object.__setattr__(self, "bounds", MappingProxyType(dict(self.bounds)))
        if not self.parameters:
            raise CalibrationError(
                "A calibration needs at least one parameter.", hint="Name addresses such as /World/arm/link_6.mass."
            )
        twice = next((p for i, p in enumerate(self.parameters) if p in self.parameters[:i]), None)
        if twice is not None:
            raise CalibrationError(f"The parameter '{twice}' is named twice.")
        _check("horizon_s", self.horizon_s, 0.0, math.inf)
        _check("max_windows", self.max_windows, 1, math.inf)
        _check("max_evaluations", self.max_evaluations, 1, math.inf)
        _check("holdout_fraction", self.holdout_fraction, 0.0, 0.6)
        _check("min_improvement", self.min_improvement, -1e-12, 1.0)
        _check("velocity_weight", self.velocity_weight, -1e-12, math.inf)
        _check("confidence", self.confidence, 0.0, 1.0)
        for address, (low, high) in self.bounds.items():
            if address not in self.parameters:
                raise CalibrationError(f"Bounds are given for '{address}', which is not among the parameters.")
            if not low < high:
                raise CalibrationError(f"The bounds of '{address}' must increase, got {low:g} and {high:g}.")


def _check(name: str, value: float, above: float, below: float) -> None:
    if not above < value < below:
        raise CalibrationError(f"{name} must be greater than {above:g} and less than {below:g}, got {value:g}.")


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Where a calibration stands.

    Args:
        stage: ``sensitivity``, ``search``, ``refine``, ``check`` or ``refit``.
        evaluations: parameter sets tried so far.
        error: present error of the fit, RMS of the weighted residuals.
    """

    stage: str
    evaluations: int
    error: float


ProgressListener = Callable[[Progress], None]
