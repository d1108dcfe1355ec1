"""Mass properties of shapes of uniform density, and of several of them together.

Closed forms: any text on rigid-body mechanics. Meshes: exact integrals over the tetrahedra between the origin and each
triangle (covariance of the canonical tetrahedron, after Blow and Binstock, "How to find the inertia tensor", 2004).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hanzo_twin.scene.model import Box, Capsule, Cone, Cylinder, Geometry, Mesh, Sphere
from hanzo_twin.spatial import FloatArray, IntArray, Pose, rotation_matrix


@dataclass(frozen=True, kw_only=True)
class MassProperties:
    """Mass [kg], centre of mass [3] (m) and inertia [3, 3] about that centre (kg·m²), in one frame."""

    mass: float
    center: FloatArray
    inertia: FloatArray

    def scaled(self, factor: float) -> MassProperties:
        """The same body with ``factor`` times the density."""
        return MassProperties(mass=self.mass * factor, center=self.center, inertia=self.inertia * factor)

    def moved(self, pose: Pose) -> MassProperties:
        """The same body seen from the frame in which ``pose`` places the present one."""
        rotation = rotation_matrix(pose.orientation)
        return MassProperties(
            mass=self.mass, center=pose.apply(self.center), inertia=rotation @ self.inertia @ rotation.T
        )


def combined(parts: Sequence[MassProperties]) -> MassProperties:
    """All ``parts`` (given in one frame) as one rigid body, by the parallel-axis theorem."""
    mass = sum(part.mass for part in parts)
    center = np.asarray(sum(part.mass * part.center for part in parts) / mass)
    inertia = np.zeros((3, 3))
    for part in parts:
        offset = part.center - center
        inertia += part.inertia + part.mass * (offset @ offset * np.eye(3) - np.outer(offset, offset))
    return MassProperties(mass=mass, center=center, inertia=inertia)


def of_unit_density(geometry: Geometry) -> MassProperties | None:
    """Mass properties at 1 kg/m³ in the geometry's frame; None for what has no volume (a plane, an open mesh)."""
    match geometry:
        case Box(half_extents=(x, y, z)):
            return _solid(8 * x * y * z, (y * y + z * z) / 3, (x * x + z * z) / 3, (x * x + y * y) / 3)
        case Sphere(radius=r):
            moment = 0.4 * r * r
            return _solid(4 / 3 * math.pi * r**3, moment, moment, moment)
        case Cylinder(radius=r, half_height=h):
            across = r * r / 4 + h * h / 3
            return _solid(2 * math.pi * r * r * h, across, across, r * r / 2)
        case Capsule(radius=r, half_height=h):
            return _capsule(r, h)
        case Cone(radius=r, half_height=h):
            return _cone(r, h)
        case Mesh():
            return _mesh(geometry)
        case _:
            return None


def principal(inertia: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Principal moments [3] of an inertia [3, 3], and the quaternion [4] of their frame.

    A matrix that is diagonal but for rounding keeps its axes.
    """
    symmetric = (inertia + inertia.T) / 2
    diagonal = np.diag(symmetric).copy()
    if np.abs(symmetric - np.diag(diagonal)).max() <= 1e-9 * np.abs(diagonal).max():
        return diagonal, np.array([1.0, 0.0, 0.0, 0.0])
    moments, axes = np.linalg.eigh(symmetric)
    if np.linalg.det(axes) < 0:
        axes[:, 2] = -axes[:, 2]
    return moments, quaternion_of(axes)


def quaternion_of(rotation: FloatArray) -> FloatArray:
    """Unit quaternion [4] (w ≥ 0) of a rotation matrix [3, 3]: the largest eigenvector of Bar-Itzhack's matrix."""
    m = rotation
    symmetric = np.array(
        [
            [m[0, 0] - m[1, 1] - m[2, 2], 0, 0, 0],
            [m[0, 1] + m[1, 0], m[1, 1] - m[0, 0] - m[2, 2], 0, 0],
            [m[0, 2] + m[2, 0], m[1, 2] + m[2, 1], m[2, 2] - m[0, 0] - m[1, 1], 0],
            [m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1], m[0, 0] + m[1, 1] + m[2, 2]],
        ]
    )
    _, vectors = np.linalg.eigh(symmetric)
    x, y, z, w = vectors[:, 3]
    found = np.array([w, x, y, z])
    return -found if w < 0 else found


def _solid(volume: float, x: float, y: float, z: float) -> MassProperties:
    """A centred body of this volume [m³] and moments per mass [m²]."""
    return MassProperties(mass=volume, center=np.zeros(3), inertia=volume * np.diag([x, y, z]))


def _capsule(radius: float, half_height: float) -> MassProperties:
    ball = 4 / 3 * math.pi * radius**3
    cylinder = 2 * math.pi * radius**2 * half_height
    square = radius * radius
    along = ball * 0.4 * square + cylinder * square / 2
    across = cylinder * (square / 4 + half_height**2 / 3) + ball * (
        0.4 * square + half_height**2 + 0.75 * half_height * radius
    )
    volume = ball + cylinder
    return _solid(volume, across / volume, across / volume, along / volume)


def _cone(radius: float, half_height: float) -> MassProperties:
    height = 2 * half_height
    volume = math.pi * radius**2 * height / 3
    across = volume * (3 / 20 * radius**2 + 3 / 80 * height**2)
    return MassProperties(
        mass=volume,
        center=np.array([0.0, 0.0, -half_height / 2]),
        inertia=np.diag([across, across, 0.3 * volume * radius**2]),
    )


def _mesh(mesh: Mesh) -> MassProperties | None:
    """Of the convex hull where the collider is one, or where the mesh is open; of the mesh itself otherwise."""
    if mesh.approximation != "convexHull" and _closed(mesh.triangles):
        return _integrate(mesh.vertices[mesh.triangles])
    return _integrate(_hull(mesh.vertices))


def _closed(triangles: IntArray) -> bool:
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    directed = {(int(a), int(b)) for a, b in edges}
    return len(directed) == len(edges) and all((b, a) in directed for a, b in directed)


def _hull(vertices: FloatArray) -> FloatArray:
    """Triangles [m, 3, 3] of the convex hull, seen counter-clockwise from outside; none if it is flat."""
    from scipy.spatial import ConvexHull, QhullError

    try:
        hull = ConvexHull(vertices)
    except QhullError:
        return np.zeros((0, 3, 3))
    corners: FloatArray = vertices[hull.simplices]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    inward = np.einsum("ij,ij->i", normals, hull.equations[:, :3]) < 0
    corners[inward] = corners[inward][:, ::-1]
    return corners


def _integrate(corners: FloatArray) -> MassProperties | None:
    if not len(corners):
        return None
    determinants = np.linalg.det(corners)
    volume = float(determinants.sum()) / 6
    size = float(np.abs(corners).max()) if corners.size else 0.0
    if abs(volume) <= 1e-12 * size**3:
        return None
    sums = corners.sum(axis=1)
    center = (determinants[:, None] * sums).sum(axis=0) / (24 * volume)
    outer = np.einsum("n,nki,nkj->ij", determinants, corners, corners) + np.einsum(
        "n,ni,nj->ij", determinants, sums, sums
    )
    second = outer / 120 - volume * np.outer(center, center)
    inertia = np.trace(second) * np.eye(3) - second
    sign = 1.0 if volume > 0 else -1.0
    return MassProperties(mass=abs(volume), center=center, inertia=sign * inertia)
