"""Starting runtimes and finding those that run: on this machine, one subprocess each."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal, Protocol

from hanzo_twin.errors import StoreUnavailableError
from hanzo_twin.runtime.detached import start_detached
from hanzo_twin.runtime.directory import (
    RuntimeFiles,
    lock_runtime,
    process_started_ticks,
    read_model,
    write_atomically,
)
from hanzo_twin.runtime.logfile import tail
from hanzo_twin.runtime.spec import Failure, ProcessRecord, Ready, RuntimeSpec

_OWN_SETTINGS = "HANZO_TWIN_"


@dataclass(frozen=True, kw_only=True)
class Observed:
    """What a launcher sees of one runtime.

    Args:
        state: ``absent`` (never started, or ended as asked), ``starting``, ``serving``, or ``died``.
        pid: of the process; None unless it lives.
        ready: where it serves; None unless it does.
        exit_code: of one that died, negative for a signal; None if it is not known.
        failure: why it died, if it could say so.
    """

    state: Literal["absent", "starting", "serving", "died"]
    pid: int | None = None
    ready: Ready | None = None
    exit_code: int | None = None
    failure: Failure | None = None


class Launcher(Protocol):
    """Where runtimes run. Everything is by twin id, and holds across restarts of the launcher."""

    def files(self, twin_id: str) -> RuntimeFiles: ...

    def known(self) -> list[str]:
        """Twins that have a directory here, running or not."""
        ...

    def observe(self, twin_id: str) -> Observed: ...

    async def launch(self, spec: RuntimeSpec) -> None:
        """Start a runtime and return at once.

        Raises:
            ConflictError: it runs already. StoreUnavailableError: its directory cannot be written.
        """
        ...

    def terminate(self, twin_id: str) -> None:
        """Ask it to end with a checkpoint; it may be gone already."""
        ...

    def kill(self, twin_id: str) -> None:
        """End it now; it may be gone already."""
        ...

    def remove(self, twin_id: str) -> None:
        """Delete the directory of a runtime that does not run."""
        ...


class LocalLauncher:
    """Runtimes as subprocesses, in sessions of their own: they live on when the launcher dies, and are found again."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._children: dict[str, _Child] = {}

    def files(self, twin_id: str) -> RuntimeFiles:
        return RuntimeFiles(self.root / twin_id)

    def known(self) -> list[str]:
        return sorted(path.name for path in self.root.iterdir()) if self.root.is_dir() else []

    def observe(self, twin_id: str) -> Observed:
        files = self.files(twin_id)
        child = self._children.get(twin_id)
        exit_code = None if child is None else child.poll()
        record = read_model(ProcessRecord, files.process)
        if record is not None and process_started_ticks(record.pid) == record.started_ticks:
            ready = read_model(Ready, files.ready)
            if ready is None or ready.pid != record.pid or ready.started_ticks != record.started_ticks:
                return Observed(state="starting", pid=record.pid)
            return Observed(state="serving", pid=record.pid, ready=ready)
        if child is not None and exit_code is None:
            return Observed(state="starting", pid=child.pid)
        if record is not None or exit_code:
            return Observed(state="died", exit_code=exit_code, failure=read_model(Failure, files.failure))
        return Observed(state="absent", exit_code=exit_code)

    async def launch(self, spec: RuntimeSpec) -> None:
        files = RuntimeFiles(spec.directory)
        lock = lock_runtime(files)
        try:
            for path in (files.process, files.ready, files.failure):
                path.unlink(missing_ok=True)
            write_atomically(files.spec, spec.model_dump_json().encode())
            output = files.output.open("wb")
        except OSError as error:
            raise StoreUnavailableError(
                f"The runtime directory '{files.directory}' cannot be written: {error.strerror}."
            ) from error
        finally:
            lock.release()
        with output:
            self._children[spec.twin_id] = _spawn(files, output)

    def terminate(self, twin_id: str) -> None:
        self._signal(twin_id, signal.SIGTERM)

    def kill(self, twin_id: str) -> None:
        self._signal(twin_id, signal.SIGKILL)

    def _signal(self, twin_id: str, number: signal.Signals) -> None:
        pid = self.observe(twin_id).pid
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def remove(self, twin_id: str) -> None:
        self._children.pop(twin_id, None)
        shutil.rmtree(self.root / twin_id, ignore_errors=True)


class _Child:
    """A process that this one started; it is not waited for when this one ends."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.exit_code: int | None = None

    def poll(self) -> int | None:
        """Exit code, negative for a signal; None while it lives."""
        if self.exit_code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.exit_code = os.waitstatus_to_exitcode(status)
        return self.exit_code


def _spawn(files: RuntimeFiles, output: IO[bytes]) -> _Child:
    """Start the runtime; the settings of the platform hold its secrets, and a runtime has no use for them."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(_OWN_SETTINGS)}
    return _Child(start_detached("hanzo_twin.runtime", (str(files.spec),), environment=environment, output=output))


def describe_death(observed: Observed, files: RuntimeFiles) -> str:
    """Why a runtime died, for people: what it said itself, or how it ended and the end of its log."""
    if observed.failure is not None:
        return str(observed.failure.decode())
    code = observed.exit_code
    if code is None:
        how = "It disappeared"
    elif code < 0:
        how = f"It was ended by {signal.Signals(-code).name}"
    else:
        how = f"It ended with exit code {code}"
    lines = tail((files.output, files.log), lines=5)
    return f"{how}. " + ("Its log ends:\n" + "\n".join(lines) if lines else "It left no log.")
