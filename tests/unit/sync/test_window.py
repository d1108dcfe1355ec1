"""The last seconds of readings."""

from __future__ import annotations

import numpy as np
import pytest

from hanzo_twin.definition.target import Target
from hanzo_twin.errors import RecordingError
from hanzo_twin.sync.signals import SignalTable
from hanzo_twin.sync.window import ReadingWindow
from hanzo_twin.testing.scenes import pendulum

HINGE = "/World/pendulum/hinge"


def window(seconds: float) -> ReadingWindow:
    table = SignalTable(pendulum())
    for name in ("position", "velocity", "effort"):
        table.resolve(Target.model_validate({"to": f"{HINGE}.{name}"}))
    return ReadingWindow(table.signals, seconds)


def add(kept: ReadingWindow, column: int, *times: float) -> None:
    kept.add(np.full(len(times), column), np.array(times) * 10.0, np.array(times))


def test_what_is_older_than_the_window_goes() -> None:
    kept = window(2.0)
    for time in np.arange(0.0, 10.0, 0.5).tolist():
        add(kept, 0, time)
    assert kept.span == pytest.approx(2.0)
    track = kept.recording("w").measurements[f"{HINGE}.position"]
    np.testing.assert_allclose(track.times, [7.5, 8.0, 8.5, 9.0, 9.5])
    np.testing.assert_allclose(track.values, track.times * 10.0)


def test_a_stamp_of_long_ago_neither_stays_nor_stretches_it() -> None:
    kept = window(2.0)
    add(kept, 0, 9.0, 9.5)
    add(kept, 2, -1e9, 10.0)
    add(kept, 2, -1e9)
    assert kept.span == pytest.approx(1.0)
    assert kept.recording("w").inputs[f"{HINGE}.effort"].times.tolist() == [10.0]


def test_times_increase_whatever_order_readings_came_in() -> None:
    kept = window(5.0)
    add(kept, 0, 1.0, 3.0, 2.0, 2.0)
    assert kept.recording("w").measurements[f"{HINGE}.position"].times.tolist() == [1.0, 2.0, 3.0]
    assert kept.latest() == {0: 30.0}


def test_an_empty_window_is_no_recording() -> None:
    kept = window(5.0)
    add(kept, 2, 1.0)
    with pytest.raises(RecordingError, match="Recording 'w' holds no measurement"):
        kept.recording("w")
    kept.clear()
    assert kept.span == 0.0
    with pytest.raises(RecordingError, match="holds no measurement"):
        kept.recording("w")
