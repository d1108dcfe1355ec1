"""Speed of an engine's Python contract against the engine's own loop, as ratios measured in one run.

    python benchmarks/engine.py [--json] [--repeats 15] [--threads 2]

The scene is a six-joint arm and five boxes resting on a table. Each pair is timed alternately and the median of the
ratios of neighbours is printed, so that what else the machine does falls on both.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable

import mujoco
import numpy as np
from mujoco.rollout import Rollout

from hanzo_twin.engines.port import BatchEngine, EngineConfig, JointCommand, load_engine
from hanzo_twin.scene.model import Scene
from hanzo_twin.testing import scenes

CONFIG = EngineConfig(step_hz=500.0)
TARGETS = np.array([0.2, -0.5, 0.9, 0.3, 0.1, 0.2])
TARGET_RATIOS = {"step_ratio": 0.6, "batch_ratio": 0.9}


def seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def alternate(bare: Callable[[], None], ours: Callable[[], None], repeats: int) -> tuple[float, float, float]:
    """Median ratio bare/ours, and the median seconds of each."""
    bare()
    ours()
    pairs = [(seconds(bare), seconds(ours)) for _ in range(repeats)]
    ratio = statistics.median(b / o for b, o in pairs)
    return ratio, statistics.median(b for b, _ in pairs), statistics.median(o for _, o in pairs)


def measure_step(engine: BatchEngine, scene: Scene, repeats: int) -> dict[str, float]:
    """Command, step and read through the contract against ``mj_step`` on the same model."""
    count = 1000
    simulation = engine.load_scene(scene, CONFIG)
    simulation.set_joint_command(scenes.ARM, JointCommand(positions=TARGETS))
    simulation.step(500)
    bare_simulation = simulation.fork()
    model, data = bare_simulation.native

    def bare() -> None:
        for _ in range(count):
            mujoco.mj_step(model, data)

    def ours() -> None:
        for _ in range(count):
            simulation.set_joint_command(scenes.ARM, JointCommand(positions=TARGETS))
            simulation.step()
            simulation.get_observation(scenes.ARM)["positions"]

    ratio, bare_s, ours_s = alternate(bare, ours, repeats)
    return {"step_ratio": ratio, "bare_step_us": bare_s / count * 1e6, "step_us": ours_s / count * 1e6}


def measure_batch(engine: BatchEngine, scene: Scene, repeats: int, threads: int) -> dict[str, float]:
    """``Batch.step`` with new commands for 64 worlds against ``mujoco.rollout`` on the same pool size."""
    num_envs, count = 64, 20
    batch = engine.load_batch(scene, CONFIG, num_envs, threads=threads)
    commands = np.tile(TARGETS, (num_envs, 1))
    batch.step(500, positions=commands)
    simulation = engine.load_scene(scene, CONFIG)
    simulation.set_state(batch.get_state([0])[0])
    model, data = simulation.native
    part = mujoco.mjtState.mjSTATE_FULLPHYSICS
    start = np.empty(mujoco.mj_stateSize(model, part))
    mujoco.mj_getState(model, data, start, part)
    states = np.tile(start, (num_envs, 1))
    controls = np.tile(data.ctrl, (num_envs, 1, 1))
    datas = [mujoco.MjData(model) for _ in range(threads)]
    pool = Rollout(nthread=threads if threads > 1 else 0)

    def bare() -> None:
        nonlocal states
        for _ in range(count):
            after, _ = pool.rollout(model, datas, states, controls)
            states = after[:, -1]

    def ours() -> None:
        for _ in range(count):
            batch.step(positions=commands)

    ratio, bare_s, ours_s = alternate(bare, ours, repeats)
    poses = statistics.median(seconds(lambda: batch.body_poses.sum()) for _ in range(repeats))
    result = {
        "batch_ratio": ratio,
        "bare_batch_us": bare_s / count * 1e6,
        "batch_us": ours_s / count * 1e6,
        "batch_env_steps_per_s": num_envs * count / ours_s,
        "batch_body_poses_us": poses * 1e6,
        "threads": threads,
    }
    pool.close()
    batch.close()
    return result


def measure_rest(engine: BatchEngine, scene: Scene, repeats: int) -> dict[str, float]:
    """Fork, state and load."""
    simulation = engine.load_scene(scene, CONFIG)
    simulation.step(100)
    state = simulation.get_state()
    count = 10 * repeats
    return {
        "fork_ms": 1e3 * statistics.median(seconds(lambda: simulation.fork().close()) for _ in range(count)),
        "get_state_us": 1e6 * statistics.median(seconds(simulation.get_state) for _ in range(count)),
        "set_state_us": 1e6 * statistics.median(seconds(lambda: simulation.set_state(state)) for _ in range(count)),
        "load_ms": 1e3
        * statistics.median(seconds(lambda: engine.load_scene(scene, CONFIG).close()) for _ in range(repeats)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON line instead of a table")
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    options = parser.parse_args()
    engine = load_engine("mujoco")
    assert isinstance(engine, BatchEngine)
    scene = scenes.arm6_with_boxes()
    numbers = {
        **measure_step(engine, scene, options.repeats),
        **measure_batch(engine, scene, options.repeats, options.threads),
        **measure_rest(engine, scene, options.repeats),
    }
    if options.json:
        print(json.dumps({name: round(value, 4) for name, value in numbers.items()}))
        return
    for name, value in numbers.items():
        wanted = f"  (wanted ≥ {TARGET_RATIOS[name]})" if name in TARGET_RATIOS else ""
        wanted = "  (wanted < 1)" if name == "fork_ms" else wanted
        print(f"{name:24} {value:12.3f}{wanted}")


if __name__ == "__main__":
    main()
