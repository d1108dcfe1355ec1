"""Colliders as DART shapes.

DART takes triangles only from a file that its URDF reader reads. Contacts are made by triangle, so that more sides of
a cone cost more than they give: it is a hull of `CONE_SIDES` sides, which lies within 2 % of its radius.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import dartpy
import numpy as np

from hanzo_twin.engines.hulls import hull_triangles
from hanzo_twin.scene.model import Box, Capsule, Cylinder, Mesh, Plane, Shape, Sphere
from hanzo_twin.spatial import FloatArray, IntArray

CONE_SIDES = 16
_URDF = (
    '<robot name="mesh"><link name="mesh"><inertial><mass value="1"/>'
    '<inertia ixx="1" iyy="1" izz="1" ixy="0" ixz="0" iyz="0"/></inertial>'
    '<collision><geometry><mesh filename="mesh.obj"/></geometry></collision></link></robot>'
)


def dart_shape(collider: Shape) -> Any:
    """DART's shape for one of `hanzo_twin.engines.hulls.colliders`."""
    dynamics = dartpy.dynamics
    geometry = collider.geometry
    match geometry:
        case Box():
            return dynamics.BoxShape(2 * np.array(geometry.half_extents))
        case Sphere():
            return dynamics.SphereShape(geometry.radius)
        case Capsule():
            return dynamics.CapsuleShape(geometry.radius, 2 * geometry.half_height)
        case Cylinder():
            return dynamics.CylinderShape(geometry.radius, 2 * geometry.half_height)
        case Plane():
            return dynamics.PlaneShape([0.0, 0.0, 1.0], 0.0)
        case Mesh():
            vertices = np.asarray(geometry.vertices, dtype=np.float64)
            hull = geometry.approximation == "convexHull"
            return _triangle_shape(vertices, hull_triangles(vertices) if hull else np.asarray(geometry.triangles))
    raise AssertionError(f"{type(geometry).__name__} is not a form of a collider")


def _triangle_shape(vertices: FloatArray, triangles: IntArray) -> Any:
    lines = [f"v {x!r} {y!r} {z!r}" for x, y, z in vertices.tolist()]
    lines += [f"f {a + 1} {b + 1} {c + 1}" for a, b, c in triangles.tolist()]
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "mesh.obj").write_text("\n".join([*lines, ""]))
        Path(folder, "mesh.urdf").write_text(_URDF.replace("mesh.obj", f"{folder}/mesh.obj"))
        skeleton = dartpy.utils.DartLoader().parseSkeleton(f"{folder}/mesh.urdf")
        return skeleton.getBodyNode(0).getShapeNode(0).getShape()
