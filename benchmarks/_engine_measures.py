"""What `engines.py` measures of one engine: the fastest of many short blocks, which the machine disturbed least."""

from __future__ import annotations

import ctypes
import gc
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
from bare import bare

from hanzo_twin.engines.port import BatchEngine, Engine, EngineConfig, JointCommand, Simulation
from hanzo_twin.errors import UnsupportedError
from hanzo_twin.scene.load import load_scene
from hanzo_twin.scene.model import Scene
from hanzo_twin.sensors.camera import RenderParams
from hanzo_twin.sensors.mirror import picture_renderer

SCENE = Path(__file__).parent.parent / "examples" / "arm_table" / "scene.usda"
CONFIG = EngineConfig(step_hz=500.0)
ARM, LIDAR, CAMERA = "/World/arm", "/World/lidar", "/World/camera"
TARGETS = np.array([0.2, -0.5, 0.9, 0.3, 0.1, 0.2])
# Engine steps of one block that is timed, and until the arm has come to its targets.
BLOCK, SETTLED = 50, 500
# Just before `omniverse` builds its objects anew, and its forks become short again.
LATE = 1999
BATCH_ENVS, BATCH_STEPS = 64, 5
LOADS = 100
PICTURES = {
    "camera_64_rgb_per_s": RenderParams(width=64, height=64, kinds=("rgb",)),
    "camera_64_depth_per_s": RenderParams(width=64, height=64, kinds=("depth",)),
    "camera_640_all_per_s": RenderParams(width=640, height=480, kinds=("rgb", "depth", "semantic")),
}


def table_scene() -> tuple[Scene, Scene]:
    """The scene of the benchmark, and the same without sensors and cameras."""
    scene = load_scene(SCENE)
    return scene, replace(scene, sensors={}, cameras={})


def seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def fastest(call: Callable[[], object], repeats: int) -> float:
    """Seconds of the fastest of so many calls, after one that is not counted."""
    call()
    return min(seconds(call) for _ in range(repeats))


def alternate(first: Callable[[], object], second: Callable[[], object], repeats: int) -> tuple[float, float]:
    """Seconds of the fastest call of each, made in turns."""
    first()
    second()
    pairs = [(seconds(first), seconds(second)) for _ in range(repeats)]
    return min(one for one, _ in pairs), min(other for _, other in pairs)


def per_second(call: Callable[[], object], duration: float) -> float:
    """Calls per second in the fastest of the blocks of three that last about ``duration`` together."""
    call()
    times: list[float] = []
    end = time.perf_counter() + duration
    while time.perf_counter() < end or len(times) < 3:
        times.append(seconds(lambda: [call() for _ in range(3)]))
    return 3 / min(times)


def commanded(engine: Engine, scene: Scene) -> Simulation:
    """A simulation whose arm has come to `TARGETS`."""
    simulation = engine.load_scene(scene, CONFIG)
    simulation.set_joint_command(ARM, JointCommand(positions=TARGETS))
    simulation.step(SETTLED)
    return simulation


def measure_step(engine: Engine, name: str, plain: Scene, repeats: int) -> dict[str, float]:
    """Command, step and read through the contract against the bare loop on an equal world."""
    simulation = commanded(engine, plain)

    def ours() -> None:
        for _ in range(BLOCK):
            simulation.set_joint_command(ARM, JointCommand(positions=TARGETS))
            simulation.step()
            simulation.get_observation(ARM)["positions"]

    module = bare(name)
    if module is None:
        return {"steps_per_s": BLOCK / fastest(ours, repeats)}
    equal = simulation.fork()
    with module.step_loop(equal, ARM, TARGETS) as loop:
        bare_s, ours_s = alternate(lambda: loop(BLOCK), ours, repeats)
    equal.close()
    simulation.close()
    return {"step_ratio": bare_s / ours_s, "steps_per_s": BLOCK / ours_s, "bare_steps_per_s": BLOCK / bare_s}


def measure_sensors(engine: Engine, scene: Scene, plain: Scene, repeats: int) -> dict[str, float]:
    """What sensors that nobody reads cost a step."""
    simulation, without = commanded(engine, scene), commanded(engine, plain)

    def block(one: Simulation) -> None:
        for _ in range(BLOCK):
            one.step()

    without_s, with_s = alternate(lambda: block(without), lambda: block(simulation), repeats)
    simulation.close()
    without.close()
    return {"unread_sensors_ratio": without_s / with_s}


