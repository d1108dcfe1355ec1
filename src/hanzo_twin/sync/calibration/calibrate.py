"""Fitting a twin's parameters to what was measured, and saying how far the result can be trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from hanzo_twin.clock import Clock, WallClock
from hanzo_twin.engines.port import EngineConfig
from hanzo_twin.errors import CalibrationError
from hanzo_twin.scene.model import Scene
from hanzo_twin.spatial import FloatArray
from hanzo_twin.sync.calibration import sanity, setup
from hanzo_twin.sync.calibration.acceptance import held_back_errors, judge, recording_errors
from hanzo_twin.sync.calibration.coordinates import Coordinate
from hanzo_twin.sync.calibration.estimate import Fitted, errors_of, estimate, undetermined_estimate
from hanzo_twin.sync.calibration.holdout import Split, split
from hanzo_twin.sync.calibration.identify import refuse, undetermined
from hanzo_twin.sync.calibration.intervals import quantile, time_blocks
from hanzo_twin.sync.calibration.plan import CalibrationPlan, Progress, ProgressListener
from hanzo_twin.sync.calibration.problem import Problem
from hanzo_twin.sync.calibration.replay import Parameters, Replay, usable_inputs
from hanzo_twin.sync.calibration.result import CalibrationResult, ParameterEstimate
from hanzo_twin.sync.calibration.search import coarse_search, refine
from hanzo_twin.twin.recording import Recording

# The first fit only has to be judged, and to begin the second near its end.
FIRST_ROUND_WINDOWS, JUDGED_WINDOWS = 60, 120
IN_SAMPLE_STARTS = 500
LARGEST_ERROR = 0.4


def calibrate(
    scene: Scene,
    engine: str,
    config: EngineConfig,
    recordings: Sequence[Recording],
    plan: CalibrationPlan,
    *,
    initial: Parameters | None = None,
    validation: Sequence[Recording] = (),
    progress: ProgressListener | None = None,
    clock: Clock | None = None,
) -> CalibrationResult:
    """Fit the parameters of ``plan`` to ``recordings``. Nothing is changed; the same arguments give the same result.

    Example::

        plan = CalibrationPlan(parameters=("/World/arm/payload.mass", "/World/arm/joint_2.friction"))
        result = calibrate(scene, "mujoco", config, [recording], plan)
        for address, value in result.changes.items():
            twin.set_parameter(address, value, cause="recalibration")

    Args:
        initial: values in force that differ from the scene's, of parameters to be fitted and of others.
        validation: recordings that the fit never sees; it is accepted only if it predicts each of them better.
        progress: told where the calibration stands, in the calling thread.

    Raises:
        NotIdentifiableError: the recordings determine none of the parameters; names them.
        CalibrationError: the plan does not fit the scene or the recordings.
        RecordingError: no joint position, too short, or velocities that contradict positions.
        AddressError, ParameterError, UnsupportedError: a parameter that the scene, or the engine, does not have.
    """
    if not recordings:
        raise CalibrationError("A calibration needs at least one recording.")
    replay = Replay(scene, engine, config, fixed=initial)
    try:
        fitted = tuple(usable_inputs(scene, recording) for recording in recordings)
        unseen = tuple(usable_inputs(scene, recording) for recording in validation)
        return _Calibration(replay, plan, fitted, unseen, progress).run(clock or WallClock())
    finally:
        replay.close()


class _Calibration:
    """One calibration, and what it learns on the way."""

    def __init__(
        self,
        replay: Replay,
        plan: CalibrationPlan,
        recordings: tuple[Recording, ...],
        validation: tuple[Recording, ...],
        progress: ProgressListener | None,
    ) -> None:
        self._replay = replay
        self._plan = plan
        self._recordings = recordings
        self._validation = validation
        self._progress = progress
        self._stage = "sensitivity"
        self._reasons: dict[str, str] = {}

    def run(self, clock: Clock) -> CalibrationResult:
        began = clock.monotonic()
        scene, plan = self._replay.scene, self._plan
        coordinates = setup.coordinates(scene, plan, self._recordings, self._replay.fixed)
        self._replay.fixed.update({c.address: c.initial for c in coordinates})
        moved = self._check_recordings(coordinates)
        windows = setup.windows(scene, plan, self._recordings, self._replay.config)
        parts = split(windows, plan.horizon_s, plan.holdout_fraction)
        problem = setup.problem(self._replay, plan, windows, coordinates, moved)
        self._report(float("nan"))
        self._reasons = undetermined(problem, moved)
        judged, fitted, widths = self._fit(self._determined(problem), parts)

        estimates = self._estimates(coordinates, fitted, widths)
        before = {c.address: c.initial for c in coordinates}
        after = {name: item.estimate for name, item in estimates.items()}
        self._stage = "check"
        held_back, squares = held_back_errors(
            self._replay, windows.select(parts.held_back), problem.weights, before, judged.values
        )
        unseen = recording_errors(self._replay, self._validation, plan.horizon_s, before, after)
        verdict = judge(plan, squares, parts.blocks[parts.held_back], unseen, estimates)
        return CalibrationResult(
            parameters=estimates,
            fit=recording_errors(self._replay, self._recordings, plan.horizon_s, before, after, IN_SAMPLE_STARTS),
            held_back=held_back,
            validation=unseen,
            accepted=verdict.accepted,
            reason=verdict.reason,
            evaluations=self._replay.evaluations,
            seconds=clock.monotonic() - began,
            warnings=tuple(sanity.warnings(scene, self._recordings)),
        )

    def _check_recordings(self, coordinates: Sequence[Coordinate]) -> Mapping[str, float]:
        """How far each joint moves within the horizon, rad or m."""
        scene, horizon = self._replay.scene, self._plan.horizon_s
        for recording in (*self._recordings, *self._validation):
            sanity.check_velocities(scene, recording, horizon)
        moved = sanity.motions(scene, self._recordings, horizon)
        if not any(moved.values()):
            raise refuse({c.address: "no measured joint moves" for c in coordinates}, self._recordings)
        return moved

    def _determined(self, problem: Problem) -> Problem:
        """``problem`` without the parameters that were given up."""
        left = [index for index, c in enumerate(problem.coordinates) if c.address not in self._reasons]
        if not left:
            raise refuse(self._reasons, self._recordings)
        return problem.of(left)

    def _fit(self, problem: Problem, parts: Split) -> tuple[Fitted, Fitted, FloatArray]:
        """The fit without the held-back data, the one to all data, and half the intervals of the latter.

        A parameter with a standard error of more than `LARGEST_ERROR` units of its coordinate (a factor of e, or the
        scale of `coordinates`) is given up, the worst first, and the others are fitted again.
        """
        fitted_windows = problem.windows.select(parts.fitted).thinned(JUDGED_WINDOWS)
        start = np.zeros(len(problem.coordinates))
        self._stage = "search"
        start = coarse_search(problem.on(fitted_windows), start, self._budget // 2, self._report)
        while True:
            self._stage = "refine"
            judged = self._refined(problem.on(fitted_windows), start)
            self._stage = "refit"
            everything = judged.problem.on(problem.windows)
            fitted = Fitted(problem=everything, z=refine(everything, judged.z, self._budget, self._report))
            blocks = time_blocks(problem.windows, self._plan.horizon_s, len(fitted.z))
            errors = errors_of(fitted, blocks)
            widths = quantile(blocks, len(fitted.z), self._plan.confidence) * errors
            worst = int(np.argmax(errors))
            if errors[worst] <= LARGEST_ERROR:
                return judged, fitted, widths
            given_up = estimate(problem.coordinates[worst], float(fitted.z[worst]), float(widths[worst]))
            self._reasons[problem.coordinates[worst].address] = (
                f"the recordings leave it anywhere between {given_up.low:.3g} and {given_up.high:.3g}"
            )
            problem = self._determined(problem)
            start = np.delete(fitted.z, worst)

    def _refined(self, problem: Problem, start: FloatArray) -> Fitted:
        """Two rounds: a few windows weighted by their motion, then all, weighted by the residuals that this leaves."""
        few = problem.on(problem.windows.thinned(FIRST_ROUND_WINDOWS))
        first = refine(few, start, self._budget, self._report)
        weighted = few.reweighted(first).on(problem.windows)
        return Fitted(problem=weighted, z=refine(weighted, first, self._budget, self._report))

    def _estimates(
        self, coordinates: Sequence[Coordinate], fitted: Fitted, widths: FloatArray
    ) -> dict[str, ParameterEstimate]:
        free = [c.address for c in fitted.problem.coordinates]
        return {
            c.address: estimate(c, float(fitted.z[free.index(c.address)]), float(widths[free.index(c.address)]))
            if c.address in free
            else undetermined_estimate(c, self._reasons[c.address])
            for c in coordinates
        }

    @property
    def _budget(self) -> int:
        return max(1, self._plan.max_evaluations - self._replay.evaluations)

    def _report(self, error: float) -> None:
        if self._progress is not None:
            self._progress(Progress(stage=self._stage, evaluations=self._replay.evaluations, error=error))
