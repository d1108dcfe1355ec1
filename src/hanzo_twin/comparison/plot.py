"""A picture of a comparison: what differs most, over time, and how the differences grow."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hanzo_twin.comparison.differences import Measure
from hanzo_twin.comparison.report import Comparison, EngineReport
from hanzo_twin.comparison.run import Run, joint_paths
from hanzo_twin.figures import check_plot, new_figure, write_figure
from hanzo_twin.spatial import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_REFERENCE_COLOUR = "black"
_COLOURS = ("tab:orange", "tab:blue", "tab:green", "tab:purple", "tab:brown", "tab:pink")
_DASHES = ("--", ":", "-.", (0, (5, 1, 1, 1, 1, 1)))
_WORST = 2
_LEAST = 1e-12
_LABEL = 24


def plot_comparison(path: Path, found: Comparison) -> None:
    """Draw the joints and bodies that differ most on all engines, and below them the differences on a log scale.

    Where an engine parts from the reference a line marks the time and the likely cause.

    Raises:
        NotInstalledError, InvalidInputError, OutputError: as `hanzo_twin.figures.check_plot`, or the file cannot be
            written.
    """
    check_plot(path)
    curves = [("joint", column) for column in _worst(found, "joint")]
    curves += [("body_position", row) for row in _worst(found, "body_position")]
    figure = new_figure(width=9.5, height=1.9 * len(curves) + 4.0)
    ratios = [1.0] * len(curves) + [1.9]
    axes = list(figure.subplots(len(curves) + 1, 1, sharex=True, squeeze=False, height_ratios=ratios)[:, 0])
    colours = _colours(found)
    for axis, (measure, column) in zip(axes, curves, strict=False):
        _draw_motion(axis, found, measure, column, colours)
    _draw_errors(axes[-1], found, colours)
    for axis in axes:
        axis.grid(alpha=0.3)
        _mark(axis, found, colours)
    if curves:
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper right", ncols=6, fontsize="small")
    figure.suptitle(f"{Path(found.scene.source).name}: what differs most", x=0.01, ha="left", fontsize="large")
    axes[-1].set_xlabel("time [s]")
    write_figure(figure, path)


def _worst(found: Comparison, measure: Measure) -> list[int]:
    """Columns of those that differ most, of those that differ visibly at all; free bodies, as joints tell of links."""
    largest = [report.differences.of(measure).max(axis=0) for report in found.others if report.differences]
    values = np.max(largest, axis=0)
    links = {path for articulation in found.scene.articulations.values() for path in articulation.bodies}
    if measure != "joint" and not links >= set(found.scene.bodies):
        values = np.where([path in links for path in found.scene.bodies], 0.0, values)
    order = np.argsort(-values)[:_WORST]
    return [int(column) for column in order if values[column] > _LEAST]


def _colours(found: Comparison) -> dict[str, str]:
    others = [report.name for report in found.others]
    return {found.reference: _REFERENCE_COLOUR} | {name: _COLOURS[i % len(_COLOURS)] for i, name in enumerate(others)}


def _draw_motion(axis: Axes, found: Comparison, measure: str, column: int, colours: dict[str, str]) -> None:
    """One joint's position, or that coordinate of a body in which the engines differ most."""
    runs = {name: report.run for name, report in found.engines.items() if report.run is not None}
    if measure == "joint":
        path = joint_paths(found.scene)[column]
        unit = "rad" if found.scene.joints[path].kind == "revolute" else "m"
        series = {name: run.joint_positions[:, column] for name, run in runs.items()}
        axis.set_ylabel(_label(path, unit))
    else:
        coordinate = _coordinate(runs, found.reference, column)
        series = {name: run.body_poses[:, column, coordinate] for name, run in runs.items()}
        axis.set_ylabel(_label(list(found.scene.bodies)[column], "m", "xyz"[coordinate]))
    for number, (name, values) in enumerate(series.items()):
        style: Any = "-" if name == found.reference else _DASHES[(number - 1) % len(_DASHES)]
        axis.plot(runs[name].times, values, color=colours[name], linestyle=style, label=name, linewidth=1.6)


def _coordinate(runs: dict[str, Run], reference: str, row: int) -> int:
    spread = np.zeros(3)
    for run in runs.values():
        n = min(len(run), len(runs[reference]))
        apart = run.body_poses[:n, row, :3] - runs[reference].body_poses[:n, row, :3]
        spread = np.maximum(spread, np.abs(apart).max(axis=0))
    return int(np.argmax(spread))


def _draw_errors(axis: Axes, found: Comparison, colours: dict[str, str]) -> None:
    for report in found.others:
        if report.differences is None:
            continue
        for measure, style, label in (("joint", "-", "worst joint"), ("body_position", "--", "worst body")):
            values = _envelope(report, measure)
            if values is not None:
                axis.plot(
                    report.differences.times,
                    values,
                    color=colours[report.name],
                    linestyle=style,
                    linewidth=1.3,
                    label=f"{report.name}, {label}",
                )
    axis.axhline(found.tolerance.joint, color="tab:red", linewidth=0.9)
    axis.annotate(
        "tolerance", (1.0, found.tolerance.joint), xycoords=("axes fraction", "data"), color="tab:red",
        fontsize="small", ha="right", va="bottom",
    )  # fmt: skip
    axis.set_yscale("log")
    # Room for what is written above the curves.
    axis.set_ylim(top=axis.get_ylim()[1] * 10.0 ** (0.5 + 0.6 * len(found.others)))
    axis.set_ylabel(f"difference from {found.reference}\n[rad or m]")
    if axis.get_legend_handles_labels()[1]:
        axis.legend(loc="lower right", fontsize="x-small", ncols=2)


def _envelope(report: EngineReport, measure: str) -> FloatArray | None:
    assert report.differences is not None
    values = report.differences.joints if measure == "joint" else report.differences.positions
    if not values.size or not values.any():
        return None
    worst: FloatArray = values.max(axis=1)
    return np.where(worst > _LEAST, worst, np.nan)


def _mark(axis: Axes, found: Comparison, colours: dict[str, str]) -> None:
    """A line where each engine parts; the cause is written where the differences are drawn."""
    log = axis.get_yscale() == "log"
    for number, report in enumerate(each for each in found.others if each.first_divergence):
        parts = report.first_divergence
        assert parts is not None
        axis.axvline(parts.time_s, color=colours[report.name], linewidth=0.9, alpha=0.7)
        if log:
            text = f"{report.name} parts at {parts.time_s:.3g} s: {_short(parts.path)}, {_words(parts.cause.kind)}"
            left = parts.time_s < 0.6 * found.seconds
            axis.annotate(
                text,
                (parts.time_s, 0.97 - 0.08 * number),
                xycoords=("data", "axes fraction"),
                xytext=(4 if left else -4, 0),
                textcoords="offset points",
                color=colours[report.name],
                fontsize="small",
                va="top",
                ha="left" if left else "right",
            )


def _words(kind: str) -> str:
    return kind.replace("_", " ")


def _label(path: str, unit: str, coordinate: str = "") -> str:
    """For an axis no longer than `_LABEL` letters: the name below its parent's, or by itself, or its end."""
    room = _LABEL - len(coordinate)
    name = _short(path)
    if len(name) > room:
        name = path.rpartition("/")[2]
    if len(name) > room:
        name = f"…{name[1 - room :]}"
    return f"{name} {coordinate}".rstrip() + f"\n[{unit}]"


def _short(path: str) -> str:
    return "/".join(path.split("/")[-2:]) if path.count("/") > 2 else path.rpartition("/")[2]
