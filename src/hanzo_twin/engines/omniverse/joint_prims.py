"""Joints as USD prims. Angles are degrees here and nowhere else."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from pxr import Sdf, UsdGeom, UsdPhysics

from hanzo_twin.engines.omniverse.trees import reduced
from hanzo_twin.engines.omniverse.usd_prims import author, set_frame
from hanzo_twin.scene.model import Axis, Joint, Mimic, Scene
from hanzo_twin.spatial import FloatArray, Pose

# Degrees, metres: where a joint without limits never comes.
_FAR = 1e9
_MOTION = {"revolute": "angular", "prismatic": "linear"}
_LOCKED = (1.0, -1.0)
CONE_AXES = {(1.0, 0.0, 0.0): UsdGeom.Tokens.x, (0.0, 1.0, 0.0): UsdGeom.Tokens.y, (0.0, 0.0, 1.0): UsdGeom.Tokens.z}
"""Axes of the cones that a spherical joint can be kept within."""
_KINDS = {
    "fixed": UsdPhysics.FixedJoint,
    "revolute": UsdPhysics.RevoluteJoint,
    "prismatic": UsdPhysics.PrismaticJoint,
    "spherical": UsdPhysics.SphericalJoint,
    "d6": UsdPhysics.Joint,
}


class JointPrims:
    """The joints of ``scene`` in ``stage``, between ``bodies`` (prims, by path in the scene)."""

    def __init__(self, stage: Any, scene: Scene, bodies: Mapping[str, str]) -> None:
        self._stage = stage
        self._bodies = bodies
        self._index_of = {path: index for index, path in enumerate(scene.joints)}
        mimics = [joint for joint in scene.joints.values() if joint.mimic is not None]
        self._tied = {path for joint in mimics if joint.mimic for path in (joint.path, joint.mimic.joint)}

    def define(self, joint: Joint, base: str) -> str:
        """The prim of ``joint``, on the link ``base`` in place of the world if there is one."""
        path = joint_prim(self._index_of[joint.path])
        made = _KINDS[joint.kind].Define(self._stage, path)
        parent = base or (self._bodies[joint.parent] if joint.parent else "")
        if parent:
            made.CreateBody0Rel().SetTargets([parent])
        made.CreateBody1Rel().SetTargets([self._bodies[joint.child]])
        turn = Pose.of((0.0, 0.0, 0.0), _from_x(joint.axis) if joint.kind in _MOTION else (1.0, 0.0, 0.0, 0.0))
        set_frame(made, 0, turn if base else joint.pose_parent_joint @ turn)
        set_frame(made, 1, joint.pose_child_joint @ turn)
        made.CreateExcludeFromArticulationAttr(not reduced(joint))
        if joint.kind in _MOTION:
            _one_freedom(made, joint, self._index_of, bounded=joint.path in self._tied)
        elif joint.kind == "d6":
            _several_freedoms(made.GetPrim(), joint)
        elif joint.kind == "spherical":
            _cone(made, joint)
        return path


def joint_prim(index: int) -> str:
    """Prim path of the scene's joint number ``index``."""
    return f"/joint_{index}"


def _cone(made: Any, joint: Joint) -> None:
    """PhysX's first angle is that about the next axis, not towards it."""
    towards_next, towards_other = joint.cone
    if math.isfinite(towards_next) and math.isfinite(towards_other):
        made.CreateAxisAttr(CONE_AXES[joint.axis])
        made.CreateConeAngle0LimitAttr(math.degrees(towards_other))
        made.CreateConeAngle1LimitAttr(math.degrees(towards_next))


def _several_freedoms(prim: Any, joint: Joint) -> None:
    free: dict[tuple[str, bool], Axis] = {(axis.name, axis.rotation): axis for axis in joint.free_axes}
    for axis in joint.free_axes:
        _drive_axis(prim, axis)
    for name in "xyz":
        for rotation in (False, True):
            _limit_axis(prim, name, rotation, free.get((name, rotation)))


