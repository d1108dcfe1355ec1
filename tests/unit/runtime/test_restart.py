"""Crash loops back off, and end."""

from __future__ import annotations

from hanzo_twin.runtime.restart import CrashHistory, RestartPolicy


def test_waits_double_up_to_the_longest() -> None:
    history = CrashHistory(RestartPolicy(first_wait_s=1, longest_wait_s=10, window_s=1000, most_crashes=None))
    assert history.wait_s(0.0) == 0.0
    waits = []
    for crash in range(6):
        history.crashed(float(crash))
        waits.append(history.wait_s(float(crash)))
    assert waits == [1, 2, 4, 8, 10, 10]
    assert history.wait_s(5.0 + 4.0) == 6.0
    assert history.wait_s(100.0) == 0.0
    assert not history.exhausted(5.0)


def test_it_gives_up_after_too_many_crashes_in_the_window() -> None:
    history = CrashHistory(RestartPolicy(window_s=60, most_crashes=3))
    history.crashed(0.0)
    history.crashed(10.0)
    assert not history.exhausted(10.0)
    history.crashed(20.0)
    assert history.exhausted(20.0)
    assert not history.exhausted(60.5), "the first crash lies outside of the window by now"
    assert history.count(60.5) == 2


def test_a_crash_long_ago_costs_no_wait() -> None:
    history = CrashHistory(RestartPolicy(window_s=60))
    history.crashed(0.0)
    history.crashed(61.0)
    assert history.wait_s(61.0) == 1.0
