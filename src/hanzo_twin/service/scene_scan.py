"""A plot of a lidar's scan: ``hanzo-twin scene scan``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from hanzo_twin.engines.port import EngineConfig, Observation, load_engine
from hanzo_twin.errors import InvalidInputError, NotFoundError, NotInstalledError, OutputError, nearest
from hanzo_twin.scene.load import load_scene
from hanzo_twin.scene.model import Scene
from hanzo_twin.service.pictures import check_output, colour_of

_LEGEND = 12


@dataclass(frozen=True, kw_only=True)
class Hit:
    """What rays hit: prim path of a body or static shape, how many rays, and the nearest of them, m."""

    name: str
    rays: int
    nearest: float


@dataclass(frozen=True, kw_only=True)
class ScanReport:
    """One scan; ``hits`` with the most rays first."""

    output: str
    engine: str
    lidar: str
    time: float
    rays: int
    returned: int
    hits: tuple[Hit, ...]


def scan_scene(
    source: str | os.PathLike[str],
    output: Path,
    *,
    engine: str,
    lidar: str | None = None,
    seconds: float = 0.0,
    loading: Mapping[str, Any] | None = None,
) -> ScanReport:
    """Load ``source``, let ``seconds`` pass on ``engine``, and plot the scan of a lidar (None: the first) from above.

    Raises:
        NotFoundError: the scene has no such lidar. NotInstalledError: matplotlib is missing. SceneError,
            UnsupportedError, OutputError: as loading, engine and file say.
    """
    check_output(output)
    if not 0 <= seconds < 1e6:
        raise InvalidInputError(f"--seconds is {seconds:g}.", hint="Allowed: 0 or more.")
    if find_spec("matplotlib") is None:
        raise NotInstalledError(
            "Plotting a scan needs the package 'matplotlib', which is not installed.",
            hint="Install it with: pip install 'hanzo-twin[plot]'",
        )
    scene = load_scene(source, **(loading or {}))
    path = _lidar(scene, lidar)
    config = EngineConfig()
    simulation = load_engine(engine).load_scene(scene, config)
    try:
        simulation.step(round(seconds * config.step_hz))
        seen = simulation.get_observation(path)
    finally:
        simulation.close()
    hits = _hits(seen)
    _plot(seen, output)
    returned = int(np.isfinite(seen["ranges"]).sum())
    return ScanReport(
        output=str(output),
        engine=engine,
        lidar=path,
        time=seen.time,
        rays=seen["ranges"].size,
        returned=returned,
        hits=hits,
    )


def _lidar(scene: Scene, wanted: str | None) -> str:
    lidars = [sensor.path for sensor in scene.sensors.values() if sensor.kind == "lidar"]
    if wanted is None and lidars:
        return lidars[0]
    if wanted is None or wanted not in lidars:
        name = f" '{wanted}'" if wanted else ""
        raise NotFoundError(f"The scene has no lidar{name}.", hint=nearest(wanted or "", lidars))
    return wanted


def _hits(seen: Observation) -> tuple[Hit, ...]:
    ranges, numbers, names = seen["ranges"], seen["instance"], seen.about["instances"]
    assert isinstance(names, tuple)
    found = [
        Hit(name=names[number], rays=int((numbers == number).sum()), nearest=float(ranges[numbers == number].min()))
        for number in np.unique(numbers)
        if number
    ]
    return tuple(sorted(found, key=lambda hit: -hit.rays))


def _plot(seen: Observation, output: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names = seen.about["instances"]
    assert isinstance(names, tuple)
    figure = Figure(figsize=(8.0, 6.5), layout="constrained")
    axes = figure.subplots()
    hits = _hits(seen)
    for rank, hit in enumerate(hits):
        number = names.index(hit.name)
        points = seen["points"][seen["instance"] == number]
        colour = [part / 255 for part in colour_of(number)]
        label = hit.name if rank < _LEGEND else None
        axes.scatter(points[:, 0], points[:, 1], s=6, color=colour, label=label)
    axes.plot(0, 0, marker="^", color="black", markersize=9, linestyle="none", label="lidar")
    axes.set_aspect("equal", adjustable="datalim")
    axes.grid(alpha=0.3)
    axes.set_xlabel("x ahead of the lidar, m")
    axes.set_ylabel("y to its left, m")
    axes.set_title(f"{seen.path} at {seen.time:g} s, from above")
    axes.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    try:
        FigureCanvasAgg(figure).print_figure(output, dpi=110)
    except OSError as failed:
        raise OutputError(f"The plot cannot be written to '{output}': {failed.strerror}.") from failed
