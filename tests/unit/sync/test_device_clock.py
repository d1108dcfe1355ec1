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


@pytest.mark.parametrize("seconds", [3600.0, -3600.0, 2.0])
def test_a_clock_that_was_set_is_believed_after_a_second(seconds: float) -> None:
    clock = DeviceClock()
    times = np.arange(0.0, 5.0, 0.1)
    feed(clock, times, times + 0.01)
    later = np.arange(5.0, 7.0, 0.1)
    jumps = feed(clock, later + seconds, later + 0.01)
    assert [round(jump, 6) for jump in jumps if jump] == [seconds]
    assert np.flatnonzero(jumps)[0] in (10, 11)
    assert clock.jumps == 1
    assert clock.now(7.0) == pytest.approx(7.0 + seconds - 0.01)


@pytest.mark.parametrize("wrong", [3600.0, 1e9, -1e9, 1.7e9 * 1000])
def test_wrong_stamps_among_good_ones_change_nothing(wrong: float) -> None:
    clock = DeviceClock()
    times = np.arange(0.0, 10.0, 0.1)
    stamps = times.copy()
    stamps[20::7] = wrong
    assert not any(feed(clock, stamps, times + 0.01))
    assert clock.jumps == 0
    assert clock.now(10.0) == pytest.approx(9.99)


def test_three_wrong_stamps_within_a_second_are_no_confirmation() -> None:
    clock = DeviceClock()
    times = np.arange(0.0, 5.0, 0.1)
    feed(clock, times, times)
    assert not any(feed(clock, np.full(9, 4000.0), np.linspace(5.0, 5.2, 9)))


def test_what_was_kept_for_us_comes_first_and_is_no_jump() -> None:
    clock = DeviceClock()
    kept = np.arange(0.0, 3600.0, 60.0)
    assert not any(feed(clock, kept, np.linspace(4000.0, 4000.2, len(kept))))
    live = np.arange(3600.0, 3605.0, 0.1)
    assert not any(feed(clock, live, live + 400.21))
    assert clock.jumps == 0
    assert clock.now(4010.0) == pytest.approx(4010.0 - 400.21)


def test_stamps_that_arrive_together_are_judged_one_by_one() -> None:
    clock = DeviceClock()
    times = np.arange(0.0, 5.0, 0.1)
    feed(clock, times, times)
    jump, ahead = clock.observe_all(np.array([5.0, 5.0, 99.0, 5.1, -50.0]), 5.1)
    assert jump == 0.0
    assert ahead.tolist() == [False, False, True, False, False]
    assert clock.now(5.1) == pytest.approx(5.1)


@pytest.mark.parametrize("rate", [0.25, 1.0, 20.0])
def test_a_replay_may_run_at_another_speed(rate: float) -> None:
    clock = DeviceClock(rate=rate)
    arrivals = np.arange(0.0, 60.0, 0.5)
    assert not any(feed(clock, 100.0 + arrivals * rate, arrivals))
    assert clock.now(60.0) == pytest.approx(100.0 + 60.0 * rate)


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
