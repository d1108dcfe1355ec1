"""Force/torque sensor in a joint: what the parent exerts on the child through it, drive and friction included.

It follows from the motion of all that hangs on the joint (bodies b with mass m, centre of mass c, inertia I) during the
last engine step of h seconds, and from the other forces on it (Newton and Euler)::

    F = Σ m ((v_c⁺ − v_c)/h − g) − Σ contacts − Σ applied
    T = Σ [(c − p) × m ((v_c⁺ − v_c)/h − g) + (I⁺ω⁺ − I ω)/h] − Σ (x − p) × contact − Σ applied

about the sensor's origin p. So it is the same on each engine, and needs nothing of one but motion and contacts.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hanzo_twin.scene.model import Body, Joint, Scene, Sensor
from hanzo_twin.sensors.port import AnyArray, Contacts, Motion
from hanzo_twin.spatial import FloatArray, Pose, rotation_matrix


def carried_bodies(scene: Scene, joint: Joint) -> tuple[str, ...]:
    """Paths of the bodies that hang on ``joint``, its child first."""
    carried = {joint.child}
    for path in scene.bodies:
        holder = scene.child_joint.get(path)
        if holder is not None and holder.parent in carried:
            carried.add(path)
    return tuple(path for path in scene.bodies if path in carried)


def loop_through(scene: Scene, joint: Joint) -> Joint | None:
    """The closing joint of a loop that ``joint`` is part of: its wrench does not follow from motion."""
    carried = set(carried_bodies(scene, joint))
    for other in scene.joints.values():
        if other.closes_loop and ((other.parent in carried) != (other.child in carried) or other.path == joint.path):
            return other
    return None


def mount(sensor: Sensor, joint: Joint) -> Pose:
    """Pose of the sensor's frame on the joint's child: the prim's own, or the joint's where the prim is not on it."""
    if sensor.body == joint.child and sensor.path != joint.path:
        return sensor.pose_body_sensor
    return joint.pose_child_joint


def read_force_torque(
    bodies: Sequence[Body],
    pose_child_sensor: Pose,
    before: Motion | None,
    now: Motion,
    *,
    gravity: FloatArray,
    seconds: float,
    contacts: Contacts,
    applied: FloatArray,
) -> dict[str, AnyArray]:
    """``force`` [3] N and ``torque`` [3] N·m, sensor frame, about its origin.

    Args:
        bodies: that hang on the joint, its child first, with the masses in force.
        before / now: of these bodies; ``before`` is None when no step was made: there are no forces yet.
        applied: [n, 6] wrenches on these bodies at their centres of mass, world frame.
    """
    if before is None:
        return {"force": np.zeros(3), "torque": np.zeros(3)}
    child = Pose.of(now.poses[0, :3], now.poses[0, 3:]) @ pose_child_sensor
    origin, force, torque = child.position, np.zeros(3), np.zeros(3)
    for row, body in enumerate(bodies):
        center, velocity, momentum = _momentum(body, now, row)
        _, old_velocity, old_momentum = _momentum(body, before, row)
        needed = body.mass * ((velocity - old_velocity) / seconds - (gravity if body.gravity_enabled else 0.0))
        needed = needed - applied[row, :3]
        force += needed
        torque += np.cross(center - origin, needed) + (momentum - old_momentum) / seconds - applied[row, 3:]
    shapes = {shape.path for body in bodies for shape in body.shapes}
    for (first, second), position, push in zip(contacts.shapes, contacts.positions, contacts.forces, strict=True):
        if (first in shapes) != (second in shapes):
            given = push if first in shapes else -push
            force -= given
            torque -= np.cross(position - origin, given)
    into_sensor = rotation_matrix(child.orientation).T
    return {"force": into_sensor @ force, "torque": into_sensor @ torque}


def _momentum(body: Body, motion: Motion, row: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Centre of mass, its velocity and the angular momentum about it, world frame [3] each."""
    rotation = rotation_matrix(motion.poses[row, 3:])
    arm = rotation @ np.array(body.center_of_mass)
    spin = motion.velocities[row, 3:]
    axes = rotation @ rotation_matrix(np.array(body.principal_axes))
    momentum: FloatArray = axes @ (np.array(body.diagonal_inertia) * (axes.T @ spin))
    return motion.poses[row, :3] + arm, motion.velocities[row, :3] + np.cross(spin, arm), momentum
