"""Predictions and comparisons are made of forks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from hanzo_twin.engines.port import EngineConfig
from hanzo_twin.errors import AddressError, InvalidInputError
from hanzo_twin.runtime.trajectory import Comparison, plan, predict
from hanzo_twin.testing.scenes import pendulum
from hanzo_twin.twin.twin import Twin

POSITION = "/World/pendulum/hinge.position"


@pytest.fixture
def twin() -> Iterator[Twin]:
    made = Twin.load(pendulum(initial_position=0.5), engine="mujoco", config=EngineConfig(step_hz=100), epoch=1.7e9)
    yield made
    made.close()


def test_a_prediction_starts_now_and_ends_at_the_horizon(twin: Twin) -> None:
    found = predict(twin.fork(), horizon_s=0.5, addresses=[POSITION])
    assert found.times == pytest.approx(1.7e9 + np.arange(51) / 100, abs=1e-6)
    assert found.values.shape == (51, 1)
    assert found.values[0, 0] == 0.5
    assert twin.time == 1.7e9, "the twin itself was not moved"
    twin.simulation.step(50)
    assert found.values[-1, 0] == twin.read([POSITION])[0]


def test_fewer_samples_are_the_same_trajectory(twin: Twin) -> None:
    fine = predict(twin.fork(), horizon_s=0.25, addresses=[POSITION])
    coarse = predict(twin.fork(), horizon_s=0.25, addresses=[POSITION], interval_s=0.1)
    assert coarse.times - 1.7e9 == pytest.approx([0.0, 0.1, 0.2, 0.25], abs=1e-6)
    assert coarse.values.tolist() == fine.values[[0, 10, 20, 25]].tolist()


def test_a_comparison_aligns_the_starts(twin: Twin) -> None:
    other = twin.fork()
    other.simulation.step(10)
    own = predict(twin.fork(), horizon_s=0.2, addresses=[POSITION])
    both = Comparison(own=own, other=predict(other, horizon_s=0.2, addresses=[POSITION]))
    assert both.offsets[0] == 0.0
    assert both.difference[0, 0] == pytest.approx(own.values[10, 0] - 0.5, abs=1e-12)


@pytest.mark.parametrize(
    ("horizon_s", "interval_s", "addresses", "said"),
    [
        (0.001, 0.0, [POSITION], "must be at least one step of 0.01 s, got 0.001 s"),
        (float("nan"), 0.0, [POSITION], "must be at least one step of 0.01 s, got nan s"),
        (1.0, -1.0, [POSITION], "interval between samples must not be negative, got -1 s"),
        (1.0, 0.0, [], "no address was given"),
        (1e9, 0.0, [POSITION], "more than 1000000 steps"),
    ],
)
def test_what_cannot_be_predicted_is_refused(
    twin: Twin, horizon_s: float, interval_s: float, addresses: list[str], said: str
) -> None:
    with pytest.raises(InvalidInputError, match=said):
        predict(twin, horizon_s=horizon_s, addresses=addresses, interval_s=interval_s)
    assert twin.simulation.time == 0.0


def test_too_many_samples_name_an_interval_that_is_allowed() -> None:
    with pytest.raises(InvalidInputError, match="1000000 samples of 8 addresses") as refused:
        plan(0.01, horizon_s=10_000.0, interval_s=0.0, columns=8)
    assert refused.value.hint == "Give an interval of at least 0.02 s, or fewer addresses."
    assert plan(0.01, horizon_s=10_000.0, interval_s=0.02, columns=8) == (1_000_000, 2)


def test_an_unknown_address_is_named(twin: Twin) -> None:
    with pytest.raises(AddressError, match="no prim '/World/absent'"):
        predict(twin, horizon_s=1.0, addresses=["/World/absent.position"])
