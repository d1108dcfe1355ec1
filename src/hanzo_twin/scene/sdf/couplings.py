"""Couplings between joints: mimicry and gearboxes."""

from __future__ import annotations

import math

from pxr import Sdf, Usd, UsdPhysics

from hanzo_twin.scene.findings import Findings, Refusal
from hanzo_twin.scene.sdf.author import author
from hanzo_twin.scene.sdf.frames import Frames, join
from hanzo_twin.scene.sdf.joints import DEGREE, JointWriter, WrittenJoint
from hanzo_twin.scene.sdf.numbers import number
from hanzo_twin.scene.xml_document import Element
from hanzo_twin.spatial import rotation_matrix


class CouplingWriter:
    """Lets joints that are on the stage follow each other."""

    def __init__(self, joints: JointWriter, frames: Frames, findings: Findings) -> None:
        self._joints = joints
        self._frames = frames
        self._findings = findings

    def write(self, gearboxes: list[tuple[Element, str]]) -> None:
        """Write mimicry, once all joints are there; ``gearboxes`` are joints of that type with their models' names."""
        for name, written in self._joints.written.items():
            mimic = written.element.at("axis/mimic")
            if mimic is not None:
                with self._findings.refusals(mimic.where):
                    self._mimic(name, written, mimic)
        for gearbox, scope in gearboxes:
            with self._findings.refusals(gearbox.where):
                self._gear(gearbox, scope)

    def _mimic(self, name: str, written: WrittenJoint, mimic: Element) -> None:
        leader = self._joints.written.get(join(written.scope, mimic.attributes.get("joint", "")))
        if leader is None:
            raise Refusal(
                "mimic-missing-joint",
                f"The joint '{name}' mimics '{mimic.attributes.get('joint', '')}', which is not a joint of its model.",
                "Correct the mimic's joint.",
            )
        if mimic.attributes.get("axis", "axis") != "axis":
            self._findings.warning("sdf-lost", mimic.where, "Mimicry of a second axis is not kept.", "")
            return
        multiplier = number(mimic, "multiplier", 1.0)
        # SDFormat 1.11: position = multiplier · (leader − reference) + offset.
        offset = number(mimic, "offset", 0.0) - multiplier * number(mimic, "reference", 0.0)
        _follow(written.prim, leader.prim, multiplier, offset)

    def _gear(self, gearbox: Element, scope: str) -> None:
        """A gearbox couples two joints that start at its reference body.

        The angle of the child against that body is −ratio times the angle of the parent, each about its own axis.
        """
        reference = gearbox.value("gearbox_reference_body")
        links = {
            name: self._frames.link_of(self._frames.find(text, scope, gearbox))
            for name, text in (("reference", reference), *((end, gearbox.value(end)) for end in ("parent", "child")))
        }
        driving, driven = (self._between(links["reference"], links[end], gearbox) for end in ("parent", "child"))
        own = join(scope, gearbox.name)
        signs = 1.0
        for tag, (joint, forward) in (("axis", driving), ("axis2", driven)):
            axis = self._joints.axis(gearbox, tag if gearbox.first(tag) is not None else "axis", scope, own, (1, 12))
            world = rotation_matrix(self._frames.pose_of(own).orientation) @ axis
            along = float(world @ joint.axis)
            if abs(abs(along) - 1) > 1e-3:
                raise Refusal(
                    "joint-unsupported",
                    f"The axes of the gearbox '{gearbox.name}' are not those of the joints it couples.",
                    "Write the same axes.",
                )
            signs *= math.copysign(1.0, along) * forward
        _follow(driven[0].prim, driving[0].prim, -number(gearbox, "gearbox_ratio", 1.0) * signs, 0.0)
        self._findings.info(
            "gearbox-mimic",
            str(driven[0].prim.GetPath()),
            f"The gearbox '{gearbox.name}' became mimicry of '{driving[0].prim.GetPath()}'.",
        )

    def _between(self, reference: str, link: str, gearbox: Element) -> tuple[WrittenJoint, float]:
        """The joint between two links, and 1 where the first is its parent, −1 where it is its child."""
        for written in self._joints.written.values():
            if {written.parent, written.child} == {reference, link}:
                return written, 1.0 if written.parent == reference else -1.0
        raise Refusal(
            "joint-unsupported",
            f"The gearbox '{gearbox.name}' has no joint between its reference body '{reference}' and '{link}'.",
            "Name the body that both joints start at.",
        )


def _follow(follower: Usd.Prim, leader: Usd.Prim, multiplier: float, offset: float) -> None:
    per = 1.0 if follower.IsA(UsdPhysics.PrismaticJoint) else DEGREE
    follower.CreateRelationship("newton:mimicJoint").SetTargets([leader.GetPath()])
    author(follower, "newton:mimicCoef1", Sdf.ValueTypeNames.Float, multiplier)
    author(follower, "newton:mimicCoef0", Sdf.ValueTypeNames.Float, offset / per)
