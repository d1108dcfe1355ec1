"""Checks that any engine makes before it continues from a `SimState`."""

from __future__ import annotations

import struct

import numpy as np

from hanzo_twin.engines.parameters import ParameterValues
from hanzo_twin.engines.port import EngineConfig
from hanzo_twin.engines.state import SimState
from hanzo_twin.errors import InvalidInputError, StateError, UnsupportedError
from hanzo_twin.scene.model import Scene

_SETTINGS = struct.Struct("<dqq")
SETTINGS_SIZE = _SETTINGS.size


def pack_settings(config: EngineConfig) -> bytes:
    """The settings under which a state continues exactly; engines put them first in the native part."""
    return _SETTINGS.pack(config.step_hz, config.substeps, config.solver_iterations or 0)


def check_neutral(state: SimState, scene: Scene, joint_count: int) -> None:
    """Raise StateError unless ``state`` is of ``scene`` and its arrays are finite and of the right shape."""
    if not isinstance(state, SimState):
        raise StateError(
            f"A state must be a SimState, got {type(state).__name__}.",
            hint="What get_state() gives is one; SimState.from_bytes(…) reads what to_bytes() wrote.",
        )
    state.check_scene(scene.fingerprint)
    bodies = len(scene.bodies)
    expected = {
        "joint_positions": (joint_count,),
        "joint_velocities": (joint_count,),
        "body_poses": (bodies, 7),
        "body_velocities": (bodies, 6),
        "command_positions": (joint_count,),
        "command_velocities": (joint_count,),
        "command_efforts": (joint_count,),
        "applied_wrenches": (bodies, 6),
    }
    for name, shape in expected.items():
        array = getattr(state, name)
        if array.shape != shape:
            raise StateError(f"{name} of the state has shape {list(array.shape)}, expected {list(shape)}.")
        if not np.isfinite(array).all():
            raise StateError(f"{name} of the state has values that are not finite.")


def check_native(state: SimState, config: EngineConfig, *, version: str, size: int) -> None:
    """Raise StateError unless the native part is of this ``version``, step and ``size`` (bytes after the settings)."""
    if state.engine_version != version:
        raise StateError(
            f"The state is of {state.engine} {state.engine_version}, this is {state.engine} {version}.",
            hint="Restore it with the version it was taken with.",
        )
    if len(state.native) != SETTINGS_SIZE + size:
        raise StateError(
            f"The native part of the state has {len(state.native)} bytes, expected {SETTINGS_SIZE + size}."
        )
    if state.native[:SETTINGS_SIZE] != pack_settings(config):
        step_hz, substeps, iterations = _SETTINGS.unpack_from(state.native)
        raise StateError(
            f"The state was taken with step_hz {step_hz:g}, substeps {substeps}, solver_iterations "
            f"{iterations or None}; this simulation has {config.step_hz:g}, {config.substeps}, "
            f"{config.solver_iterations}.",
            hint="Load the scene with the settings of the state.",
        )


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
