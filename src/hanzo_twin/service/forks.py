"""What-if: forks of a running twin, and how two twins differ from here on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import numpy as np

from hanzo_twin.definition.yaml_source import definition_object, parse_definition_object
from hanzo_twin.errors import ConflictError, HanzoTwinError, InvalidInputError
from hanzo_twin.runtime.client import RuntimeClient
from hanzo_twin.runtime.twin_files import initial_state_key
from hanzo_twin.service.context import Platform
from hanzo_twin.service.lookup import RUNNING, find_twin, runtime_of
from hanzo_twin.service.requests import CompareRequest, ForkRequest
from hanzo_twin.service.state import apply_inputs, apply_parameters, check_inputs
from hanzo_twin.service.twins import start_twin, view
from hanzo_twin.service.views import TrajectoriesView, TwinView
from hanzo_twin.spatial import FloatArray
from hanzo_twin.stores.records import TwinRecord
from hanzo_twin.twin.state import TwinState

_MOST_ADDRESSES = 1000
_COMPARE_TIMEOUT_S = 240.0


async def fork_twin(platform: Platform, twin: str, request: ForkRequest, *, wait_seconds: float = 30.0) -> TwinView:
    """A new twin that goes on from the present state of a running one, with its changes, until it expires.

    It follows no machine and publishes nothing. Where a change is refused, or it does not run in time, there is no
    fork.

    Raises:
        NotFoundError, ConflictError: no such twin, it does not run, or the name is taken.
        AddressError, ParameterError, UnsupportedError: a change that cannot be made.
    """
    parent = await find_twin(platform, twin)
    check_inputs(request.inputs)
    async with runtime_of(platform, parent) as runtime:
        for address in request.parameters:
            await runtime.get_parameter(address)
        if request.inputs:
            await runtime.read(tuple(request.inputs))
        state = await runtime.get_state_bytes()
    fork = await _create(platform, parent, request)
    try:
        await platform.buckets.checkpoints.put(initial_state_key(fork.id), state)
        return await _run_with_changes(platform, fork, request, wait_seconds)
    except HanzoTwinError:
        await platform.twins.delete(fork.id, organization=None)
        raise


async def _create(platform: Platform, parent: TwinRecord, request: ForkRequest) -> TwinRecord:
    fork_id = uuid4()
    name = request.name or f"{parent.name[:52]}-fork-{str(fork_id)[:4]}"
    parsed = parse_definition_object({**parent.definition, "id": str(fork_id), "name": name}, "fork")
    definition = definition_object(parsed)
    return await platform.twins.create(
        name=name,
        organization=parent.organization,
        kind=parent.kind,
        engine=parent.engine,
        definition=definition,
        tags=parent.tags,
        metadata=definition.get("metadata", {}),
        parent_id=parent.id,
        ephemeral=True,
        expires_at=datetime.fromtimestamp(platform.clock.now(), UTC) + timedelta(seconds=request.ttl_seconds),
        twin_id=fork_id,
    )


async def _run_with_changes(
    platform: Platform, fork: TwinRecord, request: ForkRequest, wait_seconds: float
) -> TwinView:
    changes = bool(request.parameters or request.inputs)
    shown = await start_twin(platform, str(fork.id), wait_seconds=max(wait_seconds, 30.0) if changes else wait_seconds)
    if not changes:
        return shown
    if shown.phase not in RUNNING:
        raise ConflictError(f"The fork '{fork.name}' did not run in time, so it could not be changed; it is deleted.")
    running = await platform.twins.get(fork.id, organization=None)
    async with runtime_of(platform, running) as runtime:
        await apply_parameters(runtime, request.parameters)
        if request.inputs:
            await apply_inputs(runtime, request.inputs)
    return await view(platform, running)


async def compare_twins(platform: Platform, twin: str, request: CompareRequest) -> TrajectoriesView:
    """Carry copies of two running twins forward; neither is touched.

    A fork and its parent start where they parted, and differ only by what was changed in the fork; any other two, or
    those that ``request.start`` says so of, each from its own present.

    Raises:
        NotFoundError, ConflictError: no such twins, or one does not run. StateError: they have different scenes.
        AddressError, InvalidInputError: an address is not a state, or there is too much to compare.
    """
    own, other = await find_twin(platform, twin), await find_twin(platform, request.other)
    async with runtime_of(platform, other) as runtime:
        state = await runtime.get_state()
    parted = None
    if request.start == "fork" and other.parent_id == own.id:
        parted = TwinState.from_bytes(await platform.buckets.checkpoints.get(initial_state_key(other.id)))
        state = parted.with_changes_of(state)
    async with runtime_of(platform, own) as runtime:
        addresses = request.addresses or await _joint_positions(runtime)
        found = await runtime.compare(
            state,
            addresses,
            own=parted,
            horizon_s=request.horizon_s,
            interval_s=request.interval_s,
            timeout_s=_COMPARE_TIMEOUT_S,
        )
    return TrajectoriesView(
        twin=own.id,
        other=other.id,
        started="now" if parted is None else "fork",
        start_time=float(found.own.times[0]),
        horizon_s=request.horizon_s,
        times=found.offsets.tolist(),
        addresses=list(addresses),
        units=list(found.own.units),
        trajectories=found.own.values.tolist(),
        other_trajectories=found.other.values.tolist(),
        difference=_summary(addresses, found.difference),
    )


async def _joint_positions(runtime: RuntimeClient) -> list[str]:
    joints = (await runtime.status())["joints"]
    if not joints:
        raise InvalidInputError("The twin has no joints; name the addresses to compare.")
    return [f"{joint}.position" for joint in joints[:_MOST_ADDRESSES]]


def _summary(addresses: Sequence[str], difference: FloatArray) -> dict[str, dict[str, float]]:
    return {
        address: {
            "rms": float(np.sqrt(np.mean(column**2))),
            "max": float(np.abs(column).max()),
            "final": float(column[-1]),
        }
        for address, column in zip(addresses, difference.T, strict=True)
    }
