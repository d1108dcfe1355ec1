"""Joints as UsdPhysics has them: degrees, axes X, Y or Z, Newton's attributes for armature, damping and friction."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from pxr import Sdf, Usd, UsdPhysics

from hanzo_twin.scene.convert.usd_prims import Prims, custom, quaternion, single
from hanzo_twin.scene.model import Drive, Joint
from hanzo_twin.spatial import FloatArray, Pose

_KINDS: dict[str, Any] = {
    "fixed": UsdPhysics.FixedJoint,
    "revolute": UsdPhysics.RevoluteJoint,
    "prismatic": UsdPhysics.PrismaticJoint,
    "spherical": UsdPhysics.SphericalJoint,
    "d6": UsdPhysics.Joint,
}
_AXES = {"X": (1.0, 0.0, 0.0), "Y": (0.0, 1.0, 0.0), "Z": (0.0, 0.0, 1.0)}
_DEGREES = math.pi / 180


class JointWriter:
    """Writes joints.

    Args:
        connected: whether two bodies (paths) collide with each other although a joint connects them.
    """

    def __init__(self, prims: Prims, connected: Callable[[str, str], bool]) -> None:
        self._prims = prims
        self._connected = connected

    def write(self, joint: Joint) -> None:
        axis, joint = _aligned(joint)
        usd = self._prims.define(joint.path, _KINDS[joint.kind])
        prim = usd.GetPrim()
        self._write_ends(joint, usd)
        if joint.closes_loop:
            usd.CreateExcludeFromArticulationAttr(True)
        if joint.parent and self._connected(joint.parent, joint.child):
            usd.CreateCollisionEnabledAttr(True)
        if joint.kind in ("revolute", "prismatic"):
            usd.CreateAxisAttr(axis)
            self._write_single(joint, usd)
        elif joint.kind == "spherical":
            usd.CreateAxisAttr(axis)
            for angle, create in zip(
                joint.cone, (usd.CreateConeAngle0LimitAttr, usd.CreateConeAngle1LimitAttr), strict=True
            ):
                create(angle / _DEGREES if math.isfinite(angle) else -1.0)
            if math.isfinite(joint.upper):
                custom(prim, "hanzo:turnLimit", joint.upper / _DEGREES)
        elif joint.kind == "d6":
            _write_axes(joint, prim)
        if joint.kind != "fixed":
            _write_passive(joint, prim)

    def _write_ends(self, joint: Joint, usd: UsdPhysics.Joint) -> None:
        for index, (body, pose) in enumerate(
            ((joint.parent, joint.pose_parent_joint), (joint.child, joint.pose_child_joint))
        ):
            target = body or self._anchor()
            relationship = (usd.CreateBody0Rel, usd.CreateBody1Rel)[index]()
            if target:
                relationship.SetTargets([Sdf.Path(target)])
            position = (usd.CreateLocalPos0Attr, usd.CreateLocalPos1Attr)[index]
            rotation = (usd.CreateLocalRot0Attr, usd.CreateLocalRot1Attr)[index]
            position(single(pose.position))
            rotation(quaternion(pose.orientation))

    def _anchor(self) -> str:
        """What stands for the world: the default prim, so that the file can be referenced at another place."""
        prim = self._prims.stage.GetPrimAtPath(self._prims.default)
        return "" if not prim or prim.HasAPI(UsdPhysics.RigidBodyAPI) else self._prims.default

    def _write_single(self, joint: Joint, usd: Any) -> None:
        prim = usd.GetPrim()
        angular = joint.kind == "revolute"
        per = _DEGREES if angular else 1.0
        if math.isfinite(joint.lower):
            usd.CreateLowerLimitAttr(joint.lower / per)
        if math.isfinite(joint.upper):
            usd.CreateUpperLimitAttr(joint.upper / per)
        kind = "angular" if angular else "linear"
        if joint.drive is not None:
            _write_drive(prim, kind, joint.drive, per)
        if math.isfinite(joint.max_effort):
            custom(prim, "urdf:limit:effort", float(joint.max_effort))
        if joint.initial_position or joint.initial_velocity:
            prim.AddAppliedSchema(f"PhysicsJointStateAPI:{kind}")
            for name, value in (("position", joint.initial_position), ("velocity", joint.initial_velocity)):
                attribute = prim.CreateAttribute(f"state:{kind}:physics:{name}", Sdf.ValueTypeNames.Float, False)
                attribute.Set(value / per)
        if joint.mimic is not None:
            prim.ApplyAPI("NewtonMimicAPI")
            prim.CreateRelationship("newton:mimicJoint", False).SetTargets([Sdf.Path(joint.mimic.joint)])
            _newton(prim, "mimicCoef0", joint.mimic.offset / per)
            _newton(prim, "mimicCoef1", joint.mimic.multiplier)


def _write_passive(joint: Joint, prim: Usd.Prim) -> None:
    turns = joint.kind in ("revolute", "spherical") or (
        joint.kind == "d6" and all(axis.rotation for axis in joint.free_axes)
    )
    per = _DEGREES if turns else 1.0
    passive = (("armature", joint.armature), ("damping", joint.damping * per), ("friction", joint.friction))
    if any(value for _, value in passive):
        prim.ApplyAPI("NewtonJointAPI")
    for name, value in passive:
        if value:
            _newton(prim, name, value)
    if math.isfinite(joint.max_velocity):
        _newton(prim, "velocityLimit", joint.max_velocity / per)
    if joint.stiffness:
        custom(prim, "mjc:stiffness", float(joint.stiffness))
        custom(prim, "mjc:springref", float(joint.rest_position))


def _write_axes(joint: Joint, prim: Usd.Prim) -> None:
    """Limits of all six axes; a lower limit above the upper one locks."""
    free = {("rot" if axis.rotation else "trans") + axis.name.upper(): axis for axis in joint.free_axes}
    for name in (kind + letter for kind in ("trans", "rot") for letter in "XYZ"):
        axis = free.get(name)
        lower, upper = (axis.lower, axis.upper) if axis is not None else (1.0, -1.0)
        per = _DEGREES if name.startswith("rot") and axis is not None else 1.0
        if math.isfinite(lower) or math.isfinite(upper):
            limit = UsdPhysics.LimitAPI.Apply(prim, name)
            limit.CreateLowAttr(lower / per)
            limit.CreateHighAttr(upper / per)
        if axis is not None and axis.drive is not None:
            _write_drive(prim, name, axis.drive, per)


def _write_drive(prim: Usd.Prim, name: str, drive: Drive, per: float) -> None:
    usd = UsdPhysics.DriveAPI.Apply(prim, name)
    usd.CreateTypeAttr(drive.mode)
    usd.CreateStiffnessAttr(drive.stiffness * per)
    usd.CreateDampingAttr(drive.damping * per)
    if math.isfinite(drive.max_effort):
        usd.CreateMaxForceAttr(drive.max_effort)
    usd.CreateTargetPositionAttr(drive.target_position / per)
    usd.CreateTargetVelocityAttr(drive.target_velocity / per)


def _newton(prim: Usd.Prim, name: str, value: float) -> None:
    prim.CreateAttribute(f"newton:{name}", Sdf.ValueTypeNames.Float, False).Set(value)


def _aligned(joint: Joint) -> tuple[str, Joint]:
    """The axis token, and the joint with its frames turned so that it holds."""
    for name, axis in _AXES.items():
        if joint.axis == axis:
            return name, joint
    turn = Pose(position=np.zeros(3), orientation=_turn_z_to(np.array(joint.axis)))
    return "Z", replace(
        joint,
        axis=_AXES["Z"],
        pose_parent_joint=joint.pose_parent_joint @ turn,
        pose_child_joint=joint.pose_child_joint @ turn,
    )


def _turn_z_to(axis: FloatArray) -> FloatArray:
    """Quaternion [4] that turns Z to the unit vector ``axis`` [3]."""
    w = 1.0 + axis[2]
    if w < 1e-12:
        return np.array([0.0, 1.0, 0.0, 0.0])
    quaternion_of_turn = np.array([w, -axis[1], axis[0], 0.0])
    turn: FloatArray = quaternion_of_turn / np.linalg.norm(quaternion_of_turn)
    return turn
