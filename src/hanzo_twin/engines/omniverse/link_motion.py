"""Velocities of the links of an articulation from those of its joints.

PhysX gives velocities of links that belong to where the links were before the step. What moves link i is the sum over
the joints j above it: with axes a_j, speeds s_j and points p_j on the axes in the world frame,

    ω_i = Σ a_j s_j,   v_i = Σ a_j s_j × (x_i − p_j)   over the joints that turn, and
    v_i = Σ a_j s_j                                    over those that slide,

to which comes the motion of a base that floats.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from hanzo_twin.engines.omniverse.trees import Tree
from hanzo_twin.scene.model import Scene
from hanzo_twin.spatial import FloatArray, quaternion_multiply


class LinkMotion:
    """Of the links of ``tree``, whose joints have one freedom each, or none.

    Args:
        freedoms: by path of the joint, its place in the ``speeds`` of `twists`.
    """

    def __init__(self, scene: Scene, tree: Tree, freedoms: Mapping[str, int]) -> None:
        row = {path: index for index, path in enumerate(tree.bodies)}
        moving = [scene.joints[path] for path in tree.joints if path in freedoms]
        self.floats = tree.floats
        self._places = [freedoms[joint.path] for joint in moving]
        self._children = [row[joint.child] for joint in moving]
        self._axes = np.array(
            [_turned(joint.pose_child_joint.orientation, np.asarray(joint.axis)) for joint in moving]
        ).reshape(-1, 3)
        self._anchors = np.array([joint.pose_child_joint.position for joint in moving]).reshape(-1, 3)
        self._turns = np.array([[joint.kind == "revolute"] for joint in moving]).reshape(-1, 1)
        #: [links, joints]: 1 where the joint is above the link.
        self._above = np.zeros((len(tree.bodies), len(moving)))
        held = {scene.joints[path].child: scene.joints[path] for path in tree.joints}
        column = {joint.path: index for index, joint in enumerate(moving)}
        for path in tree.bodies:
            joint = held.get(path)
            if joint is None:
                continue
            if joint.parent:
                self._above[row[path]] = self._above[row[joint.parent]]
            if joint.path in column:
                self._above[row[path], column[joint.path]] = 1.0

    def twists(self, poses: FloatArray, speeds: FloatArray, base: FloatArray) -> FloatArray:
        """Velocities [links, 6], linear then angular, of the frames' origins, world frame.

        Args:
            poses: [links, 7]. speeds: of the freedoms. base: velocity [6] of the first link where the tree floats.
        """
        result = np.zeros((len(poses), 6))
        places = poses[:, :3] - poses[0, :3]
        if self._places:
            children = poses[self._children]
            moves = rotated(children, self._axes) * speeds[self._places][:, None]
            points = places[self._children] + rotated(children, self._anchors)
            turning, sliding = np.where(self._turns, moves, 0.0), np.where(self._turns, 0.0, moves)
            angular = self._above @ turning
            result[:, 3:] = angular
            result[:, :3] = np.cross(angular, places) + self._above @ (sliding - np.cross(turning, points))
        if self.floats:
            result[:, 3:] += base[3:]
            result[:, :3] += base[:3] + np.cross(base[3:], places)
        return result


def rotated(poses: FloatArray, vectors: FloatArray) -> FloatArray:
    """Vectors [n, 3] given in the frames of ``poses`` [n, 7], in the world frame."""
    real, axis = poses[:, 3:4], poses[:, 4:]
    across = 2.0 * np.cross(axis, vectors)
    turned: FloatArray = vectors + real * across + np.cross(axis, across)
    return turned


def _turned(orientation: FloatArray, vector: FloatArray) -> FloatArray:
    conjugate = orientation * np.array([1.0, -1.0, -1.0, -1.0])
    return quaternion_multiply(quaternion_multiply(orientation, np.array([0.0, *vector])), conjugate)[1:]
