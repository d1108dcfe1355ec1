"""Reading files of others in a process apart: a damaged binary USD file can crash USD, or keep it busy for ever."""

from __future__ import annotations

import json
import math
import resource
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hanzo_twin.scene.diagnostics import Diagnosis

MEMORY_BYTES = 32 * 2**30
"""Address space of the process; USD and an engine map several GiB that they never touch."""


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
            done = subprocess.run(
                [sys.executable, *child],
                input=json.dumps(sent).encode(),
                capture_output=True,
                timeout=timeout_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return _fatal("file-hangs", source, f"Reading it takes more than {timeout_s:g} s.")
        if done.returncode < 0:
            return _fatal(
                "file-crashes", source, f"Reading it kills the process that does so (signal {-done.returncode})."
            )
        if done.returncode > 0:
            last = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
            return _fatal("file-crashes", source, f"Reading it fails: {last or 'no reason is given'}.")
        return json.loads(answer.read_bytes())


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
