"""Joints: frames on both bodies, limits, drives, friction, mimicry; degrees become radians here."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from pxr import Sdf, Usd, UsdPhysics

from hanzo_twin.scene.findings import Findings, Refusal
from hanzo_twin.scene.model import Axis, Drive, Joint, JointKind, Mimic
from hanzo_twin.scene.tree import reversed_joint
from hanzo_twin.scene.usd.values import (
    Placements,
    Units,
    bounded,
    decimal,
    make_pose,
    measurable,
    number,
    quaternion,
    vector,
)
from hanzo_twin.spatial import Pose, quaternion_multiply

_KINDS: dict[Any, JointKind] = {
    UsdPhysics.ObjectType.FixedJoint: "fixed",
    UsdPhysics.ObjectType.RevoluteJoint: "revolute",
    UsdPhysics.ObjectType.PrismaticJoint: "prismatic",
    UsdPhysics.ObjectType.SphericalJoint: "spherical",
    UsdPhysics.ObjectType.D6Joint: "d6",
}
_UNKNOWN = (UsdPhysics.ObjectType.DistanceJoint, UsdPhysics.ObjectType.CustomJoint)
_AXES = {"X": (1.0, 0.0, 0.0), "Y": (0.0, 1.0, 0.0), "Z": (0.0, 0.0, 1.0)}
_DEGREES = math.pi / 180
_UNIT = {True: "rad", False: "m"}
_ARMATURE_OWNERS = ("newton", "mjc", "physxJoint")


class JointReader:
    """Reads joints into `Joint` values; a joint's child is the body that UsdPhysics calls body1."""

    def __init__(self, stage: Usd.Stage, units: Units, placements: Placements, findings: Findings) -> None:
        self._stage = stage
        self._units = units
        self._placements = placements
        self._findings = findings

    def read_all(self, parsed: dict[Any, Any], bodies: Mapping[str, Any]) -> list[Joint]:
        """All joints that can be read, in the stage's order; the others are reported."""
        for kind in _UNKNOWN:
            for description in parsed.get(kind, ([], []))[1]:
                self._findings.error(
                    "joint-unsupported",
                    str(description.primPath),
                    f"A joint of kind {str(kind).rpartition('.')[2]} is unknown.",
                    "Use a fixed, revolute, prismatic, spherical or generic (D6) joint, or deactivate the prim.",
                )
        joints: list[Joint] = []
        for kind, name in _KINDS.items():
            for description in parsed.get(kind, ([], []))[1]:
                path = str(description.primPath)
                with self._findings.refusals(path):
                    joint = self._read(description, name, bodies)
                    if joint is not None:
                        joints.append(joint)
        order = {str(prim.GetPath()): index for index, prim in enumerate(self._stage.Traverse())}
        return sorted(joints, key=lambda joint: order.get(joint.path, 0))

    def _read(self, description: Any, kind: JointKind, bodies: Mapping[str, Any]) -> Joint | None:
        prim = self._stage.GetPrimAtPath(description.primPath)
        path = str(description.primPath)
        if not description.jointEnabled:
            self._findings.info("joint-disabled", path, "The joint is disabled and left out.")
            return None
        parent, child = (self._body(prim, index, description, bodies) for index in (0, 1))
        if parent == child:
            raise Refusal(
                "joint-between-nothing",
                f"It connects {parent or 'the world'} to itself.",
                "Let physics:body0 and physics:body1 name two bodies, or one body and nothing for the world.",
            )
        joint = Joint(
            path=path,
            kind=kind,
            parent=parent,
            child=child,
            pose_parent_joint=self._frame(prim, 0, parent),
            pose_child_joint=self._frame(prim, 1, child),
            closes_loop=bool(description.excludeFromArticulation),
        )
        if kind in ("revolute", "prismatic"):
            joint = self._single(prim, description, joint)
        elif kind == "d6":
            joint = replace(joint, free_axes=self._free_axes(prim, description))
            turns = all(axis.rotation for axis in joint.free_axes)
            joint = self._with_resistance(prim, joint, _DEGREES if turns else self._units.length, angular=turns)
        elif kind == "spherical":
            joint = self._spherical(prim, description, joint)
        return reversed_joint(joint) if child == "" else joint

    def _body(self, prim: Usd.Prim, index: int, description: Any, bodies: Mapping[str, Any]) -> str:
        """Path of the body at one end, "" for the world."""
        targets = prim.GetRelationship(f"physics:body{index}").GetTargets()
        if targets and not self._stage.GetPrimAtPath(targets[0]):
            raise Refusal(
                "joint-missing-body",
                f"physics:body{index} names '{targets[0]}', which does not exist.",
                "Correct the relationship, or remove the joint.",
            )
        resolved = str((description.body0, description.body1)[index])
        return resolved if resolved in bodies else ""

    def _frame(self, prim: Usd.Prim, index: int, body: str) -> Pose:
        """The joint's frame on the body at one end (on our world when ``body`` is "")."""
        position, orientation = vector(prim, f"physics:localPos{index}"), quaternion(prim, f"physics:localRot{index}")
        position = np.zeros(3) if position is None else position
        orientation = np.array([1.0, 0.0, 0.0, 0.0]) if orientation is None else orientation
        if not (measurable(position) and measurable(orientation)):
            raise Refusal("not-finite", f"Its frame on body{index} is not finite.", "Author finite numbers.")
        if np.linalg.norm(orientation) < 1e-9:
            raise Refusal("bad-quaternion", f"physics:localRot{index} is zero.", "Author a unit quaternion.")
        targets = prim.GetRelationship(f"physics:body{index}").GetTargets()
        anchor = self._placements.of(self._stage.GetPrimAtPath(targets[0] if targets else Sdf.Path.absoluteRootPath))
        unit = orientation / np.linalg.norm(orientation)
        world = make_pose(anchor.apply(position), quaternion_multiply(anchor.pose.orientation, unit))
        if not body:
            return self._units.world(world)
        frame = self._placements.of(self._stage.GetPrimAtPath(body)).pose
        local = (
            frame.inverse() @ world
            if str(targets[0]) != body
            else Pose(
                position=position * self._placements.of(self._stage.GetPrimAtPath(body)).scale * self._units.length,
                orientation=unit,
            )
        )
        return make_pose(local.position, local.orientation)

    def _spherical(self, prim: Usd.Prim, description: Any, joint: Joint) -> Joint:
        """Add what a spherical joint has."""
        cone = tuple(self._cone_angle(prim, index) for index in (0, 1))
        turn = number(prim, "hanzo:turnLimit")
        if cone == (0.0, 0.0):
            self._findings.warning(
                "zero-limits",
                joint.path,
                "Its cone limits are 0 and 0, as exporters write when they know none; it is taken as unlimited.",
                "Author the real limits, or -1 for none; use a revolute joint for one that only twists.",
            )
            cone = math.inf, math.inf
        return replace(
            self._with_resistance(prim, joint, _DEGREES, angular=True),
            axis=_AXES[str(description.axis)],
            cone=(cone[0], cone[1]),
            upper=math.inf if turn is None else turn * _DEGREES,
        )

    def _cone_angle(self, prim: Usd.Prim, index: int) -> float:
        angle = number(prim, f"physics:coneAngle{index}Limit")
        return math.inf if angle is None or angle < 0 or angle >= 180.0 else angle * _DEGREES

    def _single(self, prim: Usd.Prim, description: Any, joint: Joint) -> Joint:
        """Add what a joint of one degree of freedom has."""
        angular = joint.kind == "revolute"
        kind = "angular" if angular else "linear"
        per = _DEGREES if angular else self._units.length
        effort = self._units.mass * self._units.length * (self._units.length if angular else 1.0)
        lower, upper = self._limits(prim, description, per, angular)
        state = number(prim, f"state:{kind}:physics:position")
        velocity = number(prim, f"state:{kind}:physics:velocity") or 0.0
        maximum_effort = number(prim, "urdf:limit:effort")
        if maximum_effort == 0:
            self._findings.warning(
                "zero-effort",
                joint.path,
                "Its effort limit is 0, as CAD exporters write when they know none; it is taken as unlimited.",
                "Write the actuator's limit in <limit effort=…>.",
            )
            maximum_effort = None
        return replace(
            self._with_resistance(prim, joint, per, angular=angular),
            axis=_AXES[str(description.axis)],
            lower=lower,
            upper=upper,
            rest_position=number(prim, "mjc:springref") or 0.0,
            max_effort=math.inf if maximum_effort is None else bounded(maximum_effort),
            drive=_drive(description.drive, per, effort, angular),
            initial_position=math.nan if state is None else state * per,
            initial_velocity=velocity * per,
            mimic=self._mimic(prim, joint, per),
        )

    def _with_resistance(self, prim: Usd.Prim, joint: Joint, per: float, *, angular: bool) -> Joint:
        """Add armature, damping, friction, spring and velocity limit. ``per``: rad or m per unit of position."""
        # Newton's and PhysX's attributes are per degree, like UsdPhysics'; MuJoCo's are per radian.
        fastest = _first(number(prim, "newton:velocityLimit"), number(prim, "physxJoint:maxJointVelocity"))
        inertia = self._units.mass * (self._units.length**2 if angular else 1.0)
        effort = self._units.mass * self._units.length * (self._units.length if angular else 1.0)
        return replace(
            joint,
            armature=(_first(*(number(prim, f"{owner}:armature") for owner in _ARMATURE_OWNERS)) or 0.0) * inertia,
            damping=_first(_scaled(number(prim, "newton:damping"), effort / per), number(prim, "mjc:damping")) or 0.0,
            friction=(_first(number(prim, "newton:friction"), number(prim, "mjc:frictionloss")) or 0.0) * effort,
            stiffness=number(prim, "mjc:stiffness") or 0.0,
            max_velocity=bounded(fastest) * per if fastest else math.inf,
        )

    def _limits(self, prim: Usd.Prim, description: Any, per: float, angular: bool) -> tuple[float, float]:
        if not description.limit.enabled:
            return -math.inf, math.inf
        lower, upper = (bounded(decimal(value)) * per for value in (description.limit.lower, description.limit.upper))
        if math.isnan(lower) or math.isnan(upper):
            raise Refusal("not-finite", "A limit is not a number.", "Author numbers, or leave limits out.")
        path = str(prim.GetPath())
        if lower == upper == 0 and angular:
            self._findings.warning(
                "zero-limits",
                path,
                "Its limits are 0 and 0, as CAD exporters write when they know none; it is taken as unlimited.",
                "Author the real limits; use a fixed joint for one that cannot move.",
            )
            return -math.inf, math.inf
        if lower > upper:
            raise Refusal(
                "limits-crossed",
                f"Its lower limit {lower:g} {_UNIT[angular]} is above its upper limit {upper:g} {_UNIT[angular]}.",
                "Swap them; use a fixed joint for one that cannot move.",
            )
        if lower == upper:
            self._findings.warning(
                "zero-limits",
                path,
                f"Both limits are {lower:g} {_UNIT[angular]}: the joint cannot move.",
                "Author the real limits.",
            )
        return lower, upper

    def _mimic(self, prim: Usd.Prim, joint: Joint, per: float) -> Mimic | None:
        leader = prim.GetRelationship("newton:mimicJoint")
        enabled = prim.GetAttribute("newton:mimicEnabled")
        if leader and leader.GetTargets() and not (enabled and enabled.Get() is False):
            multiplier = number(prim, "newton:mimicCoef1")
            offset = number(prim, "newton:mimicCoef0") or 0.0
            return Mimic(
                joint=str(leader.GetTargets()[0]),
                multiplier=1.0 if multiplier is None else multiplier,
                offset=offset * per,
            )
        axis = ("rotX", "rotY", "rotZ") if joint.kind == "revolute" else ("transX", "transY", "transZ")
        for name in axis:
            leader = prim.GetRelationship(f"physxMimicJoint:{name}:referenceJoint")
            if leader and leader.GetTargets():
                # PhysX states it as: position + gearing · leader + offset = 0.
                gearing = number(prim, f"physxMimicJoint:{name}:gearing") or 0.0
                offset = number(prim, f"physxMimicJoint:{name}:offset") or 0.0
                return Mimic(joint=str(leader.GetTargets()[0]), multiplier=-gearing, offset=-offset * per)
        return None

    def _free_axes(self, prim: Usd.Prim, description: Any) -> tuple[Axis, ...]:
        drives = {str(entry.first).rpartition(".")[2]: entry.second for entry in description.jointDrives}
        axes: list[Axis] = []
        for rotation in (False, True):
            per = _DEGREES if rotation else self._units.length
            effort = self._units.mass * self._units.length * (self._units.length if rotation else 1.0)
            for letter in "XYZ":
                name = ("rot" if rotation else "trans") + letter
                lower, upper = _axis_limits(prim, name)
                if lower > upper:
                    continue
                drive = drives.get(name[0].upper() + name[1:])
                axes.append(
                    Axis(
                        name=letter.lower(),  # type: ignore[arg-type]
                        rotation=rotation,
                        lower=bounded(lower) * per,
                        upper=bounded(upper) * per,
                        drive=_drive(drive, per, effort, rotation) if drive is not None else None,
                    )
                )
        return tuple(axes)


