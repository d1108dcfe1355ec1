"""The engines side by side on one scene: an arm and five boxes on a table (``examples/arm_table``), at 500 Hz.

    python benchmarks/engines.py [--json] [--engines mujoco,pybullet] [--repeats 300] [--seconds 1.0] [--forks 1000]

Times are those of the fastest of many short blocks; the two sides of a ratio take turns in one process.

* ``step_ratio``: command, step and read of the joints through the contract, over the engine's own bare loop on an equal
  world without sensors. Bare MuJoCo is ``mj_step`` alone, without command or read; bare PyBullet and DART read the
  joints, solve the drive with numpy, step and read; bare PhysX writes targets, steps and reads by tensor bindings.
  ``benchmarks/bare/`` says what each loop leaves out. The kinematic engine has no other loop than the contract.
* ``unread_sensors_ratio``: a step with the scene's IMU, force/torque and contact sensor, none of them read, over one
  without.
* ``fork_ms`` is 100 steps after loading, ``late_fork_ms`` 1,999: the longest way that an engine that restores by replay
  has to go.
* ``batch_ratio``: 64 worlds with new commands at each step, over bare ``mujoco.rollout`` on as many threads.
* ``lidar_scans_per_s`` of 1,024 rays and ``camera_…_per_s``: with fetching all poses from the engine; the large
  pictures have colour, depth and semantics.
* ``100_loads_mb``, ``1000_forks_mb``: what the process keeps of worlds that were loaded and closed, and of forks, half
  of them closed and half only dropped, after as many before. ovphysx itself keeps some kilobytes of each world.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any

from _engine_measures import (
    measure_batch,
    measure_looking,
    measure_memory,
    measure_sensors,
    measure_states,
    measure_step,
    table_scene,
)
from rich.console import Console
from rich.table import Table

from hanzo_twin import plugins
from hanzo_twin.engines.port import load_engine
from hanzo_twin.errors import NotInstalledError, UnsupportedError
from hanzo_twin.sensors.mirror import picture_renderer

PARTS = ("speed", "memory")
# What is asked of a row: of single engines, or ("") of each.
AT_LEAST: Mapping[str, Mapping[str, float]] = {
    "step_ratio": {"mujoco": 0.6, "pybullet": 0.7, "gazebo": 0.7, "omniverse": 0.8},
    "steps_per_s": {"omniverse": 10_000},
    "unread_sensors_ratio": {"": 0.7},
    "batch_ratio": {"mujoco": 0.9},
    "lidar_scans_per_s": {"": 500},
}
BELOW: Mapping[str, Mapping[str, float]] = {"fork_ms": {"mujoco": 1}, "100_loads_mb": {"": 5}}


def measure(name: str, part: str, options: argparse.Namespace) -> dict[str, float]:
    """One part of the measurements of an engine, in this process."""
    engine = load_engine(name)
    scene, plain = table_scene()
    if part == "memory":
        return measure_memory(engine, plain, options.forks)
    return {
        **measure_step(engine, name, plain, options.repeats),
        **measure_sensors(engine, scene, plain, options.repeats),
        **measure_states(engine, plain, options.repeats),
        **measure_batch(engine, name, plain, options.repeats, len(os.sched_getaffinity(0))),
        **measure_looking(engine, scene, options.seconds),
    }


def in_own_process(name: str, part: str, options: argparse.Namespace) -> dict[str, float]:
    numbers = [f"--{option}={getattr(options, option)}" for option in ("repeats", "seconds", "forks")]
    command = [sys.executable, __file__, f"--engines={name}", f"--part={part}", *numbers]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
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


def wanted() -> dict[str, str]:
    """By row, what is asked, in words."""
    return {
        row: ", ".join(f"{sign} {limit:,g}{f' {engine}' if engine else ''}" for engine, limit in limits.items())
        for sign, rows in (("≥", AT_LEAST), ("<", BELOW))
        for row, limits in rows.items()
    }


def met(engine: str, row: str, value: float) -> bool:
    """Whether the engine does what is asked of the row."""

    def limit(limits: Mapping[str, Mapping[str, float]], none: float) -> float:
        return limits.get(row, {}).get(engine, limits.get(row, {}).get("", none))

    return limit(AT_LEAST, -float("inf")) <= value < limit(BELOW, float("inf"))


def show(results: Mapping[str, Any]) -> None:
    """Print the table; what is not as it should be is red."""
    by_engine = results["engines"]
    table = Table("", *by_engine, "wanted")
    number: Callable[[float], str] = lambda value: f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"  # noqa: E731
    for row in dict.fromkeys(row for numbers in by_engine.values() for row in numbers):
        cells = [
            (number(value) if met(engine, row, value) else f"[red]{number(value)}[/red]")
            if (value := numbers.get(row)) is not None
            else "–"
            for engine, numbers in by_engine.items()
        ]
        table.add_row(row, *cells, results["wanted"].get(row, ""))
    console = Console()
    console.print(f"renderer: {results['renderer']}, threads of batches: {results['threads']}")
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    parser.add_argument("--engines", default="", help="names with commas between them; all that are installed")
    parser.add_argument("--repeats", type=int, default=300, help="blocks of steps; a tenth as many forks and loads")
    parser.add_argument("--seconds", type=float, default=1.0, help="per kind of scan or picture")
    parser.add_argument("--forks", type=int, default=1000)
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    names = options.engines.split(",") if options.engines else installed()
    if options.part:
        print(json.dumps(measure(names[0], options.part, options)))
        return
    try:
        renderer = picture_renderer()[0]
    except UnsupportedError as none:
        renderer = f"none: {none.hint}"
    results = {
        "renderer": renderer,
        "threads": len(os.sched_getaffinity(0)),
        "engines": {
            name: {row: value for part in PARTS for row, value in in_own_process(name, part, options).items()}
            for name in names
        },
        "wanted": wanted(),
    }
    if options.json:
        print(json.dumps(results))
    else:
        show(results)


if __name__ == "__main__":
    main()
