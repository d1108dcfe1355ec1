"""Reading files of others in a process apart: a damaged binary USD file can crash USD, or keep it busy for ever."""

from __future__ import annotations

import json
import math
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hanzo_twin.scene.diagnostics import Diagnosis

MEMORY_BYTES = 32 * 2**30
"""Address space of the process; USD and an engine map several GiB that they never touch."""

RESIDENT_BYTES = 4 * 2**30
"""Memory that the process may have; a flipped bit can ask for any amount."""

_LOOK_S = 0.2


def ask(child: tuple[str, ...], request: Mapping[str, Any], *, source: str, timeout_s: float) -> Any:
    """What a process that runs `answer` says to ``request``; a `Diagnosis` where it cannot say anything.

    Args:
        child: arguments of the interpreter that start it, such as ``("-m", "package.module")``.
        source: the file that it reads, for the diagnosis.
    """
    with TemporaryDirectory(prefix="hanzo-twin-check-") as folder:
        answer = Path(folder) / "answer.json"
        sent = {"request": dict(request), "answer": str(answer), "timeout_s": timeout_s}
        try:
            code, told = _run(child, json.dumps(sent).encode(), timeout_s)
        except subprocess.TimeoutExpired:
            return _fatal("file-hangs", source, f"Reading it takes more than {timeout_s:g} s.")
        except MemoryError:
            return _fatal(
                "file-too-large", source, f"Reading it takes more than {RESIDENT_BYTES / 2**30:g} GiB of memory."
            )
        if code < 0:
            return _fatal("file-crashes", source, f"Reading it kills the process that does so (signal {-code}).")
        if code > 0:
            last = told.decode(errors="replace").strip().rpartition("\n")[2]
            return _fatal("file-crashes", source, f"Reading it fails: {last or 'no reason is given'}.")
        return json.loads(answer.read_bytes())


def _run(child: tuple[str, ...], request: bytes, timeout_s: float) -> tuple[int, bytes]:
    """Exit code and standard error of the process.

    Raises:
        TimeoutExpired: it took longer. MemoryError: it took more than `RESIDENT_BYTES`.
    """
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, *child], stdin=pipe, stdout=subprocess.DEVNULL, stderr=pipe) as process:
        try:
            end, given = time.monotonic() + timeout_s, request
            while True:
                try:
                    _, told = process.communicate(given, timeout=min(_LOOK_S, max(0.0, end - time.monotonic())))
                    return process.returncode, told
                except subprocess.TimeoutExpired:
                    if time.monotonic() >= end:
                        raise
                    # The rest of it is sent on by itself.
                    given = b""
                if _resident(process.pid) > RESIDENT_BYTES:
                    raise MemoryError
        finally:
            process.kill()


def _resident(pid: int) -> int:
    """Bytes of memory that a process has; 0 where the system does not tell."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()
    except (OSError, IndexError):
        return 0


def answer(respond: Callable[[Any], Any]) -> None:
    """The other side of `ask`: the request comes on the standard input, the answer goes to the file it names."""
    sent = json.load(sys.stdin)
    seconds = math.ceil(sent["timeout_s"]) + 1
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    Path(sent["answer"]).write_text(json.dumps(respond(sent["request"])))


def _fatal(code: str, source: str, message: str) -> Diagnosis:
    remedy = "The file is damaged, or too large: export it again, as .usda if it is .usdc."
    return Diagnosis(severity="error", code=code, path=source, message=message, remedy=remedy)
