"""Colliders as Bullet collision shapes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pybullet

from hanzo_twin.errors import SceneError
from hanzo_twin.scene.model import Box, Capsule, Cylinder, Mesh, Plane, Shape, Sphere
from hanzo_twin.spatial import FloatArray, Pose


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
            options = {"shapeType": pybullet.GEOM_MESH, "vertices": geometry.vertices.tolist()}
            if geometry.approximation != "convexHull":
                options["indices"] = np.asarray(geometry.triangles).ravel().tolist()
            return options
    raise AssertionError(f"{type(geometry).__name__} is no form of a collider")
