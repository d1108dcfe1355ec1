"""Bodies that PhysX lists together, and its numbers of them: (x, y, z, w), 32 bits, velocities at centres of mass."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hanzo_twin.engines.omniverse.link_motion import rotated
from hanzo_twin.spatial import FloatArray, IntArray

FREE, KINEMATIC, LINK = "/body_*", "/kinematic_*", "/link_*"
"""Patterns of the groups."""
WXYZ = [0, 1, 2, 6, 3, 4, 5]
"""Columns of PhysX's poses in the order of this project, and `XYZW` the other way."""
XYZW = [0, 1, 2, 4, 5, 6, 3]


@dataclass(frozen=True, kw_only=True, eq=False)
class Group:
    """Bodies that PhysX lists together.

    Args:
        pattern: that names them in PhysX.
        rows: of them in the scene [n], in PhysX's order.
        centers: of mass [n, 3], in the bodies' frames.
    """

    pattern: str
    rows: IntArray
    centers: FloatArray


@dataclass(frozen=True, kw_only=True, eq=False)
class RawBodies:
    """Poses [n, 7] and velocities [n, 6] of a group as PhysX has them; no velocities where they follow from joints."""

    group: Group
    poses: NDArray[np.float32]
    velocities: NDArray[np.float32] | None


def at_centers(poses: FloatArray, twists: FloatArray, centers: FloatArray) -> FloatArray:
    """Velocities [n, 6] of frames' origins as those of centres of mass, which are at ``centers`` in the frames."""
    moved = twists.copy()
    if centers.any():
        moved[:, :3] += np.cross(twists[:, 3:], rotated(poses, centers))
    return moved


def at_origins(poses: FloatArray, twists: FloatArray, centers: FloatArray) -> FloatArray:
    """The opposite of `at_centers`."""
    moved = twists.copy()
    if centers.any():
        moved[:, :3] -= np.cross(twists[:, 3:], rotated(poses, centers))
    return moved
