"""``hanzo-twin compare``: two running twins, or one scene on several engines."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hanzo_twin.cli.arguments import connect
from hanzo_twin.cli.output import Json, emit, note, number, say, table
from hanzo_twin.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hanzo_twin.comparison import Comparison, EngineReport
    from hanzo_twin.service.views import TrajectoriesView

_ROWS = 15
_OF_TWINS = "Options for two twins"
_OF_ENGINES = "Options for engines"


def register(app: typer.Typer) -> None:
    """Add this command to ``app``."""
    app.command()(compare)


def compare(
    ctx: typer.Context,
    first: Annotated[
        str, typer.Argument(metavar="TWIN|SCENE", help="A running twin; or, with --engines, a scene file.")
    ],
    other: Annotated[
        str | None, typer.Argument(metavar="OTHER", help="Twin to compare with.", show_default=False)
    ] = None,
    engines: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,…",
            help="Compare these engines on a scene file; the first is the reference. No server is needed.",
            show_default=False,
        ),
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(min=0, help="Engines: how long to run, s.  [default: 2]", show_default=False)
    ] = None,
    step_hz: Annotated[
        float | None,
        typer.Option(
            "--step-hz", min=0, help="Engines: steps per second.  [default: the scene's, else 500]", show_default=False
        ),
    ] = None,
    command: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Engines: joint commands over time, CSV or JSON: 'time' and columns such as "
            "/World/arm/joint_1.targetPosition. Without it drives keep their authored targets.",
            show_default=False,
        ),
    ] = None,
    tolerance: Annotated[
        float | None,
        typer.Option(min=0, help="Engines: allowed difference, rad and m.  [default: 0.001]", show_default=False),
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(metavar="OUT.png", help="Engines: draw it (.png, .svg, .pdf).", show_default=False)
    ] = None,
    horizon: Annotated[
        float | None, typer.Option(min=0, help="Twins: how far ahead, s.  [default: 1]", show_default=False)
    ] = None,
    interval: Annotated[
        float | None,
        typer.Option(min=0, help="Twins: time between samples, s; 0 takes every step.", show_default=False),
    ] = None,
    address: Annotated[
        list[str] | None, typer.Option(help="Twins: state to compare, may be repeated; default: all joint positions.")
    ] = None,
    now: Annotated[
        bool, typer.Option("--now", help="Twins: start a fork from its own present, not from where it was forked.")
    ] = False,
    json: Json = False,
) -> None:
    """Compare two running twins (TWIN OTHER), or engines on one scene (SCENE --engines A,B).

    Twins: copies of both are carried forward, a fork from where it was forked. Engines: the scene runs from its start
    under the same commands; shown is how well they agree, where each first differs by more than the tolerance, and why.
    """
    of_engines = {"--seconds": seconds, "--step-hz": step_hz, "--command": command, "--tolerance": tolerance,
                  "--plot": plot}  # fmt: skip
    of_twins = {"OTHER": other, "--horizon": horizon, "--interval": interval, "--address": address, "--now": now}
    if engines is None:
        _refuse(of_engines, "needs --engines")
        if other is None:
            raise InvalidInputError(
                "It is not said what to compare with.",
                hint=f"Two twins: hanzo-twin compare {first} OTHER. A scene on engines: hanzo-twin compare {first} "
                f"--engines {_installed()}",
            )
        _compare_twins(ctx, first, other, now, 1.0 if horizon is None else horizon, interval or 0.0, address, json)
        return
    _refuse(of_twins, "is for two twins and does not go with --engines")
    _compare_engines(first, engines, seconds, step_hz, command, tolerance, plot, json)


def _refuse(given: Mapping[str, object], why: str) -> None:
    for name, value in given.items():
        if value is not None and value is not False and value != []:
            raise InvalidInputError(f"{name} {why}.", hint="See: hanzo-twin compare --help")


def _installed() -> str:
    from hanzo_twin import plugins

    return ",".join(plugins.names(plugins.ENGINES))


def _compare_twins(
    ctx: typer.Context,
    twin: str,
    other: str,
    now: bool,
    horizon: float,
    interval: float,
    addresses: Sequence[str] | None,
    json: bool,
) -> None:
    with connect(ctx) as client:
        view = client.compare_twins(
            twin,
            other,
            start="now" if now else "fork",
            horizon_s=horizon,
            interval_s=interval,
            addresses=addresses or (),
        )
    if json:
        emit(view)
        return
    note(_caption(view, twin, other))
    last, other_last = view.trajectories[-1], view.other_trajectories[-1]
    table(
        ("ADDRESS", twin.upper(), other.upper(), "DIFFERENCE", "RMS", "LARGEST", "UNIT"),
        (
            (path, own, others, *(number(view.difference[path][name]) for name in ("final", "rms", "max")), unit)
            for path, own, others, unit in zip(view.addresses, last, other_last, view.units, strict=True)
        ),
        empty="There is nothing to compare.",
    )


def _caption(view: TrajectoriesView, twin: str, other: str) -> str:
    """What the table's columns mean."""
    if view.started == "fork":
        start = f"Both start where '{other}' was forked from '{twin}', at {view.start_time:.3f} s"
    else:
        start = f"Each starts from its own present, '{twin}' at {view.start_time:.3f} s"
    return (
        f"{start} of its time, and runs {view.times[-1]:g} s ahead. Shown are the last values; DIFFERENCE is "
        f"{other} − {twin} then, RMS and LARGEST are over the whole time."
    )


