"""What `SimState` carries for MuJoCo: its integration state, and the settings under which that continues exactly.

The warm start is left out: models are built not to use it (see `model`).
"""

from __future__ import annotations

import struct
from typing import Any

import mujoco
import numpy as np

from hanzo_twin.engines.mujoco.layout import Layout
from hanzo_twin.engines.mujoco.placement import set_body
from hanzo_twin.engines.parameters import ParameterValues
from hanzo_twin.engines.port import EngineConfig
from hanzo_twin.engines.state import SimState
from hanzo_twin.errors import InvalidInputError, StateError, UnsupportedError
from hanzo_twin.scene.model import Scene
from hanzo_twin.spatial import FloatArray

ENGINE = "mujoco"
# Time, positions and velocities; then what is applied to them: ctrl, efforts, wrenches, kinematic bodies.
PHYSICS = int(mujoco.mjtState.mjSTATE_FULLPHYSICS)
INPUTS = int(mujoco.mjtState.mjSTATE_USER)
INTEGRATION = PHYSICS | INPUTS
_SETTINGS = struct.Struct("<dqq")


def pack(config: EngineConfig, model: Any, data: Any) -> bytes:
    """The native part of a state."""
    return _settings(config) + read(model, data, INTEGRATION).tobytes()


def read(model: Any, data: Any, part: int) -> FloatArray:
    """The numbers of ``part`` (PHYSICS, INPUTS or both) of a world, a copy."""
    numbers = np.empty(mujoco.mj_stateSize(model, part))
    mujoco.mj_getState(model, data, numbers, part)
    return numbers


def _settings(config: EngineConfig) -> bytes:
    return _SETTINGS.pack(config.step_hz, config.substeps, config.solver_iterations or 0)


def check(state: SimState, scene: Scene, config: EngineConfig, model: Any, layout: Layout) -> FloatArray | None:
    """MuJoCo's integration state within ``state``, or None when another engine made it.

    Raises:
        StateError: another scene, another MuJoCo, another step, a part missing or not finite, or a state of another
            engine in a scene with joints that only a native part carries.
    """
    state.check_scene(scene.fingerprint)
    _check_shapes(state, layout)
    if state.engine != ENGINE:
        if layout.loose_joints:
            raise StateError(
                f"A state of engine '{state.engine}' does not say where joint '{layout.loose_joints[0]}' is.",
                hint="Between engines only joints of articulations and free bodies are carried over.",
            )
        return None
    if state.engine_version != mujoco.__version__:
        raise StateError(
            f"The state is of MuJoCo {state.engine_version}, this is MuJoCo {mujoco.__version__}.",
            hint="Restore it with the version it was taken with.",
        )
    return _check_native(state, config, model)


def _check_native(state: SimState, config: EngineConfig, model: Any) -> FloatArray:
    if len(state.native) != _SETTINGS.size + 8 * mujoco.mj_stateSize(model, INTEGRATION):
        raise StateError(f"The native part of the state has {len(state.native)} bytes, which does not fit the scene.")
    if state.native[: _SETTINGS.size] != _settings(config):
        step_hz, substeps, iterations = _SETTINGS.unpack_from(state.native)
        raise StateError(
            f"The state was taken with step_hz {step_hz:g}, substeps {substeps}, solver_iterations "
            f"{iterations or None}; this simulation has {config.step_hz:g}, {config.substeps}, "
            f"{config.solver_iterations}.",
            hint="Load the scene with the settings of the state.",
        )
    numbers = np.frombuffer(state.native, dtype=np.float64, offset=_SETTINGS.size)
    if not np.isfinite(numbers).all():
        raise StateError("The state has numbers that are not finite.")
    return numbers


def _check_shapes(state: SimState, layout: Layout) -> None:
    joints, bodies = layout.joint_count, len(layout.bodies)
    expected = {
        "joint_positions": (joints,),
        "joint_velocities": (joints,),
        "body_poses": (bodies, 7),
        "body_velocities": (bodies, 6),
        "command_positions": (joints,),
        "command_velocities": (joints,),
        "command_efforts": (joints,),
        "applied_wrenches": (bodies, 6),
    }
    for name, shape in expected.items():
        array = getattr(state, name)
        if array.shape != shape or not np.isfinite(array).all():
            raise StateError(f"{name} of the state has shape {list(array.shape)}, expected finite {list(shape)}.")


def check_parameters(state: SimState, like: ParameterValues) -> ParameterValues:
    """The parameters that ``state`` carries.

    Raises:
        StateError: one of them is unknown here, cannot be changed, or has no physical value.
    """
    values = like.unchanged()
    for address, value in state.parameters:
        try:
            resolved = values.resolve(address)
            values.check(resolved, value)
        except (InvalidInputError, UnsupportedError) as problem:
            raise StateError(f"Parameter of the state: {problem.message}", hint=problem.hint) from problem
        values.set(resolved, value)
    return values


def restore_neutral(state: SimState, data: Any, layout: Layout) -> None:
    """Put what every engine knows into ``data``: joints of articulations, free and kinematic bodies, time."""
    data.time = state.time
    data.qpos[layout.positions] = state.joint_positions
    data.qvel[layout.velocities] = state.joint_velocities
    for path in (*layout.free, *layout.mocap):
        row = layout.body_rows[path]
        velocity = state.body_velocities[row] if path in layout.free else np.zeros(6)
        set_body(data, layout, path, state.body_poses[row], velocity)
