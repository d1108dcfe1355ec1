"""The directory of a runtime: its files, who has it, and writing that survives a crash."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from hanzo_twin.errors import ConflictError, StoreUnavailableError

_Kind = TypeVar("_Kind", bound=BaseModel)


class RuntimeFiles:
    """The files in a runtime's directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.spec = directory / "spec.json"
        self.lock = directory / "lock"
        self.process = directory / "process.json"
        self.ready = directory / "ready.json"
        self.failure = directory / "failure.json"
        self.log = directory / "runtime.log"
        self.output = directory / "output.log"
        self.initial_state = directory / "initial.state"
        self.checkpoint = directory / "checkpoint.state"
        self.previous_checkpoint = directory / "checkpoint.previous.state"


def write_atomically(path: Path, data: bytes) -> None:
    """Replace ``path`` whole or not at all, readable by its owner only, safe on disk when this returns.

    Raises:
        StoreUnavailableError: the disk is full or the directory cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise StoreUnavailableError(f"'{path}' cannot be written: {error.strerror}.") from error


def read_model(kind: type[_Kind], path: Path) -> _Kind | None:
    """A small JSON file, or None where it is absent or torn."""
    try:
        return kind.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def process_started_ticks(pid: int) -> int | None:
    """When process ``pid`` started, in clock ticks since boot; None when there is no such process (a zombie is none).

    Process ids are used again; the pair of both numbers is not.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in ("Z", "X") else int(fields[19])


class DirectoryLock:
    """Held by the process that has a directory; the kernel frees it when the process dies.

    Args:
        path: of the lock file; its directory is made if it is missing.
        taken / hint: what to say when another process has it.

    Raises:
        ConflictError: another process has it. StoreUnavailableError: the directory cannot be written.
    """

    def __init__(self, path: Path, *, taken: str, hint: str) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreUnavailableError(f"The directory '{path.parent}' cannot be used: {error.strerror}.") from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._descriptor)
            raise ConflictError(taken, hint=hint) from None

    def release(self) -> None:
        os.close(self._descriptor)


def lock_runtime(files: RuntimeFiles) -> DirectoryLock:
    """The lock of a runtime's directory. Errors as `DirectoryLock`."""
    return DirectoryLock(
        files.lock,
        taken=f"Another process already serves the runtime directory '{files.directory}'.",
        hint="A twin has one runtime at a time; stop the other one first.",
    )
