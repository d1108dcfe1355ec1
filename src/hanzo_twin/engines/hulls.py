"""Convex stand-ins for the shapes that an engine does not have as such."""

from __future__ import annotations

import numpy as np

from hanzo_twin.errors import SceneError
from hanzo_twin.scene.model import Cone, Mesh
from hanzo_twin.spatial import FloatArray

CONE_SIDES = 64
CONVEX_TOLERANCE = 1e-3


def cone_vertices(cone: Cone) -> FloatArray:
    """Vertices [n, 3] of a hull of `CONE_SIDES` sides, which lies within 0.12 % of the cone's radius."""
    angles = np.linspace(0.0, 2 * np.pi, CONE_SIDES, endpoint=False)
    rim = np.stack(
        [cone.radius * np.cos(angles), cone.radius * np.sin(angles), np.full(CONE_SIDES, -cone.half_height)], axis=1
    )
    return np.vstack([rim, [[0.0, 0.0, cone.half_height]]])


def convex_hull(path: str, mesh: Mesh) -> tuple[FloatArray, bool]:
    """Vertices [n, 3] of the hull of ``mesh``, and whether the mesh encloses as much as its hull (is convex).

    Raises:
        SceneError: the mesh has no volume; names ``path``.
    """
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
