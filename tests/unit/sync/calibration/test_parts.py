"""The pieces of a calibration, each against what is known without it."""

from __future__ import annotations

import numpy as np
import pytest

from hanzo_twin.errors import CalibrationError, RecordingError
from hanzo_twin.scene.model import Scene
from hanzo_twin.spatial import FloatArray
from hanzo_twin.sync.calibration import CalibrationPlan, default_parameters
from hanzo_twin.sync.calibration.coordinates import coordinate, moved_inertia
from hanzo_twin.sync.calibration.holdout import split
from hanzo_twin.sync.calibration.intervals import block_covariance, quantile, standard_errors, time_blocks
from hanzo_twin.sync.calibration.sanity import motion
from hanzo_twin.sync.calibration.sensitivity import analyse
from hanzo_twin.sync.calibration.velocity import smoothed, velocity_track
from hanzo_twin.sync.calibration.windows import Windows, cut
from hanzo_twin.testing.scenes import arm6, cart, pendulum
from hanzo_twin.twin.recording import Recording, Track

from .conftest import BOB, HINGE


def ramp(times: FloatArray, slope: float = 0.5) -> Recording:
    return Recording(name="ramp", measurements={f"{HINGE}.position": Track(times=times, values=slope * times)})


def windows(times: FloatArray, samples: int = 3) -> Windows:
    return cut(pendulum(), ramp(times), [f"{HINGE}.position"], horizon=0.3, step_seconds=0.01, samples=samples)


class TestPlan:
    @pytest.mark.parametrize(
        ("options", "told"),
        [
            ({"parameters": ()}, "needs at least one parameter"),
            ({"parameters": ("/a.mass", "/a.mass")}, "'/a.mass' is named twice"),
            ({"parameters": ("/a.mass",), "horizon_s": 0.0}, "horizon_s must be greater than 0"),
            ({"parameters": ("/a.mass",), "bounds": {"/b.mass": (0.0, 1.0)}}, "'/b.mass', which is not among"),
            ({"parameters": ("/a.mass",), "bounds": {"/a.mass": (2.0, 1.0)}}, "must increase, got 2 and 1"),
        ],
    )
    def test_nonsense_is_refused(self, options: dict[str, object], told: str) -> None:
        with pytest.raises(CalibrationError, match=told):
            CalibrationPlan(**options)  # type: ignore[arg-type]

    def test_defaults_are_frictions_dampings_and_moved_masses(self) -> None:
        found = default_parameters(arm6())
        assert "/World/arm/payload.mass" in found
        assert "/World/arm/joint_6.friction" in found
        assert "/World/arm/joint_6.damping" in found
        assert len(found) == 7 + 2 * 6


class TestCoordinates:
    def test_a_mass_is_logarithmic_within_a_factor_of_ten(self) -> None:
        found = coordinate(pendulum(mass=2.0), f"{BOB}.mass", 2.0, horizon=0.3, speeds={}, bounds=None)
        assert found.value(1.0) == pytest.approx(2.0 * np.e)
        assert (found.value(99.0), found.value(-99.0)) == pytest.approx((20.0, 0.2))
        assert found.at(found.value(0.7)) == pytest.approx(0.7)

    @pytest.mark.parametrize(("kind", "scale"), [("armature", 3.0), ("damping", 10.0), ("friction", 20.0)])
    def test_scales_of_what_may_be_zero_come_from_the_machine(self, kind: str, scale: float) -> None:
        scene = pendulum(length=1.0, mass=3.0)
        found = coordinate(scene, f"{HINGE}.{kind}", 0.0, horizon=0.3, speeds={HINGE: 2.0}, bounds=None)
        assert found.value(1.0) == pytest.approx(scale, rel=1e-5)
        assert found.value(-1.0) == 0.0
        assert found.on_bound(0.0) == "lower"

    def test_inertia_is_that_of_closed_form(self) -> None:
        scene = pendulum(length=2.0, mass=3.0)
        assert moved_inertia(scene, scene.joints[HINGE]) == pytest.approx(12.0 + 1e-6)
        slide = cart(mass=5.0)
        assert moved_inertia(slide, slide.joints["/World/cart/slide"]) == 5.0

    def test_a_value_outside_its_bounds_is_refused(self) -> None:
        with pytest.raises(CalibrationError, match=r"is 2, outside its bounds 0\.1 … 1"):
            coordinate(pendulum(), f"{BOB}.mass", 2.0, horizon=0.3, speeds={}, bounds=(0.1, 1.0))

    def test_an_unlimited_value_is_refused(self) -> None:
        with pytest.raises(CalibrationError, match="is unlimited"):
            coordinate(pendulum(), f"{HINGE}.maxEffort", np.inf, horizon=0.3, speeds={}, bounds=None)


