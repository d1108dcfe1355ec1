"""Every task on every engine keeps the promises of environments."""

from __future__ import annotations

import pytest
from gymnasium.utils.env_checker import check_env as gymnasium_check
from stable_baselines3.common.env_checker import check_env as sb3_check

import hanzo_twin
from hanzo_twin import plugins
from hanzo_twin.testing import check_vector_env

NAMES = plugins.names(plugins.TASKS)


@pytest.mark.parametrize("task", NAMES)
@pytest.mark.parametrize("mode", ["NextStep", "SameStep", "Disabled"])
def test_the_vector_checker_passes(task: str, mode: str) -> None:
    check_vector_env(
        lambda num_envs: hanzo_twin.make_vec(
            task=task, num_envs=num_envs, autoreset_mode=mode, domain_randomization=True
        ),
        steps=30,
    )


@pytest.mark.parametrize("task", NAMES)
@pytest.mark.parametrize("obs_type", ["dict", "flat"])
@pytest.mark.filterwarnings("ignore:.*:UserWarning")
def test_the_checkers_of_gymnasium_and_stable_baselines_pass(task: str, obs_type: str) -> None:
    env = hanzo_twin.make(task=task, obs_type=obs_type)
    gymnasium_check(env, skip_render_check=True)
    env.close()
    env = hanzo_twin.make(task=task, obs_type=obs_type)
    sb3_check(env, skip_render_check=True)
    env.close()
