"""``hanzo-twin parameters``: what an engine can change while a twin runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from hanzo_twin.cli.arguments import Twin, assignments, connect
from hanzo_twin.cli.output import Json, emit, table

if TYPE_CHECKING:
    from hanzo_twin.service.views import ParametersView

app = typer.Typer(no_args_is_help=True, help="Read and write parameters of a running twin.")


@app.command("get")
def get(
    ctx: typer.Context,
    twin: Twin,
    addresses: Annotated[
        list[str] | None, typer.Argument(metavar="[ADDRESS…]", help="Which; none gives all.", show_default=False)
    ] = None,
    json: Json = False,
) -> None:
    """Show parameters: all, or those at the addresses."""
    with connect(ctx) as client:
        _show(client.get_parameters(twin, address=addresses or ()), json)


@app.command("set")
def set_(
    ctx: typer.Context,
    twin: Twin,
    values: Annotated[
        list[str],
        typer.Argument(metavar="ADDRESS=VALUE…", help="Parameters and their new values, SI.", show_default=False),
    ],
    json: Json = False,
) -> None:
    """Write parameters: all, or none where one cannot be."""
    with connect(ctx) as client:
        _show(client.set_parameters(twin, assignments(values)), json)


def _show(view: ParametersView, json: bool) -> None:
    if json:
        emit(view)
        return
    rows = ((each.address, "unlimited" if each.value is None else each.value, each.unit) for each in view.parameters)
    table(("ADDRESS", "VALUE", "UNIT"), rows, empty="This twin has no parameters that can be changed.")
