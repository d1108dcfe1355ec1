"""When a source counts as silent."""

from __future__ import annotations

import pytest

from hanzo_twin.sync.silence import Silence


def heard_every(interval: float, count: int = 20) -> tuple[Silence, float]:
    silence = Silence()
    for number in range(count):
        silence.heard(number * interval)
        assert silence.check(number * interval, listening=True) == ""
    return silence, (count - 1) * interval


@pytest.mark.parametrize(("interval", "patience"), [(0.01, 2.0), (1.0, 10.0), (60.0, 600.0)])
def test_patience_grows_with_what_is_usual(interval: float, patience: float) -> None:
    silence, last = heard_every(interval)
    assert silence.check(last + 0.99 * patience, listening=True) == ""
    assert silence.check(last + 1.01 * patience, listening=True) == "silent"
    assert silence.check(last + 2.0 * patience, listening=True) == ""
    assert silence.seconds == pytest.approx(2.0 * patience)
    silence.heard(last + 3.0 * patience)
    silence.heard(last + 3.0 * patience + interval)
    assert silence.check(last + 3.0 * patience + interval, listening=True) == "heard"
    assert silence.describe("heard") == f"was silent for {3.0 * patience:.1f} s"
    assert silence.seconds == 0.0


def test_one_that_never_spoke_is_not_silent() -> None:
    assert Silence().check(1e6, listening=True) == ""
    silence = Silence()
    silence.heard(0.0)
    assert silence.check(1e6, listening=True) == ""


def test_a_pause_does_not_change_what_is_usual() -> None:
    silence, last = heard_every(0.1)
    silence.check(last + 100.0, listening=True)
    silence.heard(last + 100.0)
    silence.check(last + 100.0, listening=True)
    assert silence.check(last + 103.0, listening=True) == "silent"
