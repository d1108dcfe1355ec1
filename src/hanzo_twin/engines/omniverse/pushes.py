"""Forces and torques on bodies that hold for one engine step: applied wrenches, and efforts beyond a drive's limit.

A joint's effort τ about (or force along) its axis is the wrench +τ on the child and −τ on the parent; so applied, it
is not limited together with the drive, as PhysX would limit an effort given as such.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from hanzo_twin.scene.model import Joint, Scene
from hanzo_twin.spatial import FloatArray, rotation_matrix

# Force, torque, and the point where the force acts, world frame: PhysX's wrench.
_WIDTH = 9


def wrench_rows(
    scene: Scene,
    rows: Mapping[str, int],
    poses: FloatArray,
    wrenches: FloatArray,
    efforts: Sequence[tuple[Joint, float]],
) -> FloatArray:
    """PhysX's wrenches [len(rows), 9].

    Args:
        rows: by path of the bodies, the row in ``poses`` and in the result.
        poses: [len(rows), 7] of the bodies.
        wrenches: [n_bodies, 6] applied at centres of mass, in the order of the scene's bodies.
        efforts: joints, and what drives do not limit.
    """
    result = np.zeros((len(rows), _WIDTH))
    order = {path: index for index, path in enumerate(scene.bodies)}
    for path, row in rows.items():
        turn = rotation_matrix(poses[row, 3:])
        result[row, 6:] = poses[row, :3] + turn @ np.asarray(scene.bodies[path].center_of_mass)
        result[row, :6] = wrenches[order[path]]
    for joint, effort in efforts:
        _add_effort(result, rows, poses, joint, effort)
    return result


def _add_effort(result: FloatArray, rows: Mapping[str, int], poses: FloatArray, joint: Joint, effort: float) -> None:
    child = rows[joint.child]
    frame = rotation_matrix(poses[child, 3:]) @ rotation_matrix(joint.pose_child_joint.orientation)
    push = effort * (frame @ np.asarray(joint.axis))
    parent = rows.get(joint.parent)
    if joint.kind == "revolute":
        result[child, 3:6] += push
        if parent is not None:
            result[parent, 3:6] -= push
        return
    result[child, :3] += push
    if parent is not None:
        result[parent, :3] -= push
        result[parent, 3:6] -= np.cross(result[child, 6:] - result[parent, 6:], push)
