"""Running one job's process, and what becomes of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path

from hanzo_twin.jobs.child import JOB_FILE
from hanzo_twin.jobs.events import Event, Line, parse
from hanzo_twin.jobs.port import Json

_LINE_BYTES = 1 << 20


class JobProcess:
    """The process of one attempt at a job. Iterate `events` until it has ended, then look at `returncode`."""

    def __init__(self, process: asyncio.subprocess.Process, pipe: asyncio.StreamReader) -> None:
        self._process = process
        self._pipe = pipe

    @classmethod
    async def start(cls, directory: Path, *, kind: str, spec: Json, attempt: int) -> JobProcess:
        """Start it in ``directory``, which is made."""
        await asyncio.to_thread(_prepare, directory, {"kind": kind, "spec": dict(spec), "attempt": attempt})
        reading, writing = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "hanzo_twin.jobs.child", str(directory), str(writing), str(os.getpid())),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                pass_fds=(writing,),
                limit=_LINE_BYTES,
                start_new_session=True,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
        finally:
            os.close(writing)
        pipe = asyncio.StreamReader(limit=_LINE_BYTES)
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(pipe), os.fdopen(reading, "rb")
        )
        return cls(process, pipe)

    @property
    def returncode(self) -> int | None:
        """None while it runs; negative: the signal that ended it."""
        return self._process.returncode

    async def events(self) -> AsyncIterator[Event]:
        """What it tells and prints, until it has ended."""
        queue: deque[Event] = deque()
        arrived = asyncio.Event()

        async def printed() -> None:
            assert self._process.stdout is not None
            async for line in _lines(self._process.stdout):
                queue.append(Line(text=line))
                arrived.set()

        async def told() -> None:
            async for line in _lines(self._pipe):
                event = parse(line)
                if event is not None:
                    queue.append(event)
                    arrived.set()

        reading = asyncio.gather(printed(), told(), self._process.wait())
        reading.add_done_callback(lambda _: arrived.set())
        try:
            while not reading.done() or queue:
                await arrived.wait()
                arrived.clear()
                while queue:
                    yield queue.popleft()
            await reading
        finally:
            reading.cancel()

    def ask_to_stop(self) -> None:
        """Have it save what it has and end."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it, and what it started, now."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)


def _prepare(directory: Path, job: Json) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / JOB_FILE).write_text(json.dumps(job), encoding="utf-8")


async def _lines(stream: asyncio.StreamReader) -> AsyncIterator[str]:
    while True:
        try:
            line = await stream.readline()
        except ValueError:  # longer than the limit: that part is dropped
            continue
        if not line:
            return
        yield line.decode(errors="replace").rstrip("\n")
