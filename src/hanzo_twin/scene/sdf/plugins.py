"""Plugins: a position or velocity controller of a joint becomes its drive, all others are reported as lost."""

from __future__ import annotations

import math
from collections.abc import Mapping

from pxr import UsdPhysics

from hanzo_twin.scene.findings import Findings, Refusal
from hanzo_twin.scene.sdf.frames import join
from hanzo_twin.scene.sdf.joints import WrittenJoint
from hanzo_twin.scene.sdf.numbers import flag, number
from hanzo_twin.scene.xml_document import Element

_SYSTEMS = ("physics", "sensors", "user-commands", "scene-broadcaster", "imu", "contact", "forcetorque", "label")


def write(plugin: Element, scope: str, joints: Mapping[str, WrittenJoint], findings: Findings) -> None:
    """What ``plugin`` of the model ``scope`` becomes."""
    name = plugin.attributes.get("filename", "") or plugin.name
    plain = name.lower().replace("_", "-")
    if "joint-position-controller" in plain or "JointPositionController" in plugin.name:
        _drive(plugin, scope, joints, findings, position=True)
    elif "joint-controller" in plain or plugin.name.endswith("JointController"):
        _drive(plugin, scope, joints, findings, position=False)
    elif any(f"{system}-system" in plain for system in _SYSTEMS):
        findings.info("plugin-ignored", plugin.where, f"The plugin '{name}' is not needed: every engine does its work.")
    else:
        findings.warning(
            "plugin-lost",
            plugin.where,
            f"The plugin '{name}' is not run.",
            "Command the joints from a twin definition or from Python instead.",
        )


def _drive(
    plugin: Element, scope: str, joints: Mapping[str, WrittenJoint], findings: Findings, *, position: bool
) -> None:
    name = plugin.value("joint_name")
    written = joints.get(join(scope, name))
    if written is None or written.prim.IsA(UsdPhysics.FixedJoint):
        raise Refusal(
            "joint-missing-body", f"The controller moves '{name}', which is not a joint.", "Correct joint_name."
        )
    prim = written.prim
    angular = prim.IsA(UsdPhysics.RevoluteJoint)
    if not angular and not prim.IsA(UsdPhysics.PrismaticJoint):
        findings.warning("plugin-lost", plugin.where, f"The controller of '{name}' is not kept: it has several axes.")
        return
    direct = flag(plugin, "use_velocity_commands", default=False)
    gains = [number(plugin, f"{letter}_gain", default) for letter, default in _DEFAULTS[position]]
    stiffness, damping = (gains[0], gains[2]) if position else (0.0, gains[0])
    if direct or (not position and not flag(plugin, "use_force_commands", default=False)):
        findings.warning(
            "plugin-lost",
            plugin.where,
            f"The controller of '{name}' sets velocities directly, which no drive does; it is not kept.",
            "Write <use_force_commands>true</use_force_commands> and gains.",
        )
        return
    per = math.pi / 180 if angular else 1.0
    drive = UsdPhysics.DriveAPI.Apply(prim, "angular" if angular else "linear")
    drive.CreateTypeAttr("force")
    drive.CreateStiffnessAttr(stiffness * per)
    drive.CreateDampingAttr(damping * per)
    drive.CreateTargetPositionAttr(number(plugin, "initial_position", 0.0) / per)
    drive.CreateTargetVelocityAttr(number(plugin, "initial_velocity", 0.0) / per)
    most = number(plugin, "cmd_max", math.inf, infinite=True)
    if 0 < most < math.inf:
        drive.CreateMaxForceAttr(most)
    findings.info("plugin-drive", str(prim.GetPath()), f"The controller ({plugin.where}) became the joint's drive.")
    if gains[1]:
        findings.warning(
            "sdf-lost", str(prim.GetPath()), f"The integral gain {gains[1]:g} of its controller is not kept.", ""
        )


_DEFAULTS = {
    True: (("p", 1.0), ("i", 0.1), ("d", 0.01)),
    False: (("p", 1.0), ("i", 0.0), ("d", 0.0)),
}


def of_model(model: Element, scope: str, joints: Mapping[str, WrittenJoint], findings: Findings) -> None:
    """All plugins of ``model`` (or of a world)."""
    for plugin in model.all("plugin"):
        with findings.refusals(plugin.where):
            write(plugin, scope, joints, findings)
