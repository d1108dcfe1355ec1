"""Joints that close loops, and mimicry, as equality constraints."""

from __future__ import annotations

import math
from xml.etree.ElementTree import SubElement

import numpy as np

from hanzo_twin.scene.convert.mjcf_document import Document, numbers, placed
from hanzo_twin.scene.model import Joint
from hanzo_twin.spatial import Pose

_HINGE_SPAN = 0.1


def write_equalities(document: Document) -> None:
    """Connect for a spherical loop joint, two of them for a hinge, weld for a fixed one, joint for mimicry."""
    for joint in document.scene.joints.values():
        if joint.closes_loop:
            _write_loop(document, joint)
        elif joint.mimic is not None:
            values = {
                "joint1": document.joints[joint.path],
                "joint2": document.joints[joint.mimic.joint],
                "polycoef": numbers((joint.mimic.offset, joint.mimic.multiplier, 0, 0, 0)),
                **_solver(document, joint),
            }
            SubElement(document.section("equality"), "joint", values)


def _write_loop(document: Document, joint: Joint) -> None:
    if joint.kind in ("prismatic", "d6"):
        document.lost("loop-lost", joint.path, f"A {joint.kind} joint that closes a loop has no place in MJCF.")
        return
    if math.isfinite(joint.lower) or math.isfinite(joint.upper) or joint.drive or joint.stiffness or joint.damping:
        document.lost("loop-values-lost", joint.path, "Limits, drive, spring and damping of a loop joint are lost.")
    if joint.kind == "fixed":
        _constrain(document, joint, "weld", "", Pose.identity())
        return
    _constrain(document, joint, "connect", "", Pose.identity())
    if joint.kind == "revolute":
        _constrain(document, joint, "connect", "_axis", Pose.of(_HINGE_SPAN * np.array(joint.axis)))


def _constrain(document: Document, joint: Joint, kind: str, suffix: str, point: Pose) -> None:
    name = f"{document.joints[joint.path]}{suffix}"
    ends = (
        ("parent", joint.parent, joint.pose_parent_joint),
        ("child", joint.child, joint.pose_child_joint),
    )
    sites = []
    for side, body, frame in ends:
        sites.append(f"{name}_{side}")
        values = {"name": sites[-1], "group": "4", **placed(frame @ point)}
        SubElement(document.elements[body], "site", values)
    values = {"name": name, "site1": sites[0], "site2": sites[1], **_solver(document, joint)}
    SubElement(document.section("equality"), kind, values)


def _solver(document: Document, joint: Joint) -> dict[str, str]:
    values = {name: document.native(joint.path, name) for name in ("solref", "solimp")}
    return {name: numbers(value) for name, value in values.items() if isinstance(value, tuple)}
