"""``sync.drift_detection`` and ``sync.recalibration``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from hanzo_twin.definition.base import Model, Number, Whole, problem
from hanzo_twin.definition.target import ParameterAddress
from hanzo_twin.errors import nearest

DEFAULT_THRESHOLDS: dict[str, float] = {
    "position_m": 0.05,
    "position_rad": 0.05,
    "velocity_mps": 0.1,
    "velocity_radps": 0.1,
    "temperature_c": 2.0,
    "effort_nm": 1.0,
    "effort_n": 1.0,
}
"""Limits that hold where a definition gives none, by ``<dimension>_<unit>``."""

_UNIT_SUFFIXES = {"m/s": "mps", "rad/s": "radps", "N·m": "nm", "m/s²": "mps2", "K": "c", "°C": "c", "degC": "c"}
_THRESHOLD = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)+")
_ADDRESS = re.compile(r"(?:/[A-Za-z_][A-Za-z0-9_]*)+\.[A-Za-z_][A-Za-z0-9_:]*(?:\.[wxyz])?")


def _check_thresholds(given: Mapping[str, float]) -> Mapping[str, float]:
    known_dimensions = {name.rpartition("_")[0] for name in DEFAULT_THRESHOLDS}
    for name in given:
        if name in DEFAULT_THRESHOLDS or _ADDRESS.fullmatch(name):
            continue
        misspelt = get_close_matches(name, DEFAULT_THRESHOLDS, n=1, cutoff=0.85)
        if misspelt or name.rpartition("_")[0] in known_dimensions or not _THRESHOLD.fullmatch(name):
            raise problem(
                "unknown threshold '{name}'. {nearest} Or another dimension and its unit, such as pressure_pa, or an "
                "address such as /World/arm/joint_1.position",
                name=name[:200],
                nearest=nearest(name, DEFAULT_THRESHOLDS),
            )
    return {**DEFAULT_THRESHOLDS, **given}


Thresholds = Annotated[Mapping[str, Annotated[Number, Field(gt=0)]], AfterValidator(_check_thresholds)]


class DriftDetection(Model):
    """When the difference between prediction and reading counts as drift, and what follows."""

    enabled: bool = Field(default=True, description="Whether drift is looked for.")
    window_seconds: Number = Field(default=10.0, gt=0, le=86_400, description="Errors are judged over this window.")
    threshold: Thresholds = Field(
        default=DEFAULT_THRESHOLDS,
        description="Largest tolerated error by `<dimension>_<unit>` or by address; others keep their default.",
    )
    response: Literal["auto_recalibrate", "alert", "hard_reset"] = Field(
        default="auto_recalibrate",
        description="`auto_recalibrate` fits parameters to the window, `alert` only reports, `hard_reset` overwrites "
        "the state with the readings.",
    )

    def limit(self, address: str, dimension: str, unit: str) -> float | None:
        """The threshold for a reading of ``address``; None where nothing says what its error may be.

        Its own address goes first, then dimension and unit (as `hanzo_twin.scene.addresses.Quantity` names them). A
        reading of unknown unit takes the threshold of its dimension if there is just one.
        """
        if address in self.threshold:
            return self.threshold[address]
        suffix = _UNIT_SUFFIXES.get(unit, re.sub(r"[^a-z0-9]", "", unit.lower()))
        if suffix:
            return self.threshold.get(f"{dimension}_{suffix}")
        of_dimension = [limit for name, limit in self.threshold.items() if name.rpartition("_")[0] == dimension]
        return of_dimension[0] if len(of_dimension) == 1 else None


class Recalibration(Model):
    """How parameters are fitted when drift was found."""

    parameters: tuple[ParameterAddress, ...] | None = Field(
        default=None,
        min_length=1,
        description="Addresses to fit; none takes the friction and damping of the joints and the mass of the bodies "
        "that move.",
    )
    window_seconds: Number | None = Field(
        default=None, gt=0, le=86_400, description="Fit to the last so many seconds; none: the drift window."
    )
    max_evaluations: Whole = Field(default=2000, ge=10, le=1_000_000, description="Most simulated trials of a fit.")
    horizon_s: Number = Field(
        default=0.3, gt=0, le=3600, description="The error that is fitted is that of a prediction this far ahead."
    )
    cooldown_s: Number = Field(default=10.0, ge=0, description="Least time between the end of a fit and the next.")

    @model_validator(mode="after")
    def _check(self) -> Recalibration:
        names = self.parameters or ()
        twice = next((name for index, name in enumerate(names) if name in names[:index]), None)
        if twice is not None:
            raise problem("parameters names '{name}' twice", name=twice)
        return self
