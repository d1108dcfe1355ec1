"""Libraries of C that greet or warn on their own when they are loaded."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_STREAMS = (1, 2)


@contextmanager
def silenced() -> Iterator[None]:
    """Let nothing through to standard output and error, which C writes to past ``sys.stdout`` and ``sys.stderr``.

    Where they are closed, and on Windows, there is nothing to keep from, or no way to.
    """
    if sys.platform == "win32" or not _open_streams():
        yield
        return
    _flush()
    kept = {stream: os.dup(stream) for stream in _STREAMS}
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        for stream in kept:
            os.dup2(nowhere, stream)
        yield
    finally:
        _flush()
        for stream, original in kept.items():
            os.dup2(original, stream)
            os.close(original)
        os.close(nowhere)


def _flush() -> None:
    """Python's buffers and C's, so that what is in them goes where it was written to."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, ValueError, OSError):  # there is none, or it is closed
            stream.flush()
    ctypes.CDLL(None).fflush(None)


def _open_streams() -> bool:
    """Whether there is anything to keep from; a service may run without."""
    try:
        return all(os.fstat(stream) for stream in _STREAMS)
    except OSError:
        return False
