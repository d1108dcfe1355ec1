from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hanzo_twin.errors import CalibrationError, NotIdentifiableError, RecordingError, UnsupportedError
from hanzo_twin.scene.model import Scene
from hanzo_twin.sync.calibration import CalibrationPlan, CalibrationResult, Progress, calibrate
from hanzo_twin.twin.recording import Recording

from .conftest import BOB, CONFIG, ENGINE, HINGE, TRUTH, altered, record

PLAN = CalibrationPlan(parameters=tuple(TRUTH), max_windows=100)


def fit(scene: Scene, *recordings: Recording, plan: CalibrationPlan = PLAN, **options: object) -> CalibrationResult:
    return calibrate(scene, ENGINE, CONFIG, recordings, plan, **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def result(scene: Scene, log: Recording) -> CalibrationResult:
    return fit(scene, log, validation=[record(scene, TRUTH, seed=9, effort=lambda t: 7 * np.cos(3.1 * t))])


def test_known_parameters_are_found_and_lie_in_their_intervals(result: CalibrationResult) -> None:
    assert result.accepted, result.reason
    for address, true in TRUTH.items():
        found = result.parameters[address]
        assert found.identifiable
        assert found.low is not None
        assert found.high is not None
        assert found.low <= true <= found.high, f"{address}: {true} not in {found.low} … {found.high}"
        assert found.estimate == pytest.approx(true, rel=0.3)
    assert result.changes == {address: item.estimate for address, item in result.parameters.items()}


def test_errors_fall_on_what_was_fitted_held_back_and_never_seen(result: CalibrationResult) -> None:
    for errors in (result.fit, result.held_back, result.validation):
        assert [error.attribute for error in errors] == [f"{HINGE}.position"]
        assert errors[0].rmse_after < 0.3 * errors[0].rmse_before


def test_the_json_has_the_agreed_keys(result: CalibrationResult) -> None:
    found = result.to_dict()
    assert set(found["parameters"]) == set(TRUTH)
    assert {"initial", "estimate", "low", "high", "identifiable"} <= set(found["parameters"][f"{BOB}.mass"])
    assert set(found["validation"]) == {"attribute", "horizon_s", "rmse_before", "rmse_after"}
    assert found["validation"]["horizon_s"] == 0.3
    assert found["accepted"] is True


def test_the_same_arguments_give_the_same_result(scene: Scene, log: Recording) -> None:
    first, second = fit(scene, log), fit(scene, log)
    assert first.parameters == second.parameters
    assert first.evaluations == second.evaluations


def test_intervals_hold_over_many_recordings(scene: Scene) -> None:
    inside = []
    for seed in range(100, 105):
        found = fit(scene, record(scene, TRUTH, seed=seed, noise=0.002), plan=replace(PLAN, max_windows=60))
        inside += [
            item.low is not None and item.high is not None and item.low <= TRUTH[address] <= item.high
            for address, item in found.parameters.items()
        ]
    assert np.mean(inside) >= 0.9


def test_right_parameters_are_left_alone(scene: Scene, log: Recording) -> None:
    found = fit(scene, log, initial=TRUTH)
    assert not found.accepted
    assert "nothing shows that these are wrong" in found.reason or "it must fall more" in found.reason
    assert not found.changes


def test_efforts_of_zero_are_refused_by_name(scene: Scene, log: Recording) -> None:
    with pytest.raises(
        NotIdentifiableError, match=r"only a combination of .*mass, .*friction, .*damping acts"
    ) as error:
        fit(scene, altered(log, effort=np.zeros_like))
    assert set(error.value.addresses) == set(TRUTH)
    assert "All recorded efforts are zero" in error.value.hint


@pytest.mark.parametrize("velocity_too", [False, True])
def test_a_constant_position_is_refused_by_name(scene: Scene, log: Recording, velocity_too: bool) -> None:
    still = altered(log, position=lambda x: 0.8 + 0 * x, velocity=np.zeros_like if velocity_too else None)
    with pytest.raises(NotIdentifiableError, match="no measured joint moves") as error:
        fit(scene, still)
    assert set(error.value.addresses) == set(TRUTH)
    assert "'log.csv' does not determine" in error.value.message


def test_a_noisy_constant_position_is_refused(scene: Scene, log: Recording) -> None:
    rng = np.random.default_rng(1)
    with pytest.raises(NotIdentifiableError, match="no measured joint moves"):
        fit(scene, altered(log, position=lambda x: 0.8 + 0.002 * rng.normal(size=x.shape)))


def test_velocities_in_degrees_are_refused_with_the_factor(scene: Scene, log: Recording) -> None:
    with pytest.raises(RecordingError, match="is not the derivative of its position") as error:
        fit(scene, altered(log, velocity=np.rad2deg))
    assert "about 57.3 times" in error.value.hint


def test_what_acts_only_in_combination_is_left_and_the_rest_is_fitted(scene: Scene) -> None:
    # The bob's inertia and the armature are both inertia about the hinge and nothing else.
    log = record(scene, {f"{BOB}.mass": 1.4, f"{HINGE}.friction": 0.4})
    wanted = (f"{BOB}.mass", f"{HINGE}.friction", f"{HINGE}.armature", f"{BOB}.inertiaScale")
    found = fit(scene, log, plan=replace(PLAN, parameters=wanted))
    assert found.parameters[f"{BOB}.mass"].estimate == pytest.approx(1.4, rel=0.05)
    for address in wanted[3:]:
        item = found.parameters[address]
        assert not item.identifiable
        assert item.estimate == item.initial
        assert (item.low, item.high) == (None, None)
        assert item.note
        assert address not in found.changes


def test_a_delay_is_found(scene: Scene) -> None:
    truth = {f"{BOB}.mass": 1.4, f"{HINGE}.friction": 0.4}
    log = record(scene, truth, delay=0.024)
    found = fit(scene, log, plan=replace(PLAN, parameters=(*truth, f"{HINGE}.actuatorDelay")))
    assert found.parameters[f"{HINGE}.actuatorDelay"].estimate == pytest.approx(0.024, abs=0.004)
    assert found.parameters[f"{BOB}.mass"].estimate == pytest.approx(1.4, rel=0.05)


def test_without_measured_velocities_they_are_derived_and_it_says_so(scene: Scene) -> None:
    found = fit(scene, record(scene, TRUTH, velocity=False))
    assert found.parameters[f"{BOB}.mass"].estimate == pytest.approx(1.4, rel=0.05)
    assert f"velocities derived from positions: {HINGE}" in found.warnings[0]


def test_several_recordings_are_fitted_together(scene: Scene) -> None:
    logs = [record(scene, TRUTH, seed=seed, seconds=3.0, name=f"{seed}.csv") for seed in (1, 2)]
    found = fit(scene, *logs)
    assert found.accepted
    assert [error.recording for error in found.fit] == ["1.csv", "2.csv"]


def test_a_validation_that_gets_worse_rejects(scene: Scene, log: Recording) -> None:
    other_machine = record(scene, {}, name="other.csv")
    found = fit(scene, log, validation=[other_machine])
    assert not found.accepted
    assert "'other.csv' rose from" in found.reason


def test_running_into_a_bound_rejects(scene: Scene, log: Recording) -> None:
    found = fit(scene, log, plan=replace(PLAN, bounds={f"{BOB}.mass": (0.9, 1.1)}))
    assert not found.accepted
    assert f"ran into the bounds of {BOB}.mass" in found.reason


def test_values_in_force_of_other_parameters_are_kept(scene: Scene, log: Recording) -> None:
    others = {address: value for address, value in TRUTH.items() if not address.endswith("mass")}
    found = fit(scene, log, plan=replace(PLAN, parameters=(f"{BOB}.mass",)), initial=others)
    assert found.parameters[f"{BOB}.mass"].estimate == pytest.approx(1.4, rel=0.02)


def test_a_short_recording_is_refused_with_the_length_needed(scene: Scene) -> None:
    with pytest.raises(CalibrationError, match="too short") as error:
        fit(scene, record(scene, TRUTH, seconds=1.5))
    assert "at least 2.4 s" in error.value.hint


def test_progress_is_told(scene: Scene, log: Recording) -> None:
    told: list[Progress] = []
    fit(scene, log, progress=told.append)
    assert list(dict.fromkeys(item.stage for item in told)) == ["sensitivity", "search", "refine", "refit"]
    counts = [item.evaluations for item in told]
    assert counts == sorted(counts)


def test_what_is_no_parameter_is_refused(scene: Scene, log: Recording) -> None:
    with pytest.raises(CalibrationError, match=f"'{HINGE}.position' is not a parameter"):
        fit(scene, log, plan=replace(PLAN, parameters=(f"{HINGE}.position",)))


def test_an_engine_that_cannot_change_a_parameter_says_so(scene: Scene, log: Recording) -> None:
    with pytest.raises(UnsupportedError, match="cannot change"):
        calibrate(scene, "kinematic", CONFIG, [log], PLAN)