def _axis_limits(prim: Usd.Prim, name: str) -> tuple[float, float]:
    """Limits of one axis of a generic joint, lower above upper for a locked one.

    Read here, because UsdPhysics' parser takes the lock (inf, -inf) for no limit.
    """
    if not prim.HasAPI(UsdPhysics.LimitAPI, name):
        return -math.inf, math.inf
    lower, upper = number(prim, f"limit:{name}:physics:low"), number(prim, f"limit:{name}:physics:high")
    return (-math.inf if lower is None else lower), (math.inf if upper is None else upper)


def _first(*values: float | None) -> float | None:
    """The first value that is there."""
    return next((value for value in values if value is not None), None)


def _scaled(value: float | None, factor: float) -> float | None:
    """``value`` times ``factor``, None for None."""
    return None if value is None else value * factor


def _drive(drive: Any, per: float, effort: float, angular: bool) -> Drive | None:
    """``per``: rad or m per unit of position. ``effort``: N·m or N per unit of effort."""
    if not drive.enabled:
        return None
    numbers = (drive.stiffness, drive.damping, drive.forceLimit, drive.targetPosition, drive.targetVelocity)
    if any(math.isnan(value) for value in numbers):
        raise Refusal("not-finite", "A number of its drive is not a number.", "Author finite numbers.")
    # In acceleration mode a gain is per unit of inertia, so of the units only the degree remains.
    gain = (1.0 / per if angular else 1.0) if drive.acceleration else effort / per
    return Drive(
        stiffness=decimal(drive.stiffness) * gain,
        damping=decimal(drive.damping) * gain,
        max_effort=bounded(decimal(drive.forceLimit)) * effort,
        target_position=decimal(drive.targetPosition) * per,
        target_velocity=decimal(drive.targetVelocity) * per,
        mode="acceleration" if drive.acceleration else "force",
    )
