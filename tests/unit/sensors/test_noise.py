from __future__ import annotations

import math

import numpy as np
import pytest

from hanzo_twin.scene.sensors import Noise
from hanzo_twin.sensors.noise import spoil
from hanzo_twin.spatial import FloatArray

ZERO = np.zeros(3)


def read(noise: Noise, values: FloatArray = ZERO, *, seed: int = 0, index: int = 0, name: str = "/imu") -> FloatArray:
    return spoil(values, noise, seed=seed, name=name, index=index, seconds=0.01, lost=math.nan)


def many(noise: Noise, count: int, values: FloatArray = ZERO, *, seed: int = 0) -> FloatArray:
    return np.array([read(noise, values, seed=seed, index=index) for index in range(count)])


def test_without_noise_values_stay() -> None:
    values = np.array([1.5, -2.0, math.inf])

    assert np.array_equal(read(Noise(), values), values)


def test_a_reading_is_a_function_of_seed_name_and_index() -> None:
    noise = Noise(stddev=1.0, bias_stddev=1.0, walk_stddev=1.0)

    assert np.array_equal(read(noise, index=7), read(noise, index=7))
    readings = [read(noise), read(noise, index=1), read(noise, seed=1), read(noise, name="/other")]
    assert len({reading.tobytes() for reading in readings}) == 4


def test_white_noise_has_its_spread_and_no_memory() -> None:
    readings = many(Noise(stddev=2.0), 3000)[:, 0]

    assert readings.mean() == pytest.approx(0.0, abs=5 * 2.0 / math.sqrt(3000))
    assert readings.std() == pytest.approx(2.0, rel=0.06)
    assert np.corrcoef(readings[1:], readings[:-1])[0, 1] == pytest.approx(0.0, abs=0.08)


def test_noise_relative_to_the_value_and_shot_noise() -> None:
    values = np.array([0.0, 10.0, 100.0])

    relative = many(Noise(relative_stddev=0.01), 2000, values) - values
    shot = many(Noise(shot=0.5), 2000, values) - values

    assert relative.std(axis=0) == pytest.approx([0.0, 0.1, 1.0], rel=0.08)
    assert shot.std(axis=0) == pytest.approx([0.0, math.sqrt(5.0), math.sqrt(50.0)], rel=0.08)


def test_a_bias_is_constant_and_drawn_per_seed_and_component() -> None:
    noise = Noise(bias=0.5, bias_stddev=0.1)
    drawn = np.array([read(noise, seed=seed) for seed in range(700)])

    assert np.array_equal(read(noise, index=0), read(noise, index=999))
    assert len(set(read(noise).tolist())) == 3
    assert drawn.mean() == pytest.approx(0.5, abs=0.01)
    assert drawn.std() == pytest.approx(0.1, rel=0.06)


def test_a_walk_starts_at_zero_and_grows_with_the_root_of_time() -> None:
    noise = Noise(walk_stddev=1.0)
    walks = np.array([[read(noise, seed=seed, index=index) for index in (0, 1, 400)] for seed in range(300)])

    assert not walks[:, 0].any()
    # After n readings 10 ms apart: √(n · 0.01 s).
    assert walks[:, 1].std() == pytest.approx(0.1, rel=0.1)
    assert walks[:, 2].std() == pytest.approx(2.0, rel=0.1)


def test_steps_of_a_walk_are_alike_and_independent() -> None:
    path = many(Noise(walk_stddev=1.0), 1500)[:, 0]
    steps = np.diff(path)

    assert steps.std() == pytest.approx(0.1, rel=0.08)
    assert np.corrcoef(steps[1:], steps[:-1])[0, 1] == pytest.approx(0.0, abs=0.1)
    assert read(Noise(walk_stddev=1.0), index=10**9).std() > 0


def test_limit_and_resolution() -> None:
    values = np.array([0.26, -7.0, 7.0])

    assert read(Noise(resolution=0.5), values).tolist() == [0.5, -7.0, 7.0]
    assert read(Noise(limit=2.0), values).tolist() == [0.26, -2.0, 2.0]


def test_a_vector_drops_out_whole_and_a_picture_pixel_by_pixel() -> None:
    vectors = many(Noise(dropout=0.25), 2000)
    picture = spoil(np.ones((60, 50, 3)), Noise(dropout=0.25), seed=0, name="c", index=0, seconds=1.0, lost=0.0)

    lost = np.isnan(vectors)
    assert (lost.all(axis=1) == lost.any(axis=1)).all()
    assert lost.mean() == pytest.approx(0.25, abs=0.04)
    assert (picture == 0.0).all(axis=2).mean() == pytest.approx(0.25, abs=0.04)
    assert ((picture == 0.0).all(axis=2) == (picture == 0.0).any(axis=2)).all()


def test_what_is_nowhere_stays_nowhere() -> None:
    ranges = np.array([[1.0, math.inf]])

    noisy = read(Noise(stddev=0.1, relative_stddev=0.1, limit=50.0), ranges)

    assert noisy[0, 0] != 1.0
    assert noisy[0, 1] == math.inf
