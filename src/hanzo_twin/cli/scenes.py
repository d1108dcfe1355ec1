"""``hanzo-twin scene``: stored scenes, and checking a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hanzo_twin.cli import scene_files
from hanzo_twin.cli.arguments import XacroArguments, connect, every, xacro_arguments
from hanzo_twin.cli.output import Force, Json, console, emit, note, say, table
from hanzo_twin.cli.progress import FractionBar
from hanzo_twin.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hanzo_twin.scene.diagnostics import Diagnosis
    from hanzo_twin.service.engine_verdicts import EngineVerdict
    from hanzo_twin.service.problems import DiagnosisView

app = typer.Typer(no_args_is_help=True, help="Scenes: library, check, convert, upload, validate, download.")

scene_files.register(app)

Name = Annotated[str, typer.Option("--name", help="Name of the scene.", show_default=False)]
Engine = Annotated[str | None, typer.Option(help="Engine that shall run it.", show_default=False)]
FloatingBase = Annotated[
    bool | None,
    typer.Option(
        "--floating-base/--fixed-base",
        help="Let a robot of a format that cannot say so (URDF) float, or weld it to the world.",
        show_default="by its links",
    ),
]
Version = Annotated[int | None, typer.Option("--version", min=1, help="Version; the newest unless given.")]

_ALIKE = 4
_COLOURS = {"error": "red", "warning": "yellow", "info": "cyan"}


@app.command()
def library(json: Json = False) -> None:
    """List the scenes that come with the package; a definition uses one as uri or ref: library:NAME."""
    from hanzo_twin.scene.library.catalogue import entries

    found = entries()
    if json:
        emit([{"name": each.name, "uri": each.uri, "summary": each.summary, "size_m": each.size} for each in found])
        return
    table(
        ("NAME", "SIZE (m)", "WHAT"),
        ((each.name, " × ".join(f"{length:g}" for length in each.size), each.summary) for each in found),
        empty="The library is empty.",
    )


@app.command()
def check(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="File of any known format, or library:NAME.", show_default=False)
    ],
    engine: Annotated[
        str | None,
        typer.Option(help="Engine that shall run it; several as a,b, or all that there are.", show_default=False),
    ] = None,
    floating_base: FloatingBase = None,
    default_drives: Annotated[
        bool, typer.Option("--default-drives", help="Give joints without a drive one that holds the start.")
    ] = False,
    xacro_arg: XacroArguments = None,
    addresses: Annotated[
        bool, typer.Option("--addresses", help="List every parameter, state and input that has an address.")
    ] = False,
    json: Json = False,
) -> None:
    """Load a file and tell what would be changed, guessed or lost; no server is needed. Exits with 1 on errors."""
    from hanzo_twin.service.engine_verdicts import ALL, engine_names, verdicts
    from hanzo_twin.service.scene_check import check_scene

    loading: dict[str, Any] = {
        "floating_base": floating_base,
        "default_drives": default_drives,
        "xacro_arguments": xacro_arguments(xacro_arg or ()),
    }
    if engine is not None and not engine.strip(" ,"):
        raise InvalidInputError("--engine names no engine.", hint="Name one, several as a,b, or all.")
    several = engine is not None and (engine == ALL or "," in engine)
    found = check_scene(file, engine=None if several else engine, addresses=addresses, **loading)
    answers: list[EngineVerdict] = []
    if several:
        names = engine_names(engine or "")
        with FractionBar("Asking") as bar:
            bar.update(", ".join(names), 0.0)
            for answer in verdicts(file, found, names, **loading):
                answers.append(answer)
                bar.update(", ".join(names[len(answers) :]), len(answers) / len(names))
    # Of all engines there are, one that is not installed is no fault of the scene.
    accepted = ("takes", "not installed") if engine == ALL else ("takes",)
    fine = found.ok and all(each.verdict in accepted for each in answers)
    if json:
        engines = {"engines": [each.to_dict() for each in answers]} if several else {}
        emit({**found.to_dict(), "ok": fine, **engines})
    else:
        _show(found.diagnoses)
        if found.sensors:
            sensors = [(each.path, each.kind, each.body, each.rate_hz or "present") for each in found.sensors]
            table(("SENSOR", "KIND", "BODY", "RATE (Hz)"), sensors, empty="")
        if addresses:
            quantities = [(each.address, each.kind, each.unit) for each in found.addresses]
            table(("ADDRESS", "KIND", "UNIT"), quantities, empty="Nothing in the scene has an address.")
        if several:
            rows = [row for each in answers for row in _verdict_rows(each)]
            table(("ENGINE", "VERDICT", "WHY, AND WARNINGS"), rows, empty="There are no engines.")
        say(_verdict(str(file), None if several else engine, found.ok))
    if not fine:
        raise typer.Exit(1)


@app.command()
def upload(
    ctx: typer.Context,
    name: Name,
    path: Annotated[Path, typer.Option("--path", help="File, archive or folder.", show_default=False)],
    root: Annotated[str | None, typer.Option(help="File to open, where several could be.", show_default=False)] = None,
    floating_base: FloatingBase = None,
    json: Json = False,
) -> None:
    """Store a new version of a scene; refused if it cannot be loaded."""
    with connect(ctx) as client:
        view = client.upload_scene(name, path, root=root, floating_base=floating_base)
    if json:
        emit(view)
        return
    _show(view.diagnoses)
    say(f"Scene '{view.name}' has version {view.version}.")
    base = "" if floating_base is None else f", floating_base: {str(floating_base).lower()}"
    note(f"A definition uses it as: scene: {{uri: {view.uri}{base}}}")


@app.command()
def validate(
    ctx: typer.Context, name: Name, engine: Engine = None, version: Version = None, json: Json = False
) -> None:
    """Load a stored scene, on an engine if one is given. Exits with 1 on errors."""
    with connect(ctx) as client:
        found = client.validate_scene(name, engine=engine, version=version)
    if json:
        emit(found)
    else:
        _show(found.diagnoses)
        say(_verdict(name, engine, found.ok))
    if not found.ok:
        raise typer.Exit(1)


@app.command()
def download(
    ctx: typer.Context,
    name: Name,
    output: Annotated[Path, typer.Option("--output", "-o", help="File or folder to save it in.")] = Path(),
    version: Version = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """Save a stored scene as an archive."""
    with connect(ctx) as client:
        saved = client.download_scene(name, output, version=version, overwrite=force)
    if json:
        emit({"file": str(saved), "bytes": saved.stat().st_size})
    else:
        say(str(saved))


@app.command("list")
def list_(
    ctx: typer.Context,
    name: Annotated[str | None, typer.Option(help="All versions of this scene.", show_default=False)] = None,
    json: Json = False,
) -> None:
    """List stored scenes: the newest version of each, or all versions of one."""
    with connect(ctx) as client:
        if name is None:
            found = every(lambda cursor: client.list_scenes(cursor=cursor))
        else:
            found = client.list_scene_versions(name)
    if json:
        emit(found)
        return
    table(
        ("NAME", "VERSION", "ROOT", "BYTES", "CREATED", "URI"),
        (
            (each.name, each.version, each.root, each.size_bytes, f"{each.created_at:%Y-%m-%d %H:%M}", each.uri)
            for each in found
        ),
        empty="There are no scenes. Store one with: hanzo-twin scene upload --name NAME --path FILE",
    )


@app.command()
def delete(ctx: typer.Context, name: Name, json: Json = False) -> None:
    """Delete a scene with all its versions; refused while a twin uses one."""
    with connect(ctx) as client:
        client.delete_scene(name)
    if json:
        emit({"deleted": name})
    else:
        say(f"Scene '{name}' is deleted.")


def _show(diagnoses: Iterable[Diagnosis | DiagnosisView]) -> None:
    from rich.text import Text

    from hanzo_twin.scene.diagnostics import alike, grouped, sentence

    out = console()
    for group in grouped(diagnoses, lambda each: (each.severity, each.code, alike(each.message))):
        several = len(group) > _ALIKE and group[0].severity != "error"
        for each in group[:1] if several else group:
            line = Text(f"{each.severity}[{each.code}]", style=_COLOURS.get(each.severity, ""))
            line.append(f" {each.path}: {sentence(each.message)}", style="not bold default")
            if each.remedy:
                line.append(f" {each.remedy}", style="dim")
            if several:
                others = ", ".join(other.path for other in group[1:_ALIKE])
                line.append(f" And {len(group) - 1} others alike, which --json lists: {others}, …", style="dim")
            out.print(line, soft_wrap=True)


def _verdict_rows(answer: EngineVerdict) -> Iterable[tuple[str, str, str]]:
    """One for each thing that the engine has to say."""
    first, *others = (*answer.reasons, *answer.warnings) or ("",)
    yield answer.engine, answer.verdict, first
    yield from (("", "", text) for text in others)


def _verdict(scene: str, engine: str | None, valid: bool) -> str:
    on = f" on {engine}" if engine else ""
    return f"{scene} {'can be simulated' if valid else 'cannot be simulated'}{on}."
