"""What of a scene this engine cannot honour."""

from __future__ import annotations

from hanzo_twin import plugins
from hanzo_twin.engines.port import GROUP, load_engine
from hanzo_twin.engines.pybullet.constraints import check_loop
from hanzo_twin.errors import NotInstalledError, UnsupportedError
from hanzo_twin.scene.model import Body, Joint, Scene

JOINT_KINDS = ("fixed", "revolute", "prismatic")


def check_supported(scene: Scene) -> None:
    """Raise UnsupportedError, which names the prim, where Bullet cannot honour ``scene``."""
    for joint in scene.joints.values():
        _check_joint(joint)
    for body in scene.bodies.values():
        if body.kinematic:
            _check_kinematic(body, scene.child_joint.get(body.path))


def _check_joint(joint: Joint) -> None:
    if joint.closes_loop:
        check_loop(joint)
    elif joint.kind not in JOINT_KINDS:
        raise UnsupportedError(
            f"Engine 'pybullet' has no {joint.kind} joints; '{joint.path}' is one.",
            hint=f"Engines that have them: {', '.join(_engines_with(joint.kind)) or 'none that is installed'}.",
        )


def _check_kinematic(body: Body, joint: Joint | None) -> None:
    if joint is not None:
        raise UnsupportedError(
            f"Engine 'pybullet' cannot hang the kinematic body '{body.path}' on joint '{joint.path}'.",
            hint="Remove the joint, or make the body dynamic.",
        )
    if any(body.linear_velocity) or any(body.angular_velocity):
        raise UnsupportedError(
            f"Engine 'pybullet' cannot give the kinematic body '{body.path}' a velocity.",
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
