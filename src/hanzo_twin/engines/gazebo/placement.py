"""Poses and velocities of bodies in DART.

A root counts its coordinates from a pose of its own, where it was last placed: what is placed is read back to the bit.
DART takes and gives the velocities of a root as angular, linear, world frame, at the origin of the body's frame.
"""

from __future__ import annotations

from typing import Any

import dartpy
import numpy as np

from hanzo_twin.engines.gazebo.world import World
from hanzo_twin.spatial import FloatArray, rotation_matrix


def transform(pose: FloatArray) -> Any:
    """DART's transform of a pose [7]."""
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = rotation_matrix(pose[3:]), pose[:3]
    return dartpy.math.Isometry3(matrix)


def place_root(world: World, path: str, pose: FloatArray, velocity: FloatArray) -> None:
    """Put a body that no joint holds at ``pose`` [7] with ``velocity`` [6], linear then angular, of its origin."""
    joint = world.roots[path]
    world.root_poses[path] = pose.copy()
    joint.setTransformFromParentBodyNode(transform(pose))
    joint.setPositions(np.zeros(6))
    joint.setVelocities(np.concatenate([velocity[3:], velocity[:3]]))


def body_state(world: World, path: str) -> tuple[FloatArray, FloatArray]:
    """Pose [7] and velocity [6] (linear, then angular; of the frame's origin, world frame) of a body."""
    return finished_state(raw_state(world, path))


def raw_state(world: World, path: str) -> tuple[Any, FloatArray, FloatArray]:
    """What DART says of a body, for `finished_state`: copies, several times cheaper than that."""
    body = world.bodies[path]
    return body.getWorldTransform(), body.getLinearVelocity(), body.getAngularVelocity()


def finished_state(raw: tuple[Any, FloatArray, FloatArray]) -> tuple[FloatArray, FloatArray]:
    """`body_state` of what `raw_state` said, now or before."""
    place, linear, angular = raw
    turn = place.quaternion()
    pose = np.array([*place.translation(), turn.w(), turn.x(), turn.y(), turn.z()])
    return pose, np.concatenate([linear, angular])
