"""Speed of the Omniverse engine's contract against a bare PhysX loop, as ratios measured in one run.

    python benchmarks/engine_omniverse.py [--json] [--repeats 15]

The bare loop writes targets, steps and reads positions and velocities by the bindings of ovphysx, on an instance that
was built from the same layer, with the numpy arrays of ovphysx's own examples. ``steps_per_s`` are those of the
contract. ``replay_ms`` is what a state or a fork takes when its base is as far away as it can be. Scene and method are
those of ``engine.py``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import warnings

import numpy as np
from engine import CONFIG, TARGETS, alternate, seconds

from hanzo_twin.engines.omniverse.native_state import BASE_STEPS
from hanzo_twin.engines.omniverse.simulation import OmniverseSimulation
from hanzo_twin.engines.port import Engine, JointCommand, load_engine
from hanzo_twin.scene.model import Scene
from hanzo_twin.testing import scenes

COUNT = 500
TARGET_RATIO = 0.8
TARGET_STEPS_PER_S = 10_000


def measure_step(engine: Engine, scene: Scene, repeats: int) -> dict[str, float]:
    """Command, step and read through the contract against the bare loop on an equal world."""
    from ovphysx.types import TensorType

    simulation, twin = engine.load_scene(scene, CONFIG), engine.load_scene(scene, CONFIG)
    for one in (simulation, twin):
        one.set_joint_command(scenes.ARM, JointCommand(positions=TARGETS))
        one.step(500)
    assert isinstance(twin, OmniverseSimulation)
    physx = twin.native
    root = "/base_0"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        target, position, velocity = (
            physx.create_tensor_binding(pattern=root, tensor_type=TensorType[f"ARTICULATION_DOF_{name}"])
            for name in ("POSITION_TARGET", "POSITION", "VELOCITY")
        )
    wanted, read = np.zeros(target.shape, np.float32), np.zeros(target.shape, np.float32)

    def bare() -> None:
        for _ in range(COUNT):
            wanted[0] = TARGETS
            target.write(wanted)
            physx.step_sync(CONFIG.step_seconds)
            position.read(read)
            velocity.read(read)

    def ours() -> None:
        for _ in range(COUNT):
            simulation.set_joint_command(scenes.ARM, JointCommand(positions=TARGETS))
            simulation.step()
            simulation.get_observation(scenes.ARM)["positions"]

    ratio, bare_s, ours_s = alternate(bare, ours, repeats)
    for binding in (target, position, velocity):
        binding.destroy()
    simulation.close()
    twin.close()
    return {
        "step_ratio": ratio,
        "bare_step_us": bare_s / COUNT * 1e6,
        "step_us": ours_s / COUNT * 1e6,
        "steps_per_s": COUNT / ours_s,
    }


def measure_rest(engine: Engine, scene: Scene, repeats: int) -> dict[str, float]:
    """Fork, state and load."""
    simulation = engine.load_scene(scene, CONFIG)
    simulation.step(100)
    state = simulation.get_state()
    far = engine.load_scene(scene, CONFIG)
    far.step(BASE_STEPS - 1)
    calls = {
        "fork_ms": lambda: simulation.fork().close(),
        "get_state_ms": simulation.get_state,
        "set_state_ms": lambda: simulation.set_state(state),
        "replay_ms": lambda: far.fork().close(),
        "load_ms": lambda: engine.load_scene(scene, CONFIG).close(),
    }
    return {name: 1e3 * statistics.median(seconds(call) for _ in range(repeats)) for name, call in calls.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON line instead of a table")
    parser.add_argument("--repeats", type=int, default=15)
    options = parser.parse_args()
    engine, scene = load_engine("omniverse"), scenes.arm6_with_boxes()
    numbers = {**measure_step(engine, scene, options.repeats), **measure_rest(engine, scene, options.repeats)}
    if options.json:
        print(json.dumps({name: round(value, 4) for name, value in numbers.items()}))
        return
    wanted = {"step_ratio": TARGET_RATIO, "steps_per_s": TARGET_STEPS_PER_S}
    for name, value in numbers.items():
        print(f"{name:24} {value:12.3f}{f'  (wanted ≥ {wanted[name]})' if name in wanted else ''}")


if __name__ == "__main__":
    main()
