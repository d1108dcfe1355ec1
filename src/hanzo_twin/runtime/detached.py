"""Processes that live on when the one that started them ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any


def start_detached(module: str, arguments: Sequence[str], *, environment: Mapping[str, str], output: IO[Any]) -> int:
    """Run ``python -m module arguments`` in a session of its own; its process id.

    It inherits nothing but ``output``, for standard output and error: what it held open (a lock, a pipe, the socket of
    the API) would stay held long after this process.
    """
    # Such processes share the processors: a linear algebra library with a thread for each of them in each thrashes.
    limited = {**environment, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    # posix_spawn, because gRPC must not be forked.
    return os.posix_spawn(
        sys.executable,
        [sys.executable, "-m", module, *arguments],
        limited,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_DUP2, output.fileno(), 1),
            (os.POSIX_SPAWN_DUP2, output.fileno(), 2),
            *((os.POSIX_SPAWN_CLOSE, descriptor) for descriptor in _inheritable()),
        ],
        setsid=True,
    )


def _inheritable() -> list[int]:
    """Descriptors that would be passed on: those that this process got from the one before it."""
    found = []
    for entry in Path("/proc/self/fd").iterdir():
        descriptor = int(entry.name)
        try:
            if descriptor > 2 and os.get_inheritable(descriptor):
                found.append(descriptor)
        except OSError:  # the one that listed the folder
            continue
    return found
