"""Arguments that several commands share."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from hanzo_twin.errors import InvalidInputError

if TYPE_CHECKING:
    from hanzo_twin.client import Client
    from hanzo_twin.service.views import Page

T = TypeVar("T")

Twin = Annotated[str, typer.Argument(metavar="TWIN", help="Name or id of the twin.", show_default=False)]
XacroArguments = Annotated[
    list[str] | None,
    typer.Option("--xacro-arg", metavar="NAME:=VALUE", help="Argument of a xacro file; may be repeated."),
]


def connect(ctx: typer.Context) -> Client:
    """A client of the server that the command line names."""
    from hanzo_twin.client import Client

    return Client(ctx.obj)


def every(fetch: Callable[[str | None], Page[T]]) -> list[T]:
    """The items of all pages; ``fetch`` gets the one that begins at a cursor, None for the first."""
    found: list[T] = []
    cursor = None
    while True:
        page = fetch(cursor)
        found += page.items
        cursor = page.next_cursor
        if cursor is None:
            return found


def assignments(texts: Iterable[str]) -> dict[str, float]:
    """``ADDRESS=VALUE`` as a mapping.

    Raises:
        InvalidInputError: one has another form, is not a finite number, or names an address twice.
    """
    found: dict[str, float] = {}
    for text in texts:
        address, separator, value = text.rpartition("=")
        try:
            parsed = float(value) if separator and address else math.nan
        except ValueError:
            parsed = math.nan
        if not math.isfinite(parsed):
            raise InvalidInputError(
                f"'{text}' does not set an address to a number.",
                hint="Write ADDRESS=VALUE, such as /World/arm/joint_1.damping=0.2.",
            )
        if address in found:
            raise InvalidInputError(f"'{address}' is given twice.")
        found[address] = parsed
    return found


TIMES = "s since 1970, ISO 8601 (UTC unless it says otherwise), or how long ago, such as 90s, 15m, 2h, 3d"
_AGO = re.compile(r"(\d+(?:\.\d+)?)([smhd])")
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def parse_time(text: str) -> float:
    """A moment as people write it, in s since 1970; see `TIMES`.

    Raises:
        InvalidInputError: it is none of these.
    """
    ago = _AGO.fullmatch(text.strip())
    if ago:
        return time.time() - float(ago[1]) * _SECONDS[ago[2]]
    try:
        seconds = float(text)
    except ValueError:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise InvalidInputError(f"'{text}' is not a time.", hint=f"Write {TIMES}.") from None
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    if not math.isfinite(seconds):
        raise InvalidInputError(f"'{text}' is not a time.", hint=f"Write {TIMES}.")
    return seconds


def xacro_arguments(texts: Iterable[str]) -> dict[str, str]:
    """``NAME:=VALUE`` as a mapping, as the program xacro takes them.

    Raises:
        InvalidInputError: one has another form.
    """
    found: dict[str, str] = {}
    for text in texts:
        name, separator, value = text.partition(":=")
        if not separator or not name:
            raise InvalidInputError(
                f"'{text}' does not set an argument of a xacro file.", hint="Write NAME:=VALUE, such as prefix:=left_."
            )
        found[name] = value
    return found
