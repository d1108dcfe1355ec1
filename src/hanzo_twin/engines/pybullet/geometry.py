"""Shapes of a scene as Bullet collision shapes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pybullet

from hanzo_twin.engines.hulls import cone_vertices, convex_hull
from hanzo_twin.errors import SceneError, UnsupportedError
from hanzo_twin.scene.model import Box, Capsule, Cone, Cylinder, Mesh, Plane, Shape, Sphere
from hanzo_twin.spatial import FloatArray, Pose


def bullet_quaternion(orientation: FloatArray) -> list[float]:
    """(x, y, z, w), as Bullet writes it, of a quaternion (w, x, y, z)."""
    w, x, y, z = orientation.tolist()
    return [x, y, z, w]


def add_collision_shape(client: int, shape: Shape, pose: Pose, *, static: bool = False) -> int:
    """Bullet's index of ``shape``, placed at ``pose`` in the frame of what holds it.

    Args:
        static: it never moves, so that a mesh may collide as its triangles.

    Raises:
        UnsupportedError: a moving mesh is to collide as something that is not convex, or a plane is to move.
        SceneError: the mesh has no volume, or Bullet refuses the numbers.
    """
    offset, options = _options(shape, static)
    placed = pose @ offset
    try:
        return int(
            pybullet.createCollisionShape(
                collisionFramePosition=placed.position.tolist(),
                collisionFrameOrientation=bullet_quaternion(placed.orientation),
                physicsClientId=client,
                **options,
            )
        )
    except pybullet.error as refused:
        raise SceneError(f"Engine 'pybullet' cannot build the shape '{shape.path}': {refused}") from refused


def _options(shape: Shape, static: bool) -> tuple[Pose, dict[str, Any]]:
    """Offset of Bullet's frame for the geometry in the shape's frame, and the options of the collision shape."""
    geometry = shape.geometry
    match geometry:
        case Box():
            return Pose.identity(), {"shapeType": pybullet.GEOM_BOX, "halfExtents": list(geometry.half_extents)}
        case Sphere():
            return Pose.identity(), {"shapeType": pybullet.GEOM_SPHERE, "radius": geometry.radius}
        case Capsule() | Cylinder():
            kind = pybullet.GEOM_CAPSULE if isinstance(geometry, Capsule) else pybullet.GEOM_CYLINDER
            return Pose.identity(), {
                "shapeType": kind,
                "radius": geometry.radius,
                "height": 2 * geometry.half_height,
            }
        case Plane():
            if not static:
                raise UnsupportedError(
                    f"Engine 'pybullet' cannot move the infinite plane '{shape.path}'.",
                    hint="Put the plane outside rigid bodies, or use a Cube.",
                )
            return Pose.identity(), {"shapeType": pybullet.GEOM_PLANE, "planeNormal": [0, 0, 1]}
        case Cone():
            return Pose.identity(), _hull(cone_vertices(geometry))
        case Mesh():
            return _mesh_options(shape, geometry, static)


def _mesh_options(shape: Shape, mesh: Mesh, static: bool) -> tuple[Pose, dict[str, Any]]:
    vertices = np.asarray(mesh.vertices, dtype=np.float64)
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    if mesh.approximation == "boundingCube":
        options = {"shapeType": pybullet.GEOM_BOX, "halfExtents": ((high - low) / 2).tolist()}
        return Pose.of((low + high) / 2), options
    if mesh.approximation == "boundingSphere":
        center = (low + high) / 2
        radius = float(np.linalg.norm(vertices - center, axis=1).max())
        return Pose.of(center), {"shapeType": pybullet.GEOM_SPHERE, "radius": radius}
    if static and mesh.approximation != "convexHull":
        triangles = np.asarray(mesh.triangles).ravel().tolist()
        return Pose.identity(), {**_hull(vertices), "indices": triangles}
    hull, convex = convex_hull(shape.path, mesh)
    if mesh.approximation != "convexHull" and not convex:
        raise UnsupportedError(
            f"Engine 'pybullet' collides moving meshes as convex hulls, but '{shape.path}' asks for approximation "
            f"'{mesh.approximation}' and is not convex.",
            hint="Author physics:approximation = 'convexHull' to accept the hull, or split the mesh into convex parts.",
        )
    return Pose.identity(), _hull(hull)


def _hull(vertices: FloatArray) -> dict[str, Any]:
    return {"shapeType": pybullet.GEOM_MESH, "vertices": vertices.tolist()}
