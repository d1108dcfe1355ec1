"""``hanzo-twin fork``."""

from __future__ import annotations

from typing import Annotated

import typer

from hanzo_twin.cli.arguments import Twin, assignments, connect
from hanzo_twin.cli.output import Json, emit, note, say


def register(app: typer.Typer) -> None:
    """Add this command to ``app``."""
    app.command()(fork)


def fork(
    ctx: typer.Context,
    twin: Twin,
    name: Annotated[str | None, typer.Option(help="Name of the fork.", show_default=False)] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="ADDRESS=VALUE", help="Change a parameter or an input; may be repeated."),
    ] = None,
    ttl: Annotated[float, typer.Option(min=1, help="Delete the fork after this time, s.")] = 3600.0,
    json: Json = False,
) -> None:
    """Fork a running twin: a copy goes on by itself from the present state."""
    from hanzo_twin.scene.addresses import JOINT_INPUTS

    given = assignments(changes or ())
    inputs = {address: value for address, value in given.items() if address.rpartition(".")[2] in JOINT_INPUTS}
    parameters = {address: value for address, value in given.items() if address not in inputs}
    with connect(ctx) as client:
        view = client.fork_twin(twin, name=name, parameters=parameters, inputs=inputs, ttl_seconds=ttl)
    if json:
        emit(view)
        return
    say(f"Twin '{view.name}' is a fork of '{twin}' and {view.phase}.")
    note(f"Compare them with: hanzo-twin compare {twin} {view.name}")
