"""The history of a twin: query, export, verify."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from hanzo_twin.errors import InvalidInputError, NotFoundError, StoreUnavailableError, nearest
from hanzo_twin.runtime.places import history_directory
from hanzo_twin.service.context import Platform
from hanzo_twin.service.lookup import find_twin
from hanzo_twin.service.views import RecordsView, RecordView, TableView, VerificationView
from hanzo_twin.stores.history.batch import Kind
from hanzo_twin.stores.records import TwinRecord

if TYPE_CHECKING:
    import pyarrow as pa

    from hanzo_twin.stores.history.reader import HistoryReader

_KINDS = {kind.label: kind for kind in Kind}


@dataclass(frozen=True, kw_only=True)
class HistoryFilter:
    """Which records: empty means all; device times in s since 1970, ``until`` is not included."""

    kinds: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    since: float | None = None
    until: float | None = None

    def arguments(self) -> dict[str, Any]:
        """Keyword arguments of ``HistoryReader.read``. Raises InvalidInputError for an unknown kind."""
        return {
            "kinds": parse_kinds(self.kinds),
            "addresses": self.addresses,
            "start": self.since,
            "end": self.until,
        }


@dataclass(frozen=True, kw_only=True)
class Export:
    """A file with a history; whoever has sent it calls `remove`."""

    path: Path
    filename: str

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)
        self.path.parent.rmdir()


def parse_kinds(names: Sequence[str]) -> tuple[Kind, ...]:
    """Raises InvalidInputError for a name that is not a kind of record."""
    for name in names:
        if name not in _KINDS:
            raise InvalidInputError(f"'{name[:80]}' is not a kind of record.", hint=nearest(name[:80], _KINDS))
    return tuple(_KINDS[name] for name in names)


async def query_history(
    platform: Platform, twin: str, *, sql: str | None, wanted: HistoryFilter, limit: int
) -> TableView:
    """At most ``limit`` rows: of one SELECT, or the newest that pass the filter, oldest of them first.

    Raises:
        NotFoundError: no such twin, or it has no history yet. InvalidInputError: the SQL or the filter is wrong.
    """
    table = await _table(platform, twin, sql, wanted, limit + 1)
    truncated = table.num_rows > limit
    if truncated:
        table = table.slice(0, limit) if sql is not None else table.slice(1)
    return TableView(columns=table.column_names, rows=_rows(table), truncated=truncated)


async def export_history(
    platform: Platform,
    twin: str,
    *,
    sql: str | None,
    wanted: HistoryFilter,
    format: Literal["csv", "parquet"],  # noqa: A002
) -> Export:
    """All rows that pass the filter, or the result of a SELECT, as a temporary file.

    Raises:
        NotFoundError, InvalidInputError: as `query_history`. StoreUnavailableError: the disk is full.
    """
    record, reader = await _reader(platform, twin)
    arguments = _arguments(sql, wanted)
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="hanzo-twin-export-"))
    export = Export(path=folder / f"history.{format}", filename=f"{record.name}.{format}")
    try:
        if sql is None:
            await _in_thread(record, reader.export, export.path, **arguments)
        else:
            table = await _in_thread(record, reader.query, sql)
            await asyncio.to_thread(_write, table, export.path)
    except BaseException:
        export.remove()
        raise
    return export


async def verify_history(platform: Platform, twin: str) -> VerificationView:
    """Walk the whole chain. Raises NotFoundError."""
    record, reader = await _reader(platform, twin)
    report = await _in_thread(record, reader.verify)
    return VerificationView(
        valid=report.ok,
        rows=report.rows,
        frames=report.head.sequence,
        head=str(report.head),
        problems=[str(problem) for problem in report.problems],
    )


async def newest_records(platform: Platform, twin: str, *, kinds: Sequence[str], limit: int) -> RecordsView:
    """The newest records of some kinds, newest first; none where there is no history yet.

    Raises:
        NotFoundError: no such twin. InvalidInputError: no such kind.
    """
    arguments = HistoryFilter(kinds=tuple(kinds)).arguments()
    record, reader = await _reader(platform, twin)
    try:
        table = await _in_thread(record, reader.read, **arguments, limit=limit, newest=True)
    except NotFoundError:
        return RecordsView(records=[])
    return RecordsView(records=[_record(row) for row in reversed(table.to_pylist())])


async def _table(platform: Platform, twin: str, sql: str | None, wanted: HistoryFilter, limit: int) -> pa.Table:
    record, reader = await _reader(platform, twin)
    arguments = _arguments(sql, wanted)
    if sql is not None:
        return await _in_thread(record, reader.query, sql)
    return await _in_thread(record, reader.read, **arguments, limit=limit, newest=True)


def _arguments(sql: str | None, wanted: HistoryFilter) -> dict[str, Any]:
    if sql is not None and wanted != HistoryFilter():
        raise InvalidInputError(
            "A query and a filter cannot be combined.", hint="Put the filter into the WHERE clause."
        )
    return wanted.arguments()


async def _reader(platform: Platform, twin: str) -> tuple[TwinRecord, HistoryReader]:
    from hanzo_twin.stores.history.reader import HistoryReader

    record = await find_twin(platform, twin)
    return record, HistoryReader(history_directory(platform.settings, str(record.id)))


async def _in_thread(record: TwinRecord, work: Any, *arguments: Any, **named: Any) -> Any:
    try:
        return await asyncio.to_thread(work, *arguments, **named)
    except NotFoundError as error:
        raise NotFoundError(
            f"Twin '{record.name}' has no history yet.", hint="It begins when the twin runs."
        ) from error


def _rows(table: pa.Table) -> list[list[Any]]:
    columns = [[_plain(value) for value in column.to_pylist()] for column in table.columns]
    return [list(row) for row in zip(*columns, strict=True)]


def _plain(value: Any) -> Any:
    """A cell as a JSON value; times become ISO 8601, and what JSON lacks becomes text or null."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _record(row: dict[str, Any]) -> RecordView:
    value = row["value"]
    return RecordView(
        time=_seconds(row["time"]),
        received=_seconds(row["received"]),
        kind=row["kind"],
        address=row["address"],
        value=value if value is not None and value == value else None,
        detail=json.loads(row["detail"]) if row["detail"] else {},
    )


def _seconds(moment: Any) -> float:
    from datetime import UTC

    return float(moment.replace(tzinfo=UTC).timestamp())


def _write(table: pa.Table, path: Path) -> None:
    import pyarrow.csv
    import pyarrow.parquet

    try:
        if path.suffix == ".csv":
            pyarrow.csv.write_csv(table, path)
        else:
            pyarrow.parquet.write_table(table, path)
    except OSError as error:
        raise StoreUnavailableError(f"The result cannot be written: {error}.") from error
