"""SQL from users over a history, in a process of its own: no files, no network, bounded memory, time and result."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa

from hanzo_twin.errors import HanzoTwinError, InvalidInputError, StoreUnavailableError

_ENVIRONMENT = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL")


@dataclass(frozen=True, kw_only=True)
class QueryLimits:
    """What one query may use.

    Args:
        seconds: wall time, start of the process (about half a second) included.
        memory_mb: memory of DuckDB and of the result [MB].
        rows: rows of the result.
    """

    seconds: float = 30.0
    memory_mb: int = 1024
    rows: int = 1_000_000


def run_query(directory: Path, sql: str, limits: QueryLimits) -> pa.Table:
    """Run ``sql`` in ``hanzo_twin.stores.history.sandbox``.

    Raises:
        InvalidInputError: with DuckDB's message, or the limit that was reached.
        StoreUnavailableError: that process cannot run.
    """
    if any("\ud800" <= letter <= "\udfff" for letter in sql):
        raise InvalidInputError("The query is not valid Unicode text.")
    request = json.dumps({"directory": str(directory), "sql": sql, "limits": asdict(limits)})
    environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    try:
        done = subprocess.run(
            [sys.executable, "-m", "hanzo_twin.stores.history.sandbox"],
            input=request.encode(),
            capture_output=True,
            timeout=limits.seconds,
            env=environment,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise InvalidInputError(
            f"The query took longer than {limits.seconds:g} s and was stopped.",
            hint="Narrow it: WHERE time >= …, fewer addresses, or aggregate.",
        ) from None
    if done.returncode == 0:
        return pa.ipc.open_stream(done.stdout).read_all()
    raise _refusal(done, limits)


def _refusal(done: subprocess.CompletedProcess[bytes], limits: QueryLimits) -> HanzoTwinError:
    if done.returncode < 0:  # an allocation beyond the limit, in code that cannot report it
        return InvalidInputError(
            f"The query needed more than {limits.memory_mb} MB of memory and was stopped.",
            hint="Narrow it: WHERE time >= …, fewer columns, or aggregate.",
        )
    last_line = (done.stderr.decode(errors="replace").splitlines() or [""])[-1]
    try:
        said = json.loads(last_line)
        return InvalidInputError(said["message"], hint=said["hint"])
    except (ValueError, LookupError, TypeError):
        return StoreUnavailableError(f"The process that runs queries failed: {last_line or done.returncode}.")
