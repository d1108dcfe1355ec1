"""RLlib (Ray) on the same environment, by `register_env`.

RLlib fixes the version of Gymnasium, so it lives in an environment of its own: `make rllib`, then
.venv-rllib/bin/python examples/rl/03_rllib.py
"""

import logging
import os
from typing import Any

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

import gymnasium
import ray
from ray.rllib.algorithms.ppo import PPOConfig
from ray.rllib.core.rl_module.default_model_config import DefaultModelConfig
from ray.tune.registry import register_env

import hanzo_twin

WORLDS, ITERATIONS, STEPS = 8, 4, 2048


def pendulum(config: dict[str, Any]) -> gymnasium.Env:
    """What RLlib calls, in this process or in one of its runners."""
    return gymnasium.wrappers.TransformReward(hanzo_twin.make(**config), lambda reward: 0.1 * reward)


register_env("pendulum", pendulum)
ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
config = (
    PPOConfig()
    .environment("pendulum", env_config={"task": "pendulum", "obs_type": "flat"})
    .env_runners(num_env_runners=0, num_envs_per_env_runner=WORLDS, rollout_fragment_length=STEPS // WORLDS)
    .training(
        train_batch_size_per_learner=STEPS,
        minibatch_size=256,
        num_epochs=10,
        lr=1e-3,
        gamma=0.95,
        vf_clip_param=1e4,
    )
    .rl_module(model_config=DefaultModelConfig(fcnet_hiddens=[64, 64], fcnet_activation="tanh"))
    .reporting(metrics_num_episodes_for_smoothing=10)
    .debugging(seed=0, log_level="ERROR")
)
algorithm = config.build_algo()
try:
    returns = [algorithm.train()["env_runners"]["episode_return_mean"] for _ in range(ITERATIONS)]
finally:
    algorithm.stop()
    ray.shutdown()

assert returns[-1] > 0.8 * returns[0], f"the return did not rise: {returns}"
print(f"Mean return in training went from {returns[0]:.0f} to {returns[-1]:.0f} in {ITERATIONS * STEPS:,} steps.")
