"""Colliders in the few forms that every engine has: primitives, convex hulls and, where they stand, triangles."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from weakref import WeakKeyDictionary

import numpy as np

from hanzo_twin.engines.decomposition import convex_parts
from hanzo_twin.errors import SceneError
from hanzo_twin.scene.model import Box, Cone, Mesh, Shape, Sphere
from hanzo_twin.spatial import FloatArray, IntArray, Pose

CONE_SIDES = 64
CONVEX_TOLERANCE = 1e-3
CONVEX = ("convexHull", "convexDecomposition", "boundingCube", "boundingSphere")
"""Approximations of a mesh by convex shapes; others ask for its triangles."""
SLIVER = 1e-7
"""A triangle whose area is less than that of a square of so much of its mesh's size has none."""
PART = "#"
"""Stands between a shape's path and the number of one of its convex parts; no prim path has it."""

_found: WeakKeyDictionary[Mesh, tuple[FloatArray, bool]] = WeakKeyDictionary()


def colliders(shapes: Iterable[Shape], *, triangles: bool = False, cone_sides: int = CONE_SIDES) -> list[Shape]:
    """Those of ``shapes`` that collide, with cones and meshes as what stands in for them.

    A mesh becomes its bounding box or sphere where it asks for one; else, its convex hull (a `Mesh` of the hull's
    corners, approximation ``convexHull``); a decomposition becomes several shapes, named path `PART` number.

    Args:
        triangles: leave meshes that ask for their triangles as they are.

    Raises:
        SceneError: a mesh has no volume, or no area where it stays as it is; names the shape.
    """
    found: list[Shape] = []
    for shape in shapes:
        if not shape.collides:
            continue
        geometry = shape.geometry
        if isinstance(geometry, Cone):
            found.append(replace(shape, geometry=_hull_mesh(cone_vertices(geometry, cone_sides))))
        elif isinstance(geometry, Mesh):
            found += _of_mesh(shape, geometry, triangles=triangles)
        else:
            found.append(shape)
    return found


def shape_of(part: str) -> str:
    """Path of the shape that a collider of `colliders` belongs to."""
    return part.partition(PART)[0]


def cone_vertices(cone: Cone, sides: int = CONE_SIDES) -> FloatArray:
    """Vertices [n, 3] of a hull of ``sides`` sides; 64 lie within 0.12 % of the cone's radius, 16 within 2 %."""
    angles = np.linspace(0.0, 2 * np.pi, sides, endpoint=False)
    rim = np.stack(
        [cone.radius * np.cos(angles), cone.radius * np.sin(angles), np.full(sides, -cone.half_height)], axis=1
    )
    return np.vstack([rim, [[0.0, 0.0, cone.half_height]]])


def cone_faces(cone: Cone) -> tuple[FloatArray, IntArray]:
    """`cone_vertices`, and the triangles [m, 3] of that hull, seen from outside."""
    rim = np.arange(CONE_SIDES)
    side = np.stack([rim, (rim + 1) % CONE_SIDES, np.full(CONE_SIDES, CONE_SIDES)], axis=1)
    base = np.stack([np.zeros(CONE_SIDES - 2, dtype=np.int64), rim[2:], rim[1:-1]], axis=1)
    return cone_vertices(cone), np.concatenate([side, base])


def needs_triangles(shape: Shape) -> bool:
    """True when ``shape`` is a mesh that asks for its triangles and is not convex."""
    mesh = shape.geometry
    return isinstance(mesh, Mesh) and mesh.approximation not in CONVEX and not is_convex(shape.path, mesh)


def is_convex(path: str, mesh: Mesh) -> bool:
    """True when ``mesh`` encloses as much as its hull; False for one without volume."""
    try:
        return convex_hull(path, mesh)[1]
    except SceneError:
        return False


def convex_hull(path: str, mesh: Mesh) -> tuple[FloatArray, bool]:
    """Vertices [n, 3] of the hull of ``mesh``, and whether the mesh encloses as much as its hull (is convex).

    Raises:
        SceneError: the mesh has no volume; names ``path``.
    """
    known = _found.get(mesh)
    if known is None:
        known = _found[mesh] = _find_hull(path, mesh)
    return known


def hull_triangles(vertices: FloatArray) -> IntArray:
    """Triangles [m, 3] of the hull of ``vertices`` [n, 3], all of which are on it; normals point outwards."""
    from scipy.spatial import ConvexHull

    hull = ConvexHull(vertices)
    corners = vertices[hull.simplices]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    inwards = np.einsum("ij,ij->i", normals, hull.equations[:, :3]) < 0.0
    triangles = np.where(inwards[:, None], hull.simplices[:, ::-1], hull.simplices)
    return triangles.astype(np.int64)


def _of_mesh(shape: Shape, mesh: Mesh, *, triangles: bool) -> list[Shape]:
    vertices = np.asarray(mesh.vertices, dtype=np.float64)
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    center = (low + high) / 2
    if mesh.approximation == "boundingCube":
        x, y, z = ((high - low) / 2).tolist()
        return [replace(shape, geometry=Box(half_extents=(x, y, z)), pose=shape.pose @ Pose.of(center))]
    if mesh.approximation == "boundingSphere":
        radius = float(np.linalg.norm(vertices - center, axis=1).max())
        return [replace(shape, geometry=Sphere(radius=radius), pose=shape.pose @ Pose.of(center))]
    if triangles and mesh.approximation not in CONVEX:
        _check_area(shape.path, vertices, np.asarray(mesh.triangles), float(np.linalg.norm(high - low)))
        return [shape]
    hull, convex = convex_hull(shape.path, mesh)
    if convex or mesh.approximation == "convexHull":
        return [replace(shape, geometry=_hull_mesh(hull))]
    parts = convex_parts(shape.path, mesh)
    return [
        replace(shape, path=f"{shape.path}{PART}{index}", geometry=_hull_mesh(part)) for index, part in enumerate(parts)
    ]


def _check_area(path: str, vertices: FloatArray, triangles: IntArray, size: float) -> None:
    a, b, c = (vertices[triangles[:, corner]] for corner in range(3))
    if not (np.linalg.norm(np.cross(b - a, c - a), axis=1) > 2 * (SLIVER * size) ** 2).any():
        raise SceneError(
            f"The mesh '{path}' has no triangle with an area, so it cannot collide.",
            hint="Author triangles with different corners, or remove its CollisionAPI.",
        )


def _hull_mesh(vertices: FloatArray) -> Mesh:
    return Mesh(vertices=vertices, triangles=np.empty((0, 3), dtype=np.int64), approximation="convexHull")


def _find_hull(path: str, mesh: Mesh) -> tuple[FloatArray, bool]:
    # Imported here: it takes long, and scenes without meshes do not need it.
    from scipy.spatial import ConvexHull, QhullError

    vertices = np.asarray(mesh.vertices, dtype=np.float64)
    try:
        hull = ConvexHull(vertices)
    except (QhullError, ValueError) as flat:
        raise SceneError(
            f"The mesh '{path}' has no volume ({len(vertices)} vertices), so it cannot collide.",
            hint="Give the mesh a thickness, or use a Cube shape.",
        ) from flat
    corners = vertices[np.asarray(mesh.triangles)]
    volume = abs(float(np.einsum("ij,ij->i", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])).sum())) / 6
    convex = abs(volume - float(hull.volume)) <= CONVEX_TOLERANCE * float(hull.volume)
    return vertices[hull.vertices], convex
