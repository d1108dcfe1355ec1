"""``hanzo-twin scene render`` and ``scene scan``: what cameras and lidars of a scene see."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hanzo_twin.cli.arguments import XacroArguments, xacro_arguments
from hanzo_twin.cli.output import Json, emit, note, say, table

if TYPE_CHECKING:
    from hanzo_twin.service.scene_render import PictureKind, RenderReport

File = Annotated[
    Path, typer.Argument(metavar="FILE", help="File of any known format, or library:NAME.", show_default=False)
]
Engine = Annotated[
    str | None,
    typer.Option(help="Engine that runs it.", show_default="kinematic, or the first that takes the scene"),
]
Seconds = Annotated[float, typer.Option(help="Simulated seconds that pass first.")]
Output = Annotated[Path, typer.Option("--output", "-o", help="PNG file to write.", show_default=False)]
FloatingBase = Annotated[
    bool | None,
    typer.Option("--floating-base/--fixed-base", help="As in scene check.", show_default="by its links"),
]
DefaultDrives = Annotated[
    bool, typer.Option("--default-drives", help="Give joints without a drive one that holds the start.")
]


def register(app: typer.Typer) -> None:
    """Add the commands to ``scene``."""
    app.command()(render)
    app.command()(scan)


def render(
    file: File,
    output: Output,
    camera: Annotated[
        str | None,
        typer.Option(
            help="Prim path of the camera; overview for one that sees the whole scene.",
            show_default="the scene's first, else overview",
        ),
    ] = None,
    engine: Engine = None,
    depth: Annotated[bool, typer.Option("--depth", help="Depth: white is near, black nothing.")] = False,
    semantic: Annotated[bool, typer.Option("--semantic", help="A colour for each semantic label.")] = False,
    instance: Annotated[bool, typer.Option("--instance", help="A colour for each body and static shape.")] = False,
    seconds: Seconds = 0.0,
    width: Annotated[int | None, typer.Option(help="Pixels.", show_default="the camera's")] = None,
    height: Annotated[int | None, typer.Option(help="Pixels.", show_default="the camera's")] = None,
    floating_base: FloatingBase = None,
    default_drives: DefaultDrives = False,
    xacro_arg: XacroArguments = None,
    json: Json = False,
) -> None:
    """Write a picture of a scene; no server and no display is needed."""
    from hanzo_twin.service.scene_render import render_scene

    report = render_scene(
        file,
        output,
        engine=engine,
        camera="" if camera == "overview" else camera,
        kind=_kind(depth, semantic, instance),
        seconds=seconds,
        size=(width, height),
        loading=_loading(floating_base, default_drives, xacro_arg),
    )
    if json:
        emit(asdict(report))
    else:
        _tell(report)
        _warn(engine, report.engine, seconds)


def scan(
    file: File,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="File to write: .png, .svg or .pdf.", show_default=False)
    ],
    lidar: Annotated[str | None, typer.Option(help="Prim path of the lidar.", show_default="the scene's first")] = None,
    engine: Engine = None,
    seconds: Seconds = 0.0,
    floating_base: FloatingBase = None,
    default_drives: DefaultDrives = False,
    xacro_arg: XacroArguments = None,
    json: Json = False,
) -> None:
    """Plot one scan of a lidar from above, coloured by what it hit; no server is needed."""
    from hanzo_twin.service.scene_scan import scan_scene

    loading = _loading(floating_base, default_drives, xacro_arg)
    report = scan_scene(file, output, engine=engine, lidar=lidar, seconds=seconds, loading=loading)
    if json:
        emit(asdict(report))
        return
    columns = ("HIT", "RAYS", "NEAREST (m)")
    rows = ((each.name, each.rays, f"{each.nearest:.3f}") for each in report.hits)
    table(columns, rows, empty="No ray hit anything.")
    say(f"{report.lidar} at {report.time:g} s: {report.returned} of {report.rays} rays came back. {report.output}")
    _warn(engine, report.engine, seconds)


def _kind(depth: bool, semantic: bool, instance: bool) -> PictureKind:
    chosen: dict[PictureKind, bool] = {"depth": depth, "semantic": semantic, "instance": instance}
    asked = [kind for kind, wanted in chosen.items() if wanted]
    if len(asked) > 1:
        raise typer.BadParameter(f"--{asked[0]} and --{asked[1]} are two pictures; ask for one.")
    return asked[0] if asked else "rgb"


def _loading(floating_base: bool | None, default_drives: bool, xacro_arg: list[str] | None) -> dict[str, Any]:
    return {
        "floating_base": floating_base,
        "default_drives": default_drives,
        "xacro_arguments": xacro_arguments(xacro_arg or ()),
    }


def _tell(report: RenderReport) -> None:
    if report.parts:
        rows = ((part.name or "(nothing)", part.colour, f"{100 * part.share:.1f} %") for part in report.parts)
        table(("WHAT", "COLOUR", "SHARE"), rows, empty="")
    if report.nearest is not None:
        say(f"Depths from {report.nearest:.3f} m (white) to {report.farthest:.3f} m.")
    camera = report.camera or "An overview"
    say(f"{camera} at {report.time:g} s on {report.engine}, drawn by {report.renderer}: {report.output}")


def _warn(wanted: str | None, used: str, seconds: float) -> None:
    """Say it where time passed on an engine without forces that nobody asked for."""
    from hanzo_twin.engines.port import load_engine

    if wanted is None and seconds > 0 and not load_engine(used).capabilities().dynamics:
        note(f"Nothing falls or collides on the engine '{used}'; name another with --engine to see that.")
