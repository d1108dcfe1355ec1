from __future__ import annotations

import numpy as np
import pytest

from hanzo_twin.sync.calibration.acceptance import judge
from hanzo_twin.sync.calibration.plan import CalibrationPlan
from hanzo_twin.sync.calibration.result import CalibrationResult, ParameterEstimate, PredictionError

PLAN = CalibrationPlan(parameters=("/a.mass",))
BLOCKS = np.repeat([0, 1, 2], 10)


def errors(before: list[float], after: list[float]) -> np.ndarray:
    return np.repeat([before, after], 10, axis=1).astype(np.float64)


def test_less_error_everywhere_is_accepted() -> None:
    assert judge(PLAN, errors([4, 4, 4], [1, 1, 1]), BLOCKS, [], {}).accepted


def test_hardly_less_is_not_enough() -> None:
    verdict = judge(PLAN, errors([4, 4, 4], [3.9, 3.9, 3.9]), BLOCKS, [], {})
    assert not verdict.accepted
    assert verdict.reason == "The error on held-back data went from 2 to 1.97 of the motion; it must fall more."


def test_one_lucky_stretch_is_not_enough() -> None:
    verdict = judge(PLAN, errors([9, 1, 1], [1, 1.1, 1.1]), BLOCKS, [], {})
    assert "fell in only 1 of 3 stretches" in verdict.reason


def test_a_fit_that_diverges_on_held_back_data_is_not_accepted() -> None:
    assert not judge(PLAN, errors([1, 1, 1], [np.inf, 0.1, 0.1]), BLOCKS, [], {}).accepted


def test_a_small_fall_with_intervals_that_hold_the_old_values_is_not_enough() -> None:
    same = ParameterEstimate(initial=1.0, estimate=1.1, low=0.9, high=1.3, identifiable=True)
    other = ParameterEstimate(initial=1.0, estimate=1.1, low=1.05, high=1.15, identifiable=True)
    fall = errors([4, 4, 4], [3, 3, 3])
    assert "nothing shows that these are wrong" in judge(PLAN, fall, BLOCKS, [], {"/a.mass": same}).reason
    assert judge(PLAN, fall, BLOCKS, [], {"/a.mass": same, "/b.mass": other}).accepted
    assert judge(PLAN, errors([4, 4, 4], [1, 1, 1]), BLOCKS, [], {"/a.mass": same}).accepted


def test_an_error_that_rises_on_unseen_data_is_not_accepted() -> None:
    worse = PredictionError(recording="b.csv", attribute="/j.position", horizon_s=0.3, rmse_before=0.1, rmse_after=0.2)
    verdict = judge(PLAN, errors([4, 4, 4], [1, 1, 1]), BLOCKS, [worse], {})
    assert verdict.reason == "The error of /j.position on 'b.csv' rose from 0.1 to 0.2."


@pytest.mark.parametrize("accepted", [True, False])
def test_a_result_changes_only_what_was_determined_and_only_if_accepted(accepted: bool) -> None:
    known = ParameterEstimate(initial=1.0, estimate=2.0, low=1.9, high=2.1, identifiable=True)
    unknown = ParameterEstimate(initial=1.0, estimate=1.0, low=None, high=None, identifiable=False, note="why")
    result = CalibrationResult(
        parameters={"/a.mass": known, "/b.mass": unknown},
        fit=(),
        held_back=(),
        accepted=accepted,
        reason="",
        evaluations=1,
        seconds=0.0,
    )
    assert dict(result.changes) == ({"/a.mass": 2.0} if accepted else {})
