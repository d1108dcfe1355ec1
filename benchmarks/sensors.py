"""Lidar scans of 1,024 rays and camera pictures per second on every engine, and what unread sensors cost a step.

    python benchmarks/sensors.py [--json] [--seconds 1.0]

The scene is ``examples/arm_table``: an arm and five boxes on a table. A scan or picture includes fetching the poses
from the engine and copying them into the mirror. ``step_ratio`` is steps per second with the scene's sensors (an IMU,
force/torque and contact), none of them read, over those without.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from hanzo_twin import plugins
from hanzo_twin.engines.port import EngineConfig, Simulation, load_engine
from hanzo_twin.errors import NotInstalledError, UnsupportedError
from hanzo_twin.scene.load import load_scene
from hanzo_twin.sensors.camera import RenderParams
from hanzo_twin.sensors.mirror import picture_renderer

SCENE = Path(__file__).parent.parent / "examples" / "arm_table" / "scene.usda"
CONFIG = EngineConfig(step_hz=500.0)
LIDAR, CAMERA = "/World/lidar", "/World/camera"
SMALL = {
    "rgb": RenderParams(width=64, height=64, kinds=("rgb",)),
    "depth": RenderParams(width=64, height=64, kinds=("depth",)),
}
LARGE = RenderParams(width=640, height=480, kinds=("rgb", "depth", "semantic"))
WANTED = {"lidar_scans_per_s": 500.0}


def per_second(call: Callable[[], object], seconds: float) -> float:
    """Calls per second, the median of blocks that last about ``seconds`` together."""
    call()
    rates = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(rates) < 3:
        start = time.perf_counter()
        for _ in range(10):
            call()
        rates.append(10 / (time.perf_counter() - start))
    return statistics.median(rates)


def measure(simulation: Simulation, seconds: float) -> dict[str, float]:
    """Scans and pictures per second, each after a step so that nothing is cached."""

    def after_step(look: Callable[[], object]) -> float:
        both = per_second(lambda: (simulation.step(), look()), seconds)
        step = per_second(simulation.step, seconds / 4)
        return 1 / max(1 / both - 1 / step, 1e-9)

    results = {"lidar_scans_per_s": after_step(lambda: simulation.get_observation(LIDAR))}
    try:
        picture_renderer()
    except UnsupportedError:
        return results
    for name, params in SMALL.items():
        results[f"camera_64_{name}_per_s"] = after_step(lambda params=params: simulation.render(CAMERA, params))
    results["camera_640x480_all_per_s"] = after_step(lambda: simulation.render(CAMERA, LARGE))
    return results


def step_ratio(with_sensors: Simulation, without: Simulation, repeats: int = 15) -> float:
    """Median ratio of neighbouring measurements."""

    def seconds(simulation: Simulation) -> float:
        start = time.perf_counter()
        for _ in range(200):
            simulation.step()
        return time.perf_counter() - start

    return statistics.median(seconds(without) / seconds(with_sensors) for _ in range(repeats))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON line instead of a table")
    parser.add_argument("--seconds", type=float, default=1.0, help="per measurement")
    options = parser.parse_args()
    scene = load_scene(SCENE)
    bare = replace(scene, sensors={}, cameras={})
    results: dict[str, object] = {}
    try:
        results["renderer"] = picture_renderer()[0]
    except UnsupportedError as none:
        results["renderer"] = f"none: {none.hint}"
    for name in plugins.names(plugins.ENGINES):
        try:
            engine = load_engine(name)
        except NotInstalledError:
            continue
        simulation, without = engine.load_scene(scene, CONFIG), engine.load_scene(bare, CONFIG)
        results[name] = {"step_ratio": step_ratio(simulation, without), **measure(simulation, options.seconds)}
        simulation.close()
        without.close()
    if options.json:
        print(json.dumps(results))
        return
    for name, numbers in results.items():
        print(name if isinstance(numbers, dict) else f"{name}: {numbers}")
        for what, value in numbers.items() if isinstance(numbers, dict) else ():
            print(f"  {what:28} {value:10.2f}" + (f"  (wanted ≥ {WANTED[what]:g})" if what in WANTED else ""))


if __name__ == "__main__":
    main()
