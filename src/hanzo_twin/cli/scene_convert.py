"""``hanzo-twin scene convert``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hanzo_twin.cli.arguments import XacroArguments, xacro_arguments
from hanzo_twin.cli.output import Force, Json, emit, note, say, table
from hanzo_twin.errors import counted
from hanzo_twin.scene.diagnostics import alike, grouped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hanzo_twin.scene.convert import ConversionReport
    from hanzo_twin.scene.convert.report import Entry

_PLURALS = {"body": "bodies"}


def register(app: typer.Typer) -> None:
    """Add the command to ``scene``."""
    app.command()(convert)


def convert(
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="File of any known format.", show_default=False)],
    target: Annotated[
        Path,
        typer.Argument(
            metavar="TARGET", help="File to write; its suffix says the format (.usda, .usdc, .usd, .xml, …)."
        ),
    ],
    floating_base: Annotated[
        bool | None,
        typer.Option(
            "--floating-base/--fixed-base",
            help="Let a robot of a format that cannot say so (URDF) float, or weld it to the world.",
            show_default="by its links",
        ),
    ] = None,
    xacro_arg: XacroArguments = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """Write a scene in another format and tell what was kept, changed and lost. Exits with 1 if it cannot be read."""
    from hanzo_twin.cli.group import report as tell
    from hanzo_twin.errors import SceneError
    from hanzo_twin.scene.convert import convert as convert_scene

    arguments = xacro_arguments(xacro_arg or ())
    try:
        report = convert_scene(source, target, floating_base=floating_base, xacro_arguments=arguments, overwrite=force)
    except SceneError as wrong:
        if json:
            diagnoses = [diagnosis.to_dict() for diagnosis in wrong.diagnoses]
            emit({"source": str(source), "target": str(target), "error": wrong.message, "diagnoses": diagnoses})
        else:
            tell(wrong)
        raise typer.Exit(1) from wrong
    if json:
        emit(report.to_dict())
    else:
        _show(report)


def _show(report: ConversionReport) -> None:
    others = [*report.of("lost"), *report.of("changed")]
    if others:
        groups = grouped(others, lambda entry: (entry.outcome, entry.code, alike(entry.what)))
        table(("", "CODE", "PATH", "WHAT"), (_row(group) for group in groups), empty="")
        if len(groups) < len(others):
            note("What is alike stands in one line, with the words of the first; --json has all.")
        say("")
    touched = {entry.path for entry in others}
    kept = report.of("kept")
    say(f"Kept: {', '.join(_counted(group, touched) for group in grouped(kept, _code)) or 'nothing'}.")
    say(f"Changed: {_places(report.of('changed'))}. Lost: {_places(report.of('lost'))}.")
    more = f" and {counted(len(report.files) - 1, 'mesh file')}" if len(report.files) > 1 else ""
    say(f"Written: {report.files[0]}{more}.")


def _row(group: list[Entry]) -> tuple[str, str, str, str]:
    first = group[0]
    more = f" and {counted(len(group) - 1, 'other')}" if len(group) > 1 else ""
    return first.outcome.upper(), first.code, f"{first.path}{more}", first.what


def _counted(group: list[Entry], touched: set[str]) -> str:
    """Things of one kind that are in the target, and in how many of them something is not as it was."""
    code = group[0].code
    changed = sum(entry.path in touched for entry in group)
    number = code if code == "gravity" else counted(len(group), code, _PLURALS.get(code, ""))
    return f"{number} ({changed} with changes)" if changed else number


def _code(entry: Entry) -> str:
    return entry.code


def _places(entries: Sequence[Entry]) -> str:
    """How many findings, and how many kinds of them where that is fewer."""
    kinds = len({(entry.code, alike(entry.what)) for entry in entries})
    return f"{len(entries)}" if kinds == len(entries) else f"{len(entries)} (of {counted(kinds, 'kind')})"
