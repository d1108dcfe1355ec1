"""State, parameters and inputs of a running twin."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

from hanzo_twin.errors import AddressError, HanzoTwinError, nearest
from hanzo_twin.runtime.client import RuntimeClient
from hanzo_twin.scene.addresses import JOINT_INPUTS, Address
from hanzo_twin.service.context import Platform
from hanzo_twin.service.lookup import find_twin, runtime_of
from hanzo_twin.service.views import (
    AttributeView,
    JointStateView,
    ParametersView,
    ParameterView,
    PoseView,
    StateView,
)
from hanzo_twin.stores.records import TwinRecord
from hanzo_twin.twin.state import TwinState


async def get_state(platform: Platform, twin: str) -> StateView:
    """The state of a running twin as numbers. Raises NotFoundError, ConflictError (not running)."""
    record = await find_twin(platform, twin)
    async with runtime_of(platform, record) as runtime:
        status, state = await runtime.status(), await runtime.get_state()
    return _view(record, status, state)


async def get_state_bytes(platform: Platform, twin: str) -> bytes:
    """The state of a running twin exactly. Raises NotFoundError, ConflictError (not running)."""
    record = await find_twin(platform, twin)
    async with runtime_of(platform, record) as runtime:
        return await runtime.get_state_bytes()


async def set_state_bytes(platform: Platform, twin: str, data: bytes) -> None:
    """Let a running twin go on from a state.

    Raises:
        StateError: damaged or of another scene; nothing has changed. NotFoundError, ConflictError.
    """
    record = await find_twin(platform, twin)
    state = await asyncio.to_thread(TwinState.from_bytes, data)
    async with runtime_of(platform, record) as runtime:
        await runtime.set_state(state)


async def get_parameters(platform: Platform, twin: str, addresses: Sequence[str] = ()) -> ParametersView:
    """Parameters of a running twin: all that its engine can change, or those at ``addresses``.

    Raises:
        AddressError, UnsupportedError: an address is not a parameter of it. NotFoundError, ConflictError.
    """
    record = await find_twin(platform, twin)
    async with runtime_of(platform, record) as runtime:
        return await _parameters(runtime, addresses)


async def set_parameters(platform: Platform, twin: str, values: Mapping[str, float]) -> ParametersView:
    """Write parameters of a running twin; where one is refused, those before it get their old values back.

    Raises:
        AddressError, ParameterError, UnsupportedError: as the engine says. NotFoundError, ConflictError.
    """
    record = await find_twin(platform, twin)
    async with runtime_of(platform, record) as runtime:
        await apply_parameters(runtime, values)
        return await _parameters(runtime, tuple(values))


async def set_inputs(platform: Platform, twin: str, values: Mapping[str, float]) -> None:
    """Give inputs of a running twin new values.

    Raises:
        AddressError: one is not an input; none was changed. NotFoundError, ConflictError.
    """
    check_inputs(values)
    record = await find_twin(platform, twin)
    async with runtime_of(platform, record) as runtime:
        await apply_inputs(runtime, values)


async def apply_parameters(runtime: RuntimeClient, values: Mapping[str, float]) -> None:
    """All of ``values``, or none."""
    before = {address: await runtime.get_parameter(address) for address in values}
    written: list[str] = []
    try:
        for address, value in values.items():
            await runtime.set_parameter(address, value)
            written.append(address)
    except HanzoTwinError:
        for address in reversed(written):
            await runtime.set_parameter(address, before[address], cause="undo")
        raise


async def apply_inputs(runtime: RuntimeClient, values: Mapping[str, float]) -> None:
    """Inputs that passed `check_inputs`; that their joints exist is checked before any is given."""
    await runtime.read(tuple(values))
    for address, value in values.items():
        await runtime.set_input(address, value)


def check_inputs(values: Mapping[str, float]) -> None:
    """Raise AddressError for what cannot be the address of an input."""
    for text in values:
        address = Address.parse(text)
        if address.attribute not in JOINT_INPUTS:
            raise AddressError(f"'{text}' is not an input.", hint=nearest(address.attribute, JOINT_INPUTS))


async def _parameters(runtime: RuntimeClient, addresses: Sequence[str]) -> ParametersView:
    known = {each.address: each for each in await runtime.list_parameters()}
    for address in addresses:
        if address not in known:
            await runtime.get_parameter(address)  # says why not
            raise AddressError(f"'{address}' is not a parameter of this twin.", hint=nearest(address, known))
    chosen = [known[address] for address in addresses] if addresses else known.values()
    return ParametersView(
        parameters=[
            ParameterView(address=each.address, value=each.value if isfinite(each.value) else None, unit=each.unit)
            for each in chosen
        ]
    )


def _view(record: TwinRecord, status: Mapping[str, Any], state: TwinState) -> StateView:
    simulation = state.simulation
    joints = {
        path: JointStateView(
            position=simulation.joint_positions[row],
            velocity=simulation.joint_velocities[row],
            target_position=simulation.command_positions[row],
            target_velocity=simulation.command_velocities[row],
            commanded_effort=simulation.command_efforts[row],
        )
        for row, path in enumerate(status["joints"])
    }
    bodies = {
        path: PoseView(
            position=simulation.body_poses[row, :3].tolist(),
            orientation=simulation.body_poses[row, 3:].tolist(),
            linear_velocity=simulation.body_velocities[row, :3].tolist(),
            angular_velocity=simulation.body_velocities[row, 3:].tolist(),
        )
        for row, path in enumerate(status["bodies"])
    }
    return StateView(
        twin=record.id,
        time=state.epoch + simulation.time,
        simulated_seconds=simulation.time,
        engine=simulation.engine,
        joints=joints,
        bodies=bodies,
        parameters=dict(simulation.parameters),
        attributes={
            address: AttributeView(value=value, time=time, origin=origin)
            for address, value, time, origin in state.attributes
        },
    )
