"""A mesh that stands, as its triangles: a plate for each convex flat part of its surface.

MuJoCo collides convex shapes only: boxes fall through its triangles (flexes), and signed distances cost a millisecond
a step. A plate is the hull of a flat part and of the same part moved inwards, by at most half of what is behind it, so
that no plate comes out elsewhere. Faces are where the mesh has them, to the last digit.

What sinks deep into plates is pushed out sideways; so they are twice as stiff as MuJoCo's contacts are by default, and
let in half as deep: a ball of 1 cm does not fall through at 4 m/s. An edge between plates that are not in one plane can
be felt by what slides over it, as with triangles in any engine.

Plates cost time at every step, some 30 ns each, since MuJoCo places all geoms, and 0.5 ms to compile.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import mujoco
import numpy as np

from hanzo_twin.engines.features import engines_with
from hanzo_twin.engines.flat_parts import Surface, surface_of
from hanzo_twin.engines.hulls import PART
from hanzo_twin.engines.mujoco.attributes import has_touch
from hanzo_twin.errors import UnsupportedError
from hanzo_twin.scene.model import Mesh, Scene, Shape
from hanzo_twin.spatial import FloatArray

MAX_PLATES = 20_000
STIFFNESS = (0.01, 1.0)
"""Time constant (s) and damping ratio of contacts with plates."""
MIXING = 1e9
"""Weight of `STIFFNESS` against that of what touches the plate."""

# Depth of plates in m: at most, of meshes that are not closed, and at least as a fraction of a part's size.
_DEPTH, _SHEET, _LEAST = 0.02, 0.005, 1e-3
# Where rays into the mesh start: this far from a corner to the middle, and below the surface, as fractions.
_INSET, _BELOW = 0.02, 1e-5


def plates(shape: Shape) -> list[Shape]:
    """The plates of ``shape``, a mesh that collides as its triangles, named path `PART` number.

    Raises:
        UnsupportedError: they are too many.
    """
    mesh = shape.geometry
    assert isinstance(mesh, Mesh)
    surface = surface_of(mesh)
    if len(surface.loops) > MAX_PLATES:
        others = [name for name in engines_with("static_triangles") if name != "mujoco"]
        raise UnsupportedError(
            f"Engine 'mujoco' collides with {MAX_PLATES} flat parts of a mesh that stands at most; '{shape.path}' has "
            f"{len(surface.loops)}.",
            hint="Use fewer triangles, or author physics:approximation = 'convexDecomposition'. Engines that take any "
            f"number of triangles: {', '.join(others) or 'none'}.",
        )
    return [
        Shape(
            path=f"{shape.path}{PART}{index}",
            geometry=Mesh(vertices=corners, triangles=np.empty((0, 3), dtype=np.int64)),
            pose=shape.pose,
            material=shape.material,
        )
        for index, corners in enumerate(_corners(surface))
    ]


def partner(scene: Scene, shape: Shape) -> str | None:
    """Path of the material ("" for the default) of all that can touch the plates of ``shape``.

    None where there are several, or where attributes of MuJoCo say how something touches: then pairs and MuJoCo's own
    rules say how plates touch; else the plates do, which costs nothing.
    """
    moving = [one for body in scene.bodies.values() for one in body.shapes if one.collides]
    found = {one.material if one.material in scene.materials else "" for one in moving}
    if len(found) != 1 or any(has_touch(scene, one.path) for one in (shape, *moving)):
        return None
    return found.pop()


def _corners(surface: Surface) -> Iterator[FloatArray]:
    rays = _Rays(surface)
    for loop, normal in zip(surface.loops, surface.normals, strict=True):
        top = surface.vertices[loop]
        middle = top.mean(axis=0)
        size = float(np.linalg.norm(np.ptp(top, axis=0)))
        starts = [middle, *(top + _INSET * (middle - top))]
        behind = min(rays.length(start - _BELOW * size * normal, -normal) for start in starts)
        depth = max(min(_DEPTH if surface.closed else _SHEET, 0.5 * behind), _LEAST * size)
        yield np.vstack([top, top - depth * normal])


class _Rays:
    """Rays that meet ``surface`` from either side."""

    def __init__(self, surface: Surface) -> None:
        spec = mujoco.MjSpec()
        mesh = spec.add_mesh(name="surface", inertia=mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL)
        mesh.uservert, mesh.userface = surface.vertices.ravel(), surface.triangles.ravel()
        # What does not collide may be flat.
        spec.worldbody.add_geom(type=mujoco.mjtGeom.mjGEOM_MESH, meshname="surface", contype=0, conaffinity=0)
        self._model: Any = spec.compile()
        self._data = mujoco.MjData(self._model)
        self._geom = np.empty(1, dtype=np.int32)
        mujoco.mj_kinematics(self._model, self._data)

    def length(self, start: FloatArray, direction: FloatArray) -> float:
        """How far it is to the surface, infinity where it is not met."""
        found = mujoco.mj_ray(self._model, self._data, start, direction, None, True, -1, self._geom, None)
        return found if found >= 0.0 else float("inf")