class TestVelocity:
    def test_a_parabola_has_its_slope_on_even_samples(self) -> None:
        times = np.linspace(0.0, 0.245, 50)
        found = velocity_track(Track(times=times, values=times**2))
        np.testing.assert_allclose(found.values[5:-5], 2 * times[5:-5], atol=1e-12)

    def test_a_line_has_its_slope_on_uneven_samples(self) -> None:
        times = np.cumsum(np.random.default_rng(0).uniform(0.001, 0.2, 40)).astype(np.float64)
        found = velocity_track(Track(times=1.7e9 + times, values=3 * times))
        np.testing.assert_allclose(found.values, 3, rtol=1e-3)

    def test_smoothing_keeps_lines_and_takes_noise_away(self) -> None:
        times = np.linspace(0.0, 2.0, 1001)
        noise = 0.1 * np.random.default_rng(0).normal(size=1001)
        found = smoothed(Track(times=times, values=3 * times + noise))
        assert np.std(found.values - 3 * times) == pytest.approx(0.1 / np.sqrt(9), rel=0.1)
        np.testing.assert_allclose(smoothed(Track(times=times, values=3 * times)).values, 3 * times, atol=1e-12)

    def test_slow_samples_are_not_smoothed(self) -> None:
        slow = Track(times=np.linspace(0.0, 1.0, 31), values=np.random.default_rng(0).normal(size=31))
        np.testing.assert_allclose(smoothed(slow).values, slow.values)

    def test_one_sample_stands_still(self) -> None:
        assert velocity_track(Track(times=np.zeros(1), values=np.ones(1))).values == [0.0]


class TestWindows:
    def test_predictions_are_compared_at_the_times_of_samples(self) -> None:
        times = np.sort(np.random.default_rng(1).uniform(0, 2, 90))
        found = windows(times)
        assert np.isin(
            np.round((found.starts[:, None] + found.times)[~np.isnan(found.measured)], 9), times.round(9)
        ).all()
        assert found.times.max() <= 0.3 + 1e-9
        steps = found.step_seconds * np.arange(1, found.steps + 1)
        exact = 0.5 * (found.starts[:, None] + steps)[:, :, None]
        sampled = found.sample(exact[None], np.zeros_like(exact)[None])[0]
        np.testing.assert_allclose(sampled[~np.isnan(found.measured)], found.measured[~np.isnan(found.measured)])

    def test_no_window_begins_inside_a_gap_or_reaches_over_the_end(self) -> None:
        found = windows(np.concatenate([np.arange(0, 1, 0.01), np.arange(1.5, 2, 0.01)]))
        assert found.starts.max() + 0.3 <= 1.99 + 1e-9
        late = found.starts > 0.85
        in_gap = found.starts[:, None] + np.array([0.1, 0.2, 0.3])
        missing = (in_gap > 1.1) & (in_gap < 1.39)
        assert np.isnan(found.measured[missing & late[:, None]]).all()

    def test_a_recording_shorter_than_the_horizon_is_refused(self) -> None:
        with pytest.raises(RecordingError, match=r"'ramp' is too short: 0.2 s .* 0.3 s ahead"):
            windows(np.linspace(0, 0.2, 20))

    def test_a_recording_without_joint_positions_is_refused(self, scene: Scene) -> None:
        other = Recording(name="x", measurements={f"{HINGE}.velocity": Track(times=np.zeros(1), values=np.zeros(1))})
        with pytest.raises(RecordingError, match="has no joint position") as error:
            cut(scene, other, [], horizon=0.3, step_seconds=0.01)
        assert f"{HINGE}.position" in error.value.hint


class TestHoldout:
    def test_the_fit_sees_no_sample_of_the_held_back_blocks(self) -> None:
        found = windows(np.arange(0, 10, 0.01))
        parts = split(found, 0.3, 0.25)

        def touched(starts: FloatArray) -> set[int]:
            edges = np.concatenate([starts + 1e-5, starts + 0.3 - 1e-5])
            return set((edges / 0.6).astype(int).tolist())

        assert not touched(found.starts[parts.fitted]) & touched(found.starts[parts.held_back])
        assert touched(found.starts[parts.held_back]) == {2, 6, 10, 14}
        assert 0.1 < len(parts.held_back) / len(found) < 0.25

    def test_too_little_says_how_much_is_needed(self) -> None:
        with pytest.raises(CalibrationError, match=r"^1.99 s of recording are too short") as error:
            split(windows(np.arange(0, 2, 0.01)), 0.3, 0.25)
        assert "at least 2.4 s" in error.value.hint


