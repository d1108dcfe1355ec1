"""What a calibration found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True, kw_only=True)
class ParameterEstimate:
    """One parameter, SI.

    Args:
        initial: its value before.
        estimate: the fitted value; the initial one where it is not identifiable.
        low / high: ends of the confidence interval; None where it is not identifiable.
        identifiable: the data determine it.
        note: what else must be known to read the numbers, "" if nothing.
    """

    initial: float
    estimate: float
    low: float | None
    high: float | None
    identifiable: bool
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class PredictionError:
    """Error of predicting ``attribute`` ``horizon_s`` ahead, RMS in the attribute's SI unit, before and after."""

    recording: str
    attribute: str
    horizon_s: float
    rmse_before: float
    rmse_after: float

    def to_dict(self) -> dict[str, Any]:
        return {
            "recording": self.recording,
            "attribute": self.attribute,
            "horizon_s": self.horizon_s,
            "rmse_before": self.rmse_before,
            "rmse_after": self.rmse_after,
        }


@dataclass(frozen=True, kw_only=True)
class CalibrationResult:
    """The outcome of a calibration; nothing was changed by it, whoever asked for it applies it.

    Args:
        parameters: by address.
        fit: errors on the recordings that were fitted, in sample.
        held_back: errors on the stretches that the judged fit did not see, from smoothed measurements.
        validation: errors on the recordings given for validation alone.
        accepted: the fit predicts data it has not seen better; only then may the estimates be applied.
        reason: why it was accepted or not, one sentence.
        evaluations: parameter sets tried.
        seconds: wall time it took.
        warnings: what the user should know about the data or the fit.
    """

    parameters: Mapping[str, ParameterEstimate]
    fit: tuple[PredictionError, ...]
    held_back: tuple[PredictionError, ...]
    validation: tuple[PredictionError, ...] = ()
    accepted: bool
    reason: str
    evaluations: int
    seconds: float
    warnings: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        object.__setattr__(self, "parameters", MappingProxyType(dict(self.parameters)))

    @property
    def changes(self) -> Mapping[str, float]:
        """What to write to the twin, by address; empty unless the fit was accepted."""
        if not self.accepted:
            return {}
        return {address: p.estimate for address, p in self.parameters.items() if p.identifiable}

    @property
    def headline(self) -> PredictionError:
        """The error that stands for all: of the validation (else the held-back data), the worst attribute before."""
        return max(self.validation or self.held_back, key=lambda error: error.rmse_before)

    def to_dict(self) -> dict[str, Any]:
        """As JSON; ``validation`` is `headline`."""
        headline = self.headline
        return {
            "parameters": {
                address: {
                    "initial": p.initial,
                    "estimate": p.estimate,
                    "low": p.low,
                    "high": p.high,
                    "identifiable": p.identifiable,
                    "note": p.note,
                }
                for address, p in self.parameters.items()
            },
            "validation": {
                "attribute": headline.attribute,
                "horizon_s": headline.horizon_s,
                "rmse_before": headline.rmse_before,
                "rmse_after": headline.rmse_after,
            },
            "accepted": self.accepted,
            "reason": self.reason,
            "errors": {
                "fit": [error.to_dict() for error in self.fit],
                "held_back": [error.to_dict() for error in self.held_back],
                "validation": [error.to_dict() for error in self.validation],
            },
            "evaluations": self.evaluations,
            "seconds": self.seconds,
            "warnings": list(self.warnings),
        }
