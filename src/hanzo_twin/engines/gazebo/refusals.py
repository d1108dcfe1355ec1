"""What of a scene this engine cannot honour, beyond the features that it does not have."""

from __future__ import annotations

from hanzo_twin.errors import UnsupportedError
from hanzo_twin.scene.model import Joint, Scene


def check_mimics(scene: Scene) -> None:
    """Raise UnsupportedError, which names the prim, where a joint mimics one that the law does not act on with it."""
    for joint in scene.joints.values():
        if joint.mimic is not None:
            _check_mimic(scene, joint, joint.mimic.joint)


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
