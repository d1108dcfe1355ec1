"""stable-baselines3 as it is: its own `make_vec_env` over single environments, normalization and evaluation.

Run it with: python examples/rl/01_stable_baselines3.py
"""

import torch
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

import hanzo_twin  # noqa: F401  registers the environments

TASK, FLAT = "hanzo_twin/Pendulum-v0", {"obs_type": "flat"}
STEPS, WORLDS, GAMMA = 30_720, 8, 0.95

torch.set_num_threads(1)  # small networks gain nothing from more
env = VecNormalize(
    make_vec_env(TASK, n_envs=WORLDS, seed=0, vec_env_cls=DummyVecEnv, env_kwargs=FLAT), norm_obs=False, gamma=GAMMA
)
held_out = make_vec_env(TASK, n_envs=10, seed=1_000_000, env_kwargs=FLAT)
model = PPO(
    "MlpPolicy",
    env,
    n_steps=128,
    batch_size=256,
    n_epochs=10,
    gamma=GAMMA,
    learning_rate=1e-3,
    seed=0,
    device="cpu",
)

before, _ = evaluate_policy(model, held_out, n_eval_episodes=10)
model.learn(STEPS)
after, _ = evaluate_policy(model, held_out, n_eval_episodes=10)

assert after > before / 2, f"{STEPS:,} steps did not halve the cost: {before:.0f}, then {after:.0f}"
print(f"Return of 10 held-out episodes: {before:.0f} before, {after:.0f} after {STEPS:,} steps.")
