"""Poses and velocities of bodies as Bullet has them.

Bullet keeps principal frames, and velocities at centres of mass; here they are those of the bodies' frames, with
v(origin) = v(com) + ω × (origin − com).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pybullet

from hanzo_twin.engines.pybullet.geometry import bullet_quaternion
from hanzo_twin.engines.pybullet.world import World
from hanzo_twin.spatial import FloatArray, quaternion_conjugate, quaternion_multiply, rotation_matrix

_IDENTITY = [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]


Raw = tuple[Any, Any, Any, Any]


def body_state(world: World, path: str) -> tuple[FloatArray, FloatArray]:
    """Pose [7] and velocity [6] (linear, then angular) of a body's frame, world frame."""
    return finished_state(world, path, raw_state(world, path))


def raw_state(world: World, path: str) -> Raw:
    """What Bullet says of a body, for `finished_state`: several times cheaper than that."""
    place = world.bodies[path]
    if place.link < 0:
        position, orientation = pybullet.getBasePositionAndOrientation(place.uid, physicsClientId=world.client)
        linear, angular = pybullet.getBaseVelocity(place.uid, physicsClientId=world.client)
        return position, orientation, linear, angular
    # Bullet has a link's own frame to single precision only.
    state = pybullet.getLinkState(
        place.uid,
        place.link,
        computeLinkVelocity=1,
        computeForwardKinematics=1,
        physicsClientId=world.client,
    )
    return state[0], state[1], state[6], state[7]


def finished_state(world: World, path: str, raw: Raw) -> tuple[FloatArray, FloatArray]:
    """`body_state` of what `raw_state` said, now or before."""
    position, (x, y, z, w), linear, angular = raw
    frame = world.inertial_frames[path]
    pose = np.array([*position, w, x, y, z])
    velocity = np.array([*linear, *angular])
    if frame.as_array().tolist() != _IDENTITY:
        pose[3:] = quaternion_multiply(pose[3:], quaternion_conjugate(frame.orientation))
        arm = rotation_matrix(pose[3:]) @ frame.position
        pose[:3] -= arm
        velocity[:3] -= np.cross(velocity[3:], arm)
    return pose, velocity


def place_root(world: World, path: str, pose: FloatArray, velocity: FloatArray) -> None:
    """Put the base of a multibody, the body ``path``, at ``pose`` [7] with ``velocity`` [6], as `body_state` gives."""
    frame = world.inertial_frames[path]
    rotation = rotation_matrix(pose[3:])
    arm = rotation @ frame.position
    uid = world.bodies[path].uid
    pybullet.resetBasePositionAndOrientation(
        uid,
        (pose[:3] + arm).tolist(),
        bullet_quaternion(quaternion_multiply(pose[3:], frame.orientation)),
        physicsClientId=world.client,
    )
    linear = velocity[:3] + np.cross(velocity[3:], arm)
    pybullet.resetBaseVelocity(uid, linear.tolist(), velocity[3:].tolist(), physicsClientId=world.client)
