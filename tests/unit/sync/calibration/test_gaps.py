"""Recordings with interruptions."""

from __future__ import annotations

import numpy as np
import pytest

from hanzo_twin.errors import RecordingError
from hanzo_twin.sync.calibration.windows import cut
from hanzo_twin.testing.scenes import pendulum
from hanzo_twin.twin.recording import Recording, Track

HORIZON = 0.3


def recording(times: np.ndarray) -> Recording:
    joint = next(path for art in pendulum().articulations.values() for path in art.joints)
    return Recording(
        name="interrupted",
        measurements={f"{joint}.position": Track(times=times, values=np.sin(times))},
        inputs={f"{joint}.effort": Track(times=times, values=np.cos(times), interpolation="hold")},
    )


def windows_of(times: np.ndarray) -> np.ndarray:
    found = recording(times)
    return cut(pendulum(), found, list(found.measurements), horizon=HORIZON, step_seconds=0.002).starts


def test_no_window_reaches_across_a_gap() -> None:
    times = np.concatenate([np.arange(0.0, 2.0, 0.01), np.arange(2.25, 4.0, 0.01)])
    starts = windows_of(times)
    assert len(starts) > 200
    assert not ((starts + HORIZON > 1.99 + 1e-6) & (starts < 2.25 - 1e-6)).any()


def test_uneven_sampling_is_no_gap() -> None:
    intervals = np.random.default_rng(2).uniform(0.004, 0.016, 300)
    times = np.cumsum(intervals)
    assert len(windows_of(times)) == np.sum(times + HORIZON <= times[-1])


def test_a_recording_that_is_all_gaps_is_refused() -> None:
    bursts = np.concatenate([start + np.arange(0.0, 0.2, 0.01) for start in range(10)])
    with pytest.raises(RecordingError, match="without a gap"):
        windows_of(bursts)
