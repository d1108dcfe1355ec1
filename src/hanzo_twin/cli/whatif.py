"""``hanzo-twin fork`` and ``hanzo-twin compare``."""

from __future__ import annotations

from typing import Annotated

import typer

from hanzo_twin.cli.arguments import Twin, assignments, connect
from hanzo_twin.cli.output import Json, emit, note, number, say, table


def register(app: typer.Typer) -> None:
    """Add these commands to ``app``."""
    app.command()(fork)
    app.command()(compare)


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


def compare(
    ctx: typer.Context,
    twin: Twin,
    other: Annotated[str, typer.Argument(metavar="OTHER", help="Twin to compare with.", show_default=False)],
    horizon: Annotated[float, typer.Option(min=0, help="How far ahead, s.")] = 1.0,
    interval: Annotated[float, typer.Option(min=0, help="Time between samples, s; 0 takes every step.")] = 0.0,
    address: Annotated[
        list[str] | None, typer.Option(help="State to compare, may be repeated; default: all joint positions.")
    ] = None,
    now: Annotated[
        bool, typer.Option("--now", help="Start a fork from its own present, not from where it was forked.")
    ] = False,
    json: Json = False,
) -> None:
    """Carry copies of two running twins forward and show how they differ; a fork from where it was forked."""
    with connect(ctx) as client:
        view = client.compare_twins(
            twin,
            other,
            start="now" if now else "fork",
            horizon_s=horizon,
            interval_s=interval,
            addresses=address or (),
        )
    if json:
        emit(view)
        return
    last, other_last = view.trajectories[-1], view.other_trajectories[-1]
    table(
        ("ADDRESS", twin.upper(), other.upper(), "DIFFERENCE", "RMS", "LARGEST"),
        (
            (path, own, others, *(number(view.difference[path][name]) for name in ("final", "rms", "max")))
            for path, own, others in zip(view.addresses, last, other_last, strict=True)
        ),
        empty="There is nothing to compare.",
    )
