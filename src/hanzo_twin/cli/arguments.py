"""Arguments that several commands share."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from hanzo_twin.errors import InvalidInputError

if TYPE_CHECKING:
    from hanzo_twin.client import Client

Twin = Annotated[str, typer.Argument(metavar="TWIN", help="Name or id of the twin.", show_default=False)]


def connect(ctx: typer.Context) -> Client:
    """A client of the server that the command line names."""
    from hanzo_twin.client import Client

    return Client(ctx.obj)


def assignments(texts: Iterable[str]) -> dict[str, float]:
    """``ADDRESS=VALUE`` as a mapping.

    Raises:
        InvalidInputError: one has another form, is no finite number, or names an address twice.
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
