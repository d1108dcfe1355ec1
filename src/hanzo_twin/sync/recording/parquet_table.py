"""Parquet files as tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hanzo_twin.errors import RecordingError

_MAGIC = b"PAR1"
_ROWS_AT_ONCE = 4096


def is_parquet(start: bytes) -> bool:
    """Whether a file that begins with these bytes is a Parquet file."""
    return start.startswith(_MAGIC)


class ParquetTable:
    """The table in a Parquet file; positions are row numbers from 1. Time stamps become seconds since 1970 UTC.

    Raises:
        RecordingError: the file is damaged.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._damage_named(), self._open() as file:
            self.names: Sequence[str] = tuple(file.schema_arrow.names)

    def where(self, position: int) -> str:
        return f"{self._path}: row {position}"

    def rows(self, columns: Sequence[int]) -> Iterator[tuple[int, Sequence[float | None]]]:
        """Row number and values, as `Table.rows`.

        Raises:
            RecordingError: a column does not hold numbers, or the file is damaged.
        """
        names = [self.names[index] for index in columns]
        position = 0
        with self._damage_named(), self._open() as file:
            for batch in file.iter_batches(batch_size=_ROWS_AT_ONCE, columns=names):
                for cells in zip(*(self._numbers(name, batch.column(name)) for name in names), strict=True):
                    position += 1
                    yield position, cells

    def _open(self) -> Any:
        from pyarrow.parquet import ParquetFile

        return ParquetFile(self._path)

    @contextmanager
    def _damage_named(self) -> Iterator[None]:
        from pyarrow import ArrowException

        try:
            yield
        except (ArrowException, OSError) as damage:
            raise RecordingError(f"The recording {self._path} is a damaged Parquet file: {damage}") from None

    def _numbers(self, name: str, column: Any) -> list[float | None]:
        import pyarrow as pa

        kind = column.type
        if pa.types.is_timestamp(kind):
            nanoseconds = column.cast(pa.timestamp("ns", tz=kind.tz)).cast(pa.int64())
            return [None if value is None else value / 1e9 for value in nanoseconds.to_pylist()]
        if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
            raise RecordingError(f"The recording {self._path}: column '{name}' holds {kind}, not numbers.")
        return [None if value is None else float(value) for value in column.to_pylist()]
