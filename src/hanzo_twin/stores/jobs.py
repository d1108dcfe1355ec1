"""Jobs in the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, Row, and_, case, func, insert, select, tuple_, update

from hanzo_twin.clock import Clock, WallClock
from hanzo_twin.errors import ConflictError, InvalidInputError, NotFoundError
from hanzo_twin.stores.cursor import make_cursor, parse_cursor
from hanzo_twin.stores.database import Database
from hanzo_twin.stores.records import JobLine, JobRecord, JobState, JsonObject, Page
from hanzo_twin.stores.tables import job_lines, jobs

PAGE_MAX = 1000
LINE_MAX = 10_000
"""Longest line of a log, in characters; what is longer is cut."""


class JobRepository:
    """Jobs. ``organization`` scopes every look-up; None is for workers, which see all organizations."""

    def __init__(self, database: Database, clock: Clock | None = None) -> None:
        self._database = database
        self._clock = clock or WallClock()

    async def create(self, *, kind: str, spec: JsonObject, organization: str) -> JobRecord:
        """Add a job that waits to be run."""
        values = {
            "id": uuid4(),
            "organization": organization,
            "kind": kind,
            "spec": dict(spec),
            "state": "queued",
            "progress": 0.0,
            "message": "",
            "metrics": {},
            "attempts": 0,
            "deaths": 0,
            "cancel_requested": False,
            "worker": "",
            "created_at": self._now(),
        }
        async with self._database.transaction() as connection:
            return _record((await connection.execute(insert(jobs).values(values).returning(jobs))).one())

    async def get(self, job_id: UUID, *, organization: str | None) -> JobRecord:
        """Raises NotFoundError: there is none in that organization."""
        async with self._database.transaction() as connection:
            row = (await connection.execute(select(jobs).where(_is(job_id, organization)))).one_or_none()
        return _found(row, job_id)

    async def list(
        self,
        *,
        organization: str | None,
        kind: str | None = None,
        state: JobState | None = None,
        limit: int = 100,
        cursor: str = "",
    ) -> Page[JobRecord]:
        """Jobs, newest first.

        Raises:
            InvalidInputError: the limit or the cursor is wrong.
        """
        if not 1 <= limit <= PAGE_MAX:
            raise InvalidInputError(f"A page of {limit} jobs was asked for.", hint=f"Allowed: 1 to {PAGE_MAX}.")
        columns = {"organization": organization, "kind": kind, "state": state}
        wanted = [jobs.c[column] == value for column, value in columns.items() if value is not None]
        wanted += [tuple_(jobs.c.created_at, jobs.c.id) < tuple_(*parse_cursor(cursor))] if cursor else []
        query = select(jobs).where(*wanted).order_by(jobs.c.created_at.desc(), jobs.c.id.desc()).limit(limit + 1)
        async with self._database.transaction() as connection:
            rows = (await connection.execute(query)).all()
        items = tuple(_record(row) for row in rows[:limit])
        more = len(rows) > limit
        return Page(items=items, next_cursor=make_cursor(items[-1].created_at, items[-1].id) if more else "")

    async def begin(self, job_id: UUID, *, worker: str) -> JobRecord | None:
        """Take a job on for one more attempt; None if there is nothing to do, because it was cancelled or deleted.

        One that is running already counts as one that died: so did the worker that ran it.
        """
        values = {
            "state": "running",
            "attempts": jobs.c.attempts + 1,
            "deaths": jobs.c.deaths + case((jobs.c.state == "running", 1), else_=0),
            "worker": worker,
            "started_at": func.coalesce(jobs.c.started_at, self._now()),
        }
        ready = and_(jobs.c.id == job_id, jobs.c.state.in_(("queued", "running")), ~jobs.c.cancel_requested)
        async with self._database.transaction() as connection:
            row = (await connection.execute(update(jobs).where(ready).values(values).returning(jobs))).one_or_none()
        return None if row is None else _record(row)

    async def note(
        self,
        job_id: UUID,
        *,
        progress: float | None = None,
        message: str = "",
        metrics: Mapping[str, Any] | None = None,
    ) -> bool:
        """Write down how far it is; True if it shall be cancelled, or is gone."""
        values: dict[str, Any] = {} if progress is None else {"progress": progress, "message": message}
        if metrics:
            values["metrics"] = jobs.c.metrics.op("||")(dict(metrics))
        async with self._database.transaction() as connection:
            if values:
                await connection.execute(update(jobs).where(jobs.c.id == job_id).values(values))
            asked = await connection.scalar(select(jobs.c.cancel_requested).where(jobs.c.id == job_id))
        return asked is not False

    async def finish(
        self, job_id: UUID, state: JobState, *, result: JsonObject | None = None, error: JsonObject | None = None
    ) -> None:
        """Write down the end of a job, or with ``queued`` that another attempt shall be made."""
        values: dict[str, Any] = {"state": state, "result": result, "error": error}
        if state != "queued":
            values["finished_at"] = self._now()
        if state == "succeeded":
            values["progress"] = 1.0
        async with self._database.transaction() as connection:
            await connection.execute(update(jobs).where(jobs.c.id == job_id).values(values))

    async def request_cancel(self, job_id: UUID, *, organization: str | None) -> JobRecord:
        """Ask for a job to be cancelled; one that waits is so at once.

        Raises:
            NotFoundError: no such job. ConflictError: it has ended.
        """
        waiting = jobs.c.state == "queued"
        values = {
            "cancel_requested": True,
            "state": case((waiting, "cancelled"), else_=jobs.c.state),
            "finished_at": case((waiting, self._now()), else_=jobs.c.finished_at),
        }
        async with self._database.transaction() as connection:
            row = (
                await connection.execute(
                    update(jobs)
                    .where(_is(job_id, organization), jobs.c.state.in_(("queued", "running")))
                    .values(values)
                    .returning(jobs)
                )
            ).one_or_none()
        if row is None:
            record = await self.get(job_id, organization=organization)
            raise ConflictError(f"Job {job_id} has ended already: it is {record.state}.")
        return _record(row)

    async def append_lines(self, job_id: UUID, lines: Sequence[str]) -> None:
        """Add to the log of a job; what PostgreSQL cannot hold (NUL) is replaced."""
        if not lines:
            return
        now = self._now()
        last = select(func.coalesce(func.max(job_lines.c.number), 0)).where(job_lines.c.job_id == job_id)
        async with self._database.transaction() as connection:
            first = 1 + (await connection.scalar(last) or 0)
            rows = [
                {"job_id": job_id, "number": first + index, "time": now, "text": text.replace("\0", "�")[:LINE_MAX]}
                for index, text in enumerate(lines)
            ]
            await connection.execute(insert(job_lines), rows)

    async def lines(self, job_id: UUID, *, after: int = 0, limit: int = PAGE_MAX) -> tuple[JobLine, ...]:
        """Lines of the log after that number, oldest first."""
        query = (
            select(job_lines.c.number, job_lines.c.time, job_lines.c.text)
            .where(job_lines.c.job_id == job_id, job_lines.c.number > after)
            .order_by(job_lines.c.number)
            .limit(limit)
        )
        async with self._database.transaction() as connection:
            rows = (await connection.execute(query)).all()
        return tuple(JobLine(number=row.number, time=row.time, text=row.text) for row in rows)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now(), UTC)


def _is(job_id: UUID, organization: str | None) -> ColumnElement[bool]:
    ours = jobs.c.organization == organization
    return jobs.c.id == job_id if organization is None else and_(jobs.c.id == job_id, ours)


def _found(row: Row[Any] | None, job_id: UUID) -> JobRecord:
    if row is None:
        raise NotFoundError(f"There is no job {job_id}.", hint="List them with: hanzo-twin job list")
    return _record(row)


def _record(row: Row[Any]) -> JobRecord:
    return JobRecord(**row._mapping)
