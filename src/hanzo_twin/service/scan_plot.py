"""A lidar's scan from above, coloured by what it hit: the surroundings grey, what stands in them by colour and mark.

Where the surroundings reach much farther than what stands in them, a second plot shows these from nearer.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hanzo_twin.engines.port import Observation
from hanzo_twin.figures import new_figure, write_figure
from hanzo_twin.spatial import FloatArray

# Distinct also to those who see fewer colours (Okabe and Ito, "Color Universal Design", 2008).
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_MARKS = "osD^vPX"
_GREY = "#A8A8A8"
_NAMED = 14
_FAR = 3.0
_MARGIN = 1.15


@dataclass(frozen=True, kw_only=True)
class Hit:
    """What rays hit: prim path of a body or static shape, how many rays, and the nearest of them, m."""

    name: str
    rays: int
    nearest: float


def draw(seen: Observation, hits: tuple[Hit, ...], output: Path) -> None:
    """Write the plot of the scan ``seen`` to ``output``; ``hits`` with the most rays first.

    Raises:
        OutputError: the file cannot be written.
    """
    clouds = [_points(seen, hit) for hit in hits]
    around = _surroundings(clouds)
    near = max((_reach(cloud) for cloud in clouds[around:]), default=0.0)
    closer = bool(around) and near > 0.0
    figure = new_figure(width=13.0 if closer else 8.5, height=6.0)
    all_axes = figure.subplots(1, 2 if closer else 1, squeeze=False)[0]
    for axes in all_axes:
        _scatter(axes, hits, clouds, around)
    if closer:
        all_axes[0].set_title("all that came back")
        all_axes[1].set_title("what stands about the lidar")
        all_axes[1].set_xlim(-_MARGIN * near, _MARGIN * near)
        all_axes[1].set_ylim(-_MARGIN * near, _MARGIN * near)
    figure.suptitle(f"{seen.path} at {seen.time:g} s, from above")
    all_axes[-1].legend(fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0), markerscale=1.6, title="hit (rays)")
    write_figure(figure, output)


def _points(seen: Observation, hit: Hit) -> FloatArray:
    """Where the rays that hit it ended, [n, 2] m ahead of the lidar and to its left."""
    names = seen.about["instances"]
    assert isinstance(names, tuple)
    points: FloatArray = seen["points"][seen["instance"] == names.index(hit.name)][:, :2]
    return points


def _reach(cloud: FloatArray) -> float:
    return float(np.abs(cloud).max(initial=0.0))


def _surroundings(clouds: list[FloatArray]) -> int:
    """1 where the thing with the most rays reaches so far that the others would be a dot in its middle, else 0."""
    others = max((_reach(cloud) for cloud in clouds[1:]), default=0.0)
    return int(others > 0.0 and _reach(clouds[0]) > _FAR * others)


def _scatter(axes: Any, hits: tuple[Hit, ...], clouds: list[FloatArray], around: int) -> None:
    for rank, (hit, cloud) in enumerate(zip(hits, clouds, strict=True)):
        number = rank - around
        look: dict[str, Any] = {"s": 5, "color": _GREY, "marker": "o"}
        if number >= 0:
            mark = _MARKS[number // len(_COLOURS) % len(_MARKS)]
            look = {"s": 16, "color": _COLOURS[number % len(_COLOURS)], "marker": mark}
        label = f"{hit.name} ({hit.rays})" if rank < _NAMED else None
        axes.scatter(cloud[:, 0], cloud[:, 1], label=label, linewidths=0, zorder=2 + (number >= 0), **look)
    if len(hits) > _NAMED:
        axes.plot([], [], linestyle="none", label=f"and {len(hits) - _NAMED} more")
    axes.plot(
        0, 0, marker="*", color="red", markeredgecolor="black", markersize=13, linestyle="none", label="the lidar"
    )
    axes.set_aspect("equal", adjustable="box")
    axes.grid(alpha=0.3)
    axes.set_xlabel("x ahead of the lidar, m")
    axes.set_ylabel("y to its left, m")
