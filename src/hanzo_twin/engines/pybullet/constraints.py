"""Joints that a tree cannot hold: mimics, as gears, and loop closures, as constraints between points.

Bullet holds constraints at the velocity and takes back a part of the error of the position in each step. What is
given to it is in the principal frames of the bodies.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pybullet

from hanzo_twin.engines.pybullet.geometry import bullet_quaternion
from hanzo_twin.scene.model import Joint
from hanzo_twin.spatial import FloatArray, Pose

# Distance of the second point that holds a hinge's axis, m.
_HINGE_SPAN = 0.1
_FORCE = 1e6
_ERROR_REDUCTION = 0.2
# Bullet's body and link; the world is not a body.
Holder = tuple[int, int]
_WORLD: Holder = (-1, -1)


def add_mimic(client: int, joint: Joint, follower: Holder, leader: Holder) -> None:
    """Make ``joint``, whose link is ``follower``, mimic the joint of the link ``leader``."""
    assert joint.mimic is not None
    gear = pybullet.createConstraint(
        *follower, *leader, pybullet.JOINT_GEAR, [0, 0, 1], [0, 0, 0], [0, 0, 0], physicsClientId=client
    )
    pybullet.changeConstraint(
        gear,
        gearRatio=-joint.mimic.multiplier,
        relativePositionTarget=joint.mimic.offset,
        maxForce=_FORCE,
        erp=_ERROR_REDUCTION,
        physicsClientId=client,
    )


def add_loop(client: int, joint: Joint, bodies: Mapping[str, tuple[Holder, Pose]]) -> None:
    """Close a loop by ``joint``; ``bodies`` say who holds each body and where its principal frame is in it."""
    points: list[FloatArray] = [np.zeros(3)]
    if joint.kind == "revolute":
        points.append(_HINGE_SPAN * np.asarray(joint.axis))
    kind = pybullet.JOINT_FIXED if joint.kind == "fixed" else pybullet.JOINT_POINT2POINT
    child, child_frame = _end(joint.child, joint.pose_child_joint, bodies)
    parent, parent_frame = _end(joint.parent, joint.pose_parent_joint, bodies)
    for point in points:
        # The child comes first: Bullet takes the world as the second of two bodies only.
        constraint = pybullet.createConstraint(
            *child,
            *parent,
            kind,
            [0, 0, 0],
            child_frame.apply(point).tolist(),
            parent_frame.apply(point).tolist(),
            bullet_quaternion(child_frame.orientation),
            bullet_quaternion(parent_frame.orientation),
            physicsClientId=client,
        )
        pybullet.changeConstraint(constraint, maxForce=_FORCE, physicsClientId=client)


def _end(path: str, frame: Pose, bodies: Mapping[str, tuple[Holder, Pose]]) -> tuple[Holder, Pose]:
    if not path:
        return _WORLD, frame
    holder, principal = bodies[path]
    return holder, principal.inverse() @ frame
