"""CSV files as tables: UTF-8, a header line, cells separated by commas (RFC 4180)."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import IO

from hanzo_twin.errors import RecordingError

LONGEST_LINE_BYTES = 1024 * 1024
_OTHER_DELIMITERS = {";": "';'", "\t": "tabulators", "|": "'|'"}


@dataclass(frozen=True)
class Misfit:
    """A line that has another number of cells than the header."""

    count: int


class CsvTable:
    """The table in a CSV file; positions are line numbers from 1.

    Raises:
        RecordingError: there is no usable header line.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with path.open("rb") as file:
            header = next(self._parse(file), None)
        if header is None:
            raise RecordingError(f"The recording {path} holds nothing but empty lines.")
        line, names = header
        self.names: Sequence[str] = tuple(name.strip() for name in names)
        self._check_header(line)

    def where(self, position: int) -> str:
        return f"{self._path}:{position}"

    def rows(self, columns: Sequence[int]) -> Iterator[tuple[int, Sequence[str] | Misfit]]:
        """Line number and cells, as `Table.rows`."""
        width = len(self.names)
        pick = itemgetter(*columns) if len(columns) > 1 else lambda cells: (cells[columns[0]],)
        with self._path.open("rb") as file:
            lines = self._parse(file)
            next(lines)
            for line, cells in lines:
                yield line, pick(cells) if len(cells) == width else Misfit(len(cells))

    def _parse(self, file: IO[bytes]) -> Iterator[tuple[int, list[str]]]:
        reader = csv.reader(self._text_lines(file), strict=True)
        try:
            for cells in reader:
                if cells:
                    yield reader.line_num, cells
        except csv.Error as wrong:
            raise RecordingError(f"{self.where(reader.line_num)}: this is not CSV: {wrong}.") from None

    def _text_lines(self, file: IO[bytes]) -> Iterator[str]:
        number = 0
        while raw := file.readline(LONGEST_LINE_BYTES + 1):
            number += 1
            if len(raw) > LONGEST_LINE_BYTES:
                raise RecordingError(f"{self.where(number)}: the line has more than {LONGEST_LINE_BYTES} bytes.")
            if number == 1:
                raw = self._without_byte_order_mark(raw)
            if b"\0" in raw:
                raise self._not_text(number, "a NUL byte")
            try:
                yield raw.decode()
            except UnicodeDecodeError as wrong:
                raise self._not_text(number, f"byte 0x{raw[wrong.start]:02x}") from None

    def _without_byte_order_mark(self, raw: bytes) -> bytes:
        if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise RecordingError(f"{self._path} is written in UTF-16.", hint="Save it as UTF-8.")
        return raw.removeprefix(codecs.BOM_UTF8)

    def _not_text(self, number: int, found: str) -> RecordingError:
        return RecordingError(
            f"{self.where(number)}: this is not UTF-8 text: there is {found}.",
            hint="A recording is a CSV file with a header line, or a Parquet file.",
        )

    def _check_header(self, line: int) -> None:
        if len(self.names) == 1:
            for delimiter, name in _OTHER_DELIMITERS.items():
                if delimiter in self.names[0]:
                    raise RecordingError(
                        f"{self.where(line)}: the columns are separated by {name}.",
                        hint="Write the file with commas between columns and decimal points in numbers.",
                    )
        for index, name in enumerate(self.names):
            if name in self.names[:index]:
                raise RecordingError(f"{self.where(line)}: there are two columns named '{name}'.")
