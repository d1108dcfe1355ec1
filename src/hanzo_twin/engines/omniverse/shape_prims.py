"""Colliders as USD prims."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from pxr import UsdGeom, Vt

from hanzo_twin.engines.hulls import colliders, hull_triangles
from hanzo_twin.scene.model import Box, Capsule, Cone, Cylinder, Geometry, Mesh, Plane, Shape, Sphere


def solid(shapes: Iterable[Shape], *, triangles: bool) -> list[Shape]:
    """As `hulls.colliders`; cones stay what they are."""
    found: list[Shape] = []
    for shape in shapes:
        if isinstance(shape.geometry, Cone):
            found += [shape] if shape.collides else []
        else:
            found += colliders([shape], triangles=triangles)
    return found


def define_geometry(stage: Any, path: str, geometry: Geometry) -> Any:
    """The prim of ``geometry``; a box is a cube of two metres, to be scaled by its half extents."""
    match geometry:
        case Box():
            cube = UsdGeom.Cube.Define(stage, path)
            cube.CreateSizeAttr(2.0)
            return cube
        case Sphere(radius=radius):
            sphere = UsdGeom.Sphere.Define(stage, path)
            sphere.CreateRadiusAttr(radius)
            return sphere
        case Plane():
            plane = UsdGeom.Plane.Define(stage, path)
            plane.CreateAxisAttr(UsdGeom.Tokens.z)
            return plane
        case Mesh():
            triangles = geometry.triangles if len(geometry.triangles) else hull_triangles(geometry.vertices)
            mesh = UsdGeom.Mesh.Define(stage, path)
            mesh.CreatePointsAttr(Vt.Vec3fArray.FromNumpy(np.asarray(geometry.vertices, dtype=np.float32)))
            mesh.CreateFaceVertexCountsAttr(Vt.IntArray(len(triangles), 3))
            indices = np.asarray(triangles, dtype=np.int32).reshape(-1)
            mesh.CreateFaceVertexIndicesAttr(Vt.IntArray.FromNumpy(indices))
            mesh.CreateSubdivisionSchemeAttr(UsdGeom.Tokens.none)
            return mesh
    kinds = {Capsule: UsdGeom.Capsule, Cylinder: UsdGeom.Cylinder, Cone: UsdGeom.Cone}
    round_one = kinds[type(geometry)].Define(stage, path)
    round_one.CreateRadiusAttr(geometry.radius)
    round_one.CreateHeightAttr(2.0 * geometry.half_height)
    round_one.CreateAxisAttr(UsdGeom.Tokens.z)
    return round_one
