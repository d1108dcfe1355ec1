"""A plot of a lidar's scan: ``hanzo-twin scene scan``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hanzo_twin.engines.port import EngineConfig, Observation
from hanzo_twin.errors import InvalidInputError, NotFoundError, nearest
from hanzo_twin.figures import check_plot
from hanzo_twin.scene.load import load_scene
from hanzo_twin.scene.model import Scene
from hanzo_twin.service.loading import load_on
from hanzo_twin.service.scan_plot import Hit, draw


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
    engine: str | None = None,
    lidar: str | None = None,
    seconds: float = 0.0,
    loading: Mapping[str, Any] | None = None,
) -> ScanReport:
    """Load ``source``, let ``seconds`` pass on ``engine``, and plot the scan of a lidar (None: the first).

    Args:
        engine: its name; None takes one that takes the scene (`load_on`).

    Raises:
        NotFoundError: the scene has no such lidar. NotInstalledError: matplotlib is missing. SceneError,
            UnsupportedError, OutputError: as loading, engine and file say.
    """
    check_plot(output)
    if not 0 <= seconds < 1e6:
        raise InvalidInputError(f"--seconds is {seconds:g}.", hint="Allowed: 0 or more.")
    scene = load_scene(source, **(loading or {}))
    path = _lidar(scene, lidar)
    config = EngineConfig()
    simulation = load_on(scene, engine, config)
    try:
        simulation.step(round(seconds * config.step_hz))
        seen = simulation.get_observation(path)
    finally:
        simulation.close()
    hits = _hits(seen)
    draw(seen, hits, output)
    returned = int(np.isfinite(seen["ranges"]).sum())
    return ScanReport(
        output=str(output),
        engine=simulation.engine,
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
    if not lidars:
        raise NotFoundError(
            "The scene has no lidar.",
            hint='Give it a prim with the attribute custom token hanzo:sensor = "lidar" where it shall be '
            "(docs/sensors.md), or try one that has: library:wheeled_base.",
        )
    if wanted is None or wanted not in lidars:
        raise NotFoundError(f"The scene has no lidar '{wanted}'.", hint=nearest(wanted or "", lidars))
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
