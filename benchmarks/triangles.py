"""A mesh of 10,000 triangles that stands and is nowhere flat: what loading it and stepping a ball on it costs.

    python benchmarks/triangles.py [--json] [--engines mujoco,pybullet] [--cells 70]

Each engine is measured in a process of its own; the ratio is to the same ball on the mesh's convex hull.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import psutil

from hanzo_twin import plugins
from hanzo_twin.engines.port import Engine, EngineConfig, load_engine
from hanzo_twin.errors import NotInstalledError
from hanzo_twin.scene.model import Mesh, Scene
from hanzo_twin.spatial import Pose
from hanzo_twin.testing import feature_scenes

CONFIG = EngineConfig(step_hz=500.0)
STEPS, ROUNDS = 200, 5


def rough(cells: int, approximation: str) -> Scene:
    """A ball in the middle of a rough bowl of 2 · ``cells``² triangles."""
    line = np.linspace(-0.3, 0.3, cells + 1)
    x, y = np.meshgrid(line, line, indexing="ij")
    height = 1.5 * (x**2 + y**2) + np.random.default_rng(0).uniform(0.0, 2e-4, x.shape)
    corner = np.arange((cells + 1) ** 2).reshape(cells + 1, cells + 1)[:-1, :-1].ravel()
    halves = [corner, corner + cells + 1, corner + cells + 2], [corner, corner + cells + 2, corner + 1]
    triangles = np.concatenate([np.stack(half, axis=1) for half in halves])
    vertices = np.stack([x, y, height], axis=-1).reshape(-1, 3)
    scene = feature_scenes.standing(Mesh(vertices=vertices, triangles=triangles, approximation=approximation))
    (ball,) = scene.bodies.values()
    start = Pose.of((0.1, 0.0, 0.6 if approximation == "convexHull" else 0.06))
    return replace(scene, bodies={ball.path: replace(ball, pose_world_body=start)})


def measure(engine: Engine, scene: Scene) -> dict[str, float]:
    """Seconds to load, MB more than before, microseconds a step: the least of some rounds."""
    before, start = psutil.Process().memory_info().rss, time.perf_counter()
    simulation = engine.load_scene(scene, CONFIG)
    simulation.step(STEPS)
    loaded = time.perf_counter() - start
    kept = psutil.Process().memory_info().rss - before
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.perf_counter()
        simulation.step(STEPS)
        best = min(best, (time.perf_counter() - start) / STEPS)
    simulation.close()
    return {"load_s": loaded, "memory_mb": kept / 1e6, "step_us": 1e6 * best}


def compare(name: str, cells: int) -> dict[str, float]:
    """What the triangles cost on one engine, and the ratio of the steps."""
    engine = load_engine(name)
    hull = measure(engine, rough(cells, "convexHull"))
    triangles = measure(engine, rough(cells, "none"))
    return {**triangles, "step_ratio_to_hull": triangles["step_us"] / hull["step_us"]}


def in_own_process(name: str, cells: int) -> dict[str, float]:
    arguments = ["--engines", name, "--cells", str(cells), "--here"]
    done = subprocess.run([sys.executable, __file__, *arguments], check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def installed() -> list[str]:
    found = []
    for name in plugins.names(plugins.ENGINES):
        try:
            if "static_triangles" in load_engine(name).capabilities().features:
                found.append(name)
        except NotInstalledError:
            continue
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--engines", default="")
    parser.add_argument("--cells", type=int, default=70)
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    names = options.engines.split(",") if options.engines else installed()
    if options.here:
        print(json.dumps(compare(names[0], options.cells)))
        return
    results = {name: in_own_process(name, options.cells) for name in names}
    if options.json:
        print(json.dumps({"triangles": 2 * options.cells**2, **results}))
        return
    print(f"{2 * options.cells**2} triangles")
    for name, found in results.items():
        print(
            f"{name:10} load {found['load_s']:5.2f} s, {found['memory_mb']:4.0f} MB, {found['step_us']:4.0f} µs a step,"
            f" {found['step_ratio_to_hull']:.1f} times that on the hull"
        )


if __name__ == "__main__":
    main()
