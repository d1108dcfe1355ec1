"""Whether a fit may be applied: it must predict what it has not seen better than the values in force do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hanzo_twin.spatial import FloatArray, IntArray
from hanzo_twin.sync.calibration.plan import CalibrationPlan
from hanzo_twin.sync.calibration.replay import Parameters, Replay
from hanzo_twin.sync.calibration.result import ParameterEstimate, PredictionError
from hanzo_twin.sync.calibration.skill import MAX_STARTS, errors, rms
from hanzo_twin.sync.calibration.windows import Windows
from hanzo_twin.twin.recording import Recording

CLEAR_IMPROVEMENT = 0.3


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether a fit is taken, and why, for people."""

    accepted: bool
    reason: str


def held_back_errors(
    replay: Replay, windows: Windows, weights: FloatArray, before: Parameters, after: Parameters
) -> tuple[tuple[PredictionError, ...], FloatArray]:
    """Errors at the end of the held-back windows, and the mean square of the weighted ones [2, W] (before, after)."""
    predicted = replay.predict(windows, [before, after])
    last = _last(windows)
    difference = np.where(np.isfinite(predicted), predicted - windows.measured, np.inf)
    difference = np.where(np.isnan(windows.measured), np.nan, difference)[:, :, last]
    attribute = windows.attribute[last]
    named = tuple(
        PredictionError(
            recording="held back",
            attribute=windows.attributes[int(index)],
            horizon_s=windows.steps * windows.step_seconds,
            rmse_before=rms(difference[0][:, column]),
            rmse_after=rms(difference[1][:, column]),
        )
        for column, index in enumerate(attribute)
        if windows.attributes[int(index)].endswith(".position")
    )
    squares: FloatArray = np.nanmean((difference * weights[attribute]) ** 2, axis=2)
    return named, squares


def _last(windows: Windows) -> IntArray:
    """Columns of the numbers at the end of the window, one for each attribute."""
    return np.array([np.flatnonzero(windows.attribute == index)[-1] for index in range(len(windows.attributes))])


def recording_errors(
    replay: Replay,
    recordings: Sequence[Recording],
    horizon: float,
    before: Parameters,
    after: Parameters,
    max_starts: int = MAX_STARTS,
) -> tuple[PredictionError, ...]:
    """Errors on whole recordings, before and after."""
    found = []
    for recording in recordings:
        first, second = errors(replay, recording, horizon, [before, after], max_starts=max_starts)
        found += [
            PredictionError(
                recording=recording.name,
                attribute=name,
                horizon_s=horizon,
                rmse_before=first[name],
                rmse_after=second[name],
            )
            for name in first
        ]
    return tuple(found)


def judge(
    plan: CalibrationPlan,
    squares: FloatArray,
    blocks: IntArray,
    validation: Sequence[PredictionError],
    estimates: Mapping[str, ParameterEstimate],
) -> Verdict:
    """Whether to accept.

    The error on held-back data must fall by ``plan.min_improvement``, not in a single lucky block but in most of
    them; that of no validation recording may rise; and no parameter may have run into a bound, which says that the
    model is wrong rather than its numbers. Where every interval holds the value in force, nothing shows that this is
    wrong; then only a fall that cannot be chance (`CLEAR_IMPROVEMENT`) counts.

    Args:
        squares: mean square error of the held-back windows [2, W], before and after.
        blocks: number of the block of each [W].
    """
    wild = [name for name, item in estimates.items() if "ran into" in item.note]
    if wild:
        return Verdict(
            accepted=False,
            reason=f"The fit ran into the bounds of {', '.join(wild)}, so it is the model that is wrong, or the data.",
        )
    before, after = np.sqrt(np.nanmean(squares, axis=1))
    fall = f"from {before:.3g} to {after:.3g} of the motion"
    if not after <= (1 - plan.min_improvement) * before:
        return Verdict(accepted=False, reason=f"The error on held-back data went {fall}; it must fall more.")
    each = [np.nanmean(squares[:, blocks == number], axis=1) for number in np.unique(blocks)]
    better = sum(bool(pair[1] < pair[0]) for pair in each)
    if 2 * better <= len(each):
        return Verdict(
            accepted=False,
            reason=f"The error on held-back data went {fall}, but fell in only {better} of {len(each)} stretches.",
        )
    if after > (1 - CLEAR_IMPROVEMENT) * before and all(map(_holds_initial, estimates.values())):
        return Verdict(
            accepted=False,
            reason=f"The error on held-back data fell {fall}, but all intervals hold the values in force: nothing "
            "shows that these are wrong.",
        )
    worse = next((error for error in validation if not error.rmse_after <= error.rmse_before), None)
    if worse is not None:
        return Verdict(
            accepted=False,
            reason=f"The error of {worse.attribute} on '{worse.recording}' rose from {worse.rmse_before:.3g} to "
            f"{worse.rmse_after:.3g}.",
        )
    return Verdict(accepted=True, reason=f"The error on held-back data fell {fall}.")


def _holds_initial(item: ParameterEstimate) -> bool:
    return item.low is None or item.high is None or item.low <= item.initial <= item.high
