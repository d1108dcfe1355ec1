"""Joints and drives in SDFormat."""

from __future__ import annotations

import math
from collections.abc import Mapping
from xml.etree.ElementTree import Element, SubElement

from hanzo_twin.scene.convert.report import Entry, changed, lost
from hanzo_twin.scene.convert.sdf_links import pose
from hanzo_twin.scene.convert.xml_text import numbers, text
from hanzo_twin.scene.model import Axis, Drive, Joint

_UNIT = {"x": (1.0, 0.0, 0.0), "y": (0.0, 1.0, 0.0), "z": (0.0, 0.0, 1.0)}
_SINGLE = {"fixed": "fixed", "revolute": "revolute", "prismatic": "prismatic", "spherical": "ball"}


def write_joint(model: Element, joint: Joint, names: Mapping[str, str], entries: list[Entry]) -> None:
    """``joint`` below ``model``; a kind that SDF has not is reported as lost."""
    kind = _SINGLE.get(joint.kind) or _of_axes(joint.free_axes)
    if not kind:
        free = ", ".join(f"{'rotation' if axis.rotation else 'translation'} {axis.name}" for axis in joint.free_axes)
        entries.append(lost("joint-lost", joint.path, f"SDF has no joint with the freedoms {free}."))
        return
    element = SubElement(model, "joint", {"name": names[joint.path], "type": kind})
    pose(element, joint.pose_child_joint)
    text(element, "parent", names[joint.parent] if joint.parent else "world")
    text(element, "child", names[joint.child])
    if joint.kind in ("revolute", "prismatic"):
        _single(element, joint, names, entries)
    elif joint.kind == "spherical":
        _lost_of_ball(joint, entries)
    elif joint.kind == "d6" and kind not in ("ball", "fixed"):
        for tag, axis in zip(("axis", "axis2"), joint.free_axes, strict=False):
            _free(element, tag, joint, axis, entries)


def _lost_of_ball(joint: Joint, entries: list[Entry]) -> None:
    limited = any(math.isfinite(angle) for angle in (*joint.cone, joint.upper))
    named = (("limits", limited), ("damping", joint.damping), ("friction", joint.friction), ("spring", joint.stiffness))
    found = [name for name, value in (*named, ("armature", joint.armature)) if value]
    if found:
        entries.append(lost("ball-lost", joint.path, f"SDF has no {', '.join(found)} in a ball joint."))


def _of_axes(axes: tuple[Axis, ...]) -> str:
    """SDF's name for a joint with these freedoms, "" where it has none."""
    if not axes:
        return "fixed"
    if len(axes) == 1:
        return "revolute" if axes[0].rotation else "prismatic"
    limited = any(math.isfinite(axis.lower) or math.isfinite(axis.upper) or axis.drive for axis in axes)
    if all(axis.rotation for axis in axes):
        return "universal" if len(axes) == 2 else "" if limited else "ball"
    return ""


def _single(element: Element, joint: Joint, names: Mapping[str, str], entries: list[Entry]) -> None:
    axis = SubElement(element, "axis")
    text(axis, "xyz", numbers(joint.axis))
    _limits(axis, joint.lower, joint.upper, joint.max_effort, joint.max_velocity)
    dynamics = {
        "damping": joint.damping,
        "friction": joint.friction,
        "spring_reference": joint.rest_position if joint.stiffness else 0.0,
        "spring_stiffness": joint.stiffness,
    }
    if any(dynamics.values()):
        group = SubElement(axis, "dynamics")
        for name, value in dynamics.items():
            text(group, name, float(value))
    if joint.initial_position:
        text(axis, "initial_position", float(joint.initial_position))
        what = f"It starts at {joint.initial_position:.6g} {joint.unit}: read back here, but Gazebo starts at 0."
        entries.append(changed("start-position", joint.path, what))
    if joint.initial_velocity:
        what = f"Its initial velocity of {joint.initial_velocity:g} {joint.unit}/s is lost."
        entries.append(lost("velocity-lost", joint.path, what))
    if joint.armature:
        text(axis, "hanzo:armature", float(joint.armature))
        what = f"Its armature of {joint.armature:g} {joint.armature_unit} is read back here, but not by Gazebo."
        entries.append(changed("armature-own", joint.path, what))
    if joint.mimic is not None and joint.mimic.joint in names:
        mimic = SubElement(axis, "mimic", {"joint": names[joint.mimic.joint], "axis": "axis"})
        for name, value in (("multiplier", joint.mimic.multiplier), ("offset", joint.mimic.offset), ("reference", 0.0)):
            text(mimic, name, float(value))
    elif joint.mimic is not None:
        entries.append(lost("mimic-lost", joint.path, f"'{joint.mimic.joint}', which it mimics, is in another model."))


def _free(element: Element, tag: str, joint: Joint, axis: Axis, entries: list[Entry]) -> None:
    group = SubElement(element, tag)
    text(group, "xyz", numbers(_UNIT[axis.name]))
    _limits(group, axis.lower, axis.upper, math.inf, math.inf)
    drive = axis.drive
    if drive is None:
        return
    if drive.damping and drive.mode == "force" and not drive.target_velocity:
        text(SubElement(group, "dynamics"), "damping", float(drive.damping))
    if drive != Drive(damping=drive.damping):
        what = f"Of the drive about {axis.name} only the damping is kept."
        entries.append(lost("drive-lost", joint.path, what))


def _limits(axis: Element, lower: float, upper: float, effort: float, velocity: float) -> None:
    values = {"lower": lower, "upper": upper, "effort": effort, "velocity": velocity}
    if any(math.isfinite(value) for value in values.values()):
        limit = SubElement(axis, "limit")
        for name, value in values.items():
            if math.isfinite(value):
                text(limit, name, float(value))


def write_drive(model: Element, joint: Joint, name: str, entries: list[Entry]) -> None:
    """The drive of ``joint`` as the Gazebo system that does the same, as far as there is one."""
    drive = joint.drive
    if drive is None:
        return
    if drive.mode == "acceleration" or (drive.stiffness and drive.target_velocity):
        why = "gives accelerations" if drive.mode == "acceleration" else "aims at a position and a velocity"
        entries.append(lost("drive-lost", joint.path, f"Its drive {why}; no system of Gazebo does."))
        return
    system, target = (
        ("JointPositionController", ("initial_position", drive.target_position))
        if drive.stiffness
        else ("JointController", ("initial_velocity", drive.target_velocity))
    )
    file = "joint-position-controller" if drive.stiffness else "joint-controller"
    plugin = SubElement(model, "plugin", {"filename": f"gz-sim-{file}-system", "name": f"gz::sim::systems::{system}"})
    text(plugin, "joint_name", name)
    gains = (drive.stiffness, 0.0, drive.damping) if drive.stiffness else (drive.damping, 0.0, 0.0)
    for letter, gain in zip("pid", gains, strict=True):
        text(plugin, f"{letter}_gain", float(gain))
    if not drive.stiffness:
        text(plugin, "use_force_commands", value=True)
    if target[1]:
        text(plugin, target[0], float(target[1]))
    if math.isfinite(drive.max_effort):
        text(plugin, "cmd_max", float(drive.max_effort))
        text(plugin, "cmd_min", -float(drive.max_effort))
    entries.append(changed("drive-plugin", joint.path, f"Its drive became the Gazebo system {system}."))
