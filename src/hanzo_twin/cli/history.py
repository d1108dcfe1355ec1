"""``hanzo-twin history``: what happened to a twin."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from hanzo_twin.cli.arguments import TIMES, Twin, connect, parse_time
from hanzo_twin.cli.output import Force, Json, check_new, emit, note, save, say, table
from hanzo_twin.errors import InvalidInputError, counted

if TYPE_CHECKING:
    from hanzo_twin.client import Client

_FORMATS: dict[str, Literal["csv", "parquet"]] = {".csv": "csv", ".parquet": "parquet"}


def register(app: typer.Typer) -> None:
    """Add this command to ``app``."""
    app.command()(history)


def history(
    ctx: typer.Context,
    twin: Twin,
    sql: Annotated[str | None, typer.Option(help="One SELECT over the table 'history'.", show_default=False)] = None,
    kind: Annotated[list[str] | None, typer.Option(help="Only this kind, such as drift; may be repeated.")] = None,
    address: Annotated[list[str] | None, typer.Option(help="Only this address; may be repeated.")] = None,
    since: Annotated[str | None, typer.Option(help=f"Device time from which on: {TIMES}.")] = None,
    until: Annotated[str | None, typer.Option(help="Device time before which, likewise.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="Most rows to show; the newest are kept.")] = 50,
    export: Annotated[
        Path | None, typer.Option(help="Write all that match to a .csv or .parquet file.", show_default=False)
    ] = None,
    verify: Annotated[bool, typer.Option("--verify", help="Check that nothing was altered or removed.")] = False,
    force: Force = False,
    json: Json = False,
) -> None:
    """Show, query, export or verify the history of a twin."""
    filtered = any((kind, address, since is not None, until is not None))
    if sum((sql is not None, export is not None, verify)) > 1 or (filtered and (sql is not None or verify)):
        raise InvalidInputError(
            "--sql, --export and --verify exclude each other, and filters go with none of them but --export."
        )
    start, end = (None if text is None else parse_time(text) for text in (since, until))
    if export is not None:
        check_new(export, force=force)
    with connect(ctx) as client:
        if verify:
            _verify(client, twin, json)
            return
        if export is not None:
            form = _FORMATS.get(export.suffix.lower())
            if form is None:
                raise InvalidInputError(
                    f"A history cannot be exported to '{export.name}'.", hint="Name a .csv or .parquet file."
                )
            data = client.export_history(
                twin, format=form, kind=kind or (), address=address or (), since=start, until=end
            )
            _save(export, data, json)
            return
        view = client.query_history(
            twin, sql=sql, kind=kind or (), address=address or (), since=start, until=end, limit=limit
        )
    if json:
        emit(view)
        return
    table([name.upper() for name in view.columns], view.rows, empty="There is nothing in the history that matches.")
    if view.truncated:
        note(f"There is more; shown: {counted(len(view.rows), 'row')}. See --limit.")


def _verify(client: Client, twin: str, json: bool) -> None:
    found = client.verify_history(twin)
    if json:
        emit(found)
    elif found.valid:
        say(f"The history is complete and unaltered: {found.rows} rows in {found.frames} frames, head {found.head}.")
    else:
        for problem in found.problems:
            say(problem)
    if not found.valid:
        raise typer.Exit(1)


def _save(path: Path, data: bytes, json: bool) -> None:
    save(path, data)
    if json:
        emit({"file": str(path), "bytes": len(data)})
    else:
        note(f"{len(data)} bytes are in {path}.")
