"""PhysX: write the targets, step, read positions and velocities, by the tensor bindings of ovphysx.

The arrays are numpy's, as in ovphysx's own examples. Drives, dry friction and effort limits are PhysX's. What the
contract also does and this loop does not: keep the commands for states, turn 32 bits into 64, look for numbers that
diverged, and build all objects anew every 2,000 steps.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from ovphysx.types import TensorType

from bare import Loop
from hanzo_twin.engines.omniverse.simulation import OmniverseSimulation
from hanzo_twin.engines.port import Simulation
from hanzo_twin.spatial import FloatArray


@contextmanager
def step_loop(simulation: Simulation, articulation: str, targets: FloatArray) -> Iterator[Loop]:
    """As the module says; the first body of ``articulation`` is welded to the world."""
    assert isinstance(simulation, OmniverseSimulation)
    root = simulation.prims[simulation.scene.articulations[articulation].root_body]
    physx, seconds = simulation.native, simulation.config.step_seconds
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        target, position, velocity = (
            physx.create_tensor_binding(pattern=root, tensor_type=TensorType[f"ARTICULATION_DOF_{name}"])
            for name in ("POSITION_TARGET", "POSITION", "VELOCITY")
        )
    wanted, read = np.zeros(target.shape, np.float32), np.zeros(target.shape, np.float32)

    def loop(count: int) -> None:
        for _ in range(count):
            wanted[0] = targets
            target.write(wanted)
            physx.step_sync(seconds)
            position.read(read)
            velocity.read(read)

    yield loop
    for binding in (target, position, velocity):
        binding.destroy()
