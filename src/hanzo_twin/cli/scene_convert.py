"""``hanzo-twin scene convert``."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hanzo_twin.cli.arguments import XacroArguments, xacro_arguments
from hanzo_twin.cli.output import Json, emit, say, table

if TYPE_CHECKING:
    from hanzo_twin.scene.convert import ConversionReport

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
    json: Json = False,
) -> None:
    """Write a scene in another format and tell what was kept, changed and lost. Exits with 1 if it cannot be read."""
    from hanzo_twin.cli.group import report as tell
    from hanzo_twin.errors import SceneError
    from hanzo_twin.scene.convert import convert as convert_scene

    arguments = xacro_arguments(xacro_arg or ())
    try:
        report = convert_scene(source, target, floating_base=floating_base, xacro_arguments=arguments)
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
        rows = ((entry.outcome.upper(), entry.code, entry.path, entry.what) for entry in others)
        table(("", "CODE", "PATH", "WHAT"), rows, empty="")
        say("")
    counts = Counter(entry.code for entry in report.of("kept"))
    kept = ", ".join(_counted(count, code) for code, count in counts.items())
    say(f"Kept: {kept or 'nothing'}.")
    say(f"Changed: {len(report.of('changed'))}. Lost: {len(report.of('lost'))}.")
    more = f" and {len(report.files) - 1} mesh files" if len(report.files) > 1 else ""
    say(f"Written: {report.files[0]}{more}.")


def _counted(count: int, code: str) -> str:
    if code == "gravity":
        return code
    return f"{count} {code if count == 1 else _PLURALS.get(code, f'{code}s')}"
