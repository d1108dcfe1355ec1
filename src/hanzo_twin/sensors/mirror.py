"""The scene as cameras and lidars see it, apart from the engine that moves it.

A mirror is built once from the scene; before it is looked at, the poses of all bodies are copied in. So every engine
has the same cameras and lidars. Mirrors come from renderers, found by name in the entry points
``hanzo_twin.renderers``; pictures are taken by the first that can here (``HANZO_TWIN_RENDERER`` names another).

What is seen, by cameras and lidars alike, are the shapes that the scene shows, whether they collide or not. Of a body
of which nothing is shown, the colliders are; so it is of still shapes below the same prim.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

from hanzo_twin import plugins
from hanzo_twin.errors import NotInstalledError, UnsupportedError
from hanzo_twin.scene.model import Scene, Shape
from hanzo_twin.sensors.port import AnyArray
from hanzo_twin.spatial import FloatArray, IntArray, Pose

VARIABLE = "HANZO_TWIN_RENDERER"
PREFERRED = ("egl", "osmesa")
"""Names of the renderers that are tried first."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One shape that is seen.

    Args:
        row: of its body in ``Scene.bodies``, −1 for what stands still.
        instance / semantic: indices into `Labels`.
    """

    shape: Shape
    row: int
    instance: int
    semantic: int


@dataclass(frozen=True, kw_only=True)
class Labels:
    """What the numbers in a segmentation mean.

    Args:
        instances: prim paths of bodies and static shapes by instance number; 0 is nothing.
        semantics: labels by semantic number; 0 is nothing or no label.
    """

    instances: tuple[str, ...]
    semantics: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class View:
    """A camera for one picture: it looks along the −Z of its pose, +Y up; ``vertical_fov`` in rad."""

    pose_world_camera: Pose
    vertical_fov: float
    clipping_range: tuple[float, float]
    width: int
    height: int


@runtime_checkable
class CastsRays(Protocol):
    """A mirror for lidars."""

    def cast(
        self, poses: FloatArray, origin: FloatArray, directions: FloatArray, *, exclude: int, reach: float
    ) -> tuple[FloatArray, IntArray]:
        """Distances [n] m (inf for none) and instances [n] of what rays from ``origin`` along ``directions`` hit first.

        Args:
            poses: of all bodies [n_bodies, 7].
            directions: [n, 3] unit vectors, world frame.
            exclude: row of a body that is not seen, −1 for none.
            reach: m, beyond which hits need not be found (they may be).
        """
        ...


@runtime_checkable
class TakesPictures(Protocol):
    """A mirror for cameras. It is used by the thread that made it."""

    def picture(self, poses: FloatArray, view: View, kinds: Sequence[str]) -> Mapping[str, AnyArray]:
        """``rgb`` uint8 [h, w, 3], ``depth`` float32 [h, w] m along the optical axis (inf for none), ``semantic`` and
        ``instance`` int32 [h, w], as asked; the first row is the top of the picture."""
        ...


class Renderer(Protocol):
    """Makes mirrors; registered under its name."""

    takes_pictures: bool
    casts_rays: bool

    def problem(self) -> str:
        """Why it cannot take pictures here and what to install, "" where it can. Loads what it needs to know."""
        ...

    def mirror(self, scene: Scene, looks: Looks) -> Any:
        """A `TakesPictures` or `CastsRays` or both."""
        ...


class Looks:
    """What of ``scene`` is seen, and as what; equal for all renderers."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    @cached_property
    def labels(self) -> Labels:
        instances = ("", *self._scene.bodies, *self._scene.static_shapes)
        names = {shape.semantic_label for shape in self._shapes() if shape.semantic_label}
        return Labels(instances=instances, semantics=("", *sorted(names)))

    @cached_property
    def seen(self) -> tuple[Seen, ...]:
        instance = {path: number for number, path in enumerate(self.labels.instances)}
        semantic = {label: number for number, label in enumerate(self.labels.semantics)}
        found = [
            Seen(shape=shape, row=row, instance=instance[body.path], semantic=semantic[shape.semantic_label])
            for row, body in enumerate(self._scene.bodies.values())
            for shape in _shown(body.shapes)
        ]
        together: dict[str, list[Shape]] = {}
        for shape in self._scene.static_shapes.values():
            together.setdefault(shape.path.rpartition("/")[0] or shape.path, []).append(shape)
        shown = {shape.path for shapes in together.values() for shape in _shown(shapes)}
        found += [
            Seen(shape=shape, row=-1, instance=instance[shape.path], semantic=semantic[shape.semantic_label])
            for shape in self._scene.static_shapes.values()
            if shape.path in shown
        ]
        return tuple(found)

    def _shapes(self) -> Iterator[Shape]:
        for body in self._scene.bodies.values():
            yield from body.shapes
        yield from self._scene.static_shapes.values()


def _shown(shapes: Sequence[Shape]) -> Sequence[Shape]:
    visible = [shape for shape in shapes if shape.visible]
    return visible or shapes


class Mirrors:
    """The mirrors of one scene, made when they are needed; simulations of the scene that were forked share them.

    Each thread has mirrors of its own: what draws is bound to its thread.
    """

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.looks = Looks(scene)
        self._mine = threading.local()

    def rays(self) -> CastsRays:
        """Raises UnsupportedError where no installed renderer casts rays."""
        if not hasattr(self._mine, "rays"):
            name, renderer = next(((name, one) for name, one in _renderers() if one.casts_rays), ("", None))
            if renderer is None:
                raise UnsupportedError("No renderer that casts rays is installed, so there is no lidar.")
            self._mine.rays = self._mirror(name, renderer)
        mirror: CastsRays = self._mine.rays
        return mirror

    def pictures(self) -> tuple[str, TakesPictures]:
        """Name of the renderer and its mirror.

        Raises:
            UnsupportedError: none can take pictures here; the hint says what to install.
        """
        name, renderer = picture_renderer()
        return name, self._mirror(name, renderer)

    def _mirror(self, name: str, renderer: Renderer) -> Any:
        if name not in self._mine.__dict__:
            self._mine.__dict__[name] = renderer.mirror(self.scene, self.looks)
        return self._mine.__dict__[name]


def picture_renderer() -> tuple[str, Renderer]:
    """The renderer that takes pictures here, and its name.

    Raises:
        UnsupportedError: the one that ``HANZO_TWIN_RENDERER`` names cannot, or none can; says why and what to install.
    """
    wanted = os.environ.get(VARIABLE, "")
    if wanted:
        renderer: Renderer = plugins.load(plugins.RENDERERS, wanted)()
        trouble = renderer.problem()
        if trouble or not renderer.takes_pictures:
            raise UnsupportedError(
                f"The renderer '{wanted}' that {VARIABLE} names cannot take pictures here: "
                f"{trouble or 'it casts rays only'}."
            )
        return wanted, renderer
    problems = []
    for name, one in _renderers():
        if not one.takes_pictures:
            continue
        trouble = one.problem()
        if not trouble:
            return name, one
        problems.append(f"{name}: {trouble}")
    raise UnsupportedError(
        "No renderer can take pictures here, so there are no cameras.", hint="; ".join(problems) or "None is installed."
    )


def _renderers() -> Iterator[tuple[str, Renderer]]:
    """Those installed, the preferred ones first, each loaded only when it is reached; a missing package is no error."""
    names = plugins.names(plugins.RENDERERS)
    for name in (*(name for name in PREFERRED if name in names), *(name for name in names if name not in PREFERRED)):
        try:
            yield name, plugins.load(plugins.RENDERERS, name)()
        except NotInstalledError:
            continue
