"""What is noted of ticks, steps and readings."""

from __future__ import annotations

import math

from hanzo_twin.sync.timing import TICK_BOUNDS_S, Durations, Timing


def test_durations_are_counted_up_to_each_bound_and_a_bound_belongs_to_its_own() -> None:
    durations = Durations((0.1, 1.0))
    for seconds in (0.05, 0.1, 0.5, 7.0):
        durations.add(seconds)
    durations.add(0.2, count=10)
    told = durations.to_dict()
    assert told["bounds"] == [0.1, 1.0]
    assert told["counts"] == [2, 13, 14]
    assert math.isclose(told["sum"], 0.05 + 0.1 + 0.5 + 7.0 + 2.0)


def test_a_reading_waits_until_the_tick_that_used_it() -> None:
    timing = Timing()
    assert timing.status()["reading_ms"] == {"p50": None, "p99": None, "max": None}
    timing.arrived(10.0)
    timing.arrived(10.2)
    timing.used(10.5)
    timing.used(11.0)  # nothing has come since
    told = timing.status()["reading_ms"]
    assert (told["p50"], told["max"]) == (400.0, 500.0)
    assert timing.first_reading == 10.0


def test_ticks_steps_and_overruns_add_up() -> None:
    timing = Timing()
    timing.stepped(4, 0.008)
    timing.stepped(0, 0.001)
    timing.missed(3)
    timing.ended(0.02)
    told = timing.status()
    assert (told["ticks"], told["steps"], told["overruns"]) == (2, 4, 3)
    assert told["step_durations"]["counts"][-1] == 4
    assert math.isclose(told["step_durations"]["sum"], 0.008)
    assert told["tick_durations"]["counts"][TICK_BOUNDS_S.index(0.025)] == 1
    assert told["tick_ms"]["max"] == 20.0
