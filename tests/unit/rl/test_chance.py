"""Random numbers that depend on nothing but who asks."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from hanzo_twin.rl.chance import Draws, seed_words


def draws(seeds: list[int], episode: int = 0, step: int = 0) -> Draws:
    count = len(seeds)
    return Draws(seed_words(seeds), np.full(count, episode), np.full(count, step))


def test_an_env_draws_the_same_whatever_other_envs_there_are() -> None:
    many = draws(list(range(64))).normal("x", 5)
    assert many[17].tobytes() == draws([17]).normal("x", 5)[0].tobytes()
    assert many[3].tobytes() == draws([9, 3]).normal("x", 5)[1].tobytes()


def test_a_longer_draw_begins_with_the_shorter() -> None:
    assert np.array_equal(draws([1, 2]).uniform("x", 7)[:, :3], draws([1, 2]).uniform("x", 3))


@pytest.mark.parametrize("other", [draws([2]), draws([1], episode=1), draws([1], step=1)])
def test_seed_episode_and_step_each_matter(other: Draws) -> None:
    assert other.uniform("x")[0, 0] != draws([1]).uniform("x")[0, 0]


def test_names_are_streams_of_their_own() -> None:
    one, other = draws([1]).uniform("x", 1000)[0], draws([1]).uniform("y", 1000)[0]
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.1


def test_numbers_are_uniform_and_normal() -> None:
    seeds = draws(list(range(2000)))
    assert stats.kstest(seeds.uniform("x", 5, low=-2.0, high=2.0).ravel(), stats.uniform(-2, 4).cdf).pvalue > 0.01
    assert stats.kstest(seeds.normal("x", 5).ravel(), stats.norm().cdf).pvalue > 0.01
    counts = np.bincount(seeds.integers("x", 4, 5).ravel(), minlength=4)
    assert stats.chisquare(counts).pvalue > 0.01


def test_neighbouring_seeds_episodes_and_steps_are_not_correlated() -> None:
    count = 3000
    for first, second in (
        (draws(list(range(count))), draws(list(range(1, count + 1)))),
        (draws(list(range(count))), draws(list(range(count)), episode=1)),
        (draws(list(range(count))), draws(list(range(count)), step=1)),
    ):
        one, other = first.uniform("x")[:, 0], second.uniform("x")[:, 0]
        assert abs(np.corrcoef(one, other)[0, 1]) < 0.06


def test_large_and_negative_seeds_are_seeds() -> None:
    assert np.isfinite(draws([-1, 2**70, 2**63]).uniform("x")).all()
