"""Starting the process of a session, and finding out what became of it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
from pathlib import Path

from hanzo_twin.errors import StoreUnavailableError, UnavailableError
from hanzo_twin.gym.spec import SessionReady, SessionSpec
from hanzo_twin.runtime.detached import start_detached
from hanzo_twin.runtime.directory import process_started_ticks, read_model, write_atomically
from hanzo_twin.runtime.logfile import tail
from hanzo_twin.runtime.sessions import STOPPED
from hanzo_twin.runtime.spec import Failure

START_S = 120.0
_POLL_S = 0.02


def launch(directory: Path, spec: SessionSpec) -> SessionReady:
    """Start a session in ``directory`` and wait until it serves.

    Its process lives on when this one ends.

    Raises:
        HanzoTwinError: what the session said, such as an unknown task. UnavailableError: it did not get ready.
        StoreUnavailableError: the directory cannot be written.
    """
    try:
        directory.mkdir(parents=True, mode=0o700)
    except OSError as error:
        raise StoreUnavailableError(f"'{directory}' cannot be made: {error.strerror}.") from error
    write_atomically(directory / "spec.json", spec.model_dump_json().encode())
    output = directory / "output.log"
    with output.open("wb") as log:
        pid = start_detached("hanzo_twin.gym.session", (str(directory),), environment=os.environ, output=log)
    return _wait(directory, pid)


def _wait(directory: Path, pid: int) -> SessionReady:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        ready = read_model(SessionReady, directory / "ready.json")
        if ready is not None:
            return ready
        failure = read_model(Failure, directory / "failure.json")
        if failure is not None:
            _reap(pid)
            shutil.rmtree(directory, ignore_errors=True)
            raise failure.decode()
        if os.waitpid(pid, os.WNOHANG)[0]:
            said = "\n".join(tail((directory / "output.log",), lines=5))
            raise UnavailableError(f"The process of the environment ended before it was ready. {said}")
        time.sleep(_POLL_S)
    os.kill(pid, signal.SIGKILL)
    _reap(pid)
    raise UnavailableError(f"The environment was not ready within {START_S:g} s.")


def lives(pid: int, started_ticks: int) -> bool:
    """Whether that very process runs; one that this process started and that ended is laid to rest."""
    _reap(pid)
    return process_started_ticks(pid) == started_ticks


def end(directory: Path, pid: int, started_ticks: int) -> None:
    """End a session's process, which may be gone already, and delete its directory."""
    if lives(pid, started_ticks):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    shutil.rmtree(directory, ignore_errors=True)


def why_it_ended(directory: Path, idle_seconds: float) -> str:
    """In words, for the user."""
    if (directory / "expired").exists():
        return f"it was not used for {idle_seconds:g} s"
    if (directory / STOPPED).exists():
        return "the server was stopped"
    said = tail((directory / "output.log",), lines=3)
    return "its process died" + (f": {' '.join(said)}" if said else "")


def _reap(pid: int) -> None:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
