"""What `SimState` carries for DART: all its coordinates, after the settings under which they continue exactly.

By multibody its positions and velocities, then by root (a body that no joint holds) the pose that its coordinates
count from. DART keeps nothing else from step to step: the direct solver starts anew and nothing falls asleep.
"""

from __future__ import annotations

from importlib.metadata import version

import numpy as np

from hanzo_twin.engines.gazebo.placement import place_root
from hanzo_twin.engines.gazebo.world import World
from hanzo_twin.engines.port import EngineConfig
from hanzo_twin.engines.restore import SETTINGS_SIZE, check_native, pack_settings
from hanzo_twin.engines.state import SimState
from hanzo_twin.errors import StateError
from hanzo_twin.spatial import FloatArray

ENGINE = "gazebo"
VERSION = version("dartpy")


def read_world(world: World) -> FloatArray:
    """The numbers of ``world``, a copy."""
    parts = [np.concatenate([one.getPositions(), one.getVelocities()]) for one in world.multibodies]
    return np.concatenate([*parts, *world.root_poses.values(), np.empty(0)])


def write_world(world: World, numbers: FloatArray) -> None:
    """Put ``world``, which has the same bodies, into the state of ``numbers``."""
    start = len(numbers) - 7 * len(world.roots)
    for path, pose in zip(world.roots, numbers[start:].reshape(-1, 7), strict=True):
        place_root(world, path, pose, np.zeros(6))
    offset = 0
    for multibody in world.multibodies:
        count = multibody.getNumDofs()
        multibody.setPositions(numbers[offset : offset + count])
        multibody.setVelocities(numbers[offset + count : offset + 2 * count])
        offset += 2 * count


def pack(config: EngineConfig, numbers: FloatArray) -> bytes:
    """The native part of a state."""
    return pack_settings(config) + numbers.tobytes()


def unpack(state: SimState, config: EngineConfig, count: int) -> FloatArray:
    """The ``count`` numbers within ``state``.

    Raises:
        StateError: of another DART or another step, cut short, or not finite.
    """
    check_native(state, config, version=VERSION, size=8 * count)
    numbers = np.frombuffer(state.native, dtype=np.float64, offset=SETTINGS_SIZE)
    if not np.isfinite(numbers).all():
        raise StateError("The native part of the state has numbers that are not finite.")
    return numbers
