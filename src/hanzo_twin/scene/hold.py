"""Drives for joints that have none, chosen so that they hold where the scene starts.

URDF has no drives and MJCF need not have any: such a robot falls together. A joint that turns the inertia J and is
driven with stiffness J·ω² and damping 2·J·ω returns to its target like a critically damped oscillator of angular
frequency ω, and gives way to its weight by about g/(l·ω²), with l the lever. J is that of the bodies beyond the joint
about its axis as they stand at the start; of a robot that floats it is that of the heavier side, because a planted foot
moves the rest.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from hanzo_twin.errors import counted
from hanzo_twin.scene.findings import Findings
from hanzo_twin.scene.model import Articulation, Body, Drive, Joint, Scene
from hanzo_twin.spatial import FloatArray, rotation_matrix

FREQUENCY_HZ = 8.0
"""ω/2π: slow against a step of a few milliseconds; a lever of half a metre gives way by 8 mrad."""


def with_default_drives(scene: Scene, findings: Findings) -> Scene:
    """``scene`` with a drive for each joint of an articulation that has none; one diagnosis for each articulation.

    A joint that mimics another one is moved by that one and gets no drive.
    """
    joints = dict(scene.joints)
    for articulation in scene.articulations.values():
        added = [path for path in articulation.joints if _lacks_drive(joints[path])]
        for path in added:
            joints[path] = replace(joints[path], drive=_drive(scene, articulation, joints[path]))
        if added:
            findings.info(
                "drive-added",
                articulation.path,
                f"No drive is authored on {len(added)} of {counted(len(articulation.joints), 'joint')}; given was one "
                "that holds where the joint starts.",
                "Author PhysicsDriveAPI on them to choose the gains.",
            )
    return replace(scene, joints=joints)


def _lacks_drive(joint: Joint) -> bool:
    return joint.mimic is None and (joint.drive is None or (joint.drive.stiffness == 0 and joint.drive.damping == 0))


def _drive(scene: Scene, articulation: Articulation, joint: Joint) -> Drive:
    beyond = _beyond(scene, articulation, joint)
    inertia = _about(scene, joint, beyond)
    if not articulation.fixed_base:
        inertia = max(inertia, _about(scene, joint, set(articulation.bodies) - beyond))
    rate = 2 * math.pi * FREQUENCY_HZ
    inertia += joint.armature
    return Drive(
        stiffness=inertia * rate**2,
        damping=2 * inertia * rate,
        max_effort=joint.max_effort if joint.drive is None else joint.drive.max_effort,
        target_position=joint.initial_position,
    )


def _beyond(scene: Scene, articulation: Articulation, joint: Joint) -> set[str]:
    """Bodies that ``joint`` carries; an articulation's bodies come parents first."""
    found = {joint.child}
    for body in articulation.bodies:
        holder = scene.child_joint.get(body)
        if holder is not None and holder.parent in found:
            found.add(body)
    return found


def _about(scene: Scene, joint: Joint, bodies: Iterable[str]) -> float:
    """Inertia of ``bodies`` as one about the joint's axis, kg·m²; their mass, kg, for a joint that slides."""
    if joint.kind == "prismatic":
        return sum(scene.bodies[path].mass for path in bodies)
    frame = scene.bodies[joint.child].pose_world_body @ joint.pose_child_joint
    axis = rotation_matrix(frame.orientation) @ np.array(joint.axis)
    return sum(_moment(scene.bodies[path], frame.position, axis) for path in bodies)


def _moment(body: Body, point: FloatArray, axis: FloatArray) -> float:
    """Moment of inertia of ``body`` about the line through ``point`` along ``axis`` (parallel-axis theorem)."""
    turn = rotation_matrix(body.pose_world_body.orientation) @ rotation_matrix(np.array(body.principal_axes))
    along = turn.T @ axis
    away = np.cross(axis, body.pose_world_body.apply(np.array(body.center_of_mass)) - point)
    return float(along @ (np.array(body.diagonal_inertia) * along) + body.mass * (away @ away))
