"""The queue: procrastinate on the platform's own PostgreSQL, in a schema of its own.

It decides which worker runs a job and notices workers that died; what a job is and what became of it stands in our own
table.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from uuid import UUID

from procrastinate import App, PsycopgConnector, RetryStrategy
from procrastinate.exceptions import ConnectorException
from psycopg.conninfo import make_conninfo
from sqlalchemy.engine import make_url

from hanzo_twin.errors import StoreUnavailableError
from hanzo_twin.stores.database import CONNECT_TIMEOUT_S

QUEUE = "jobs"
HEARTBEAT_S = 2.0
STALLED_S = 10.0
"""A worker that was not heard of for so long is dead; its jobs are given to another."""

RunJob = Callable[[UUID], Awaitable[None]]


class Interrupted(Exception):
    """The worker ends; another one shall go on with the job."""


@asynccontextmanager
async def open_queue(database_url: str, run: RunJob | None = None) -> AsyncIterator[App]:
    """The queue in that database; a worker gives what runs a job.

    Raises:
        StoreUnavailableError: the database does not answer.
    """
    app = App(connector=PsycopgConnector(conninfo=_conninfo(database_url), min_size=1, max_size=4))

    @app.task(name="run", queue=QUEUE, retry=RetryStrategy(max_attempts=None, wait=0, retry_exceptions={Interrupted}))
    async def run_job(job_id: str) -> None:
        assert run is not None
        await run(UUID(job_id))

    try:
        await app.open_async()
    except ConnectorException as error:
        raise StoreUnavailableError("The database of the job queue does not answer.") from error
    try:
        yield app
    finally:
        await app.close_async()


async def enqueue(database_url: str, job_id: UUID) -> None:
    """Have a worker run a job.

    Raises:
        StoreUnavailableError: the database does not answer.
    """
    async with open_queue(database_url) as app:
        try:
            await app.tasks["run"].defer_async(job_id=str(job_id))
        except ConnectorException as error:
            raise StoreUnavailableError("The job queue does not take the job now.") from error


async def give_back_stalled(app: App) -> int:
    """Put the jobs of workers that died back into the queue; returns how many."""
    stalled = list(await app.job_manager.get_stalled_jobs(queue=QUEUE, seconds_since_heartbeat=STALLED_S))
    for job in stalled:
        await app.job_manager.retry_job(job)
    return len(stalled)


def _conninfo(database_url: str) -> str:
    url = make_url(database_url).set(drivername="postgresql").render_as_string(hide_password=False)
    return make_conninfo(url, options="-c search_path=queue -c timezone=UTC", connect_timeout=CONNECT_TIMEOUT_S)
