"""The link between a twin and its machine, and what happened."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import Field
from starlette.background import BackgroundTask
from starlette.responses import FileResponse

from hanzo_twin.api.dependencies import NO_FILTER, LastEventId, Limit, PlatformDep, TwinRef
from hanzo_twin.api.problems import documented
from hanzo_twin.errors import HanzoTwinError
from hanzo_twin.service import history, sync
from hanzo_twin.service.history import HistoryFilter
from hanzo_twin.service.problems import to_problem
from hanzo_twin.service.views import EventView, RecordsView, SyncStatusView, TableView, VerificationView

router = APIRouter(prefix="/v1/twins/{twin}")

Kinds = Annotated[
    list[str],
    Query(max_length=10, description="Only these kinds: `reading`, `prediction`, `drift`, `parameter`, `command` …"),
]
Addresses = Annotated[list[str], Query(max_length=200, description="Only these addresses.")]
Time = Annotated[float, Field(allow_inf_nan=False, ge=-8e9, le=8e9)] | None


async def _open_events(
    platform: PlatformDep,
    twin: TwinRef,
    after: Annotated[str | None, Query(max_length=100, description="As `Last-Event-ID`, which goes first.")] = None,
    last_event_id: LastEventId = None,
) -> AsyncIterator[EventView]:
    """Fails before the stream begins, so that failure is an answer and not a broken stream."""
    return await sync.open_events(platform, twin, after=last_event_id or after)


Events = Annotated[AsyncIterator[EventView], Depends(_open_events)]


@router.get(
    "/sync/status", operation_id="getSyncStatus", summary="Health of the link", tags=["sync"], responses=documented(404)
)
async def get_sync_status(platform: PlatformDep, twin: TwinRef) -> SyncStatusView:
    """Latency, readings, drift and links of a twin; `health` is `down` where no process runs it."""
    return await sync.get_sync_status(platform, twin)


@router.get(
    "/sync/history",
    operation_id="getSyncHistory",
    summary="What happened lately",
    tags=["sync"],
    responses=documented(404),
)
async def get_sync_history(
    platform: PlatformDep,
    twin: TwinRef,
    kind: Kinds = NO_FILTER,
    limit: Limit = 100,
) -> RecordsView:
    """Drift, changes of parameters, commands, starts and stops, newest first; also of a twin that is stopped."""
    return await sync.get_sync_history(platform, twin, kinds=kind, limit=limit)


@router.get(
    "/events",
    operation_id="followTwinEvents",
    summary="Follow events",
    tags=["sync"],
    response_class=EventSourceResponse,
    responses=documented(404, 409),
)
async def follow_events(events: Events) -> AsyncIterator[ServerSentEvent]:
    """What happens to a running twin as it happens (server-sent events): the latest are told again, then new ones.

    After `Last-Event-ID`, instead of the latest, what came since then; an event `missed` says what of that is not kept.
    When the process of the twin ends, so does the stream, with an event `problem`.
    """
    try:
        async for event in events:
            yield ServerSentEvent(event=event.kind, id=event.id or None, data=event)
    except HanzoTwinError as error:
        yield ServerSentEvent(event="problem", data=to_problem(error))


@router.get(
    "/history",
    operation_id="queryTwinHistory",
    summary="Query the history",
    tags=["history"],
    response_model=TableView,
    responses={
        200: {
            "content": {
                "text/csv": {
                    "schema": {"type": "string"},
                    "example": "sequence,time,received,kind,address,value,detail",
                },
                "application/vnd.apache.parquet": {
                    "schema": {"type": "string", "format": "binary"},
                    "example": "PAR1…",
                },
            }
        },
        **documented(404),
    },
)
async def query_history(
    platform: PlatformDep,
    twin: TwinRef,
    sql: Annotated[
        str | None,
        Query(
            min_length=1,
            max_length=20_000,
            description="One SELECT over the table `history` (sequence, time, received, kind, address, value, detail); "
            "goes with no other filter.",
        ),
    ] = None,
    kind: Kinds = NO_FILTER,
    address: Addresses = NO_FILTER,
    since: Annotated[Time, Query(description="From this device time on, s since 1970.")] = None,
    until: Annotated[Time, Query(description="Before this device time, s since 1970.")] = None,
    limit: Annotated[int, Query(ge=1, le=100_000, description="Most rows of a JSON answer.")] = 1000,
    format: Annotated[Literal["json", "csv", "parquet"], Query(description="Form of the answer.")] = "json",  # noqa: A002
) -> TableView | Response:
    """Rows by a filter (device times in s since 1970; newest last) or by SQL; CSV and Parquet give all that match."""
    wanted = HistoryFilter(kinds=tuple(kind), addresses=tuple(address), since=since, until=until)
    if format == "json":
        return await history.query_history(platform, twin, sql=sql, wanted=wanted, limit=limit)
    export = await history.export_history(platform, twin, sql=sql, wanted=wanted, format=format)
    media_type = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}[format]
    return FileResponse(
        export.path, media_type=media_type, filename=export.filename, background=BackgroundTask(export.remove)
    )


@router.get(
    "/history/verify",
    operation_id="verifyTwinHistory",
    summary="Verify the history",
    tags=["history"],
    responses=documented(404),
)
async def verify_history(platform: PlatformDep, twin: TwinRef) -> VerificationView:
    """Walk the chain of hashes and tell whether any record was altered, removed or reordered."""
    return await history.verify_history(platform, twin)
