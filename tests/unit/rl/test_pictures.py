"""Pictures of worlds, for people and as observations."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import hanzo_twin
from hanzo_twin.errors import NotFoundError, UnsupportedError
from hanzo_twin.rl.distributions import Uniform
from hanzo_twin.rl.pictures import pixels
from hanzo_twin.rl.randomization import Randomization, Variation
from hanzo_twin.rl.task import Recipe, Task
from hanzo_twin.rl.tasks.pendulum import PENDULUM
from hanzo_twin.scene.model import Scene
from hanzo_twin.sensors.mirror import picture_renderer
from hanzo_twin.testing import check_vector_env

UNIT = Uniform(low=0.0, high=2.0)
VARIED = Randomization(
    variations=(
        Variation(name="light", target="lighting.intensity", distribution=UNIT),
        Variation(name="noise", target="camera.noise", distribution=UNIT),
    )
)


@pytest.fixture(autouse=True)
def renderer() -> None:
    try:
        picture_renderer()
    except UnsupportedError as missing:
        pytest.skip(missing.message)


def seeing(scene: Scene) -> Task:
    task = PENDULUM.build(scene)
    return replace(task, observations=(*task.observations, pixels(scene, width=24, height=16)))


SEEING = Recipe(name="seeing", summary="", scene=PENDULUM.scene, build=seeing, config=PENDULUM.config)


def test_an_environment_draws_its_world() -> None:
    env = hanzo_twin.make(task="pendulum", render_mode="rgb_array", picture_size=(80, 60))
    env.reset(seed=0)
    before = env.render()
    assert (before.shape, before.dtype) == ((60, 80, 3), np.uint8)
    for _ in range(10):
        env.step([1.0])
    assert not np.array_equal(env.render(), before)
    assert env.render_mode == "rgb_array"
    env.close()
    plain = hanzo_twin.make(task="pendulum")
    plain.reset(seed=0)
    assert plain.render() is None
    plain.close()
    with pytest.raises(NotFoundError, match="The scene has no camera '/World/eye'"):
        hanzo_twin.make(task="pendulum", render_mode="rgb_array", camera="/World/eye")


def test_pixels_are_observed() -> None:
    env = hanzo_twin.make(task=SEEING)
    observation, _ = env.reset(seed=0)
    assert env.observation_space["pixels"].shape == (16, 24, 3)  # type: ignore[index]
    assert observation in env.observation_space
    assert observation["pixels"].dtype == np.uint8
    assert np.ptp(observation["pixels"]) > 50
    env.close()
    check_vector_env(lambda count: hanzo_twin.make_vec(task=SEEING, num_envs=count, obs_type="dict"), steps=5)


def picture(light: float, noise: float) -> Any:
    env = hanzo_twin.make(task=SEEING, domain_randomization=VARIED)
    observation, _ = env.reset(seed=0, options={"randomization": {"light": light, "noise": noise}})
    env.close()
    return observation["pixels"].astype(np.float64)


def test_light_and_noise_change_what_is_seen() -> None:
    clean, dark, noisy = picture(1.0, 0.0), picture(0.5, 0.0), picture(1.0, 0.05)
    assert dark == pytest.approx(0.5 * clean, abs=0.51)
    assert (noisy - clean).std() == pytest.approx(0.05 * 255, rel=0.15)
    assert np.array_equal(picture(1.0, 0.05), noisy)