def measure_states(engine: Engine, plain: Scene, repeats: int) -> dict[str, float]:
    """States, forks and loading."""
    simulation = engine.load_scene(plain, CONFIG)
    simulation.step(100)
    state = simulation.get_state()
    late = engine.load_scene(plain, CONFIG)
    late.step(LATE)
    calls: dict[str, Callable[[], object]] = {
        "get_state_ms": simulation.get_state,
        "set_state_ms": lambda: simulation.set_state(state),
        "fork_ms": lambda: simulation.fork().close(),
        "late_fork_ms": lambda: late.fork().close(),
        "load_ms": lambda: engine.load_scene(plain, CONFIG).close(),
    }
    result = {row: 1e3 * fastest(call, repeats // 10) for row, call in calls.items()}
    simulation.close()
    late.close()
    return result


def measure_looking(engine: Engine, scene: Scene, duration: float) -> dict[str, float]:
    """Scans and pictures per second, each after a step so that nothing is cached."""
    simulation = engine.load_scene(scene, CONFIG)

    def after_step(look: Callable[[], object]) -> float:
        both = per_second(lambda: (simulation.step(), look()), duration)
        step = per_second(simulation.step, duration / 4)
        return 1 / max(1 / both - 1 / step, 1e-9)

    results = {"lidar_scans_per_s": after_step(lambda: simulation.get_observation(LIDAR))}
    try:
        picture_renderer()
    except UnsupportedError:
        return results
    for key, params in PICTURES.items():
        results[key] = after_step(lambda params=params: simulation.render(CAMERA, params))  # type: ignore[misc]
    simulation.close()
    return results


def measure_batch(engine: Engine, name: str, plain: Scene, repeats: int, threads: int) -> dict[str, float]:
    """``Batch.step`` with new commands for all worlds at each step; nothing for an engine without batches."""
    if not isinstance(engine, BatchEngine):
        return {}
    commands = np.tile(TARGETS, (BATCH_ENVS, 1))
    module = bare(name)
    with ExitStack() as closing:
        batch = engine.load_batch(plain, CONFIG, BATCH_ENVS, threads=threads)
        closing.callback(batch.close)
        batch.step(SETTLED, positions=commands)

        def ours() -> None:
            for _ in range(BATCH_STEPS):
                batch.step(positions=commands)

        if module is None:
            return {"batch_steps_per_s": BATCH_ENVS * BATCH_STEPS / fastest(ours, repeats)}
        simulation = engine.load_scene(plain, CONFIG)
        closing.callback(simulation.close)
        simulation.set_state(batch.get_state([0])[0])
        loop = closing.enter_context(module.batch_loop(simulation, BATCH_ENVS, threads))
        bare_s, ours_s = alternate(lambda: loop(BATCH_STEPS), ours, repeats)
        return {"batch_ratio": bare_s / ours_s, "batch_steps_per_s": BATCH_ENVS * BATCH_STEPS / ours_s}


def measure_memory(engine: Engine, scene: Scene, forks: int) -> dict[str, float]:
    """What a process keeps, MB: of `LOADS` worlds loaded and closed, of ``forks`` closed or only dropped.

    As many go before, uncounted: what is made once, and what the allocator keeps for the next, has then been made, and
    only what grows on is a leak.
    """
    simulation = engine.load_scene(scene, CONFIG)
    simulation.step(5)

    def load(_: int) -> None:
        loaded = engine.load_scene(scene, CONFIG)
        loaded.step(5)
        loaded.close()

    def fork(index: int) -> None:
        forked = simulation.fork()
        if index % 2:
            forked.close()

    def growth(cycle: Callable[[int], None], count: int) -> float:
        sizes = []
        for _ in range(2):
            for index in range(count):
                cycle(index)
            sizes.append(resident_mb())
        return round(sizes[1] - sizes[0], 1) + 0.0

    result = {f"{LOADS}_loads_mb": growth(load, LOADS), f"{forks}_forks_mb": growth(fork, forks)}
    simulation.close()
    return result


def resident_mb() -> float:
    """Memory of this process, without what the allocator could give back."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
    return float(psutil.Process().memory_info().rss) / 1e6
