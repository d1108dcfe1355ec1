"""Drift statistics."""

from __future__ import annotations

import numpy as np
import pytest

from hanzo_twin.definition.drift import DriftDetection
from hanzo_twin.definition.target import Target
from hanzo_twin.sync.drift import DriftMonitor
from hanzo_twin.sync.signals import SignalTable
from hanzo_twin.testing.scenes import pendulum


@pytest.fixture
def table() -> SignalTable:
    scene = pendulum()
    table = SignalTable(scene)
    joint = next(path for art in scene.articulations.values() for path in art.joints)
    table.resolve(Target.model_validate({"to": f"{joint}.position"}))
    table.resolve(Target.model_validate({"to": f"{joint}.velocity"}))
    return table


def monitor(table: SignalTable, **fields: object) -> DriftMonitor:
    policy = DriftDetection.model_validate({"window_seconds": 5.0, "threshold": {"position_rad": 0.1}, **fields})
    return DriftMonitor(table.signals, policy)


def run(watch: DriftMonitor, start: float, seconds: float, error: float, rate: float = 50.0) -> list[bool]:
    found = []
    for now in np.arange(start, start + seconds, 1 / rate):
        watch.add(np.array([0]), np.array([error]), float(now))
        found += [event.drifting for event in watch.check(float(now))]
    return found


def test_rms_is_that_of_the_window(table: SignalTable) -> None:
    watch = monitor(table)
    run(watch, 0.0, 20.0, 3.0)
    run(watch, 20.0, 6.0, 0.04)
    assert watch.rms()[0] == pytest.approx(0.04)
    assert np.isnan(watch.rms()[1])


def test_drift_begins_after_a_second_and_ceases_below_four_fifths(table: SignalTable) -> None:
    watch = monitor(table)
    assert run(watch, 0.0, 0.9, 0.2) == []
    assert run(watch, 0.9, 0.3, 0.2) == [True]
    assert watch.drifting.tolist() == [True, False]
    assert run(watch, 1.2, 6.0, 0.09) == []
    assert run(watch, 7.2, 6.0, 0.07) == [False]


def test_a_small_error_never_drifts(table: SignalTable) -> None:
    assert run(monitor(table), 0.0, 20.0, 0.099) == []


def test_disabled_detection_measures_and_stays_silent(table: SignalTable) -> None:
    watch = monitor(table, enabled=False)
    assert run(watch, 0.0, 3.0, 5.0) == []
    assert watch.rms()[0] == pytest.approx(5.0)


def test_clearing_forgets_the_window(table: SignalTable) -> None:
    watch = monitor(table)
    run(watch, 0.0, 3.0, 5.0)
    watch.clear()
    assert np.isnan(watch.rms()[0])


def test_time_that_goes_back_begins_a_new_window(table: SignalTable) -> None:
    watch = monitor(table)
    run(watch, 100.0, 3.0, 5.0)
    run(watch, 0.0, 2.0, 0.01)
    assert watch.rms()[0] == pytest.approx(0.01)
