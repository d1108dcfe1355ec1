"""Poses and velocities of all bodies from joint positions, for N worlds at once.

Inside, components lead and worlds come last ([4, N] quaternions, [3, N] vectors), so that the functions of `spatial`
work on all worlds; only elementwise operations are used, so a world's result does not depend on N.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hanzo_twin.scene.model import Joint, Scene
from hanzo_twin.spatial import FloatArray, Pose, quaternion_multiply


class ForwardKinematics:
    """Forward kinematics of ``scene``, whose tree joints are fixed, revolute or prismatic.

    Args:
        joints: paths of the joints with a freedom, the columns of joint arrays.
    """

    def __init__(self, scene: Scene, joints: Sequence[str]) -> None:
        self._scene = scene
        self._column = {path: index for index, path in enumerate(joints)}
        self._row = {path: index for index, path in enumerate(scene.bodies)}
        self._offsets = {
            path: (_Offset(joint.pose_parent_joint), _Offset(joint.pose_child_joint.inverse()))
            for path, joint in scene.child_joint.items()
        }
        #: Rows of the bodies that no joint holds; their poses and velocities are inputs.
        self.roots = tuple(row for path, row in self._row.items() if path not in scene.child_joint)

    def place(
        self, positions: FloatArray, velocities: FloatArray, poses: FloatArray, twists: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Poses [N, n_bodies, 7] and velocities [N, n_bodies, 6] (linear, then angular; frame origins, world frame).

        Args:
            positions / velocities: of the joints [N, n_joints].
            poses / twists: of the ``roots`` [N, n_roots, 7] and [N, n_roots, 6].
        """
        worlds = len(positions)
        out_poses = np.empty((worlds, len(self._row), 7))
        out_twists = np.zeros((worlds, len(self._row), 6))
        out_poses[:, self.roots], out_twists[:, self.roots] = poses, twists
        for path, row in self._row.items():
            joint = self._scene.child_joint.get(path)
            if joint is not None:
                self._place_child(joint, row, positions, velocities, out_poses, out_twists)
        return out_poses, out_twists

    def _place_child(
        self,
        joint: Joint,
        row: int,
        positions: FloatArray,
        velocities: FloatArray,
        poses: FloatArray,
        twists: FloatArray,
    ) -> None:
        worlds = len(positions)
        origin, turn = np.zeros((3, worlds)), np.tile([[1.0], [0.0], [0.0], [0.0]], worlds)
        linear, angular = np.zeros((3, worlds)), np.zeros((3, worlds))
        if joint.parent:
            parent = self._row[joint.parent]
            origin, turn = poses[:, parent, :3].T, poses[:, parent, 3:].T
            linear, angular = twists[:, parent, :3].T, twists[:, parent, 3:].T
        to_joint, to_child = self._offsets[joint.child]
        anchor, frame = to_joint.after(origin, turn)
        linear = linear + _cross(angular, anchor - origin)
        if joint.path in self._column:
            column = self._column[joint.path]
            axis = _rotate(frame, np.array(joint.axis)[:, None])
            if joint.kind == "revolute":
                frame = quaternion_multiply(frame, _axis_angle(joint.axis, positions[:, column]))
                angular = angular + axis * velocities[:, column]
            else:
                shift = axis * positions[:, column]
                linear = linear + axis * velocities[:, column] + _cross(angular, shift)
                anchor = anchor + shift
        child_origin, child_turn = to_child.after(anchor, frame)
        linear = linear + _cross(angular, child_origin - anchor)
        poses[:, row, :3], poses[:, row, 3:] = child_origin.T, child_turn.T
        twists[:, row, :3], twists[:, row, 3:] = linear.T, angular.T


def integrate_orientation(orientation: FloatArray, angular_velocity: FloatArray, seconds: float) -> FloatArray:
    """Quaternions [..., 4] after turning for ``seconds`` at ``angular_velocity`` [..., 3] rad/s, world frame."""
    rate = np.sqrt((angular_velocity**2).sum(axis=-1))
    half = 0.5 * seconds * rate
    scale = np.where(rate > 0.0, np.sin(half) / np.where(rate > 0.0, rate, 1.0), 0.0)
    turn = np.concatenate([np.cos(half)[..., None], scale[..., None] * angular_velocity], axis=-1)
    turned: FloatArray = np.moveaxis(
        quaternion_multiply(np.moveaxis(turn, -1, 0), np.moveaxis(orientation, -1, 0)), 0, -1
    )
    length = np.sqrt((turned**2).sum(axis=-1, keepdims=True))
    # A body at rest is left alone to the bit.
    return np.where((rate > 0.0)[..., None], turned / length, orientation)


def starting_roots(scene: Scene) -> tuple[FloatArray, FloatArray]:
    """Initial poses [n_roots, 7] and velocities [n_roots, 6] of the bodies that no joint holds."""
    roots = [body for path, body in scene.bodies.items() if path not in scene.child_joint]
    poses = np.array([body.pose_world_body.as_array() for body in roots]).reshape(-1, 7)
    twists = np.array([[*body.linear_velocity, *body.angular_velocity] for body in roots]).reshape(-1, 6)
    return poses, twists


class _Offset:
    """A fixed pose, ready to be put after N others; what neither turns nor shifts is left out."""

    def __init__(self, pose: Pose) -> None:
        self._shift = pose.position[:, None] if pose.position.any() else None
        self._turn = pose.orientation[:, None] if pose.orientation[1:].any() else None

    def after(self, origin: FloatArray, turn: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Positions [3, N] and quaternions [4, N] of this pose within those."""
        return (
            origin if self._shift is None else origin + _rotate(turn, self._shift),
            turn if self._turn is None else quaternion_multiply(turn, self._turn),
        )


def _rotate(turn: FloatArray, vector: FloatArray) -> FloatArray:
    """Vectors [3, N or 1] turned by quaternions (w, u) [4, N]: v + 2 w (u × v) + 2 u × (u × v)."""
    axis = turn[1:]
    half = 2.0 * _cross(axis, vector)
    turned: FloatArray = vector + turn[0] * half + _cross(axis, half)
    return turned


def _cross(a: FloatArray, b: FloatArray) -> FloatArray:
    return np.array([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])


def _axis_angle(axis: tuple[float, float, float], angle: FloatArray) -> FloatArray:
    sine = np.sin(angle / 2)
    return np.array([np.cos(angle / 2), axis[0] * sine, axis[1] * sine, axis[2] * sine])
