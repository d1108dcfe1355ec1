"""A recorded log: columns of numbers over time, whatever the format of its file."""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hanzo_twin.errors import RecordingError, nearest
from hanzo_twin.sync.recording.csv_table import CsvTable, Misfit
from hanzo_twin.sync.recording.parquet_table import ParquetTable, is_parquet

Cell = str | float | None
Row = tuple[float | None, ...]
"""One value for each of `RecordedLog.columns`; None where the log has none."""

_DECIMAL_COMMA = re.compile(r"\s*[+-]?\d*,\d+([eE][+-]?\d+)?\s*")


class Table(Protocol):
    """What a file format has to offer."""

    names: Sequence[str]

    def where(self, position: int) -> str:
        """Text that leads people to a row."""
        ...

    def rows(self, columns: Sequence[int]) -> Iterator[tuple[int, Sequence[Cell] | Misfit]]:
        """Position and the cells of ``columns``, or what does not fit under the column names."""
        ...


class RecordedLog:
    """A log on disk, opened and its header checked; rows are read when they are asked for.

    Args:
        columns: those that are wanted; None for all. ``time_column`` comes first in any case.

    Raises:
        RecordingError: it is not there, not readable, empty, not a table, or lacks a column.
    """

    def __init__(self, path: Path, *, time_column: str, columns: Sequence[str] | None = None) -> None:
        self.path = path
        self._table: Table = open_table(path)
        names = self._table.names
        wanted = (time_column, *(name for name in (columns or names) if name != time_column))
        for name in wanted:
            if name not in names:
                raise RecordingError(f"{path}: there is no column '{name}'.", hint=nearest(name, names))
        self.columns = wanted
        self._indices = tuple(names.index(name) for name in wanted)

    def rows(self, *, reject: Callable[[RecordingError], None] | None = None) -> Iterator[Row]:
        """All rows in order; time is the first value, is finite and never goes back.

        Args:
            reject: gets what is wrong with a row, which is then passed over; without it that is raised.

        Raises:
            RecordingError: a row is not usable, or the file ends being readable; names file and line.
        """
        latest = -math.inf
        for position, cells in self._table.rows(self._indices):
            try:
                row = self._convert(position, cells, latest)
            except RecordingError as wrong:
                if reject is None:
                    raise
                reject(wrong)
            else:
                latest = row[0] if row[0] is not None else latest
                yield row

    def _convert(self, position: int, cells: Sequence[Cell] | Misfit, latest: float) -> Row:
        if isinstance(cells, Misfit):
            raise self._wrong(
                position,
                f"there are {cells.count} cells under {len(self._table.names)} column names",
                "If decimal commas make the difference, write numbers with a decimal point.",
            )
        row = tuple(
            self._number(position, name, cell) if isinstance(cell, str) else cell
            for name, cell in zip(self.columns, cells, strict=True)
        )
        time = row[0]
        if time is None or not math.isfinite(time):
            raise self._wrong(position, f"the time in column '{self.columns[0]}' is missing or not finite")
        if time < latest:
            raise self._wrong(
                position,
                f"the time {time!r} is before that of the row above, {latest!r}",
                "Sort the log by time; if it holds several runs, split it.",
            )
        return row

    def _number(self, position: int, name: str, cell: str) -> float | None:
        try:
            return float(cell)
        except ValueError:
            if not cell.strip():
                return None
        comma = "Write numbers with a decimal point." if _DECIMAL_COMMA.fullmatch(cell) else ""
        shown = cell if len(cell) <= 40 else f"{cell[:40]}…"
        raise self._wrong(position, f"column '{name}' has '{shown}', which is not a number", comma)

    def _wrong(self, position: int, text: str, hint: str = "") -> RecordingError:
        return RecordingError(f"{self._table.where(position)}: {text}.", hint=hint)


def open_table(path: Path) -> Table:
    """The table in a file, by what the file begins with. Errors as `RecordedLog`."""
    try:
        with path.open("rb") as file:
            start = file.read(4)
    except OSError as failure:
        raise RecordingError(f"The recording {path} cannot be read: {failure.strerror}.") from None
    if not start:
        raise RecordingError(
            f"The recording {path} is empty.", hint="It must be a CSV file with a header line, or a Parquet file."
        )
    return ParquetTable(path) if is_parquet(start) else CsvTable(path)


def read_recording_columns(
    path: Path, *, time_column: str = "time", columns: Sequence[str] | None = None
) -> Mapping[str, NDArray[np.float64]]:
    """A whole log as arrays of equal length, NaN where the log has no value.

    Args:
        columns: those that are wanted; None for all. The time is always among them, never decreasing, s.

    Raises:
        RecordingError: as `RecordedLog` and its rows, or there are no rows.
    """
    log = RecordedLog(path, time_column=time_column, columns=columns)
    values = [array("d") for _ in log.columns]
    for row in log.rows():
        for column, value in zip(values, row, strict=True):
            column.append(math.nan if value is None else value)
    if not values[0]:
        raise no_rows(path)
    return {name: np.array(column) for name, column in zip(log.columns, values, strict=True)}


def no_rows(path: Path) -> RecordingError:
    """What is said of a log that has a header and nothing else."""
    return RecordingError(f"The recording {path} has column names and no rows.")
