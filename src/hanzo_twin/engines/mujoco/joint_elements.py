"""Joints, their drives and mimics as MuJoCo's joints, actuators and equality constraints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import mujoco
import numpy as np

from hanzo_twin.engines.parameters import drive_limit
from hanzo_twin.errors import UnsupportedError
from hanzo_twin.scene.model import Axis, Drive, Joint
from hanzo_twin.spatial import Pose, rotation_matrix

UNLIMITED = 1e10
_JOINT = mujoco.mjtJoint
# How far from a joint the points are that keep it within its cone, m; and how wide that may be, rad.
_REACH = 0.1
_NARROWEST, _WIDEST = np.radians(1.0), np.radians(175.0)
_AXES = {"x": (1.0, 0.0, 0.0), "y": (0.0, 1.0, 0.0), "z": (0.0, 0.0, 1.0)}


def add_joint(body: Any, joint: Joint) -> None:
    """Hang ``body`` on ``joint``."""
    if joint.kind == "fixed":
        return
    if joint.kind in ("revolute", "prismatic"):
        limited = np.isfinite(joint.lower) or np.isfinite(joint.upper)
        body.add_joint(
            name=joint.path,
            type=_JOINT.mjJNT_HINGE if joint.kind == "revolute" else _JOINT.mjJNT_SLIDE,
            pos=joint.pose_child_joint.position,
            axis=rotation_matrix(joint.pose_child_joint.orientation) @ np.asarray(joint.axis),
            limited=limited,
            range=[max(joint.lower, -UNLIMITED), min(joint.upper, UNLIMITED)] if limited else [0, 0],
            armature=joint.armature,
            damping=[joint.damping, 0, 0],
            frictionloss=joint.friction,
            stiffness=[joint.stiffness, 0, 0],
            springref=joint.rest_position,
        )
    elif joint.kind == "spherical":
        _add_ball(body, joint)
    else:
        _add_d6(body, joint)


def _add_ball(body: Any, joint: Joint) -> None:
    limited = bool(np.isfinite(joint.upper))
    body.add_joint(
        name=joint.path,
        type=_JOINT.mjJNT_BALL,
        pos=joint.pose_child_joint.position,
        limited=limited,
        range=[0.0, joint.upper] if limited else [0, 0],
        armature=joint.armature,
        damping=[joint.damping, 0, 0],
        frictionloss=joint.friction,
        stiffness=[joint.stiffness, 0, 0],
    )


def add_cone(spec: Any, bodies: Mapping[str, Any], joint: Joint) -> None:
    """Keep a spherical ``joint`` within its cone: by the distance of a point on its axis on the parent from that on the
    child, 2 r sin(θ/2) where they are r from the joint and θ is the angle between the axes.

    Raises:
        UnsupportedError: the cone is too narrow or too wide for that.
    """
    angle = joint.cone[0]
    if not np.isfinite(angle):
        return
    if not _NARROWEST <= angle <= _WIDEST:
        raise UnsupportedError(
            f"Engine 'mujoco' cannot keep the spherical joint '{joint.path}' within a cone of {np.degrees(angle):g}°.",
            hint=f"Allowed: {np.degrees(_NARROWEST):g}° to {np.degrees(_WIDEST):g}°. Use a revolute joint for one that "
            "only twists.",
        )
    tendon = spec.add_tendon(name=f"{joint.path}/cone", limited=True, range=[0.0, 2 * _REACH * np.sin(angle / 2)])
    point = Pose.of(_REACH * np.asarray(joint.axis))
    for side, body, frame in (
        ("parent", joint.parent, joint.pose_parent_joint),
        ("child", joint.child, joint.pose_child_joint),
    ):
        site = f"{joint.path}/cone_{side}"
        bodies[body].add_site(name=site, pos=(frame @ point).position)
        tendon.wrap_site(site)


def _add_d6(body: Any, joint: Joint) -> None:
    """Joints of one freedom, translations first: MuJoCo moves a body by its joints in their order."""
    frame = rotation_matrix(joint.pose_child_joint.orientation)
    for axis in d6_axes(joint):
        limited = np.isfinite(axis.lower) or np.isfinite(axis.upper)
        body.add_joint(
            name=axis_name(joint, axis),
            type=_JOINT.mjJNT_HINGE if axis.rotation else _JOINT.mjJNT_SLIDE,
            pos=joint.pose_child_joint.position,
            axis=frame @ np.asarray(_AXES[axis.name]),
            limited=limited,
            range=[max(axis.lower, -UNLIMITED), min(axis.upper, UNLIMITED)] if limited else [0, 0],
            damping=[joint.damping, 0, 0],
            frictionloss=joint.friction,
            armature=joint.armature,
            stiffness=[joint.stiffness, 0, 0],
        )


def d6_axes(joint: Joint) -> list[Axis]:
    """The free axes of a D6 joint in the order in which they move it."""
    return sorted(joint.free_axes, key=lambda axis: (axis.rotation, axis.name))


def axis_name(joint: Joint, axis: Axis) -> str:
    """MuJoCo's name of one free axis of a D6 joint."""
    return f"{joint.path}/{'rotation' if axis.rotation else 'translation'}_{axis.name}"


def add_drive(spec: Any, joint: Joint) -> None:
    """Every joint gets an actuator, if only of zero gain, so that gains are parameters of every joint."""
    actuator = _actuator(spec, joint.path, joint.drive, min(drive_limit(joint), UNLIMITED))
    actuator.gainprm[0] = 1.0


def add_axis_drives(spec: Any, joint: Joint) -> None:
    """Drives of a D6 joint hold their authored targets; nothing commands them."""
    for axis in joint.free_axes:
        if axis.drive is not None:
            limit = min(axis.drive.max_effort, UNLIMITED)
            actuator = _actuator(spec, axis_name(joint, axis), axis.drive, limit)
            target = axis.drive.stiffness * axis.drive.target_position
            actuator.biasprm[0] = target + axis.drive.damping * axis.drive.target_velocity


def _actuator(spec: Any, joint_name: str, drive: Drive | None, limit: float) -> Any:
    actuator = spec.add_actuator(name=joint_name, target=joint_name, trntype=mujoco.mjtTrn.mjTRN_JOINT)
    actuator.gaintype, actuator.biastype = mujoco.mjtGain.mjGAIN_FIXED, mujoco.mjtBias.mjBIAS_AFFINE
    stiffness, damping = (drive.stiffness, drive.damping) if drive else (0.0, 0.0)
    actuator.gainprm[0] = 0.0
    actuator.biasprm[1], actuator.biasprm[2] = -stiffness, -damping
    actuator.forcelimited, actuator.forcerange = True, [-limit, limit]
    actuator.ctrllimited = False
    return actuator


def add_mimic(spec: Any, joint: Joint) -> None:
    """Make ``joint`` follow the joint that it mimics."""
    assert joint.mimic is not None
    equality = spec.add_equality(
        name=f"{joint.path}/mimic",
        type=mujoco.mjtEq.mjEQ_JOINT,
        objtype=mujoco.mjtObj.mjOBJ_JOINT,
        name1=joint.path,
        name2=joint.mimic.joint,
    )
    equality.data[:5] = [joint.mimic.offset, joint.mimic.multiplier, 0.0, 0.0, 0.0]
