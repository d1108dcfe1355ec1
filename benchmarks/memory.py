"""Memory that engines keep: growth of the process over load/close cycles, and over forks, closed or only dropped.

    python benchmarks/memory.py [--json] [--engines mujoco,pybullet] [--cycles 100] [--forks 1000]

Each engine is measured in a process of its own, after a few cycles that fill what is made once. The scene is a
six-joint arm and five boxes on a table.
"""

from __future__ import annotations

import argparse
import gc
import json
import subprocess
import sys

import psutil

from hanzo_twin import plugins
from hanzo_twin.engines.port import EngineConfig, load_engine
from hanzo_twin.errors import NotInstalledError
from hanzo_twin.testing import scenes

TARGET_MB = 5.0
WARM_UP = 20


def resident_mb() -> float:
    gc.collect()
    return float(psutil.Process().memory_info().rss) / 1e6


def measure(name: str, cycles: int, forks: int) -> dict[str, float]:
    """Growth in MB over ``cycles`` of loading, stepping and closing, and over ``forks``, half of them not closed."""
    engine, scene, config = load_engine(name), scenes.arm6_with_boxes(), EngineConfig(step_hz=500.0)

    def cycle() -> None:
        simulation = engine.load_scene(scene, config)
        simulation.step(5)
        simulation.close()

    for _ in range(WARM_UP):
        cycle()
    before = resident_mb()
    for _ in range(cycles):
        cycle()
    after = resident_mb()
    simulation = engine.load_scene(scene, config)
    simulation.step(5)
    for _ in range(WARM_UP):
        simulation.fork().close()
    before_forks = resident_mb()
    for index in range(forks):
        fork = simulation.fork()
        if index % 2:
            fork.close()
        del fork
    result = {"load_growth_mb": after - before, "fork_growth_mb": resident_mb() - before_forks}
    simulation.close()
    return result


def in_own_process(name: str, cycles: int, forks: int) -> dict[str, float]:
    arguments = ["--engines", name, "--cycles", str(cycles), "--forks", str(forks), "--here"]
    done = subprocess.run([sys.executable, __file__, *arguments], check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def installed() -> list[str]:
    found = []
    for name in plugins.names(plugins.ENGINES):
        try:
            load_engine(name)
        except NotInstalledError:
            continue
        found.append(name)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON line instead of a table")
    parser.add_argument("--engines", default="", help="names with commas between them; all that are installed")
    parser.add_argument("--cycles", type=int, default=100)
    parser.add_argument("--forks", type=int, default=1000)
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    names = options.engines.split(",") if options.engines else installed()
    if options.here:
        print(json.dumps(measure(names[0], options.cycles, options.forks)))
        return
    numbers = {
        f"{name}.{key}": round(value, 2)
        for name in names
        for key, value in in_own_process(name, options.cycles, options.forks).items()
    }
    if options.json:
        print(json.dumps(numbers))
        return
    for key, value in numbers.items():
        print(f"{key:32} {value:8.2f} MB  (wanted < {TARGET_MB:g})")


if __name__ == "__main__":
    main()
