"""Shapes of a scene as MuJoCo geoms.

A mesh collides as its convex hull (or as what its approximation asks for where MuJoCo has that); a cone is a hull of
`CONE_SIDES` sides, which lies within 0.12 % of its radius.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import mujoco
import numpy as np

from hanzo_twin.errors import SceneError, UnsupportedError
from hanzo_twin.scene.model import Box, Capsule, Cone, Cylinder, Material, Mesh, Plane, Shape, Sphere
from hanzo_twin.spatial import FloatArray, Pose

if TYPE_CHECKING:
    from scipy.spatial import ConvexHull

CONE_SIDES = 64
CONVEX_TOLERANCE = 1e-3
_GEOM = mujoco.mjtGeom
_DEFAULT_MATERIAL = Material(path="")


def add_shape(
    spec: Any, body: Any, shape: Shape, materials: Mapping[str, Material], collision_bits: tuple[int, int]
) -> None:
    """Add a colliding ``shape`` to ``body`` of ``spec``.

    Raises:
        UnsupportedError: the mesh is to collide as something that is not convex, or the material is bouncy.
        SceneError: the mesh has no volume.
    """
    material = materials.get(shape.material, _DEFAULT_MATERIAL)
    if material.restitution > 0.0:
        raise UnsupportedError(
            f"Engine 'mujoco' has no coefficient of restitution, but '{shape.path}' has material '{material.path}' "
            f"with restitution {material.restitution:g}.",
            hint="Author physics:restitution = 0, or use an engine with restitution.",
        )
    offset, options = _geometry_options(spec, shape)
    pose = shape.pose @ offset
    contype, conaffinity = collision_bits
    body.add_geom(
        name=shape.path,
        pos=pose.position,
        quat=pose.orientation,
        friction=[material.dynamic_friction, 0.005, 0.0001],
        contype=contype,
        conaffinity=conaffinity,
        **options,
    )


def _geometry_options(spec: Any, shape: Shape) -> tuple[Pose, dict[str, Any]]:
    """Offset of MuJoCo's frame for the geometry in the shape's frame, and the options of the geom."""
    geometry = shape.geometry
    match geometry:
        case Box():
            return Pose.identity(), {"type": _GEOM.mjGEOM_BOX, "size": list(geometry.half_extents)}
        case Sphere():
            return Pose.identity(), {"type": _GEOM.mjGEOM_SPHERE, "size": [geometry.radius, 0, 0]}
        case Capsule():
            return Pose.identity(), {
                "type": _GEOM.mjGEOM_CAPSULE,
                "size": [geometry.radius, geometry.half_height, 0],
            }
        case Cylinder():
            return Pose.identity(), {
                "type": _GEOM.mjGEOM_CYLINDER,
                "size": [geometry.radius, geometry.half_height, 0],
            }
        case Plane():
            return Pose.identity(), {"type": _GEOM.mjGEOM_PLANE, "size": [0, 0, 1]}
        case Cone():
            return Pose.identity(), _hull_options(spec, shape, _cone_vertices(geometry))
        case Mesh():
            return _mesh_options(spec, shape, geometry)


def _mesh_options(spec: Any, shape: Shape, mesh: Mesh) -> tuple[Pose, dict[str, Any]]:
    vertices = np.asarray(mesh.vertices, dtype=np.float64)
    if mesh.approximation == "boundingCube":
        low, high = vertices.min(axis=0), vertices.max(axis=0)
        return Pose.of((low + high) / 2), {"type": _GEOM.mjGEOM_BOX, "size": list((high - low) / 2)}
    if mesh.approximation == "boundingSphere":
        center = (vertices.min(axis=0) + vertices.max(axis=0)) / 2
        radius = float(np.linalg.norm(vertices - center, axis=1).max())
        return Pose.of(center), {"type": _GEOM.mjGEOM_SPHERE, "size": [radius, 0, 0]}
    hull = _convex_hull(shape, vertices)
    if mesh.approximation != "convexHull" and not _is_convex(mesh, hull):
        raise UnsupportedError(
            f"Engine 'mujoco' collides meshes as convex hulls, but '{shape.path}' asks for approximation "
            f"'{mesh.approximation}' and is not convex.",
            hint="Author physics:approximation = 'convexHull' to accept the hull, or split the mesh into convex parts.",
        )
    return Pose.identity(), _hull_options(spec, shape, vertices)


def _convex_hull(shape: Shape, vertices: FloatArray) -> ConvexHull:
    # Imported here: it takes as long as MuJoCo itself, and scenes without meshes do not need it.
    from scipy.spatial import ConvexHull, QhullError

    try:
        return ConvexHull(vertices)
    except (QhullError, ValueError) as flat:
        raise SceneError(
            f"The mesh '{shape.path}' has no volume ({len(vertices)} vertices), so it cannot collide.",
            hint="Give the mesh a thickness, or use a Cube shape.",
        ) from flat


def _is_convex(mesh: Mesh, hull: ConvexHull) -> bool:
    """True when the volume enclosed by the triangles is that of their hull."""
    corners = mesh.vertices[mesh.triangles]
    volume = abs(float(np.einsum("ij,ij->i", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])).sum())) / 6
    return abs(volume - float(hull.volume)) <= CONVEX_TOLERANCE * float(hull.volume)


def _hull_options(spec: Any, shape: Shape, vertices: FloatArray) -> dict[str, Any]:
    mesh = spec.add_mesh(name=shape.path)
    mesh.uservert = vertices.ravel()
    mesh.inertia = mujoco.mjtMeshInertia.mjMESH_INERTIA_CONVEX
    return {"type": _GEOM.mjGEOM_MESH, "meshname": shape.path}


def _cone_vertices(cone: Cone) -> FloatArray:
    angles = np.linspace(0.0, 2 * np.pi, CONE_SIDES, endpoint=False)
    rim = np.stack(
        [cone.radius * np.cos(angles), cone.radius * np.sin(angles), np.full(CONE_SIDES, -cone.half_height)], axis=1
    )
    return np.vstack([rim, [[0.0, 0.0, cone.half_height]]])
