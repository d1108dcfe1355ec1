"""Targets of a mapping: address, role and conversion to SI."""

from __future__ import annotations

import math

import pytest
from pydantic import ValidationError

from hanzo_twin.definition.target import Target


@pytest.mark.parametrize(
    ("address", "role"),
    [
        ("/World/arm/joint_1.position", "measurement"),
        ("/World/arm/joint_1.effort", "input"),
        ("/World/arm/joint_1.targetPosition", "input"),
        ("/World/Robot_01/joints", "measurement"),
    ],
)
def test_the_role_follows_the_attribute(address: str, role: str) -> None:
    assert Target(to=address).role == role


def test_a_measured_effort_may_be_declared() -> None:
    assert Target(to="/World/arm/joint_1.effort", role="measurement").role == "measurement"


@pytest.mark.parametrize(
    ("target", "reading", "expected", "unit"),
    [
        (Target(to="/World/j.position"), 1.5, 1.5, None),
        (Target(to="/World/j.position", unit="deg"), 180.0, math.pi, "rad"),
        (Target(to="/World/j.velocity", unit="rpm"), 60.0, math.tau, "rad/s"),
        (Target(to="/World/j.position", unit="mm", scale=-1.0, offset=100.0), 25.0, 0.075, "m"),
        (Target(to="/World/T.temperature", unit="°F", scale=2.0, offset=1.0), 10.0, 21.0, "°F"),
    ],
)
def test_readings_are_scaled_shifted_then_converted(
    target: Target, reading: float, expected: float, unit: str | None
) -> None:
    assert target.to_si(reading) == pytest.approx(expected, rel=1e-15)
    assert target.si_unit == unit


def test_a_unit_that_cannot_be_converted_is_refused_where_si_is_needed() -> None:
    with pytest.raises(ValidationError, match=r"unit 'degre' cannot be converted to SI\. Did you mean 'deg'\?"):
        Target(to="/World/j.position", unit="degre")


def test_a_scale_of_zero_is_refused() -> None:
    with pytest.raises(ValidationError, match="scale must not be 0"):
        Target(to="/World/T.temperature", scale=0.0)


@pytest.mark.parametrize("address", ["World/a.x", "/World/a.", "/World/a.x.q", "/World/1a", "", "/World/a b.x"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ValidationError, match="must be a prim path, or a prim path, a dot and an attribute"):
        Target(to=address)
