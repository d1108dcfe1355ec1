"""Inertial measurement unit, at its prim's origin and in its prim's axes.

Over the last engine step of h seconds, with r the mount point in the body's frame, R the sensor's rotation in the world
and g gravity::

    v = v_body + ω × r          specific force = Rᵀ ((v⁺ − v) / h − g)          angular velocity = Rᵀ ω⁺

So at rest it reads 9.81 m/s² upwards, in free fall zero, and off the axis of a spinning body the centripetal
acceleration; lever arm and angular acceleration are in v.
"""

from __future__ import annotations

import numpy as np

from hanzo_twin.sensors.port import AnyArray, Motion
from hanzo_twin.spatial import FloatArray, Pose, quaternion_multiply, rotation_matrix


def read_imu(
    pose_body_sensor: Pose, before: Motion | None, now: Motion, gravity: FloatArray, seconds: float
) -> dict[str, AnyArray]:
    """``linear_acceleration`` (specific force) [3] m/s² and ``angular_velocity`` [3] rad/s, sensor frame.

    Args:
        before / now: of the body [1, …]; ``before`` is None when no step was made: nothing accelerates.
        seconds: length of the last engine step.
    """
    velocity = _velocity(now, pose_body_sensor)
    acceleration = np.zeros(3) if before is None else (velocity - _velocity(before, pose_body_sensor)) / seconds
    into_sensor = rotation_matrix(quaternion_multiply(now.poses[0, 3:], pose_body_sensor.orientation)).T
    return {
        "linear_acceleration": into_sensor @ (acceleration - gravity),
        "angular_velocity": into_sensor @ now.velocities[0, 3:],
    }


def _velocity(motion: Motion, pose_body_sensor: Pose) -> FloatArray:
    """Of the mount point [3], world frame."""
    arm = rotation_matrix(motion.poses[0, 3:]) @ pose_body_sensor.position
    velocity: FloatArray = motion.velocities[0, :3] + np.cross(motion.velocities[0, 3:], arm)
    return velocity
