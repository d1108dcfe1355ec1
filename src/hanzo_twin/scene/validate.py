"""Checks of a finished scene that no single prim can answer."""

from __future__ import annotations

import math

from hanzo_twin.scene.findings import Findings
from hanzo_twin.scene.model import Body, Camera, Joint, Scene, Sensor
from hanzo_twin.scene.sensors import read_settings


def check(scene: Scene, findings: Findings) -> None:
    """Report what makes ``scene`` impossible (errors) or doubtful (warnings)."""
    if not scene.bodies and not scene.static_shapes:
        findings.warning(
            "nothing-physical",
            scene.source,
            "No rigid body and no collider was found.",
            "Apply PhysicsRigidBodyAPI and PhysicsCollisionAPI to what shall move and touch.",
        )
    for body in scene.bodies.values():
        _check_body(body, findings)
    for joint in scene.joints.values():
        _check_joint(joint, scene, findings)
    devices: list[Sensor | Camera] = [*scene.sensors.values(), *scene.cameras.values()]
    for sensor in devices:
        for diagnosis in read_settings(scene, sensor)[1]:
            report = findings.error if diagnosis.severity == "error" else findings.warning
            report(diagnosis.code, diagnosis.path, diagnosis.message, diagnosis.remedy)


def _check_body(body: Body, findings: Findings) -> None:
    if not (math.isfinite(body.mass) and body.mass > 0):
        findings.error("bad-mass", body.path, f"Its mass is {body.mass} kg.", "Author a positive number.")
    if min(body.diagonal_inertia) <= 0 or not all(map(math.isfinite, body.diagonal_inertia)):
        findings.error(
            "bad-inertia",
            body.path,
            f"Its principal moments of inertia are {', '.join(f'{moment:.6g}' for moment in body.diagonal_inertia)}.",
            "Author three positive numbers.",
        )


def _check_joint(joint: Joint, scene: Scene, findings: Findings) -> None:
    drive = ("stiffness", "damping", "max_effort") if joint.drive else ()
    for name, value in (
        ("armature", joint.armature),
        ("damping", joint.damping),
        ("friction", joint.friction),
        ("velocity limit", joint.max_velocity),
        ("effort limit", joint.max_effort),
        *((f"drive's {name}", getattr(joint.drive, name)) for name in drive),
    ):
        if not value >= 0:
            findings.error("bad-joint-value", joint.path, f"Its {name} is {value:g}.", "Author zero or more.")
    for name, value in (("armature", joint.armature), ("damping", joint.damping), ("friction", joint.friction)):
        if math.isinf(value):
            findings.error("bad-joint-value", joint.path, f"Its {name} is infinite.", "Author a finite number.")
    if joint.mimic is not None:
        leader = scene.joints.get(joint.mimic.joint)
        if leader is None or leader.path == joint.path:
            findings.error(
                "mimic-missing-joint",
                joint.path,
                f"It mimics '{joint.mimic.joint}', which is not another joint of the scene.",
                "Correct the mimic's joint.",
            )
        elif leader.kind != joint.kind:
            findings.error(
                "mimic-missing-joint",
                joint.path,
                f"It is {joint.kind} and mimics '{leader.path}', which is {leader.kind}.",
                "Let a joint mimic one of its own kind.",
            )
        elif _in_circle(scene, joint):
            findings.error(
                "mimic-circle",
                joint.path,
                "Following what it mimics leads back to it.",
                "Let one of them mimic nothing.",
            )


def _in_circle(scene: Scene, joint: Joint) -> bool:
    leader, seen = joint, set[str]()
    while leader.mimic is not None and leader.path not in seen and leader.mimic.joint in scene.joints:
        seen.add(leader.path)
        leader = scene.joints[leader.mimic.joint]
    return leader.path == joint.path and bool(seen)
