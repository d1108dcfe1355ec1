"""Hyperparameters: of each algorithm, and where a task learns faster with others, of that task.

They are those of the literature for comparable problems (RL Baselines3 Zoo; Andrychowicz et al. 2021, "What matters in
on-policy reinforcement learning"), adjusted by runs whose curves are in docs/training.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hanzo_twin.rl.training.spec import Algorithm, TrainingSpec

_ALGORITHMS: Mapping[Algorithm, Mapping[str, Any]] = {
    "ppo": {
        "n_steps": 128,
        "batch_size": 512,
        "n_epochs": 5,
        "learning_rate": 3e-4,
        "gamma": 0.99,
        "gae_lambda": 0.95,
        "clip_range": 0.2,
        "ent_coef": 0.0,
        "vf_coef": 0.5,
        "max_grad_norm": 0.5,
        "net_arch": (64, 64),
        "activation": "tanh",
    },
    "sac": {
        "learning_rate": 3e-4,
        "buffer_size": 300_000,
        "batch_size": 256,
        "gamma": 0.99,
        "tau": 0.005,
        "learning_starts": 1000,
        "train_freq": 1,
        "gradient_steps": 1,
        "net_arch": (256, 256),
        "activation": "relu",
    },
    "td3": {
        "learning_rate": 1e-3,
        "buffer_size": 300_000,
        "batch_size": 256,
        "gamma": 0.99,
        "tau": 0.005,
        "learning_starts": 1000,
        "train_freq": 1,
        "gradient_steps": 1,
        "net_arch": (256, 256),
        "activation": "relu",
    },
}

_DRIVE = {"learning_rate": 5e-4, "gamma": 0.98, "log_std_init": -0.5}
# A point is near: what comes within a second counts, and exploring is what takes longest.
_REACH = {"batch_size": 256, "n_epochs": 10, "learning_rate": 1e-3, "gamma": 0.95, "log_std_init": -0.5}
# Effort costs reward, and full effort topples the ant: it begins with small actions.
_WALK = {"batch_size": 256, "n_epochs": 10, "log_std_init": -1.0}
# What stands already falls when much is tried at once.
_STAND = {"batch_size": 256, "n_epochs": 10, "log_std_init": -2.0}

_TASKS: Mapping[tuple[Algorithm, str], Mapping[str, Any]] = {
    ("ppo", "pendulum"): {"batch_size": 256, "n_epochs": 10, "learning_rate": 1e-3, "gamma": 0.95},
    ("ppo", "navigation"): _DRIVE,
    ("ppo", "navigation_ranges"): _DRIVE,
    ("ppo", "ant"): _WALK,
    ("ppo", "arm_reach"): _REACH,
    ("ppo", "humanoid_stand"): _STAND,
}


def hyperparameters(spec: TrainingSpec, task: str) -> dict[str, Any]:
    """Those of the algorithm, over them those of the task, over them those of the spec."""
    return {**_ALGORITHMS[spec.algo], **_TASKS.get((spec.algo, task), {}), **spec.hyperparameters}
