"""Drift thresholds: names, defaults and which one a reading is held to."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from hanzo_twin.definition.drift import DEFAULT_THRESHOLDS, DriftDetection

JOINT = "/World/arm/joint_1.position"


def test_given_thresholds_leave_the_others_at_their_defaults() -> None:
    detection = DriftDetection(threshold={"position_rad": 0.01})

    assert detection.threshold == {**DEFAULT_THRESHOLDS, "position_rad": 0.01}


@pytest.mark.parametrize(
    ("address", "dimension", "unit", "limit"),
    [
        (JOINT, "position", "rad", 0.02),  # its own
        ("/World/arm/joint_2.position", "position", "rad", 0.05),
        ("/World/lift.position", "position", "m", 0.05),
        ("/World/arm/joint_2.velocity", "velocity", "rad/s", 0.1),
        ("/World/arm/joint_2.effort", "effort", "N·m", 1.0),
        ("/World/T.temperature", "temperature", "°C", 2.0),
        ("/World/T.temperature", "temperature", "K", 2.0),
        ("/World/T.temperature", "temperature", "", 2.0),  # unit unknown, one threshold of that dimension
        ("/World/P.pressure", "pressure", "Pa", 500.0),
        ("/World/a.position", "position", "", None),  # m or rad: nobody knows
        ("/World/H.humidity", "humidity", "", None),
    ],
)
def test_a_reading_is_held_to_its_own_threshold_then_to_that_of_its_dimension(
    address: str, dimension: str, unit: str, limit: float | None
) -> None:
    detection = DriftDetection(threshold={JOINT: 0.02, "pressure_pa": 500.0})

    assert detection.limit(address, dimension, unit) == limit


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("postion_m", "unknown threshold 'postion_m'. Did you mean 'position_m'?"),
        ("position_cm", "unknown threshold 'position_cm'. Did you mean 'position_m'?"),
        ("velocity_kmh", "unknown threshold 'velocity_kmh'."),
        ("pressure", "Or another dimension and its unit, such as pressure_pa"),
        ("/World/arm", "or an address such as /World/arm/joint_1.position"),
    ],
)
def test_names_that_would_never_apply_are_refused(name: str, text: str) -> None:
    with pytest.raises(ValidationError) as caught:
        DriftDetection(threshold={name: 1.0})

    assert text in str(caught.value)


@pytest.mark.parametrize("limit", [0.0, -1.0, float("nan")])
def test_a_threshold_is_greater_than_zero(limit: float) -> None:
    with pytest.raises(ValidationError):
        DriftDetection(threshold={"position_m": limit})
