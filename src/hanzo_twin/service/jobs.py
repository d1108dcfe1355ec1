"""Jobs: submit, list, follow, cancel."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any
from uuid import UUID

from hanzo_twin.errors import InvalidInputError, NotFoundError, nearest
from hanzo_twin.jobs.port import kinds, load_kind
from hanzo_twin.jobs.queue import enqueue
from hanzo_twin.runtime.twin_files import StoredTwinFiles
from hanzo_twin.service.context import Platform
from hanzo_twin.service.downloads import sign
from hanzo_twin.service.lookup import find_twin
from hanzo_twin.service.views import DownloadView, JobLineView, JobView, Page
from hanzo_twin.stores.records import JobRecord, JobState

_POLL_S = 0.3


async def submit_job(platform: Platform, *, kind: str, spec: Mapping[str, Any], organization: str) -> JobView:
    """Store a job and put it into the queue.

    Where ``twin`` in the spec names a twin of this platform, its definition of this moment is put beside it.

    Raises:
        InvalidInputError: its spec cannot be run, or its kind is unknown. NotInstalledError: an extra is missing.
        StoreUnavailableError: the database does not answer; nothing was stored.
    """
    if kind not in kinds():
        raise InvalidInputError(f"There is no job of kind '{kind}'.", hint=nearest(kind, kinds()))
    given = await _with_definition(platform, spec)
    checked = await asyncio.to_thread(lambda: load_kind(kind).check(given))
    record = await platform.jobs.create(kind=kind, spec=checked, organization=organization)
    try:
        await enqueue(platform.database_url, record.id)
    except BaseException:
        await platform.jobs.finish(record.id, "failed", error={"code": "store-unavailable", "message": "Not queued."})
        raise
    return _view(record)


async def _with_definition(platform: Platform, spec: Mapping[str, Any]) -> dict[str, Any]:
    twin = spec.get("twin")
    if not isinstance(twin, str):
        return dict(spec)
    record = await find_twin(platform, twin)
    localized = await StoredTwinFiles(platform.buckets, platform.scene_files).localize(record.definition)
    return {**spec, "definition": localized}


async def list_jobs(
    platform: Platform,
    *,
    organization: str | None = None,
    kind: str | None = None,
    state: JobState | None = None,
    limit: int = 100,
    cursor: str | None = None,
) -> Page[JobView]:
    """Jobs, newest first. Raises InvalidInputError: the cursor is none."""
    page = await platform.jobs.list(organization=organization, kind=kind, state=state, limit=limit, cursor=cursor or "")
    return Page(items=[_view(record) for record in page.items], next_cursor=page.next_cursor or None)


async def get_job(platform: Platform, job: str) -> JobView:
    """A job by its id. Raises NotFoundError."""
    return _view(await platform.jobs.get(_id(job), organization=None))


async def cancel_job(platform: Platform, job: str) -> JobView:
    """Ask a job to save what it has and end; one that waits never begins.

    Raises:
        NotFoundError: no such job. ConflictError: it has ended.
    """
    return _view(await platform.jobs.request_cancel(_id(job), organization=None))


async def sign_policy(platform: Platform, job: str, *, base_url: str) -> DownloadView:
    """A link to the policy that a training job made, with its lineage and curves.

    Raises:
        NotFoundError: no such job, or it has made none.
    """
    record = await platform.jobs.get(_id(job), organization=None)
    key = (record.result or {}).get("policy")
    if key is None:
        raise NotFoundError(
            f"Job {record.id} has no policy: it is {record.state}.", hint="Training jobs make policies."
        )
    info = await platform.buckets.checkpoints.info(key)
    name = f"{record.spec.get('task') or 'policy'}-{str(record.id)[:8]}.zip"
    return await sign(platform, "checkpoints", key, filename=name, size=info.size, base_url=base_url)


async def job_lines(platform: Platform, job: str, *, after: int = 0, limit: int = 1000) -> list[JobLineView]:
    """Lines of the log after that number. Raises NotFoundError."""
    record = await platform.jobs.get(_id(job), organization=None)
    lines = await platform.jobs.lines(record.id, after=after, limit=limit)
    return [JobLineView(number=line.number, time=line.time, text=line.text) for line in lines]


async def follow_job(platform: Platform, job: str, *, after: int = 0) -> AsyncIterator[JobLineView | JobView]:
    """Lines of the log as they come, the job whenever its state or progress changes; ends with the job.

    Raises:
        NotFoundError: no such job (at once, before the first item).
    """
    first = await platform.jobs.get(_id(job), organization=None)
    return _follow(platform, first, after)


async def _follow(platform: Platform, record: JobRecord, after: int) -> AsyncIterator[JobLineView | JobView]:
    shown: JobView | None = None
    while True:
        for line in await job_lines(platform, str(record.id), after=after):
            after = line.number
            yield line
        view = _view(record)
        if view != shown:
            shown = view
            yield view
        if record.finished:
            return
        await asyncio.sleep(_POLL_S)
        record = await platform.jobs.get(record.id, organization=None)


def _id(job: str) -> UUID:
    try:
        return UUID(job)
    except ValueError:
        raise NotFoundError(f"There is no job '{job[:80]}'.", hint="List them with: hanzo-twin job list") from None


def _view(record: JobRecord) -> JobView:
    return JobView(**{name: getattr(record, name) for name in JobView.model_fields})
