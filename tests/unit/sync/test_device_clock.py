"""The estimate of the device's time."""

from __future__ import annotations

import numpy as np
import pytest

from hanzo_twin.sync.device_clock import DataClock, DeviceClock


def feed(clock: DeviceClock, stamps: np.ndarray, arrivals: np.ndarray) -> list[float]:
    return [clock.observe(float(s), float(a)) for s, a in zip(stamps, arrivals, strict=True)]


def test_the_least_delayed_message_sets_the_offset() -> None:
    random = np.random.default_rng(1)
    stamps = np.arange(0.0, 10.0, 0.02)
    arrivals = stamps + 1000.0 + 0.005 + random.exponential(0.01, len(stamps))
    clock = DeviceClock()
    assert not any(feed(clock, stamps, arrivals))
    assert clock.now(1010.0) == pytest.approx(10.0 - 0.005, abs=1e-3)
    assert 0.0 < clock.delay_quantile(0.5) < clock.delay_quantile(0.95) < 0.06


def test_a_clock_set_forward_is_noticed_at_once() -> None:
    clock = DeviceClock()
    feed(clock, np.arange(0.0, 2.0, 0.1), np.arange(0.0, 2.0, 0.1) + 0.01)
    assert clock.observe(3602.0, 2.01) == pytest.approx(3600.0, abs=0.02)
    assert clock.jumps == 1
    assert clock.now(2.01) == pytest.approx(3602.0)


def test_a_clock_set_back_is_noticed_after_a_second() -> None:
    clock = DeviceClock()
    times = np.arange(0.0, 5.0, 0.1)
    feed(clock, times, times + 0.01)
    jumps = feed(clock, np.arange(5.0, 7.0, 0.1) - 100.0, np.arange(5.0, 7.0, 0.1) + 0.01)
    assert [round(jump, 6) for jump in jumps if jump] == [-100.0]
    assert np.flatnonzero(jumps)[0] in (10, 11)


def test_a_backlog_after_an_outage_is_late_and_no_jump() -> None:
    clock = DeviceClock()
    times = np.arange(0.0, 5.0, 0.1)
    feed(clock, times, times + 0.01)
    backlog = np.arange(5.0, 15.0, 0.1)
    assert not any(feed(clock, backlog, 15.0 + 0.012 * np.arange(len(backlog))))
    assert clock.jumps == 0


def test_old_minima_are_forgotten() -> None:
    clock = DeviceClock()
    clock.observe(0.0, 0.0)
    for second in range(1, 60):
        clock.observe(float(second), second + 0.2)
    assert clock.now(60.0) == pytest.approx(59.8)


def test_recorded_data_are_their_own_clock() -> None:
    clock = DataClock()
    assert not clock.known
    clock.observe(3.0, 0.0)
    clock.observe(2.5, 0.0)
    assert clock.now(99.0) == 3.0
