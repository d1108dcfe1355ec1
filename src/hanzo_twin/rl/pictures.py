"""Pictures of worlds: for people (``render_mode="rgb_array"``) and as observations (`pixels`)."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hanzo_twin.errors import InvalidInputError, NotFoundError, nearest
from hanzo_twin.rl.task import ObservationTerm
from hanzo_twin.rl.world import World
from hanzo_twin.scene.model import Scene
from hanzo_twin.sensors.camera import overview, view_of
from hanzo_twin.sensors.mirror import Mirrors
from hanzo_twin.spatial import FloatArray

Picture = NDArray[np.uint8]
_MOST_PIXELS = 4096


class Pictures:
    """Takes pictures of ``scene`` where its bodies are, with a camera of the scene or, for "", one that shows it all.

    Raises:
        NotFoundError: the scene has no such camera. InvalidInputError: a picture cannot have that size.
        UnsupportedError: no renderer can take pictures here.
    """

    def __init__(self, scene: Scene, *, camera: str, width: int, height: int) -> None:
        if camera and camera not in scene.cameras:
            raise NotFoundError(
                f"The scene has no camera '{camera}'.",
                hint=nearest(camera, scene.cameras)
                if scene.cameras
                else "It has none; '' stands for one that shows all.",
            )
        sizes: tuple[tuple[str, Any], ...] = (("width", width), ("height", height))
        for name, size in sizes:
            if not isinstance(size, Integral) or not 1 <= int(size) <= _MOST_PIXELS:
                raise InvalidInputError(
                    f"The {name} of a picture is {size!r}.", hint=f"Allowed: whole numbers from 1 to {_MOST_PIXELS}."
                )
        self._scene, self._camera = scene, camera
        self._width, self._height = width, height
        self._mirrors = Mirrors(scene)
        self._mirrors.pictures()

    def take(self, poses: FloatArray) -> Picture:
        """RGB [height, width, 3] of bodies at ``poses`` [n_bodies, 7]."""
        if self._camera:
            camera = self._scene.cameras[self._camera]
        else:
            camera = overview(self._scene, poses, aspect=self._width / self._height)
        view = view_of(camera, self._scene, poses, self._width, self._height)
        _, mirror = self._mirrors.pictures()
        return np.array(mirror.picture(poses, view, ("rgb",))["rgb"], dtype=np.uint8)


def pixels(
    scene: Scene, *, camera: str = "", width: int = 64, height: int = 64, name: str = "pixels"
) -> ObservationTerm:
    """What ``camera`` sees, RGB [height, width, 3] of 0 to 255. Errors as `Pictures`.

    The variations ``lighting.intensity`` (a factor on the brightness) and ``camera.noise`` (Gaussian, its standard
    deviation as a share of the full range) act here. Worlds are drawn one after the other.
    """
    pictures = Pictures(scene, camera=camera, width=width, height=height)
    shape = (height, width, 3)
    size = height * width * 3

    def read(world: World) -> FloatArray:
        seen = np.stack([pictures.take(poses) for poses in world.batch.body_poses]).reshape(world.num_envs, size)
        values = seen * world.lighting[:, None]
        if world.camera_noise.any():
            values = values + 255.0 * world.camera_noise[:, None] * world.draws().normal(f"noise.{name}", size)
        return np.rint(np.minimum(np.maximum(values, 0.0), 255.0))

    return ObservationTerm(name=name, size=size, read=read, low=0.0, high=255.0, shape=shape, dtype="uint8")
