"""The right-hand side of a mapping: which quantity of the twin a reading stands for, and in which unit it comes."""

from __future__ import annotations

import math
import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from hanzo_twin.definition.base import Model, Number, Text, problem
from hanzo_twin.errors import nearest

_PRIM = r"(?:/[A-Za-z_][A-Za-z0-9_]*)+"
_PRIM_PATH = re.compile(_PRIM)
_TARGET = re.compile(rf"(?P<path>{_PRIM})(?:\.(?P<attribute>[A-Za-z_][A-Za-z0-9_:]*)(?:\.(?P<component>[wxyz]))?)?")

INPUT_ATTRIBUTES = ("effort", "targetPosition", "targetVelocity")
"""What is read as an input unless the mapping says otherwise."""

_SI_ATTRIBUTES = (*INPUT_ATTRIBUTES, "position", "velocity", "linearVelocity", "angularVelocity", "xformOp:translate")

UNITS: dict[str, tuple[str, float]] = {
    "m": ("m", 1.0),
    "cm": ("m", 0.01),
    "mm": ("m", 0.001),
    "rad": ("rad", 1.0),
    "deg": ("rad", math.pi / 180),
    "rev": ("rad", math.tau),
    "m/s": ("m/s", 1.0),
    "mm/s": ("m/s", 0.001),
    "km/h": ("m/s", 1 / 3.6),
    "rad/s": ("rad/s", 1.0),
    "deg/s": ("rad/s", math.pi / 180),
    "rpm": ("rad/s", math.tau / 60),
    "N": ("N", 1.0),
    "kN": ("N", 1000.0),
    "N·m": ("N·m", 1.0),
    "Nm": ("N·m", 1.0),
    "mNm": ("N·m", 0.001),
    "kg": ("kg", 1.0),
    "g": ("kg", 0.001),
    "s": ("s", 1.0),
    "ms": ("s", 0.001),
    "Pa": ("Pa", 1.0),
    "kPa": ("Pa", 1000.0),
    "bar": ("Pa", 100_000.0),
}
"""Unit in which readings may come: the SI unit and the factor to it."""


def check_prim_path(value: str) -> str:
    """``value``, if it is a prim path; else raises what is wrong with it."""
    if not _PRIM_PATH.fullmatch(value):
        raise problem("must be a prim path such as /World/Robot_01, got '{got}'", got=value[:200])
    return value


def _check_target(value: str) -> str:
    if not _TARGET.fullmatch(value):
        raise problem(
            "must be a prim path, or a prim path, a dot and an attribute, such as /World/arm/joints, "
            "/World/arm/joint_3.position or /World/box.xformOp:translate.x; got '{got}'",
            got=value[:200],
        )
    return value


def _check_address(value: str) -> str:
    match = _TARGET.fullmatch(value)
    if match is None or match["attribute"] is None:
        raise problem(
            "must be an address: a prim path, a dot and an attribute, such as /World/arm/joint_3.damping; got '{got}'",
            got=value[:200],
        )
    return value


TargetAddress = Annotated[str, AfterValidator(_check_target)]
ParameterAddress = Annotated[str, AfterValidator(_check_address)]


def _attribute(address: str) -> str:
    match = _TARGET.fullmatch(address)
    return (match["attribute"] or "") if match else ""


def _default_role(fields: dict[str, Any]) -> Literal["measurement", "input"]:
    return "input" if _attribute(fields.get("to", "")) in INPUT_ATTRIBUTES else "measurement"


class Target(Model):
    """Where a reading goes. In YAML a plain address stands for ``{to: address}``."""

    to: TargetAddress = Field(
        description="Address in the scene: `/prim.attribute`, or the prim of an articulation followed by `/joints` "
        "for all its joint positions."
    )
    role: Literal["measurement", "input"] = Field(
        default_factory=_default_role,
        description="`measurement` is compared with the prediction, `input` drives the simulation. Left out, "
        "`effort`, `targetPosition` and `targetVelocity` are inputs and all else is measured.",
    )
    unit: Text | None = Field(
        default=None,
        description="Unit in which the reading comes, converted to SI where it is one of those listed below; none "
        "means SI. For an attribute that the scene does not know, any text.",
    )
    scale: Number = Field(default=1.0, description="The reading is multiplied by this, before the unit is converted.")
    offset: Number = Field(default=0.0, description="Then this is added, in `unit`.")
    field: Text | None = Field(
        default=None,
        description="Path of the value in a JSON payload, such as `position.0`; none takes the payload itself, or its "
        "field `value`.",
    )
    timestamp_field: Text | None = Field(
        default=None,
        description="Path of the device's time stamp in the payload: seconds since 1970 or ISO 8601; none takes its "
        "field `timestamp`, or else the time of arrival.",
    )

    @model_validator(mode="after")
    def _check(self) -> Target:
        if self.scale == 0:
            raise problem("scale must not be 0: every reading would be the same")
        if self.unit is not None and self.unit not in UNITS and _attribute(self.to) in _SI_ATTRIBUTES:
            raise problem(
                "unit '{unit}' cannot be converted to SI. {nearest} Or use scale and offset",
                unit=self.unit,
                nearest=nearest(self.unit, UNITS),
            )
        return self

    @property
    def si_unit(self) -> str | None:
        """The unit of `to_si`; None where the mapping states none (the address's own SI unit)."""
        return None if self.unit is None else UNITS.get(self.unit, (self.unit, 1.0))[0]

    def to_si(self, reading: float) -> float:
        """The reading in SI: ``(reading · scale + offset) · factor of unit``."""
        factor = 1.0 if self.unit is None else UNITS.get(self.unit, (self.unit, 1.0))[1]
        return (reading * self.scale + self.offset) * factor


def _from_text(value: object) -> object:
    return {"to": value} if isinstance(value, str) else value


MappingTarget = Annotated[Target, BeforeValidator(_from_text, json_schema_input_type=str | Target)]
"""An address, or a `Target` written out."""
