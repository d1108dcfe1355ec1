"""Drives as position and velocity servos, effort limits of joints without a drive as motors."""

from __future__ import annotations

import math
from xml.etree.ElementTree import SubElement

from hanzo_twin.scene.convert.mjcf_document import Document, number, numbers
from hanzo_twin.scene.model import Drive, Joint


def write_actuators(document: Document) -> list[float]:
    """One actuator for each joint with a drive or an effort limit; their commands at the start."""
    joints = [
        joint
        for joint in document.scene.joints.values()
        if joint.kind in ("revolute", "prismatic") and not joint.closes_loop
    ]
    controls: list[float] = []
    for joint in sorted(joints, key=lambda joint: _rank(document, joint)):
        drive = joint.drive
        if drive is not None and drive.mode == "acceleration":
            document.lost("drive-lost", joint.path, "Its acceleration drive is lost; MuJoCo has force drives.")
        elif drive is not None and (drive.stiffness or drive.damping):
            controls.append(_servo(document, joint, drive))
        elif math.isfinite(joint.max_effort):
            _motor(document, joint)
            controls.append(0.0)
    return controls


def _rank(document: Document, joint: Joint) -> float:
    """Order of the actuators in the file that the scene came from, if that said."""
    rank = document.native(joint.path, "actuator:index")
    return rank if isinstance(rank, (int, float)) else math.inf


def _servo(document: Document, joint: Joint, drive: Drive) -> float:
    """A servo on the joint itself; returns its command at the start."""
    name = document.joints[joint.path]
    values = {"name": name, "joint": name, "biastype": "affine"}
    gain = drive.stiffness or drive.damping
    values["gainprm"] = number(gain)
    values["biasprm"] = numbers((0.0, -drive.stiffness, -drive.damping))
    limit = min(drive.max_effort, joint.max_effort)
    if math.isfinite(limit):
        values |= {"forcelimited": "true", "forcerange": numbers((-limit, limit))}
    SubElement(document.section("actuator"), "general", values)
    if drive.stiffness and drive.target_velocity and drive.damping:
        document.lost(
            "target-velocity", joint.path, f"Its target velocity {drive.target_velocity:.6g} is lost; it has a target."
        )
    return drive.target_position if drive.stiffness else drive.target_velocity


def _motor(document: Document, joint: Joint) -> None:
    name = document.joints[joint.path]
    gear, low, high = _control(document, joint)
    values = {"name": name, "joint": name, "gear": number(gear)}
    SubElement(
        document.section("actuator"), "motor", {**values, "ctrllimited": "true", "ctrlrange": numbers((low, high))}
    )


def _control(document: Document, joint: Joint) -> tuple[float, float, float]:
    """Gear and command range: those that the scene remembers if they mean its effort limit, else gear 1."""
    gear = document.native(joint.path, "gear")
    low, high = (document.native(joint.path, f"ctrlRange:{end}") for end in ("min", "max"))
    if isinstance(gear, tuple) and isinstance(low, float) and isinstance(high, float):
        limit = abs(gear[0]) * max(-low, high)
        if math.isclose(limit, joint.max_effort, rel_tol=1e-6):
            return gear[0], low, high
    return 1.0, -joint.max_effort, joint.max_effort
