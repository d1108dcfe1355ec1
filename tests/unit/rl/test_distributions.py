"""Distributions by their quantiles."""

from __future__ import annotations

import numpy as np
import pytest

from hanzo_twin.errors import InvalidInputError
from hanzo_twin.rl.distributions import Choice, LogUniform, Normal, Uniform

UNIT = (np.arange(10_000) + 0.5) / 10_000


def test_uniform() -> None:
    values = Uniform(low=2.0, high=4.0).quantile(UNIT)
    assert (values.min(), values.mean(), values.max()) == pytest.approx((2.0, 3.0, 4.0), abs=1e-3)


def test_log_uniform_halves_at_the_geometric_mean() -> None:
    values = LogUniform(low=0.1, high=10.0).quantile(UNIT)
    assert np.median(values) == pytest.approx(1.0, rel=1e-3)
    assert values.min() >= 0.1
    assert values.max() <= 10.0


def test_normal_is_cut_off() -> None:
    values = Normal(mean=1.0, std=2.0, low=-1.0, high=5.0).quantile(UNIT)
    assert (values.min(), values.max()) == (-1.0, 5.0)
    assert np.median(values) == pytest.approx(1.0, abs=1e-3)


def test_choice() -> None:
    values, counts = np.unique(Choice(values=(1.0, 5.0)).quantile(UNIT), return_counts=True)
    assert values.tolist() == [1.0, 5.0]
    assert counts.tolist() == [5000, 5000]


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="A range needs low ≤ high, got 2 and 1"):
        Uniform(low=2.0, high=1.0)
    with pytest.raises(InvalidInputError, match="LogUniform needs low > 0, got 0"):
        LogUniform(low=0.0, high=1.0)
    with pytest.raises(InvalidInputError, match="std ≥ 0"):
        Normal(mean=0.0, std=-1.0)
    with pytest.raises(InvalidInputError, match="at least one finite value"):
        Choice(values=())
