"""What of a scene this engine cannot honour."""

from __future__ import annotations

import math

from hanzo_twin import plugins
from hanzo_twin.engines.port import GROUP, load_engine
from hanzo_twin.errors import NotInstalledError, UnsupportedError
from hanzo_twin.scene.model import Body, Joint, Scene

JOINT_KINDS = ("fixed", "revolute", "prismatic", "spherical")
_LOOP_KINDS = ("fixed", "revolute", "spherical")


def check_supported(scene: Scene) -> None:
    """Raise UnsupportedError, which names the prim, where DART cannot honour ``scene``."""
    for joint in scene.joints.values():
        _check_joint(joint)
        if joint.closes_loop:
            _check_loop(joint)
        if joint.mimic is not None:
            _check_mimic(scene, joint, joint.mimic.joint)
    for body in scene.bodies.values():
        if body.kinematic:
            _check_kinematic(body, scene.child_joint.get(body.path))


def _check_joint(joint: Joint) -> None:
    if joint.kind not in JOINT_KINDS:
        raise UnsupportedError(
            f"Engine 'gazebo' has no {joint.kind} joints; '{joint.path}' is one.",
            hint=f"Engines that have them: {', '.join(_engines_with(joint.kind)) or 'none that is installed'}.",
        )
    if joint.kind == "spherical" and (_limited(joint) or joint.armature or joint.stiffness):
        raise UnsupportedError(
            f"Engine 'gazebo' has no limits, armature or springs in spherical joints; '{joint.path}' has one of them.",
            hint="Remove them, or replace the joint by revolute ones.",
        )


def _check_loop(joint: Joint) -> None:
    if joint.kind not in _LOOP_KINDS:
        raise UnsupportedError(
            f"Engine 'gazebo' cannot close a loop with the {joint.kind} joint '{joint.path}'.",
            hint=f"Allowed: {', '.join(_LOOP_KINDS)}. Cut the loop at another joint.",
        )
    drive = joint.drive
    driven = drive is not None and (drive.stiffness > 0 or drive.damping > 0)
    if _limited(joint) or driven or joint.stiffness or joint.damping or joint.friction or joint.armature:
        raise UnsupportedError(
            f"Engine 'gazebo' cannot honour limits, drives or springs of '{joint.path}', which closes a loop.",
            hint="Cut the loop at a joint that has none.",
        )


def _check_mimic(scene: Scene, joint: Joint, followed: str) -> None:
    ends = [scene.joints.get(path) for path in (joint.path, followed)]
    held = [one for one in ends if one is not None and one.kind in ("revolute", "prismatic") and not one.closes_loop]
    if len(held) < 2 or _root(scene, held[0]) != _root(scene, held[1]):
        raise UnsupportedError(
            f"Engine 'gazebo' cannot make '{joint.path}' mimic '{followed}'.",
            hint="Allowed: revolute and prismatic joints of one tree of bodies.",
        )


def _root(scene: Scene, joint: Joint) -> str:
    """The first body of the tree that a joint is in: the one that is free, or that a joint holds to the world."""
    while joint.parent and joint.parent in scene.child_joint:
        joint = scene.child_joint[joint.parent]
    return joint.parent or joint.child


def _limited(joint: Joint) -> bool:
    return math.isfinite(joint.lower) or math.isfinite(joint.upper)


def _check_kinematic(body: Body, joint: Joint | None) -> None:
    if joint is not None:
        raise UnsupportedError(
            f"Engine 'gazebo' cannot hang the kinematic body '{body.path}' on joint '{joint.path}'.",
            hint="Remove the joint, or make the body dynamic.",
        )
    if any(body.linear_velocity) or any(body.angular_velocity):
        raise UnsupportedError(
            f"Engine 'gazebo' cannot give the kinematic body '{body.path}' a velocity.",
            hint="Set its velocity to zero and move it with set_body_state.",
        )


def _engines_with(kind: str) -> list[str]:
    found = []
    for name in plugins.names(GROUP):
        try:
            kinds = load_engine(name).capabilities().joint_kinds
        except NotInstalledError:
            continue
        if kind in kinds:
            found.append(name)
    return found