class TestSensitivity:
    def test_independent_columns_are_all_determined(self) -> None:
        found = analyse(np.random.default_rng(0).normal(size=(200, 3)))
        assert found.groups == ()

    def test_a_null_direction_names_those_that_take_part(self) -> None:
        base = np.random.default_rng(0).normal(size=(200, 2))
        found = analyse(np.column_stack([base[:, 0], base[:, 1], 2 * base[:, 1]]))
        assert found.groups == ((1, 2),)

    def test_two_separate_null_directions_are_two_groups(self) -> None:
        base = np.random.default_rng(0).normal(size=(200, 2))
        assert analyse(np.column_stack([base, base])[:, [0, 2, 1, 3]]).groups == ((0, 1), (2, 3))

    def test_a_column_of_zeros_is_alone(self) -> None:
        base = np.random.default_rng(0).normal(size=(200, 1))
        assert analyse(np.column_stack([base, np.zeros(200)])).groups == ((1,),)

    def test_nothing_is_determined_when_nothing_matters(self) -> None:
        found = analyse(1e-5 * np.random.default_rng(0).normal(size=(200, 2)))
        assert found.groups == ((0,), (1,))


class TestIntervals:
    def test_independent_errors_give_the_textbook_covariance(self) -> None:
        rng = np.random.default_rng(0)
        jacobian, residuals = rng.normal(size=(20000, 2)), 0.3 * rng.normal(size=20000)
        found = standard_errors(block_covariance(jacobian, residuals, np.arange(20000) // 50))
        np.testing.assert_allclose(found, 0.3 / np.sqrt(20000), rtol=0.1)

    def test_intervals_cover_all_parameters_though_errors_hang_together(self) -> None:
        rng = np.random.default_rng(0)
        blocks, covered, textbook = np.repeat(np.arange(12), 30), [], []
        for _ in range(300):
            slow = np.repeat(rng.normal(size=(12, 2)), 30, axis=0)
            jacobian = np.column_stack([slow[:, 0] + 0.1 * rng.normal(size=360), np.ones(360)])
            errors = 0.2 * slow[:, 1] + 0.05 * rng.normal(size=360)
            fitted, *_ = np.linalg.lstsq(jacobian, errors, rcond=None)
            residuals = errors - jacobian @ fitted
            half = quantile(blocks, 2, 0.95) * standard_errors(block_covariance(jacobian, residuals, blocks))
            covered.append(bool((np.abs(fitted) <= half).all()))
            plain = np.sqrt(np.diag(np.linalg.inv(jacobian.T @ jacobian)) * (residuals @ residuals) / 358)
            textbook.append(bool((np.abs(fitted) <= 2 * plain).all()))
        assert np.mean(covered) > 0.92
        assert np.mean(textbook) < 0.5

    @pytest.mark.parametrize(
        ("seconds", "parameters", "blocks"), [(3.0, 3, 9), (6.0, 3, 11), (30.0, 3, 50), (10.0, 7, 20), (10.0, 19, 32)]
    )
    def test_short_recordings_and_many_parameters_have_shorter_blocks(
        self, seconds: float, parameters: int, blocks: int
    ) -> None:
        numbers = time_blocks(windows(np.arange(0, seconds + 0.005, 0.01)), 0.3, parameters)
        assert len(np.unique(numbers)) == pytest.approx(blocks, abs=1)
        assert (np.diff(numbers) >= 0).all()

    def test_what_one_block_alone_determines_is_nearly_unknown(self) -> None:
        jacobian = np.zeros((40, 2))
        jacobian[:, 0], jacobian[:10, 1] = 1.0, 1.0
        residuals = np.random.default_rng(0).normal(size=40)
        errors = standard_errors(block_covariance(jacobian, residuals, np.arange(40) // 10))
        assert errors[1] > 100 * errors[0] or errors[1] > 1e3


class TestMotion:
    def test_noise_on_a_constant_is_no_motion(self) -> None:
        rng = np.random.default_rng(0)
        times = np.arange(0, 5, 0.01)
        assert motion(Track(times=times, values=0.7 + 0.01 * rng.normal(size=500)), 0.3) == 0.0

    def test_a_slow_sine_beside_noise_is(self) -> None:
        times = np.arange(0, 5, 0.01)
        noise = 0.01 * np.random.default_rng(0).normal(size=500)
        assert motion(Track(times=times, values=np.sin(times) + noise), 0.3) == pytest.approx(0.21, abs=0.02)
