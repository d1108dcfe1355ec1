"""The surface of a mesh as few convex polygons, for engines that collide convex shapes only.

Where neighbouring triangles lie in one plane they are joined: all of a flat region where that is convex, else pairs of
polygons as long as what comes out is convex (Hertel, Mehlhorn, "Fast triangulation of simple polygons", 1983, which
gives at most four times as many as there must be).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from hanzo_twin.engines.hulls import SLIVER
from hanzo_twin.scene.model import Mesh
from hanzo_twin.spatial import FloatArray, IntArray

FLAT = 1e-6
"""How far corners of a polygon may be from its plane, as a fraction of the mesh's size."""

_CONVEX = 1e-9
Loop = list[int]


@dataclass(frozen=True, kw_only=True, eq=False)
class Surface:
    """The surface of a mesh.

    Args:
        vertices: [n, 3]; triangles: [m, 3], none without area. Equal corners are one.
        loops: corners of the convex polygons, in the order of the triangles that they are made of.
        normals: of the polygons [len(loops), 3]; of a closed mesh outwards.
        closed: each edge is between two triangles that are wound alike.
    """

    vertices: FloatArray
    triangles: IntArray
    loops: tuple[Loop, ...]
    normals: FloatArray
    closed: bool


def surface_of(mesh: Mesh) -> Surface:
    """The surface of ``mesh``."""
    vertices, triangles, size = _welded(mesh)
    halves = {edge: index for index, triangle in enumerate(triangles.tolist()) for edge in _edges(triangle)}
    closed = len(halves) == 3 * len(triangles) and all((b, a) in halves for a, b in halves)
    if closed and _volume(vertices, triangles) < 0.0:
        triangles = triangles[:, ::-1].copy()
        halves = {(b, a): index for (a, b), index in halves.items()}
    normals, areas = _normals(vertices, triangles)
    parts = _Parts(vertices, FLAT * size)
    loops: list[Loop] = []
    found: list[FloatArray] = []
    for region in _regions(vertices, triangles, normals, halves, FLAT * size):
        normal = normals[region[int(np.argmax(areas[region]))]]
        for loop in parts.of(triangles[region], float(areas[region].sum()), normal):
            loops.append(loop)
            found.append(normal)
    return Surface(
        vertices=vertices,
        triangles=triangles,
        loops=tuple(loops),
        normals=np.array(found, dtype=np.float64).reshape(-1, 3),
        closed=closed,
    )


def _welded(mesh: Mesh) -> tuple[FloatArray, IntArray, float]:
    """Vertices of which no two are equal, triangles with an area, and the size of the mesh."""
    vertices = np.asarray(mesh.vertices, dtype=np.float64)
    size = float(np.linalg.norm(np.ptp(vertices, axis=0)))
    cells = np.round(vertices / (SLIVER * size)).astype(np.int64) if size > 0.0 else np.zeros(vertices.shape, np.int64)
    _, first, index = np.unique(cells, axis=0, return_index=True, return_inverse=True)
    triangles = index.reshape(-1)[np.asarray(mesh.triangles, dtype=np.int64)]
    welded = vertices[first]
    _, areas = _normals(welded, triangles)
    return welded, triangles[areas > (SLIVER * size) ** 2], size


def _edges(corners: Loop) -> Iterator[tuple[int, int]]:
    return zip(corners, [*corners[1:], corners[0]], strict=True)


def _normals(vertices: FloatArray, triangles: IntArray) -> tuple[FloatArray, FloatArray]:
    """Unit normals and areas."""
    a, b, c = (vertices[triangles[:, corner]] for corner in range(3))
    cross = np.cross(b - a, c - a)
    lengths = np.linalg.norm(cross, axis=1)
    return cross / np.where(lengths > 0.0, lengths, 1.0)[:, None], lengths / 2


def _volume(vertices: FloatArray, triangles: IntArray) -> float:
    a, b, c = (vertices[triangles[:, corner]] for corner in range(3))
    return float(np.einsum("ij,ij->", a, np.cross(b, c))) / 6


