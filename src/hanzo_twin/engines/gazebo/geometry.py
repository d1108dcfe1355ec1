"""Shapes of a scene as DART shapes.

A mesh that moves collides as its convex hull (or as the box or sphere around it), one that stands as its triangles
where it asks for them. A cone is a hull of `CONE_SIDES` sides, which lies within 2 % of its radius: contacts are made
by triangle, so more sides cost more than they give. DART takes triangles only from a file that its URDF reader reads.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import dartpy
import numpy as np

from hanzo_twin.engines import hulls
from hanzo_twin.errors import UnsupportedError
from hanzo_twin.scene.model import Box, Capsule, Cone, Cylinder, Mesh, Plane, Shape, Sphere
from hanzo_twin.spatial import FloatArray, IntArray, Pose

CONE_SIDES = 16
_URDF = (
    '<robot name="mesh"><link name="mesh"><inertial><mass value="1"/>'
    '<inertia ixx="1" iyy="1" izz="1" ixy="0" ixz="0" iyz="0"/></inertial>'
    '<collision><geometry><mesh filename="mesh.obj"/></geometry></collision></link></robot>'
)


def dart_shape(shape: Shape, *, static: bool) -> tuple[Any, Pose]:
    """DART's shape, and its frame in the frame of ``shape``.

    Raises:
        UnsupportedError: a moving mesh is to collide as something that is not convex, or a plane is to move.
        SceneError: the mesh has no volume.
    """
    dynamics = dartpy.dynamics
    geometry = shape.geometry
    match geometry:
        case Box():
            return dynamics.BoxShape(2 * np.array(geometry.half_extents)), Pose.identity()
        case Sphere():
            return dynamics.SphereShape(geometry.radius), Pose.identity()
        case Capsule():
            return dynamics.CapsuleShape(geometry.radius, 2 * geometry.half_height), Pose.identity()
        case Cylinder():
            return dynamics.CylinderShape(geometry.radius, 2 * geometry.half_height), Pose.identity()
        case Cone():
            step = hulls.CONE_SIDES // CONE_SIDES
            vertices = hulls.cone_vertices(geometry)
            return _hull_shape(np.vstack([vertices[:-1:step], vertices[-1:]])), Pose.identity()
        case Mesh():
            return _mesh(shape, geometry, static)
        case Plane():
            if not static:
                raise UnsupportedError(
                    f"Engine 'gazebo' has planes that stand still only; '{shape.path}' is part of a body.",
                    hint="Put the plane outside of any body, or use a box.",
                )
            return dynamics.PlaneShape([0.0, 0.0, 1.0], 0.0), Pose.identity()


def _mesh(shape: Shape, mesh: Mesh, static: bool) -> tuple[Any, Pose]:
    vertices = np.asarray(mesh.vertices, dtype=np.float64)
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    center = (low + high) / 2
    if mesh.approximation == "boundingCube":
        return dartpy.dynamics.BoxShape(high - low), Pose.of(center)
    if mesh.approximation == "boundingSphere":
        radius = float(np.linalg.norm(vertices - center, axis=1).max())
        return dartpy.dynamics.SphereShape(radius), Pose.of(center)
    if static and mesh.approximation != "convexHull":
        return _triangle_shape(vertices, np.asarray(mesh.triangles)), Pose.identity()
    hull, convex = hulls.convex_hull(shape.path, mesh)
    if mesh.approximation != "convexHull" and not convex:
        raise UnsupportedError(
            f"Engine 'gazebo' collides meshes that move as convex hulls, but '{shape.path}' asks for approximation "
            f"'{mesh.approximation}' and is not convex.",
            hint="Author physics:approximation = 'convexHull' to accept the hull, or split the mesh into convex parts.",
        )
    return _hull_shape(hull), Pose.identity()


def _hull_shape(vertices: FloatArray) -> Any:
    """The hull of ``vertices`` [n, 3], all of which are on it."""
    from scipy.spatial import ConvexHull

    hull = ConvexHull(vertices)
    corners = vertices[hull.simplices]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    inwards = np.einsum("ij,ij->i", normals, hull.equations[:, :3]) < 0.0
    triangles = np.where(inwards[:, None], hull.simplices[:, ::-1], hull.simplices)
    return _triangle_shape(vertices, triangles.astype(np.int64))


def _triangle_shape(vertices: FloatArray, triangles: IntArray) -> Any:
    lines = [f"v {x!r} {y!r} {z!r}" for x, y, z in vertices.tolist()]
    lines += [f"f {a + 1} {b + 1} {c + 1}" for a, b, c in triangles.tolist()]
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "mesh.obj").write_text("\n".join([*lines, ""]))
        Path(folder, "mesh.urdf").write_text(_URDF.replace("mesh.obj", f"{folder}/mesh.obj"))
        skeleton = dartpy.utils.DartLoader().parseSkeleton(f"{folder}/mesh.urdf")
        return skeleton.getBodyNode(0).getShapeNode(0).getShape()
