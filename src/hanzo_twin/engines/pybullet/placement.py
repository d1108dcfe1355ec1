"""Poses and velocities of bodies as Bullet has them.

Bullet keeps principal frames, and velocities at centres of mass; here they are those of the bodies' frames, with
v(origin) = v(com) + ω × (origin − com).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pybullet

from hanzo_twin.engines.pybullet.geometry import bullet_quaternion
from hanzo_twin.engines.pybullet.world import World
from hanzo_twin.spatial import FloatArray, quaternion_multiply, rotation_matrix

_CONJUGATE = np.array([[1.0], [-1.0], [-1.0], [-1.0]])


# Position, quaternion (x, y, z, w), linear and angular velocity of a principal frame.
Raw = tuple[float, ...]


def body_state(world: World, path: str) -> tuple[FloatArray, FloatArray]:
    """Pose [7] and velocity [6] (linear, then angular) of a body's frame, world frame."""
    poses, velocities = finished_states(world, [path], [raw_state(world, path)])
    return poses[0], velocities[0]


def raw_state(world: World, path: str) -> Raw:
    """What Bullet says of a body, for `finished_states`."""
    place = world.bodies[path]
    if place.link < 0:
        position, orientation = pybullet.getBasePositionAndOrientation(place.uid, physicsClientId=world.client)
        linear, angular = pybullet.getBaseVelocity(place.uid, physicsClientId=world.client)
        return (*position, *orientation, *linear, *angular)
    # Bullet has a link's own frame to single precision only.
    state = pybullet.getLinkState(
        place.uid,
        place.link,
        computeLinkVelocity=1,
        computeForwardKinematics=1,
        physicsClientId=world.client,
    )
    return (*state[0], *state[1], *state[6], *state[7])


def finished_states(world: World, paths: Sequence[str], raws: Sequence[Raw]) -> tuple[FloatArray, FloatArray]:
    """Poses [n, 7] and velocities [n, 6] as of `body_state`, of what `raw_state` said of ``paths``, now or before."""
    raw = np.array(raws, dtype=np.float64).reshape(-1, 13).T
    frames = np.array([world.inertial_arrays[path] for path in paths]).reshape(-1, 7).T
    poses, velocities = np.empty((len(raws), 7)), np.empty((len(raws), 6))
    turn = quaternion_multiply(raw[[6, 3, 4, 5]], frames[3:] * _CONJUGATE)
    rotation, spin = rotation_matrix(turn), raw[10:]
    x, y, z = frames[:3]
    arm = rotation[:, 0] * x + rotation[:, 1] * y + rotation[:, 2] * z
    poses[:, :3], poses[:, 3:] = (raw[:3] - arm).T, turn.T
    velocities[:, :3] = (raw[7:10] - _cross(spin, arm)).T
    velocities[:, 3:] = spin.T
    return poses, velocities


def _cross(a: FloatArray, b: FloatArray) -> FloatArray:
    """Of vectors [3, n]; for so few several times faster than numpy's."""
    return np.array([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])


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
