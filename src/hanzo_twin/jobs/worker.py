"""The worker: takes jobs from the queue and runs each in a process of its own.

A job whose process is killed is started again and goes on from its checkpoints, until it has died `DEATHS` times. When
the worker ends, its jobs save what they have and wait for another; when it is killed, the kernel tells them to, and the
queue gives them to another once the worker has not been heard of for `queue.STALLED_S`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
from pathlib import Path
from typing import Any
from uuid import UUID

from procrastinate import App

from hanzo_twin.definition.settings import Settings
from hanzo_twin.errors import StoreUnavailableError
from hanzo_twin.jobs.events import Failed, Line, Progress, Succeeded
from hanzo_twin.jobs.process import JobProcess
from hanzo_twin.jobs.queue import HEARTBEAT_S, QUEUE, STALLED_S, Interrupted, give_back_stalled, open_queue
from hanzo_twin.stores.database import Database
from hanzo_twin.stores.jobs import JobRepository
from hanzo_twin.stores.records import JobRecord

DEATHS = 3
"""After so many a job is given up."""
GRACE_S = 30.0
"""How long a job may take to save what it has."""
_FLUSH_S = 0.5
_LINES_MAX = 5000

log = logging.getLogger(__name__)


def jobs_directory(settings: Settings) -> Path:
    """One directory for each job, by its id: checkpoints, results."""
    return settings.data_dir / "jobs"


async def run_worker(settings: Settings) -> None:
    """Run jobs until SIGTERM.

    Raises:
        StoreUnavailableError: the database does not answer.
    """
    assert settings.database.url is not None
    url = settings.database.url.get_secret_value()
    async with Database(url, pool_size=4) as database:
        worker = Worker(JobRepository(database), jobs_directory(settings))
        async with open_queue(url, worker.run) as app:
            keeping = asyncio.create_task(_keep_giving_back(app))
            working = asyncio.create_task(
                app.run_worker_async(
                    queues=[QUEUE],
                    name=worker.name,
                    concurrency=settings.scheduler.max_concurrent_jobs,
                    install_signal_handlers=False,
                    update_heartbeat_interval=HEARTBEAT_S,
                    stalled_worker_timeout=STALLED_S,
                    fetch_job_polling_interval=1.0,
                )
            )
            loop = asyncio.get_running_loop()
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, worker.stop)
            stopping = asyncio.create_task(worker.stopping.wait())
            try:
                await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                working.cancel()  # procrastinate's way to be asked to end: it takes no more, and waits for what runs
                worker.stop()
                keeping.cancel()
                stopping.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await working


async def _keep_giving_back(app: App) -> None:
    while True:
        await asyncio.sleep(HEARTBEAT_S)
        count = await give_back_stalled(app)
        if count:
            log.warning("%d job(s) of a worker that died go back into the queue", count)


class Worker:
    """Runs single jobs, several at a time."""

    def __init__(self, jobs: JobRepository, directory: Path) -> None:
        self.name = f"{socket.gethostname()}:{os.getpid()}"
        self.stopping = asyncio.Event()
        self._jobs = jobs
        self._directory = directory

    def stop(self) -> None:
        """Have all jobs save what they have; they go back into the queue."""
        self.stopping.set()

    async def run(self, job_id: UUID) -> None:
        """Run a job to its end.

        Raises:
            Interrupted: the worker ends, or lost the database; the job waits for another.
        """
        if self.stopping.is_set():
            raise Interrupted
        try:
            await self._attempts(job_id)
        except StoreUnavailableError as error:
            raise Interrupted from error

    async def _attempts(self, job_id: UUID) -> None:
        while True:
            record = await self._jobs.begin(job_id, worker=self.name)
            if record is None:
                return
            if record.deaths >= DEATHS:
                said = f"Its process, or the worker that ran it, died {record.deaths} times."
                hint = "See its log. A process that needs more memory than there is, is killed by the system."
                await self._fail(job_id, code="died", message=said, hint=hint)
                return
            if await self._attempt(record):
                return

    async def _attempt(self, record: JobRecord) -> bool:
        """Start the process once; False if it shall be started again."""
        process = await JobProcess.start(
            self._directory / str(record.id), kind=record.kind, spec=record.spec, attempt=record.attempts
        )
        try:
            outcome, cancelled = await self._follow(record.id, process)
        finally:
            process.kill()
        if cancelled:
            result = outcome.result if isinstance(outcome, Succeeded) else None
            await self._jobs.finish(record.id, "cancelled", result=result)
        elif isinstance(outcome, Failed):
            await self._fail(record.id, code=outcome.code, message=outcome.message, hint=outcome.hint)
        elif isinstance(outcome, Succeeded) and not outcome.stopped:
            await self._jobs.finish(record.id, "succeeded", result=outcome.result)
        elif self.stopping.is_set():
            await self._jobs.finish(record.id, "queued")
            raise Interrupted
        else:
            await self._jobs.append_lines(record.id, [_death(process.returncode)])
            return False
        return True

    async def _follow(self, job_id: UUID, process: JobProcess) -> tuple[Succeeded | Failed | None, bool]:
        """Write down what a process says until it has ended; what it ended with, and whether it was cancelled."""
        lines: list[str] = []
        latest: Progress | None = None
        outcome: Succeeded | Failed | None = None
        cancelled = asked = False

        async def flush() -> None:
            nonlocal latest, cancelled
            await self._jobs.append_lines(job_id, lines)
            lines.clear()
            said, latest = latest, None
            fields: dict[str, Any] = {}
            if said is not None:
                fields = {"progress": said.fraction, "message": said.message, "metrics": said.metrics}
            cancelled = await self._jobs.note(job_id, **fields)

        async def keep_flushing() -> None:
            nonlocal asked
            while True:
                await asyncio.sleep(_FLUSH_S)
                with contextlib.suppress(StoreUnavailableError):  # what could not be written is written later
                    await flush()
                if (cancelled or self.stopping.is_set()) and not asked:
                    asked = True
                    process.ask_to_stop()
                    asyncio.get_running_loop().call_later(GRACE_S, process.kill)

        flushing = asyncio.create_task(keep_flushing())
        try:
            async for event in process.events():
                match event:
                    case Line(text=text) if len(lines) < _LINES_MAX:
                        lines.append(text)
                    case Line():
                        lines[-1] = f"… more than {_LINES_MAX} lines at once; the rest of them is left out."
                    case Progress():
                        latest = event
                    case _:
                        outcome = event
        finally:
            flushing.cancel()
        await flush()
        return outcome, cancelled

    async def _fail(self, job_id: UUID, **error: str) -> None:
        await self._jobs.finish(job_id, "failed", error=error)


def _death(returncode: int | None) -> str:
    if returncode is not None and returncode < 0:
        return f"The process of the job was ended by {signal.Signals(-returncode).name}; it is started again."
    return f"The process of the job ended with exit code {returncode}; it is started again."
