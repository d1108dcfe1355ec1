"""What `SimState` carries for MuJoCo: its integration state, after the settings under which that continues exactly.

The warm start is left out: models are built not to use it (see `model`).
"""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np

from hanzo_twin.engines.mujoco.layout import Layout
from hanzo_twin.engines.mujoco.placement import set_body
from hanzo_twin.engines.port import EngineConfig
from hanzo_twin.engines.restore import SETTINGS_SIZE, check_native, check_neutral, pack_settings
from hanzo_twin.engines.state import SimState
from hanzo_twin.errors import StateError
from hanzo_twin.scene.model import Scene
from hanzo_twin.spatial import FloatArray

ENGINE = "mujoco"
# Time, positions and velocities; then what is applied to them: ctrl, efforts, wrenches, kinematic bodies.
PHYSICS = int(mujoco.mjtState.mjSTATE_FULLPHYSICS)
INPUTS = int(mujoco.mjtState.mjSTATE_USER)
INTEGRATION = PHYSICS | INPUTS


def pack(config: EngineConfig, model: Any, data: Any) -> bytes:
    """The native part of a state."""
    return pack_settings(config) + read(model, data, INTEGRATION).tobytes()


def read(model: Any, data: Any, part: int) -> FloatArray:
    """The numbers of ``part`` (PHYSICS, INPUTS or both) of a world, a copy."""
    numbers = np.empty(mujoco.mj_stateSize(model, part))
    mujoco.mj_getState(model, data, numbers, part)
    return numbers


def check(state: SimState, scene: Scene, config: EngineConfig, model: Any, layout: Layout) -> FloatArray | None:
    """MuJoCo's integration state within ``state``, or None when another engine made it.

    Raises:
        StateError: another scene, another MuJoCo, another step, a part missing or not finite, or a state of another
            engine in a scene with joints that only a native part carries.
    """
    check_neutral(state, scene, layout.joint_count)
    if state.engine != ENGINE:
        if layout.loose_joints:
            raise StateError(
                f"A state of engine '{state.engine}' does not say where joint '{layout.loose_joints[0]}' is.",
                hint="Between engines only joints of articulations and free bodies are carried over.",
            )
        return None
    check_native(state, config, version=mujoco.__version__, size=8 * mujoco.mj_stateSize(model, INTEGRATION))
    numbers = np.frombuffer(state.native, dtype=np.float64, offset=SETTINGS_SIZE)
    if not np.isfinite(numbers).all():
        raise StateError("The native part of the state has numbers that are not finite.")
    return numbers


def restore_neutral(state: SimState, data: Any, layout: Layout) -> None:
    """Put what every engine knows into ``data``: joints of articulations, free and kinematic bodies, time."""
    data.time = state.time
    data.qpos[layout.positions] = state.joint_positions
    data.qvel[layout.velocities] = state.joint_velocities
    for path in (*layout.free, *layout.mocap):
        row = layout.body_rows[path]
        velocity = state.body_velocities[row] if path in layout.free else np.zeros(6)
        set_body(data, layout, path, state.body_poses[row], velocity)
