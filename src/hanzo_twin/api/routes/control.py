"""Running twins: start, stop, state, parameters, inputs, forks and comparison."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response
from starlette.exceptions import HTTPException

from hanzo_twin.api.dependencies import NO_FILTER, PlatformDep, TwinRef, Wait
from hanzo_twin.api.metrics import SIMULATIONS
from hanzo_twin.api.problems import documented
from hanzo_twin.service import forks, state, twins
from hanzo_twin.service.requests import CompareRequest, ForkRequest, InputsRequest, ParametersPatch
from hanzo_twin.service.views import ParametersView, StateView, TrajectoriesView, TwinView

router = APIRouter(prefix="/v1/twins/{twin}")

_BYTES = "application/octet-stream"
_BINARY = {"schema": {"type": "string", "format": "binary"}, "example": "HTWINTW1…"}
_STATE_BODY = {"requestBody": {"required": True, "content": {_BYTES: _BINARY}}}


@router.post(
    "/start",
    operation_id="startTwin",
    summary="Start a twin",
    tags=["control"],
    status_code=202,
    responses=documented(404, 409),
)
async def start_twin(platform: PlatformDep, twin: TwinRef, wait_seconds: Wait = 0.0) -> TwinView:
    """Ask for the twin to run; asking again changes nothing. An engine that is not installed is refused here."""
    before = await twins.get_twin(platform, twin)
    view = await twins.start_twin(platform, twin, wait_seconds=wait_seconds)
    if view.revision > before.revision:
        SIMULATIONS.labels(engine=view.engine, org=view.organization).inc()
    return view


@router.post(
    "/stop",
    operation_id="stopTwin",
    summary="Stop a twin",
    tags=["control"],
    status_code=202,
    responses=documented(404, 409),
)
async def stop_twin(platform: PlatformDep, twin: TwinRef, wait_seconds: Wait = 0.0) -> TwinView:
    """Ask for the twin to stop; it writes a checkpoint from which it will go on."""
    return await twins.stop_twin(platform, twin, wait_seconds=wait_seconds)


@router.get(
    "/state",
    operation_id="getTwinState",
    summary="Get the state",
    tags=["control"],
    response_model=StateView,
    responses={200: {"content": {_BYTES: _BINARY}}, **documented(404, 409)},
)
async def get_state(
    platform: PlatformDep,
    twin: TwinRef,
    accept: Annotated[str, Header(max_length=1000, description="`application/octet-stream` for the exact one.")] = "",
) -> StateView | Response:
    """The state of a running twin: as numbers, or exactly, to be restored by `PUT`."""
    if accept.partition(";")[0].strip().lower() == _BYTES:
        return Response(await state.get_state_bytes(platform, twin), media_type=_BYTES)
    return await state.get_state(platform, twin)


@router.put(
    "/state",
    operation_id="setTwinState",
    summary="Restore a state",
    tags=["control"],
    status_code=204,
    responses=documented(404, 409, 413, 415),
    openapi_extra=_STATE_BODY,
)
async def set_state(request: Request, platform: PlatformDep, twin: TwinRef) -> None:
    """Let a running twin go on from a state of the same scene. A damaged one changes nothing."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != _BYTES:
        raise HTTPException(415, f"The content type '{kind[:80] or '(none)'}' is not taken here; send {_BYTES}.")
    await state.set_state_bytes(platform, twin, await request.body())


@router.post(
    "/fork",
    operation_id="forkTwin",
    summary="Fork a twin",
    tags=["what-if"],
    status_code=201,
    responses=documented(404, 409),
)
async def fork_twin(
    response: Response, platform: PlatformDep, twin: TwinRef, body: ForkRequest, wait_seconds: Wait = 30.0
) -> TwinView:
    """A new twin that goes on by itself, not linked to the machine, from this one's present state until it expires."""
    view = await forks.fork_twin(platform, twin, body, wait_seconds=wait_seconds)
    SIMULATIONS.labels(engine=view.engine, org=view.organization).inc()
    response.headers["Location"] = f"/v1/twins/{view.id}"
    return view


@router.post(
    "/compare",
    operation_id="compareTwins",
    summary="Compare two twins",
    tags=["what-if"],
    responses=documented(404, 409),
)
async def compare_twins(platform: PlatformDep, twin: TwinRef, body: CompareRequest) -> TrajectoriesView:
    """Carry copies of this twin and another forward from now, and tell how they differ. Neither twin is touched."""
    return await forks.compare_twins(platform, twin, body)


@router.get(
    "/parameters",
    operation_id="getTwinParameters",
    summary="Get parameters",
    tags=["control"],
    responses=documented(404, 409),
)
async def get_parameters(
    platform: PlatformDep,
    twin: TwinRef,
    address: Annotated[list[str], Query(max_length=200, description="Only these; none gives all.")] = NO_FILTER,
) -> ParametersView:
    """Parameters of a running twin that its engine can change: masses, damping, friction, gains."""
    return await state.get_parameters(platform, twin, address)


@router.patch(
    "/parameters",
    operation_id="setTwinParameters",
    summary="Set parameters",
    tags=["control"],
    responses=documented(404, 409),
)
async def set_parameters(platform: PlatformDep, twin: TwinRef, body: ParametersPatch) -> ParametersView:
    """Write parameters of a running twin: all, or none where one cannot be. Each change is in the history."""
    return await state.set_parameters(platform, twin, body.parameters)


@router.post(
    "/inputs",
    operation_id="setTwinInputs",
    summary="Give inputs",
    tags=["control"],
    status_code=204,
    responses=documented(404, 409),
)
async def set_inputs(platform: PlatformDep, twin: TwinRef, body: InputsRequest) -> None:
    """Give inputs of a running twin new values, from now on until they are replaced."""
    await state.set_inputs(platform, twin, body.inputs)
