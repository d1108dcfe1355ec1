"""Renderers of MuJoCo's: with EGL, or with OSMesa."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from hanzo_twin.engines.mujoco.gl import Context, EglContext, GlError, OsmesaContext, board
from hanzo_twin.engines.mujoco.mirror import MujocoMirror
from hanzo_twin.scene.model import Scene
from hanzo_twin.sensors.mirror import Looks


class EglRenderer:
    """With the driver of a GPU, or Mesa's in software."""

    takes_pictures = True
    casts_rays = True

    def problem(self) -> str:
        return _problem(EglContext)

    def mirror(self, scene: Scene, looks: Looks) -> MujocoMirror:
        return MujocoMirror(scene, looks, EglContext)


class OsmesaRenderer:
    """With Mesa's software renderer, where there is no EGL."""

    takes_pictures = True
    casts_rays = True

    def problem(self) -> str:
        return _problem(OsmesaContext)

    def mirror(self, scene: Scene, looks: Looks) -> MujocoMirror:
        return MujocoMirror(scene, looks, OsmesaContext)


@cache
def _problem(new_context: Callable[[], Context]) -> str:
    try:
        board(new_context)
    except GlError as trouble:
        return str(trouble)
    return ""
