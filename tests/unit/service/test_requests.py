"""Request bodies: unknown fields, wrong types and numbers that are none."""

from __future__ import annotations

import math
from typing import Any

import pytest
from pydantic import ValidationError

from hanzo_twin.service.requests import CompareRequest, ForkRequest, ParametersPatch


def test_unknown_field_names_the_nearest() -> None:
    with pytest.raises(ValidationError, match=r"unknown field 'parameter'\. Did you mean 'parameters'\?"):
        ForkRequest.model_validate({"parameter": {}})


@pytest.mark.parametrize("value", ["1", True, None, [1], math.nan, math.inf])
def test_values_are_finite_numbers_and_nothing_else(value: Any) -> None:
    with pytest.raises(ValidationError):
        ParametersPatch.model_validate({"parameters": {"/World/a.mass": value}})


@pytest.mark.parametrize(
    "body", [{}, {"parameters": {}}, [], "x", None, {"parameters": {"": 1.0}}, {"parameters": {"/" + "a" * 5000: 1.0}}]
)
def test_an_empty_or_shapeless_patch_is_refused(body: Any) -> None:
    with pytest.raises(ValidationError):
        ParametersPatch.model_validate(body)


@pytest.mark.parametrize("field", [{"horizon_s": 0}, {"horizon_s": -1}, {"horizon_s": 1e9}, {"interval_s": -0.1}])
def test_horizon_and_interval_have_bounds(field: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        CompareRequest.model_validate({"other": "b", **field})
