"""The process of one job: ``python -m hanzo_twin.jobs.child DIRECTORY EVENTS_FD PARENT_PID``.

It reads ``job.json`` in the directory (kind, spec, attempt) and tells its worker what happens over the pipe. SIGTERM
asks it to save what it has and return; the kernel sends that as well when the worker dies.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from hanzo_twin.errors import ConflictError, HanzoTwinError
from hanzo_twin.jobs import events
from hanzo_twin.jobs.port import Json, load_kind

_PR_SET_PDEATHSIG = 1
JOB_FILE = "job.json"


class PipedContext:
    """A `JobContext` that writes to the pipe of the worker."""

    def __init__(self, directory: Path, attempt: int, pipe: IO[str]) -> None:
        self.directory = directory
        self.attempt = attempt
        self.stopping = False
        self._pipe = pipe

    def stop(self, *_: object) -> None:
        self.stopping = True

    def report(self, progress: float, message: str = "", **metrics: float) -> None:
        self.send(events.Progress(fraction=min(max(progress, 0.0), 1.0), message=message, metrics=metrics))

    def log(self, line: str) -> None:
        self.send(events.Line(text=line))

    def send(self, event: events.Event) -> None:
        try:
            events.write(self._pipe, event)
        except BrokenPipeError:  # the worker died; the job saves what it has
            self.stopping = True


def main(arguments: list[str]) -> int:
    """Run one job; returns the exit code, 0 unless the process itself failed."""
    directory, pipe = Path(arguments[0]), os.fdopen(int(arguments[1]), "w", encoding="utf-8")
    job: Json = json.loads((directory / JOB_FILE).read_text(encoding="utf-8"))
    context = PipedContext(directory, job["attempt"], pipe)
    signal.signal(signal.SIGTERM, context.stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _be_told_when_the_worker_dies(int(arguments[2]))
    try:
        with _only_one(directory):
            result = load_kind(job["kind"]).run(job["spec"], context)
        context.send(events.Succeeded(result=dict(result), stopped=context.stopping))
    except HanzoTwinError as error:
        context.send(events.Failed(code=error.code, message=error.message, hint=error.hint))
    except Exception as error:  # noqa: BLE001
        # The process ends here: the trace goes to the log of the job, one line to the user.
        for line in traceback.format_exc().splitlines():
            context.log(line)
        message = f"Unexpected failure: {type(error).__name__}: {error}"
        context.send(events.Failed(code="internal", message=message, hint="The log of the job has the trace."))
    return 0


def _be_told_when_the_worker_dies(parent_pid: int) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent_pid:  # it died before the line above
        os.kill(os.getpid(), signal.SIGTERM)


@contextmanager
def _only_one(directory: Path) -> Iterator[None]:
    """Two processes of one job would overwrite each other's checkpoints: the second is refused.

    Raises:
        ConflictError: one runs already, such as that of a worker that was believed dead.
    """
    with (directory / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConflictError("Another process runs this job.") from None
        yield


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
