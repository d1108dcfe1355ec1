"""Joints: frames, axes, limits, passive dynamics."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from pxr import Sdf, Usd, UsdPhysics

from hanzo_twin.scene.findings import Findings, Refusal
from hanzo_twin.scene.sdf.author import Author, author, quatf, vec3f
from hanzo_twin.scene.sdf.frames import MODEL, WORLD, Frames, join
from hanzo_twin.scene.sdf.numbers import flag, number, vector
from hanzo_twin.scene.sdf.shapes import frame_of, from_z
from hanzo_twin.scene.xml_document import Element
from hanzo_twin.spatial import FloatArray, Pose, rotation_matrix

DEGREE = math.pi / 180
_KINDS: dict[str, Any] = {
    "revolute": UsdPhysics.RevoluteJoint,
    "continuous": UsdPhysics.RevoluteJoint,
    "prismatic": UsdPhysics.PrismaticJoint,
    "fixed": UsdPhysics.FixedJoint,
    "ball": UsdPhysics.SphericalJoint,
    "universal": UsdPhysics.Joint,
    "revolute2": UsdPhysics.Joint,
}
_SOLVER = ("physics/ode", "physics/simbody", "physics/provide_feedback")
_TOKENS = {(1.0, 0.0, 0.0): "X", (0.0, 1.0, 0.0): "Y", (0.0, 0.0, 1.0): "Z"}
_FLOAT = Sdf.ValueTypeNames.Float


@dataclass(frozen=True, kw_only=True)
class WrittenJoint:
    """A joint on the stage: its element, the full name of its model, and the links (full names) at its ends."""

    prim: Usd.Prim
    element: Element
    scope: str
    parent: str
    child: str
    axis: FloatArray
    """Of its first degree of freedom, world frame [3]."""


class JointWriter:
    """Writes joints between the links in ``prims`` (by full name); ``root`` stands for the world."""

    def __init__(
        self, author: Author, frames: Frames, prims: Mapping[str, Usd.Prim], root: Usd.Prim, findings: Findings
    ) -> None:
        self._author = author
        self._frames = frames
        self._prims = prims
        self._root = root
        self._findings = findings
        self.root_frame = WORLD
        """Frame of the prim that stands for the world."""
        self.written: dict[str, WrittenJoint] = {}

    def write(self, model: Usd.Prim, joint: Element, scope: str, version: tuple[int, ...]) -> None:
        """The prim of ``joint`` below ``model``.

        Raises:
            Refusal: it cannot be read, or is of a kind that a scene has not.
        """
        kind = joint.attributes.get("type", "")
        if kind not in _KINDS:
            raise Refusal(
                "joint-unsupported",
                f"The joint '{joint.name}' is of type '{kind}'.",
                f"Allowed: {', '.join(sorted([*_KINDS, 'gearbox']))}.",
            )
        own = join(scope, joint.name)
        ends = [self._frames.link_of(self._end(joint, end, scope)) for end in ("parent", "child")]
        if ends[0] == ends[1]:
            raise Refusal(
                "joint-between-nothing",
                f"The joint '{joint.name}' connects '{ends[0] or 'world'}' to itself.",
                "Let parent and child name two links.",
            )
        for end in ends:
            if end and end not in self._prims:
                raise Refusal("joint-missing-body", f"The link '{end}' of joint '{joint.name}' cannot be read.", "")
        axes = [self.axis(joint, tag, scope, own, version) for tag in ("axis", "axis2")]
        welded = kind in ("revolute", "prismatic") and _limits(joint, "axis") == (0.0, 0.0)
        schema = UsdPhysics.FixedJoint if welded else _KINDS[kind]
        prim = self._author.define(schema, model, joint)
        if welded:
            self._findings.info(
                "joint-fixed", str(prim.GetPath()), f"Both limits ({joint.where}) are 0: it became a fixed joint."
            )
        turn = self._turn(prim, kind, axes)
        self._connect(prim, own, ends, turn)
        if kind in ("universal", "revolute2"):
            self._free(prim, joint)
        elif kind in ("revolute", "continuous", "prismatic") and not welded:
            self._single(prim, joint, kind)
        self._report(prim, joint, kind)
        world = rotation_matrix(self._frames.pose_of(own).orientation) @ axes[0]
        self.written[own] = WrittenJoint(
            prim=prim, element=joint, scope=scope, parent=ends[0], child=ends[1], axis=world
        )

    def _end(self, joint: Element, end: str, scope: str) -> str:
        name = joint.value(end) or joint.value(f"{end}/link_name")
        if not name:
            raise Refusal("joint-missing-body", f"The joint '{joint.name}' has no <{end}>.", "Name a link, or world.")
        return self._frames.find(name, scope, joint)

    def axis(self, joint: Element, tag: str, scope: str, own: str, version: tuple[int, ...]) -> FloatArray:
        """Unit vector in the joint's frame."""
        element = joint.first(tag)
        default = (0.0, 0.0, 1.0)
        if element is None:
            return np.array(default)
        xyz = vector(element, "xyz", default)
        length = float(np.linalg.norm(xyz))
        if length < 1e-9:
            raise Refusal("bad-axis", f"The axis of joint '{joint.name}' is zero.", "Write <xyz>0 0 1</xyz>, say.")
        found = element.at("xyz")
        base = found.attributes.get("expressed_in", "") if found is not None else ""
        if flag(element, "use_parent_model_frame", default=version < (1, 5)):
            base = MODEL
        if base:
            from_pose = self._frames.pose_of(self._frames.find(base, scope, joint))
            into = self._frames.pose_of(own).inverse().orientation
            xyz = rotation_matrix(into) @ rotation_matrix(from_pose.orientation) @ xyz
        unit: FloatArray = xyz / length
        return np.where(np.abs(unit) < 1e-15, 0.0, unit)

    def _turn(self, prim: Usd.Prim, kind: str, axes: list[FloatArray]) -> FloatArray:
        """Orientation [4] of USD's joint frame in SDF's, which brings the axis where USD wants it."""
        still = np.array([1.0, 0.0, 0.0, 0.0])
        if kind in ("universal", "revolute2"):
            if np.linalg.norm(np.cross(axes[0], axes[1])) < 1e-6:
                raise Refusal("bad-axis", "Its two axes are parallel.", "Write axes that are perpendicular.")
            if abs(float(axes[0] @ axes[1])) > 1e-6:
                self._findings.warning(
                    "sdf-lost", str(prim.GetPath()), "Its axes are not perpendicular; the second was turned.", ""
                )
            return frame_of(axes[0], axes[1])
        if kind not in ("revolute", "continuous", "prismatic") or prim.IsA(UsdPhysics.FixedJoint):
            return still
        x, y, z = axes[0].tolist()
        token = _TOKENS.get((x, y, z))
        prim.GetAttribute("physics:axis").Set(token or "Z")
        return still if token else from_z(axes[0])

    def _connect(self, prim: Usd.Prim, own: str, ends: list[str], turn: FloatArray) -> None:
        joint = UsdPhysics.Joint(prim)
        world_joint = self._frames.pose_of(own) @ Pose(position=np.zeros(3), orientation=turn)
        for index, end in enumerate(ends):
            body = self._prims[end] if end else self._root
            local = self._frames.pose_of(end or self.root_frame).inverse() @ world_joint
            (joint.CreateBody0Rel, joint.CreateBody1Rel)[index]().SetTargets([body.GetPath()])
            (joint.CreateLocalPos0Attr, joint.CreateLocalPos1Attr)[index](vec3f(local.position))
            (joint.CreateLocalRot0Attr, joint.CreateLocalRot1Attr)[index](quatf(local))

    def _single(self, prim: Usd.Prim, joint: Element, kind: str) -> None:
        per = 1.0 if kind == "prismatic" else DEGREE
        lower, upper = (-math.inf, math.inf) if kind == "continuous" else _limits(joint, "axis")
        for name, value in (("lower", lower), ("upper", upper)):
            if math.isfinite(value):
                prim.GetAttribute(f"physics:{name}Limit").Set(value / per)
        values = {
            "newton:damping": number(joint, "axis/dynamics/damping", 0.0) * per,
            "newton:friction": number(joint, "axis/dynamics/friction", 0.0),
            "newton:armature": number(joint, "axis/hanzo:armature", 0.0),
            "mjc:stiffness": number(joint, "axis/dynamics/spring_stiffness", 0.0),
            "mjc:springref": number(joint, "axis/dynamics/spring_reference", 0.0),
            "newton:velocityLimit": _bound(joint, "axis/limit/velocity") / per,
            "urdf:limit:effort": _bound(joint, "axis/limit/effort"),
        }
        for name, value in values.items():
            # An effort limit of 0 is written too: reading it reports what becomes of it.
            if math.isfinite(value) and (value or name == "urdf:limit:effort"):
                # MuJoCo's attributes keep double precision; single precision suffices for the others.
                author(prim, name, Sdf.ValueTypeNames.Double if name.startswith("mjc:") else _FLOAT, value)
        initial = number(joint, "axis/initial_position", 0.0)
        if initial:
            state = "linear" if kind == "prismatic" else "angular"
            author(prim, f"state:{state}:physics:position", _FLOAT, initial / per)

    def _free(self, prim: Usd.Prim, joint: Element) -> None:
        """Lock all but the first two rotations."""
        for name in ("transX", "transY", "transZ", "rotZ"):
            limit = UsdPhysics.LimitAPI.Apply(prim, name)
            limit.CreateLowAttr(1.0)
            limit.CreateHighAttr(-1.0)
        for tag, name in (("axis", "rotX"), ("axis2", "rotY")):
            lower, upper = _limits(joint, tag)
            limit = UsdPhysics.LimitAPI.Apply(prim, name)
            limit.CreateLowAttr(lower / DEGREE)
            limit.CreateHighAttr(upper / DEGREE)
            damping = number(joint, f"{tag}/dynamics/damping", 0.0)
            if damping:
                UsdPhysics.DriveAPI.Apply(prim, name).CreateDampingAttr(damping * DEGREE)
            for lost in ("friction", "spring_stiffness"):
                if number(joint, f"{tag}/dynamics/{lost}", 0.0):
                    self._findings.warning("sdf-lost", str(prim.GetPath()), f"{lost} of its <{tag}> is not kept.", "")

    def _report(self, prim: Usd.Prim, joint: Element, kind: str) -> None:
        path = str(prim.GetPath())
        found = [name for name in _SOLVER if joint.at(name) is not None]
        found += [name for name in ("stiffness", "dissipation") if joint.at(f"axis/limit/{name}") is not None]
        if found:
            self._findings.info(
                "sdf-ignored", path, f"{', '.join(found)}: settings of one solver; each engine has its own."
            )
        if kind == "ball" and number(joint, "axis/dynamics/damping", 0.0):
            self._findings.warning("sdf-lost", path, "The damping of a ball joint is not kept.", "")


def _limits(joint: Element, tag: str) -> tuple[float, float]:
    lower = number(joint, f"{tag}/limit/lower", -math.inf, infinite=True)
    upper = number(joint, f"{tag}/limit/upper", math.inf, infinite=True)
    if lower > upper:
        unit = "m" if joint.attributes.get("type") == "prismatic" else "rad"
        raise Refusal(
            "limits-crossed",
            f"The lower limit {lower:g} {unit} of joint '{joint.name}' is above its upper limit {upper:g} {unit}.",
            "Swap them.",
        )
    return lower, upper


def _bound(joint: Element, path: str) -> float:
    """A limit of velocity or effort; a negative one means none."""
    value = number(joint, path, math.inf, infinite=True)
    return math.inf if value < 0 else value
