"""Joints in URDF."""

from __future__ import annotations

import math
from collections.abc import Mapping
from xml.etree.ElementTree import Element, SubElement

from hanzo_twin.scene.convert.report import Entry, changed, lost
from hanzo_twin.scene.convert.xml_text import euler, numbers
from hanzo_twin.scene.model import Joint
from hanzo_twin.spatial import Pose

UNLIMITED = 1e30
"""URDF must name limits of effort and velocity; whoever reads this number knows that there is none."""

_UNIT = {"x": (1.0, 0.0, 0.0), "y": (0.0, 1.0, 0.0), "z": (0.0, 0.0, 1.0)}


def origin(parent: Element, pose: Pose) -> None:
    """An ``<origin>``."""
    SubElement(parent, "origin", {"xyz": numbers(pose.position.tolist()), "rpy": numbers(euler(pose.orientation))})


def write_joint(
    robot: Element, joint: Joint, names: Mapping[str, str], pose_parent: Pose, entries: list[Entry]
) -> None:
    """``joint`` at ``pose_parent`` in its parent link; of a kind that URDF has not, it becomes a weld (reported)."""
    axis = joint.axis
    kind: str = joint.kind
    lower, upper = joint.lower, joint.upper
    if joint.kind == "d6" and len(joint.free_axes) == 1:
        free = joint.free_axes[0]
        kind, axis, lower, upper = (
            "revolute" if free.rotation else "prismatic",
            _UNIT[free.name],
            free.lower,
            free.upper,
        )
        if free.drive is not None:
            entries.append(lost("drive-lost", joint.path, "URDF has no drives."))
    elif joint.kind in ("spherical", "d6") and not (joint.kind == "d6" and not joint.free_axes):
        entries.append(lost("joint-welded", joint.path, f"URDF has no {joint.kind} joint: it became a fixed one."))
    if kind not in ("revolute", "prismatic"):
        kind = "fixed"
    if kind == "revolute" and math.isinf(lower) and math.isinf(upper):
        kind = "continuous"
    element = SubElement(robot, "joint", {"name": names[joint.path], "type": kind})
    origin(element, pose_parent)
    SubElement(element, "parent", {"link": names[joint.parent] if joint.parent else "world"})
    SubElement(element, "child", {"link": names[joint.child]})
    if kind == "fixed":
        return
    SubElement(element, "axis", {"xyz": numbers(axis)})
    effort = min(joint.max_effort, joint.drive.max_effort) if joint.drive is not None else joint.max_effort
    limits = {"effort": effort, "velocity": joint.max_velocity}
    if kind != "continuous":
        limits = {"lower": lower, "upper": upper, **limits}
    SubElement(element, "limit", {name: numbers([_bounded(value)]) for name, value in limits.items()})
    SubElement(element, "dynamics", {"damping": numbers([joint.damping]), "friction": numbers([joint.friction])})
    if joint.mimic is not None and joint.mimic.joint in names:
        mimic = {"multiplier": numbers([joint.mimic.multiplier]), "offset": numbers([joint.mimic.offset])}
        SubElement(element, "mimic", {"joint": names[joint.mimic.joint], **mimic})
    elif joint.mimic is not None:
        entries.append(lost("mimic-lost", joint.path, f"'{joint.mimic.joint}', which it mimics, is not written."))
    _report(joint, entries)


def _report(joint: Joint, entries: list[Entry]) -> None:
    """What a URDF joint does not have; one entry for each, as each changes how the robot moves."""
    values = {
        "armature": (joint.armature, joint.armature_unit),
        "spring": (joint.stiffness, f"{joint.effort_unit}/{joint.unit}"),
        "initial position": (joint.initial_position, joint.unit),
        "initial velocity": (joint.initial_velocity, f"{joint.unit}/s"),
    }
    for name, (value, unit) in values.items():
        if value:
            code = "start-position" if name == "initial position" else f"{name.replace(' ', '-')}-lost"
            make = changed if name == "initial position" else lost
            entries.append(make(code, joint.path, f"URDF has no {name}; it was {value:.6g} {unit}."))
    if joint.drive is not None:
        entries.append(lost("drive-lost", joint.path, "URDF has no drives; give them with default_drives, or in USD."))


def _bounded(value: float) -> float:
    return math.copysign(min(abs(value), UNLIMITED), value)
