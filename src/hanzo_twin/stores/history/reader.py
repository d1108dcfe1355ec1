"""Reading a history: ranges, SQL, export, verification; also while it is being written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from hanzo_twin.errors import InvalidInputError, StoreUnavailableError
from hanzo_twin.stores.history.batch import Kind
from hanzo_twin.stores.history.frames import ChainHead
from hanzo_twin.stores.history.query import QueryLimits, run_query
from hanzo_twin.stores.history.segments import SCHEMA
from hanzo_twin.stores.history.snapshot import check_directory, take_snapshot
from hanzo_twin.stores.history.verification import VerificationReport, verify

PLAIN_SCHEMA = pa.schema(
    [pa.field(each.name, pa.string()) if pa.types.is_dictionary(each.type) else each for each in SCHEMA]
)
"""`SCHEMA` with text in place of dictionaries: what `HistoryReader.read` returns."""


class HistoryReader:
    """Reads the history in ``directory``; every call sees what had been appended when it began."""

    def __init__(self, directory: Path) -> None:
        self.directory = Path(directory)

    def verify(self, anchor: ChainHead | None = None) -> VerificationReport:
        """Walk the chain from the first frame; finds rows that were altered, removed or reordered.

        Frames cut off at the end leave a shorter chain that fits: only ``anchor``, a `HistoryWriter.head` that was
        noted elsewhere, shows that.

        Raises:
            NotFoundError: there is no history.
        """
        return verify(take_snapshot(self.directory), anchor)

    def query(self, sql: str, *, limits: QueryLimits | None = None) -> pa.Table:
        """Run one SELECT of DuckDB's SQL over the view ``history``.

        Columns: sequence BIGINT, time and received TIMESTAMP (UTC), kind, address VARCHAR, value DOUBLE, detail VARCHAR
        (JSON). The query runs in a process of its own that can read nothing else and is held to ``limits``.

        Raises:
            InvalidInputError: the SQL is wrong, is not a SELECT, or goes beyond the limits; says which.
            NotFoundError: there is no history.
        """
        check_directory(self.directory)
        return run_query(self.directory, sql, limits or QueryLimits())

    def read(
        self,
        *,
        kinds: Sequence[Kind] = (),
        addresses: Sequence[str] = (),
        start: float | None = None,
        end: float | None = None,
        limit: int | None = None,
        newest: bool = False,
    ) -> pa.Table:
        """Rows in the order in which they were appended, in `PLAIN_SCHEMA`.

        Args:
            kinds / addresses: only these; empty for all.
            start / end: device time [s], UTC; the end is not included.
            limit: at most so many rows, the first ones, or with ``newest`` the last ones.

        Raises:
            NotFoundError: there is no history.
            InvalidInputError: ``limit`` is negative, or a time is not finite.
            StoreUnavailableError: a file is damaged or cannot be read.
        """
        if limit is not None and limit < 0:
            raise InvalidInputError(f"A limit of {limit} rows was asked for; it cannot be negative.")
        wanted = _expression(kinds, addresses, start, end)
        pieces: list[pa.Table] = []
        missing = limit
        for piece in self._pieces(wanted, newest=newest):
            if missing is not None:
                piece = piece.slice(max(0, len(piece) - missing) if newest else 0, missing)
                missing -= len(piece)
            pieces.append(piece)
            if missing == 0:
                break
        ordered = reversed(pieces) if newest else pieces
        return pa.concat_tables([PLAIN_SCHEMA.empty_table(), *ordered])

    def tail(self, count: int = 100, *, kinds: Sequence[Kind] = ()) -> pa.Table:
        """The last ``count`` rows."""
        return self.read(kinds=kinds, limit=count, newest=True)

    def export(
        self,
        path: Path,
        *,
        kinds: Sequence[Kind] = (),
        addresses: Sequence[str] = (),
        start: float | None = None,
        end: float | None = None,
    ) -> int:
        """Write rows to ``path`` (``.csv`` or ``.parquet``) and return their number; the file appears when it is whole.

        Raises:
            InvalidInputError: another suffix.
            NotFoundError: there is no history.
            StoreUnavailableError: the disk is full or ``path`` cannot be written.
        """
        path = Path(path)
        if path.suffix not in (".csv", ".parquet"):
            raise InvalidInputError(
                f"A history cannot be exported to '{path.name}'.", hint="Name a file that ends in .csv or .parquet."
            )
        pieces = self._pieces(_expression(kinds, addresses, start, end), newest=False)
        temporary = path.with_name(f".{path.name}.tmp")
        try:
            rows = _write_csv(temporary, pieces) if path.suffix == ".csv" else _write_parquet(temporary, pieces)
            temporary.replace(path)
        except OSError as error:
            raise StoreUnavailableError(f"The history cannot be exported to {path}: {error}.") from error
        finally:
            temporary.unlink(missing_ok=True)
        return rows

    def _pieces(self, wanted: pc.Expression, *, newest: bool) -> Iterator[pa.Table]:
        """Filtered rows, file by file; from the newest file backwards with ``newest``."""
        snapshot = take_snapshot(self.directory)
        segments = [segment.path for segment in snapshot.segments]
        sources: list[Path | pa.Table] = [*segments, snapshot.tail()]
        for source in reversed(sources) if newest else sources:
            if isinstance(source, Path):
                try:
                    yield pq.read_table(source, filters=wanted).cast(PLAIN_SCHEMA)
                except (pa.ArrowException, OSError) as error:
                    message = f"The history segment {source} cannot be read: {error}."
                    raise StoreUnavailableError(message, hint="Verify the history; restore the file.") from error
            else:
                yield source.cast(PLAIN_SCHEMA).filter(wanted)


def _expression(
    kinds: Sequence[Kind], addresses: Sequence[str], start: float | None, end: float | None
) -> pc.Expression:
    wanted = pc.scalar(True)
    if kinds:
        wanted &= pc.field("kind").cast(pa.string()).isin([kind.label for kind in kinds])
    if addresses:
        wanted &= pc.field("address").cast(pa.string()).isin(list(addresses))
    if start is not None:
        wanted &= pc.field("time") >= _timestamp(start)
    if end is not None:
        wanted &= pc.field("time") < _timestamp(end)
    return wanted


def _timestamp(seconds: float) -> pa.Scalar:
    if not np.isfinite(seconds) or abs(seconds) > 8e9:
        raise InvalidInputError(f"{seconds} is not a time.", hint="Give seconds since 1970-01-01 UTC.")
    return pa.scalar(round(seconds * 1e6), pa.timestamp("us"))


def _write_csv(path: Path, pieces: Iterator[pa.Table]) -> int:
    utc = pa.timestamp("us", tz="UTC")
    schema = pa.schema(
        [pa.field(each.name, utc if each.name in ("time", "received") else each.type) for each in PLAIN_SCHEMA]
    )
    rows = 0
    with pyarrow.csv.CSVWriter(path, schema) as writer:
        for piece in pieces:
            writer.write_table(piece.cast(schema))
            rows += piece.num_rows
    return rows


def _write_parquet(path: Path, pieces: Iterator[pa.Table]) -> int:
    rows = 0
    with pq.ParquetWriter(path, PLAIN_SCHEMA, compression="zstd") as writer:
        for piece in pieces:
            writer.write_table(piece)
            rows += piece.num_rows
    return rows