def _compare_engines(
    file: str,
    engines: str,
    seconds: float | None,
    step_hz: float | None,
    command: Path | None,
    tolerance: float | None,
    plot: Path | None,
    json: bool,
) -> None:
    from hanzo_twin.cli.progress import FractionBar
    from hanzo_twin.comparison import Tolerance, compare_engines, read_commands
    from hanzo_twin.comparison.plot import plot_comparison
    from hanzo_twin.figures import check_plot
    from hanzo_twin.scene.load import load_scene

    names = [name.strip() for name in engines.split(",") if name.strip()]
    if plot is not None:
        check_plot(plot)
    scene = load_scene(file)
    controller = read_commands(command, scene) if command is not None else None
    allowed = Tolerance() if tolerance is None else Tolerance.of(tolerance)
    with FractionBar("Comparing") as bar:
        found = compare_engines(
            scene,
            names,
            seconds=2.0 if seconds is None else seconds,
            step_hz=step_hz,
            controller=controller,
            tolerance=allowed,
            progress=bar.update,
        )
    if plot is not None:
        plot_comparison(plot, found)
    if json:
        emit(found.to_dict())
        return
    _show(found)
    if plot is not None:
        note(f"The plot is in {plot}.")


def _show(found: Comparison) -> None:
    from hanzo_twin.comparison.narrative import paragraphs

    say(f"{found.seconds:g} s in steps of {found.step_s:g} s; differences from {found.reference}.")
    say("")
    table(
        ("ENGINE", "JOINTS", "BODIES", "ROTATIONS", "PARTS AT", "BY", "LIKELY CAUSE"),
        (_row(found, report) for report in found.engines.values()),
        empty="There is nothing to compare.",
    )
    _details(found)
    for text in paragraphs(found):
        say(f"\n{text}")


def _row(found: Comparison, report: EngineReport) -> tuple[object, ...]:
    if report.refused:
        return (report.name, "–", "–", "–", "–", "–", "refuses the scene")
    if report.name == found.reference:
        return (report.name, "reference", "", "", "", "", "")
    joints = [number(value, unit, 3) for value, unit in _joint_errors(report)] or ["–"]
    parts = report.first_divergence
    return (
        report.name,
        ", ".join(joints),
        number(report.max_body_error_m, "m", 3),
        number(report.max_body_rotation_rad, "rad", 3),
        number(parts.time_s, "s") if parts else "never (see below)" if report.not_compared else "never",
        f"{parts.path} {number(parts.size, parts.unit, 3)}" if parts else "",
        parts.cause.kind.replace("_", " ") if parts else "",
    )


def _joint_errors(report: EngineReport) -> list[tuple[float, str]]:
    units = {each.unit for each in report.joints.values()}
    both = ((report.max_joint_error_rad, "rad"), (report.max_slide_error_m, "m"))
    return [(value, unit) for value, unit in both if unit in units]


def _details(found: Comparison) -> None:
    """The largest difference of each joint and body, a column for each engine; the worst first where there are many."""
    others = found.others
    rows: list[tuple[float, tuple[object, ...]]] = []
    for kind in ("joints", "positions", "rotations"):
        for path in getattr(others[0], kind):
            each = [getattr(report, kind)[path] for report in others]
            if kind == "rotations" and max(one.largest for one in each) < found.tolerance.body_rotation:
                continue
            name = f"{path} (rotation)" if kind == "rotations" else path
            cells = (name, *(number(one.largest, one.unit, 3) for one in each))
            rows.append((max(one.largest for one in each), cells))
    shown = rows if len(rows) <= _ROWS else sorted(rows, key=lambda row: -row[0])[:_ROWS]
    say("")
    table(
        ("LARGEST DIFFERENCE", *(report.name.upper() for report in others)),
        (cells for _, cells in shown),
        empty="The scene has nothing that moves.",
    )
    if len(shown) < len(rows):
        note(f"The {_ROWS} largest of {len(rows)}; --json has all.")