def _regions(
    vertices: FloatArray, triangles: IntArray, normals: FloatArray, halves: dict[tuple[int, int], int], far: float
) -> Iterator[IntArray]:
    """Indices of triangles that hang together and lie within ``far`` of the plane of the first."""
    corners = triangles.tolist()
    taken = [False] * len(corners)
    for start in range(len(corners)):
        if taken[start]:
            continue
        taken[start] = True
        members, origin, normal = [start], vertices[corners[start][0]], normals[start]
        for member in members:
            for a, b in _edges(corners[member]):
                other = halves.get((b, a))
                if other is None or taken[other] or float(normals[other] @ normal) < 0.99:
                    continue
                if np.abs((vertices[corners[other]] - origin) @ normal).max() <= far:
                    taken[other] = True
                    members.append(other)
        yield np.array(members, dtype=np.int64)


class _Parts:
    """Convex parts of flat regions of triangles over ``vertices``."""

    def __init__(self, vertices: FloatArray, far: float) -> None:
        self._vertices = vertices
        self._far = far

    def of(self, triangles: IntArray, area: float, normal: FloatArray) -> list[Loop]:
        """The parts of ``triangles``, which have this ``area`` together and lie in the plane of ``normal``."""
        if len(triangles) > 1:
            whole = self._hull(np.unique(triangles), area, normal)
            if whole is not None:
                return [whole]
        return self._joined([list(triangle) for triangle in triangles.tolist()], normal)

    def _hull(self, corners: IntArray, area: float, normal: FloatArray) -> Loop | None:
        """The hull of ``corners`` where it has no more than ``area``."""
        # Imported here: it takes long, and meshes that are convex anyway do not come here.
        from scipy.spatial import ConvexHull

        across = np.eye(3)[int(np.argmin(np.abs(normal)))]
        x = np.cross(across, normal)
        x /= np.linalg.norm(x)
        plane = np.stack([x, np.cross(normal, x)], axis=1)
        hull = ConvexHull(self._vertices[corners] @ plane)
        return corners[hull.vertices].tolist() if hull.volume <= area * (1.0 + 1e-6) else None

    def _joined(self, loops: list[Loop], normal: FloatArray) -> list[Loop]:
        """``loops``, joined across common edges as long as they stay convex."""
        owner = {edge: index for index, loop in enumerate(loops) for edge in _edges(loop)}
        changed = True
        while changed:
            changed = False
            for a, b in list(owner):
                first, second = owner.get((a, b)), owner.get((b, a))
                if first is None or second is None or first == second:
                    continue
                joined = _join(loops[first], loops[second], a, b)
                if joined is not None and self._convex(joined, normal):
                    for edge in (*_edges(loops[first]), *_edges(loops[second])):
                        del owner[edge]
                    loops[first], loops[second] = joined, []
                    owner.update((edge, first) for edge in _edges(joined))
                    changed = True
        return [loop for loop in loops if loop]

    def _convex(self, loop: Loop, normal: FloatArray) -> bool:
        sides = np.diff(self._vertices[[*loop, loop[0], loop[1]]], axis=0)
        turns = np.cross(sides[:-1], sides[1:]) @ normal
        lengths = np.linalg.norm(sides, axis=1)
        return bool((turns >= -_CONVEX * lengths[:-1] * lengths[1:]).all())


def _join(first: Loop, second: Loop, a: int, b: int) -> Loop | None:
    """Both loops as one without their common edges, ``a`` to ``b`` in the first; None where that is not a loop."""
    start, end = first.index(b), second.index(a)
    # From b round the first to a, then on round the second.
    loop = [*first[start:], *first[:start], *[*second[end:], *second[:end]][1:-1]]
    index = 0
    while index < len(loop) and len(loop) > 2:
        if loop[index - 1] == loop[(index + 1) % len(loop)]:
            # There and back again along another common edge.
            for place in sorted({index, (index + 1) % len(loop)}, reverse=True):
                del loop[place]
            index = 0
        else:
            index += 1
    return loop if len(loop) > 2 and len(set(loop)) == len(loop) else None
