"""Where joints of several freedoms start: the poses of their bodies say it, as `Joint.initial_position` does of others.

A spherical joint starts at a quaternion [4], the turn of its frame on the child in its frame on the parent; a D6 joint
at one position for each of its free axes, in their order. Angles of a D6 joint follow one another: of two, the first is
that which takes the second axis to where it is; of three, R = X(a) Y(b) Z(c).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from hanzo_twin.scene.model import Axis, Body, Joint, Scene
from hanzo_twin.spatial import FloatArray, Pose, quaternion_from_axis_angle, quaternion_multiply, rotation_matrix

_UNIT = {"x": np.array([1.0, 0.0, 0.0]), "y": np.array([0.0, 1.0, 0.0]), "z": np.array([0.0, 0.0, 1.0])}


def start_of(scene: Scene, joint: Joint) -> FloatArray:
    """Where ``joint``, which is spherical or a D6 joint, starts."""
    return start_at(joint, frames_apart(joint, scene.bodies))


def frames_apart(joint: Joint, bodies: Mapping[str, Body]) -> Pose:
    """The frame of ``joint`` on its child in that on its parent, as ``bodies`` stand."""
    parent = bodies[joint.parent].pose_world_body if joint.parent else Pose.identity()
    child = bodies[joint.child].pose_world_body
    return (parent @ joint.pose_parent_joint).inverse() @ child @ joint.pose_child_joint


def start_at(joint: Joint, apart: Pose) -> FloatArray:
    """Where ``joint`` is when its frames are ``apart``, as near as it can be."""
    if joint.kind == "spherical":
        return np.array(apart.orientation)
    angles = dict(zip(_rotations(joint), _angles(_rotations(joint), apart.orientation), strict=True))
    return np.array(
        [angles[axis.name] if axis.rotation else float(apart.position @ _UNIT[axis.name]) for axis in joint.free_axes]
    )


def frames_held(joint: Joint, start: FloatArray) -> Pose:
    """How ``joint`` holds its frames apart at ``start``."""
    if joint.kind == "spherical":
        return Pose(position=np.zeros(3), orientation=start)
    position, turn = np.zeros(3), np.array([1.0, 0.0, 0.0, 0.0])
    for axis, value in sorted(zip(joint.free_axes, start.tolist(), strict=True), key=_order):
        if axis.rotation:
            turn = quaternion_multiply(turn, quaternion_from_axis_angle(_UNIT[axis.name], value))
        else:
            position = position + value * _UNIT[axis.name]
    return Pose(position=position, orientation=turn)


def _order(entry: tuple[Axis, float]) -> str:
    return entry[0].name


def _rotations(joint: Joint) -> list[str]:
    """Axes of the rotations in the order in which they turn."""
    return sorted(axis.name for axis in joint.free_axes if axis.rotation)


def _angles(names: list[str], orientation: FloatArray) -> list[float]:
    if not names:
        return []
    first = _UNIT[names[0]]
    if len(names) == 1:
        return [_turned(orientation, first)]
    turn = rotation_matrix(orientation)
    if len(names) == 2:
        second = _UNIT[names[1]]
        start = _about(first, second, turn @ second)
        rest = quaternion_multiply(quaternion_from_axis_angle(first, -start), orientation)
        return [start, _turned(rest, second)]
    return [
        math.atan2(-turn[1, 2], turn[2, 2]),
        math.asin(min(1.0, max(-1.0, float(turn[0, 2])))),
        math.atan2(-turn[0, 1], turn[0, 0]),
    ]


def _turned(orientation: FloatArray, axis: FloatArray) -> float:
    """The angle of ``orientation`` about ``axis``, within ±π."""
    return math.remainder(2 * math.atan2(float(orientation[1:] @ axis), float(orientation[0])), 2 * math.pi)


def _about(axis: FloatArray, before: FloatArray, after: FloatArray) -> float:
    """The angle about ``axis`` from one vector to another."""
    return math.atan2(float(axis @ np.cross(before, after)), float(before @ after))
