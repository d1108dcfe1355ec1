"""A picture of a scene on an engine: ``hanzo-twin scene render``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from hanzo_twin.engines.port import EngineConfig, Observation, Simulation
from hanzo_twin.errors import InvalidInputError, NotFoundError, nearest
from hanzo_twin.scene.load import load_scene
from hanzo_twin.scene.model import Camera, Scene
from hanzo_twin.sensors.camera import RenderParams, overview
from hanzo_twin.sensors.port import AnyArray
from hanzo_twin.service.loading import load_on
from hanzo_twin.service.pictures import check_output, colour_numbers, colour_of, shade_depth, write_png

PictureKind = Literal["rgb", "depth", "semantic", "instance"]
SIZE = (960, 720)
OVERVIEW = "overview"
"""What the camera that sees the whole scene is called on the command line."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """One colour of a segmentation: what it is, its colour as #rrggbb and its share of the pixels, 0 … 1."""

    name: str
    colour: str
    share: float


@dataclass(frozen=True, kw_only=True)
class RenderReport:
    """What was drawn.

    Args:
        camera: prim path, "" for the overview.
        time: simulated seconds.
        nearest / farthest: of a depth picture, m; None otherwise, or where nothing is seen.
        parts: of a segmentation, the largest first.
    """

    output: str
    engine: str
    camera: str
    kind: str
    renderer: str
    time: float
    width: int
    height: int
    nearest: float | None = None
    farthest: float | None = None
    parts: tuple[Part, ...] = ()


def render_scene(
    source: str | os.PathLike[str],
    output: Path,
    *,
    engine: str | None = None,
    camera: str | None = None,
    kind: PictureKind = "rgb",
    seconds: float = 0.0,
    size: tuple[int | None, int | None] = (None, None),
    loading: Mapping[str, Any] | None = None,
) -> RenderReport:
    """Load ``source``, let ``seconds`` pass on ``engine`` under its drives, and write what a camera sees as PNG.

    Args:
        engine: its name; None takes one that takes the scene (`load_on`).
        camera: prim path; None takes the scene's first camera, or an overview where it has none, "" the overview.
        size: width and height in pixels; None takes the camera's own.
        loading: further options of `load_scene`.

    Raises:
        SceneError, UnsupportedError, NotFoundError, OutputError: as loading, engine, camera and file say.
    """
    check_output(output)
    if not 0 <= seconds < 1e6:
        raise InvalidInputError(f"--seconds is {seconds:g}.", hint="Allowed: 0 or more.")
    scene = load_scene(source, **(loading or {}))
    _check_camera(scene, camera)
    config = EngineConfig()
    simulation = load_on(scene, engine, config)
    try:
        simulation.step(round(seconds * config.step_hz))
        seen = _look(simulation, camera, kind, size)
        return _written(seen, simulation.engine, kind, output)
    finally:
        simulation.close()


def _check_camera(scene: Scene, camera: str | None) -> None:
    if camera and camera not in scene.cameras:
        raise NotFoundError(f"The scene has no camera '{camera}'.", hint=nearest(camera, (*scene.cameras, OVERVIEW)))


def _look(
    simulation: Simulation, camera: str | None, kind: PictureKind, size: tuple[int | None, int | None]
) -> Observation:
    width, height = size
    cameras = simulation.scene.cameras
    if camera is None and cameras:
        camera = next(iter(cameras))
    chosen: str | Camera = camera or ""
    if not chosen:
        width, height = width or SIZE[0], height or SIZE[1]
        poses = simulation.get_state().body_poses
        chosen = overview(simulation.scene, poses, aspect=width / height)
    return simulation.render(chosen, RenderParams(width=width, height=height, kinds=(kind,)))


def _written(seen: Observation, engine: str, kind: PictureKind, output: Path) -> RenderReport:
    picture, facts = _picture(seen, kind)
    write_png(output, picture)
    return RenderReport(
        output=str(output),
        engine=engine,
        camera=seen.path,
        kind=kind,
        renderer=str(seen.about["renderer"]),
        time=seen.time,
        width=picture.shape[1],
        height=picture.shape[0],
        **facts,
    )


def _picture(seen: Observation, kind: PictureKind) -> tuple[AnyArray, dict[str, Any]]:
    values = seen[kind]
    if kind == "rgb":
        return values, {}
    if kind == "depth":
        picture, near, far = shade_depth(values)
        return picture, {"nearest": near, "farthest": far} if np.isfinite(near) else {}
    names = seen.about["semantics" if kind == "semantic" else "instances"]
    assert isinstance(names, tuple)
    return colour_numbers(values), {"parts": _parts(values, names)}


def _parts(numbers: AnyArray, names: tuple[str, ...]) -> tuple[Part, ...]:
    found, counts = np.unique(numbers, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return tuple(
        Part(
            name=names[found[index]],
            colour="#{:02x}{:02x}{:02x}".format(*colour_of(int(found[index]))),
            share=float(counts[index] / numbers.size),
        )
        for index in order
    )
