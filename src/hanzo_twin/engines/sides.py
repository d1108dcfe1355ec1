"""Meshes that are to be seen from both sides: renderers draw the front of a triangle only."""

from __future__ import annotations

import numpy as np

from hanzo_twin.scene.model import Mesh
from hanzo_twin.spatial import FloatArray, IntArray


def visible_faces(mesh: Mesh) -> tuple[FloatArray, IntArray]:
    """Vertices [n, 3] and triangles [m, 3] that show ``mesh`` from wherever it can be seen.

    Of a closed surface that is its outside. Any other, such as a cloth or a mesh that is turned inside out, has the
    back of each triangle added, with vertices of its own, so that normals averaged at vertices do not cancel.
    """
    vertices = np.asarray(mesh.vertices, dtype=np.float64)
    triangles = np.asarray(mesh.triangles, dtype=np.int64)
    if not len(triangles) or (_closed(vertices, triangles) and _volume(vertices, triangles) > 0.0):
        return vertices, triangles
    return np.concatenate([vertices, vertices]), np.concatenate([triangles, triangles[:, ::-1] + len(vertices)])


def _closed(vertices: FloatArray, triangles: IntArray) -> bool:
    """Whether each edge is between triangles that are wound alike, where equal vertices count as one."""
    _, welded = np.unique(vertices, axis=0, return_inverse=True)
    corners = welded.reshape(-1)[triangles]
    starts, ends = corners.ravel(), np.roll(corners, -1, axis=1).ravel()
    there, back = starts * len(vertices) + ends, ends * len(vertices) + starts
    return bool(np.array_equal(np.sort(there[starts != ends]), np.sort(back[starts != ends])))


def _volume(vertices: FloatArray, triangles: IntArray) -> float:
    """What a closed surface encloses, m³; negative where its triangles face inwards."""
    a, b, c = np.moveaxis((vertices - vertices[0])[triangles], 1, 0)
    return float(np.einsum("ij,ij->", a, np.cross(b, c))) / 6.0