def _one_freedom(made: Any, joint: Joint, index_of: Mapping[str, int], *, bounded: bool) -> None:
    scale = 180.0 / math.pi if joint.kind == "revolute" else 1.0
    made.CreateAxisAttr(UsdGeom.Tokens.x)
    lower, upper = joint.lower * scale, joint.upper * scale
    # Without limits PhysX counts the angle of a hinge within ±2π only, and a joint that mimics must have some.
    if joint.kind == "revolute" or bounded:
        lower, upper = max(lower, -_FAR), min(upper, _FAR)
    if math.isfinite(lower):
        made.CreateLowerLimitAttr(lower)
    if math.isfinite(upper):
        made.CreateUpperLimitAttr(upper)
    motion, prim = _MOTION[joint.kind], made.GetPrim()
    mode = joint.drive.mode if joint.drive is not None else "force"
    UsdPhysics.DriveAPI.Apply(prim, motion).CreateTypeAttr(mode)
    prim.AddAppliedSchema(f"PhysxJointAxisAPI:{motion}")
    if joint.mimic is not None:
        _mimic(prim, joint.mimic, scale, index_of)
    if joint.stiffness > 0.0:
        _spring(prim, joint, scale)


def _mimic(prim: Any, mimic: Mimic, scale: float, index_of: Mapping[str, int]) -> None:
    prim.AddAppliedSchema("NewtonMimicAPI")
    author(prim, "newton:mimicCoef0", Sdf.ValueTypeNames.Float, mimic.offset * scale)
    author(prim, "newton:mimicCoef1", Sdf.ValueTypeNames.Float, mimic.multiplier)
    prim.CreateRelationship("newton:mimicJoint").SetTargets([joint_prim(index_of[mimic.joint])])


def _spring(prim: Any, joint: Joint, scale: float) -> None:
    """A tendon over this joint alone, whose length is the joint's position: PhysX has no other passive spring."""
    # Joints with equal names of tendons would share one.
    tendon = f"spring_{prim.GetName()}"
    prim.AddAppliedSchema(f"PhysxTendonAxisRootAPI:{tendon}")
    axis = "rotX" if joint.kind == "revolute" else "transX"
    for name, value in (("stiffness", joint.stiffness), ("restLength", joint.rest_position)):
        author(prim, f"physxTendon:{tendon}:{name}", Sdf.ValueTypeNames.Float, value)
    # Lengths per degree, as angles are; efforts per length.
    for name, value in (("gearing", 1.0 / scale), ("forceCoefficient", 1.0)):
        author(prim, f"physxTendon:{tendon}:{name}", Sdf.ValueTypeNames.FloatArray, [value])
    author(prim, f"physxTendon:{tendon}:jointAxis", Sdf.ValueTypeNames.TokenArray, [axis])


def _drive_axis(prim: Any, axis: Axis) -> None:
    if axis.drive is None:
        return
    scale = 180.0 / math.pi if axis.rotation else 1.0
    drive = UsdPhysics.DriveAPI.Apply(prim, _token(axis.name, axis.rotation))
    drive.CreateTypeAttr(axis.drive.mode)
    drive.CreateStiffnessAttr(axis.drive.stiffness / scale)
    drive.CreateDampingAttr(axis.drive.damping / scale)
    drive.CreateTargetPositionAttr(axis.drive.target_position * scale)
    drive.CreateTargetVelocityAttr(axis.drive.target_velocity * scale)
    if math.isfinite(axis.drive.max_effort):
        drive.CreateMaxForceAttr(axis.drive.max_effort)


def _limit_axis(prim: Any, name: str, rotation: bool, axis: Axis | None) -> None:
    low, high = (axis.lower, axis.upper) if axis is not None else _LOCKED
    if not (math.isfinite(low) or math.isfinite(high)):
        return
    scale = 180.0 / math.pi if rotation and axis is not None else 1.0
    limit = UsdPhysics.LimitAPI.Apply(prim, _token(name, rotation))
    if math.isfinite(low):
        limit.CreateLowAttr(low * scale)
    if math.isfinite(high):
        limit.CreateHighAttr(high * scale)


def _token(name: str, rotation: bool) -> str:
    return f"{'rot' if rotation else 'trans'}{name.upper()}"


def _from_x(axis: tuple[float, float, float]) -> FloatArray:
    """The shortest turn [4] that takes X to ``axis``."""
    x, y, z = np.asarray(axis) / np.linalg.norm(axis)
    if x < -1.0 + 1e-12:
        return np.array([0.0, 0.0, 0.0, 1.0])
    turn = np.array([1.0 + x, 0.0, -z, y])
    return np.asarray(turn / np.linalg.norm(turn), dtype=np.float64)
