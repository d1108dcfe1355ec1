"""Proximal policy optimization in one file, in the manner of CleanRL: plain PyTorch over `make_vec`.

The whole algorithm is here (Schulman et al. 2017; advantages after Schulman et al. 2016), so that it can be changed
anywhere. It swings up a pendulum. Run it with: python examples/rl/02_ppo_in_one_file.py
"""

import numpy as np
import torch
from torch import nn

import hanzo_twin

SEED, WORLDS, STEPS, UPDATES = 1, 32, 64, 60
EPOCHS, MINIBATCH, LEARNING_RATE = 10, 256, 1e-3
GAMMA, LAMBDA, CLIP, REWARD_SCALE = 0.95, 0.95, 0.2, 0.1
HELD_OUT, FIRST_HELD_OUT_SEED, WANTED = 50, 1_000_000, 0.8

torch.manual_seed(SEED)
torch.set_num_threads(1)  # the networks are small, and the worlds want the processors
rng = np.random.default_rng(SEED)


def network(inputs: int, outputs: int, gain: float) -> nn.Sequential:
    """Two hidden layers, orthogonal weights; the last ones times ``gain``."""
    layers: list[nn.Module] = []
    for size in (64, 64):
        layers += [nn.Linear(inputs, size), nn.Tanh()]
        inputs = size
    layers.append(nn.Linear(inputs, outputs))
    for layer in layers:
        if isinstance(layer, nn.Linear):
            nn.init.orthogonal_(layer.weight, 2**0.5 if layer is not layers[-1] else gain)
            nn.init.zeros_(layer.bias)
    return nn.Sequential(*layers)


class Agent(nn.Module):
    """A Gaussian policy, and what states are worth."""

    def __init__(self, observations: int, actions: int) -> None:
        super().__init__()
        self.mean, self.value = network(observations, actions, 0.01), network(observations, 1, 1.0)
        self.log_std = nn.Parameter(torch.zeros(actions))

    def policy(self, observations: torch.Tensor) -> torch.distributions.Normal:
        return torch.distributions.Normal(self.mean(observations), self.log_std.exp())


def tensor(values: np.ndarray) -> torch.Tensor:
    return torch.as_tensor(values, dtype=torch.float32)


env = hanzo_twin.make_vec(task="pendulum", num_envs=WORLDS, obs_type="flat", autoreset_mode="SameStep")
size, count = env.single_observation_space.shape[0], env.single_action_space.shape[0]
agent = Agent(size, count)
optimizer = torch.optim.Adam(agent.parameters(), lr=LEARNING_RATE, eps=1e-5)
observations = tensor(env.reset(seed=SEED)[0])

for _ in range(UPDATES):
    seen = torch.zeros(STEPS, WORLDS, size)
    acted, logarithms = torch.zeros(STEPS, WORLDS, count), torch.zeros(STEPS, WORLDS)
    rewards, values, after = torch.zeros(STEPS, WORLDS), torch.zeros(STEPS, WORLDS), torch.zeros(STEPS, WORLDS)
    ended = torch.zeros(STEPS, WORLDS)
    with torch.no_grad():
        for step in range(STEPS):
            policy = agent.policy(observations)
            action = policy.sample()
            following, reward, terminated, truncated, infos = env.step(action.clamp(-1.0, 1.0).numpy())
            over = terminated | truncated
            # An episode that time cut off would have gone on from its last observation: that is what its value is of.
            last = following.copy()
            if over.any():
                last[over] = np.stack(list(infos["final_obs"][over]))
            seen[step], acted[step], logarithms[step] = observations, action, policy.log_prob(action).sum(1)
            values[step] = agent.value(observations)[:, 0]
            after[step] = agent.value(tensor(last))[:, 0] * tensor(~terminated)
            rewards[step], ended[step] = REWARD_SCALE * tensor(reward), tensor(over)
            observations = tensor(following)

    advantages, running = torch.zeros(STEPS, WORLDS), torch.zeros(WORLDS)
    for step in reversed(range(STEPS)):
        surprise = rewards[step] + GAMMA * after[step] - values[step]
        running = surprise + GAMMA * LAMBDA * (1.0 - ended[step]) * running
        advantages[step] = running
    returns = (advantages + values).reshape(-1)
    seen, acted = seen.reshape(-1, size), acted.reshape(-1, count)
    logarithms, advantages = logarithms.reshape(-1), advantages.reshape(-1)

    for _ in range(EPOCHS):
        for chosen in np.split(rng.permutation(STEPS * WORLDS), STEPS * WORLDS // MINIBATCH):
            advantage = advantages[chosen]
            advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
            ratio = (agent.policy(seen[chosen]).log_prob(acted[chosen]).sum(1) - logarithms[chosen]).exp()
            gain = torch.min(advantage * ratio, advantage * ratio.clamp(1.0 - CLIP, 1.0 + CLIP)).mean()
            error = ((agent.value(seen[chosen])[:, 0] - returns[chosen]) ** 2).mean()
            optimizer.zero_grad()
            (0.5 * error - gain).backward()
            nn.utils.clip_grad_norm_(agent.parameters(), 0.5)
            optimizer.step()
env.close()

held_out = hanzo_twin.make_vec(task="pendulum", num_envs=HELD_OUT, obs_type="flat", autoreset_mode="SameStep")
current, _ = held_out.reset(seed=FIRST_HELD_OUT_SEED)
over = np.zeros(HELD_OUT, dtype=bool)
while not over.all():  # the pendulum's episodes all end by time, at once
    with torch.no_grad():
        current, _, terminated, truncated, infos = held_out.step(agent.mean(tensor(current)).clamp(-1.0, 1.0).numpy())
    over = terminated | truncated
success = float(infos["final_info"]["is_success"].mean())
held_out.close()

assert success >= WANTED, f"{success:.0%} of {HELD_OUT} held-out episodes succeed, wanted {WANTED:.0%}"
print(f"{success:.0%} of {HELD_OUT} held-out episodes hold the pendulum up after {UPDATES * STEPS * WORLDS:,} steps.")
