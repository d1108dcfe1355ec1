"""Steps per second of the vector environment: 64 ants, frame skip 5, random actions, against what others reach.

    python benchmarks/vector_env.py [--json] [--repeats 12] [--steps 40] [--threads 2]

The ant is Gymnasium's ``ant.xml`` through USD, without contact forces in the observation. All candidates take turns in
short blocks, and the median of the ratios within a turn is printed, so that what else the machine does falls on all.

* ``vs_rollout``: against bare ``mujoco.rollout`` of the same model from the same states under the same efforts, step
  for step, so that both do the same physics. Observation, reward and resets are what is on top.
* ``overhead_fraction``: share of a step that is not spent in the batch's own stepping.
* ``vs_envpool`` and ``vs_async``: against EnvPool's Ant-v4 on as many threads, and Gymnasium's AsyncVectorEnv of its
  own Ant-v5; all integrate by Runge-Kutta, as ``ant.xml`` says, and none reads contact forces.
* ``single_vs_gymnasium``: one world of ours against Gymnasium's Ant-v5.
* ``mb_per_world``: growth of the process from 64 to 1,024 worlds.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import gymnasium
import mujoco
import numpy as np
import psutil
from mujoco.rollout import Rollout

import hanzo_twin

NUM_ENVS = 64
FRAME_SKIP = 5
TARGETS = {"vs_rollout": 0.9, "vs_envpool": 1.05, "vs_async": 3.0, "single_vs_gymnasium": 0.8}
LIMITS = {"overhead_fraction": 0.1, "mb_per_world": 1.0}


def seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


class Ours:
    """The vector environment, and bare rollouts from the states it goes through."""

    def __init__(self, threads: int) -> None:
        self.env = hanzo_twin.make_vec(task="ant", num_envs=NUM_ENVS, num_threads=threads)
        self.batch: Any = self.env.runner.batch  # type: ignore[attr-defined]
        self.model = self.batch.models[0]
        assert self.model.opt.integrator == mujoco.mjtIntegrator.mjINT_RK4, "the ant's own integrator was lost"
        self.env.reset(seed=0)
        self._datas = [mujoco.MjData(self.model) for _ in range(threads)]
        self._pool = Rollout(nthread=threads)
        self._physics = int(mujoco.mjtState.mjSTATE_FULLPHYSICS)
        self._efforts = int(mujoco.mjtState.mjSTATE_QFRC_APPLIED)

    def step(self, actions: np.ndarray[Any, Any]) -> None:
        self.env.step(actions)

    def bare(self, states: np.ndarray[Any, Any], efforts: np.ndarray[Any, Any]) -> None:
        self._pool.rollout(
            self.model, self._datas, states, efforts, control_spec=self._efforts, nstep=FRAME_SKIP, skip_checks=False
        )

    def paired_step(self, actions: np.ndarray[Any, Any]) -> tuple[float, float]:
        """Seconds of one step of ours, and of the bare rollout from where it began."""
        states = self.batch_states()
        efforts = np.zeros((NUM_ENVS, FRAME_SKIP, self.model.nv))
        efforts[:, :, 6:] = 150.0 * actions[:, None]
        if np.random.default_rng(int(1e6 * abs(actions[0, 0]))).integers(2):
            return seconds(lambda: self.step(actions)), seconds(lambda: self.bare(states, efforts))
        bare = seconds(lambda: self.bare(states, efforts))
        return seconds(lambda: self.step(actions)), bare

    def batch_states(self) -> np.ndarray[Any, Any]:
        batch = self.batch
        poses, velocities = batch.body_states(["/ant/torso"])
        states = np.zeros((NUM_ENVS, mujoco.mj_stateSize(self.model, self._physics)))
        states[:, 0] = batch.time
        states[:, 1:8], states[:, 8:16] = poses[:, 0], batch.joint_positions
        states[:, 16:22], states[:, 22:30] = velocities[:, 0], batch.joint_velocities
        return states

    def close(self) -> None:
        self._pool.close()
        self.env.close()


def actions_of(repeat: int, steps: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(repeat).uniform(-1.0, 1.0, (steps, NUM_ENVS, 8))


def run(step: Callable[[Any], object], actions: Sequence[Any]) -> float:
    """Env steps per second."""
    spent = seconds(lambda: [step(action) for action in actions])
    return NUM_ENVS * len(actions) / spent


def measure_rollout(ours: Ours, repeats: int, steps: int) -> dict[str, float]:
    """Ours against the bare rollout, and the share of a step that is ours."""
    ratios, spent = [], []
    for repeat in range(repeats):
        pairs = [ours.paired_step(action) for action in actions_of(repeat, steps)]
        ratios += [bare / own for own, bare in pairs]
        spent += [own for own, _ in pairs]
    shares = []
    for repeat in range(repeats):
        inner = 0.0
        original = ours.batch.try_step

        def timed(*args: Any, original: Any = original, **kwargs: Any) -> Any:
            nonlocal inner
            start = time.perf_counter()
            result = original(*args, **kwargs)
            inner += time.perf_counter() - start
            return result

        ours.batch.try_step = timed
        whole = seconds(lambda repeat=repeat: [ours.step(a) for a in actions_of(repeat, steps)])  # type: ignore[misc]
        del ours.batch.try_step
        shares.append(1.0 - inner / whole)
    return {
        "vs_rollout": statistics.median(ratios),
        "overhead_fraction": statistics.median(shares),
        "step_us": 1e6 * statistics.median(spent),
    }


def measure_others(threads: int, repeats: int, steps: int) -> dict[str, float]:
    """Ours against EnvPool and Gymnasium."""
    import envpool

    ours = Ours(threads)
    pool = envpool.make("Ant-v4", env_type="gymnasium", num_envs=NUM_ENVS, num_threads=threads)
    pool.reset()
    plain = {"include_cfrc_ext_in_observation": False, "contact_cost_weight": 0.0}
    workers = gymnasium.make_vec("Ant-v5", num_envs=NUM_ENVS, vectorization_mode="async", vector_kwargs={}, **plain)
    workers.reset(seed=0)
    rates: dict[str, list[float]] = {"ours": [], "envpool": [], "async": []}
    for repeat in range(repeats):
        actions = actions_of(repeat, steps)
        rates["ours"].append(run(ours.step, actions))
        rates["envpool"].append(run(pool.step, actions))
        rates["async"].append(run(workers.step, actions[: max(3, steps // 4)].astype(np.float32)))
    ours.close()
    pool.close()
    workers.close()

    def ratio(one: str, other: str) -> float:
        return statistics.median(a / b for a, b in zip(rates[one], rates[other], strict=True))

    return {
        "env_steps_per_s": statistics.median(rates["ours"]),
        "vs_envpool": ratio("ours", "envpool"),
        "vs_async": ratio("ours", "async"),
        "envpool_env_steps_per_s": statistics.median(rates["envpool"]),
        "async_env_steps_per_s": statistics.median(rates["async"]),
    }


def measure_single(repeats: int, steps: int) -> dict[str, float]:
    """One world of ours against Gymnasium's own ant."""
    ours = hanzo_twin.make(task="ant", obs_type="flat")
    theirs = gymnasium.make("Ant-v5", include_cfrc_ext_in_observation=False, contact_cost_weight=0.0)
    envs: dict[str, Any] = {"ours": ours, "gymnasium": theirs}
    rates: dict[str, list[float]] = {name: [] for name in envs}
    for env in envs.values():
        env.reset(seed=0)
    for repeat in range(repeats):
        actions = actions_of(repeat, 4 * steps)[:, 0]
        for name, env in envs.items():
            rates[name].append(len(actions) / seconds(lambda env=env, actions=actions: walk(env, actions)))  # type: ignore[misc]
    for env in envs.values():
        env.close()

    def ratio(one: str) -> float:
        return statistics.median(a / b for a, b in zip(rates[one], rates["gymnasium"], strict=True))

    return {
        "single_vs_gymnasium": ratio("ours"),
        "single_steps_per_s": statistics.median(rates["ours"]),
    }


