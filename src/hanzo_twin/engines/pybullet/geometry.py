"""Colliders as Bullet collision shapes."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pybullet
from numpy.typing import NDArray

from hanzo_twin.errors import SceneError
from hanzo_twin.scene.model import Box, Capsule, Cylinder, Mesh, Plane, Shape, Sphere
from hanzo_twin.spatial import FloatArray, Pose

# PyBullet never lets go of a list of corners or triangles, nor of its rows: what has the same numbers is given the same
# list, so that a world that is built again and again takes no more memory.
_kept: dict[bytes, list[Any]] = {}


def kept_list(values: NDArray[Any]) -> list[Any]:
    """``values`` as nested lists, the same ones for the same values."""
    key = hashlib.sha256(repr((values.shape, values.dtype.str)).encode() + values.tobytes()).digest()
    if key not in _kept:
        _kept[key] = values.tolist()
    return _kept[key]


def bullet_quaternion(orientation: FloatArray) -> list[float]:
    """(x, y, z, w), as Bullet writes it, of a quaternion (w, x, y, z)."""
    w, x, y, z = orientation.tolist()
    return [x, y, z, w]


def add_collision_shape(client: int, collider: Shape, pose: Pose) -> int:
    """Bullet's index of one of `hanzo_twin.engines.hulls.colliders`, at ``pose`` in the frame of what holds it.

    Raises:
        SceneError: Bullet refuses the numbers.
    """
    try:
        return int(
            pybullet.createCollisionShape(
                collisionFramePosition=pose.position.tolist(),
                collisionFrameOrientation=bullet_quaternion(pose.orientation),
                physicsClientId=client,
                **_options(collider),
            )
        )
    except pybullet.error as refused:
        raise SceneError(f"Engine 'pybullet' cannot build the shape '{collider.path}': {refused}") from refused


def _options(collider: Shape) -> dict[str, Any]:
    geometry = collider.geometry
    match geometry:
        case Box():
            return {"shapeType": pybullet.GEOM_BOX, "halfExtents": list(geometry.half_extents)}
        case Sphere():
            return {"shapeType": pybullet.GEOM_SPHERE, "radius": geometry.radius}
        case Capsule() | Cylinder():
            kind = pybullet.GEOM_CAPSULE if isinstance(geometry, Capsule) else pybullet.GEOM_CYLINDER
            return {"shapeType": kind, "radius": geometry.radius, "height": 2 * geometry.half_height}
        case Plane():
            return {"shapeType": pybullet.GEOM_PLANE, "planeNormal": [0, 0, 1]}
        case Mesh():
            options = {"shapeType": pybullet.GEOM_MESH, "vertices": kept_list(geometry.vertices)}
            if geometry.approximation != "convexHull":
                options["indices"] = kept_list(np.asarray(geometry.triangles).ravel())
            return options
    raise AssertionError(f"{type(geometry).__name__} is not a form of a collider")
