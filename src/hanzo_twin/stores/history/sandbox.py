"""The process that runs one query of a user: request on stdin, Arrow stream on stdout, a refusal as JSON on stderr."""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.dataset

from hanzo_twin.errors import HanzoTwinError, InvalidInputError
from hanzo_twin.stores.history.segments import SCHEMA
from hanzo_twin.stores.history.snapshot import take_snapshot

_SLACK_MB = 256
"""For what DuckDB does not count as its own: buffers of Arrow, threads."""


def main() -> int:
    """Run the query on stdin; 0, or 1 with the reason on stderr."""
    request = json.load(sys.stdin)
    limits = request["limits"]
    _limit_memory(limits["memory_mb"] + _SLACK_MB)
    try:
        table = _run(Path(request["directory"]), request["sql"], limits)
        with pa.ipc.new_stream(sys.stdout.buffer, table.schema) as stream:
            stream.write_table(table)
    except HanzoTwinError as error:
        return _refuse(error.message, error.hint)
    except (duckdb.OutOfMemoryException, pa.ArrowMemoryError, MemoryError):
        message = f"The query needed more than {limits['memory_mb']} MB of memory."
        return _refuse(message, "Narrow it: WHERE time >= …, fewer columns, or aggregate.")
    except (duckdb.Error, pa.ArrowException) as error:
        hint = (
            "The one table is history(sequence, time, received, kind, address, value, detail); only SELECT is allowed."
        )
        return _refuse(f"The query failed: {error}", hint)
    return 0


def _run(directory: Path, sql: str, limits: dict[str, Any]) -> pa.Table:
    with _connect(directory, limits["memory_mb"]) as connection:
        statements = connection.extract_statements(sql)
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            kinds = ", ".join(statement.type.name for statement in statements) or "nothing"
            raise InvalidInputError(f"A query of the history is one SELECT; this is: {kinds}.")
        result = connection.sql(sql).limit(limits["rows"] + 1).to_arrow_table()
    if result.num_rows > limits["rows"]:
        raise InvalidInputError(
            f"The result has more than {limits['rows']} rows.", hint="Add a LIMIT, aggregate, or export the history."
        )
    return result


def _connect(directory: Path, memory_mb: int) -> duckdb.DuckDBPyConnection:
    """A connection that sees the view ``history`` and nothing else; its configuration is locked."""
    snapshot = take_snapshot(directory)
    files = [str(segment.path) for segment in snapshot.segments]
    connection = duckdb.connect(
        config={
            "memory_limit": f"{memory_mb}MB",
            "temp_directory": "",
            "threads": 2,
            "python_enable_replacements": False,
            "autoload_known_extensions": False,
            "autoinstall_known_extensions": False,
        }
    )
    connection.register("history_journal", snapshot.tail())
    source = "history_journal"
    if files:
        connection.register("history_segments", pyarrow.dataset.dataset(files, schema=SCHEMA, format="parquet"))
        source = "history_segments UNION ALL FROM history_journal"
    connection.execute(f"CREATE VIEW history AS FROM {source}")
    connection.execute("SET TimeZone = 'UTC'; SET enable_external_access = false; SET lock_configuration = true")
    return connection


def _limit_memory(megabytes: int) -> None:
    """Allow so much more than the libraries have reserved on being imported: a gigabyte that is never touched."""
    reserved_pages = int(Path("/proc/self/statm").read_text().split()[5])
    limit = reserved_pages * resource.getpagesize() + (megabytes << 20)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _refuse(message: str, hint: str) -> int:
    sys.stderr.write("\n" + json.dumps({"message": message, "hint": hint}) + "\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
