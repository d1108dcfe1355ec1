"""Jobs: long work."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent

from hanzo_twin.api.dependencies import Cursor, LastEventId, Limit, Organization, PlatformDep
from hanzo_twin.api.problems import documented
from hanzo_twin.errors import HanzoTwinError
from hanzo_twin.service import jobs
from hanzo_twin.service.problems import to_problem
from hanzo_twin.service.requests import JobRequest
from hanzo_twin.service.views import DownloadView, JobLineView, JobView, Page

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

JobRef = Annotated[
    str,
    Path(
        description="Id of the job.",
        max_length=100,
        openapi_examples={"id": {"value": "7f3b5c52-9b0a-4a39-8d1e-0c5b1f6a2d11"}},
    ),
]
After = Annotated[int, Query(ge=0, le=2**63 - 1, description="Only lines after this number.")]


@router.get("", operation_id="listJobs", summary="List jobs", responses=documented())
async def list_jobs(
    platform: PlatformDep,
    organization: Organization = None,
    kind: Annotated[str | None, Query(max_length=63, description="Only of this kind.")] = None,
    state: Annotated[
        Literal["queued", "running", "succeeded", "failed", "cancelled"] | None,
        Query(description="Only in this state."),
    ] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[JobView]:
    """Newest first."""
    return await jobs.list_jobs(platform, organization=organization, kind=kind, state=state, limit=limit, cursor=cursor)


@router.post("", operation_id="submitJob", summary="Submit a job", status_code=201, responses=documented())
async def submit_job(response: Response, platform: PlatformDep, body: JobRequest) -> JobView:
    """Check the spec and put the job into the queue; it starts when a worker is free."""
    view = await jobs.submit_job(platform, kind=body.kind, spec=body.spec, organization=body.organization)
    response.headers["Location"] = f"/v1/jobs/{view.id}"
    return view


@router.get("/{job}", operation_id="getJob", summary="Get a job", responses=documented(404))
async def get_job(platform: PlatformDep, job: JobRef) -> JobView:
    """Its state, progress, metrics and result."""
    return await jobs.get_job(platform, job)


@router.post("/{job}/cancel", operation_id="cancelJob", summary="Cancel a job", responses=documented(404, 409))
async def cancel_job(platform: PlatformDep, job: JobRef) -> JobView:
    """It saves what it has and ends; one that waits never begins."""
    return await jobs.cancel_job(platform, job)


@router.get(
    "/{job}/policy", operation_id="downloadPolicy", summary="Get a link to the policy", responses=documented(404)
)
async def sign_policy(request: Request, platform: PlatformDep, job: JobRef) -> DownloadView:
    """A signed link to the policy that a training job made (ONNX, SB3), its lineage and curves, until it expires."""
    return await jobs.sign_policy(platform, job, base_url=str(request.base_url))


@router.get("/{job}/lines", operation_id="getJobLines", summary="Read the log", responses=documented(404))
async def get_job_lines(platform: PlatformDep, job: JobRef, after: After = 0, limit: Limit = 1000) -> list[JobLineView]:
    """Lines of the log, oldest first; pass the last number as `after` for more."""
    return await jobs.job_lines(platform, job, after=after, limit=limit)


async def _open_log(
    platform: PlatformDep,
    job: JobRef,
    after: After = 0,
    last_event_id: LastEventId = None,
) -> AsyncIterator[JobLineView | JobView]:
    """Fails before the stream begins, so that failure is an answer and not a broken stream."""
    if last_event_id is not None and re.fullmatch("[0-9]{1,18}", last_event_id):
        after = max(after, int(last_event_id))
    return await jobs.follow_job(platform, job, after=after)


@router.get(
    "/{job}/logs",
    operation_id="followJob",
    summary="Follow the log",
    response_class=EventSourceResponse,
    responses=documented(404),
)
async def follow_job(
    items: Annotated[AsyncIterator[JobLineView | JobView], Depends(_open_log)],
) -> AsyncIterator[ServerSentEvent]:
    """Lines as they come (event `line`, its id the number) and the job as it changes (event `job`), until it ends."""
    try:
        async for item in items:
            if isinstance(item, JobLineView):
                yield ServerSentEvent(event="line", id=str(item.number), data=item)
            else:
                yield ServerSentEvent(event="job", data=item)
    except HanzoTwinError as error:
        yield ServerSentEvent(event="problem", data=to_problem(error))
