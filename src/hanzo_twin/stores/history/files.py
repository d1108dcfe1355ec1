"""What the history asks of the file system: one writer at a time, and data that is really on the disk."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from hanzo_twin.errors import ConflictError, StoreUnavailableError


def lock(directory: Path) -> int:
    """Make ``directory`` and take its writer's lock; the descriptor returned holds it until it is closed.

    Raises:
        ConflictError: another writer has it.
        StoreUnavailableError: the directory cannot be made or written.
    """
    path = directory / "writer.lock"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise StoreUnavailableError(f"The history in {directory} cannot be opened: {error}.") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip()
        os.close(descriptor)
        raise ConflictError(
            f"The history in {directory} is being written by process {holder or 'unknown'}.",
            hint="A history has one writer at a time; stop that process, or read with HistoryReader.",
        ) from None
    os.ftruncate(descriptor, 0)
    _try_write(descriptor, f"{os.getpid()}\n".encode())
    return descriptor


def _try_write(descriptor: int, data: bytes) -> None:
    try:
        os.pwrite(descriptor, data, 0)
    except OSError:
        return  # the number only helps the message above; a full disk must not keep the writer out


def sync_descriptor(descriptor: int) -> None:
    """fsync and close."""
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_path(path: Path) -> None:
    """fsync a file, or the names in a directory."""
    sync_descriptor(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