def walk(env: Any, actions: np.ndarray[Any, Any]) -> None:
    """Take ``actions`` [n, 8], beginning anew where an episode ends."""
    for action in actions:
        _, _, terminated, truncated, _ = env.step(action)
        if terminated or truncated:
            env.reset()


def measure_memory() -> dict[str, float]:
    """Resident memory that 960 more worlds take, after stepping them."""
    process = psutil.Process()
    sizes: list[tuple[int, float]] = []
    for count in (NUM_ENVS, 1024):
        env = hanzo_twin.make_vec(task="ant", num_envs=count, domain_randomization=True)
        env.reset(seed=0)
        for _ in range(10):
            env.step(np.zeros((count, 8)))
        sizes.append((count, process.memory_info().rss / 2**20))
        env.close()
    (few, small), (many, large) = sizes
    return {"mb_per_world": (large - small) / (many - few)}


def measure(threads: int, repeats: int, steps: int) -> dict[str, float]:
    numbers = measure_memory()
    ours = Ours(threads)
    numbers |= measure_rollout(ours, repeats, steps)
    ours.close()
    return {**measure_others(threads, repeats, steps), **numbers, **measure_single(repeats, steps)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON line instead of a table")
    parser.add_argument("--repeats", type=int, default=12)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--threads", type=int, default=min(2, len(os.sched_getaffinity(0))))
    options = parser.parse_args()
    numbers = measure(options.threads, options.repeats, options.steps)
    wanted = {name: f"≥ {least}" for name, least in TARGETS.items()}
    wanted |= {name: f"≤ {most}" for name, most in LIMITS.items()}
    if options.json:
        print(json.dumps({**{name: round(value, 4) for name, value in numbers.items()}, "wanted": wanted}))
        return
    for name, value in numbers.items():
        print(f"{name:34} {value:12.3f}" + (f"  (wanted {wanted[name]})" if name in wanted else ""))


if __name__ == "__main__":
    main()
