"""What commands print: JSON for programs, tables for people, results on stdout and everything else on stderr."""

from __future__ import annotations

import json as jsonlib
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hanzo_twin.errors import ConflictError, InvalidInputError, OutputError

if TYPE_CHECKING:
    from rich.console import Console

Force = Annotated[bool, typer.Option("--force", help="Replace files that are there.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]

_PIPE_WIDTH = 300


def emit(value: Any) -> None:
    """Print ``value`` as JSON; models become objects."""
    ascii_only = "utf" not in (sys.stdout.encoding or "").lower()
    sys.stdout.write(jsonlib.dumps(plain(value), indent=2, ensure_ascii=ascii_only, allow_nan=False) + "\n")


def plain(value: Any) -> Any:
    """``value`` as JSON values."""
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    return value


def say(text: str) -> None:
    """Print a line of a result."""
    sys.stdout.write(f"{text}\n")


def note(text: str) -> None:
    """Tell a person something that is not a result."""
    sys.stderr.write(f"{text}\n")


def check_new(path: Path, *, force: bool) -> None:
    """Make sure that writing data to ``path`` replaces nothing, unless it may.

    Raises:
        ConflictError: there is a file. InvalidInputError: there is a folder. OutputError: the folder is missing.
    """
    if path.is_dir():
        raise InvalidInputError(f"'{path}' is a directory.", hint="Name a file in it.")
    if path.is_file() and not force:
        raise ConflictError(
            f"'{path}' exists already; it is not replaced.", hint="Name another file, or replace it with --force."
        )
    if not path.parent.is_dir():
        raise OutputError(f"'{path}' cannot be written: there is no folder '{path.parent}'.", hint="Make it first.")


def save(path: Path, data: bytes) -> None:
    """Write a file completely or not at all; what was there stays until then.

    Raises:
        OutputError: it cannot be written there.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        if path.exists() and not path.is_file():
            # A device or a pipe is written to, not replaced.
            path.write_bytes(data)
            return
        try:
            draft.write_bytes(data)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as failure:
        raise OutputError(f"'{path}' cannot be written: {failure.strerror}.") from failure


def console() -> Console:
    """For tables on stdout. Text is shown as it is; there are colours on a terminal only, unless NO_COLOR is set."""
    from rich.console import Console

    class Plain(Console):
        def on_broken_pipe(self) -> None:
            # Rich would end the process with 1, which some commands say with.
            raise

    width = None if sys.stdout.isatty() else _PIPE_WIDTH
    return Plain(markup=False, highlight=False, emoji=False, width=width)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str) -> None:
    """Print rows under headings, or ``empty`` (to stderr) where there are none."""
    from rich.table import Table

    listed = [[_cell(value) for value in row] for row in rows]
    if not listed:
        note(empty)
        return
    shown = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in listed:
        shown.add_row(*row)
    console().print(shown)


def fields(rows: Iterable[tuple[str, object]]) -> None:
    """Print names and values, one a line, without those that are empty."""
    from rich.table import Table

    shown = Table.grid(padding=(0, 2))
    shown.add_column(style="bold")
    shown.add_column(overflow="fold")
    for name, value in rows:
        text = _cell(value)
        if text:
            shown.add_row(name, text)
    console().print(shown)


def number(value: float | None, unit: str = "", digits: int = 4) -> str:
    """A number for people."""
    return "–" if value is None else f"{value:.{digits}g}{' ' if unit else ''}{unit}"


def time_text(value: float | None) -> str:
    """Seconds since 1970 as UTC."""
    if value is None:
        return "–"
    from datetime import UTC, datetime

    return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple):
        return ", ".join(_cell(each) for each in value)
    return str(value)
