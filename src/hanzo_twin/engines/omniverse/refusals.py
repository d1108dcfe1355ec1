"""What of a scene this engine cannot honour, beyond the features that it does not have."""

from __future__ import annotations

import math

from hanzo_twin.engines.omniverse.trees import trees_of
from hanzo_twin.engines.parameters import drive_limit
from hanzo_twin.errors import UnsupportedError
from hanzo_twin.scene.model import Joint, Scene


def check_mimics(scene: Scene) -> None:
    """Raise UnsupportedError, which names the prim, where a joint mimics one that is not in its articulation."""
    tree_of = {path: index for index, tree in enumerate(trees_of(scene)) for path in tree.joints}
    for joint in scene.joints.values():
        if joint.mimic is None:
            continue
        ends = [scene.joints.get(path) for path in (joint.path, joint.mimic.joint)]
        held = [one for one in ends if one is not None and one.kind in ("revolute", "prismatic")]
        alike = len({(one.kind, tree_of.get(one.path)) for one in held}) == 1
        if len(held) < 2 or not alike or held[0].path not in tree_of:
            raise UnsupportedError(
                f"Engine 'omniverse' cannot make '{joint.path}' mimic '{joint.mimic.joint}'.",
                hint="Allowed: two revolute or two prismatic joints of one tree of bodies.",
            )


def check_springs(scene: Scene) -> None:
    """Raise UnsupportedError, which names the prim, for a passive spring that cannot be added to its joint's drive."""
    for joint in scene.joints.values():
        if joint.stiffness > 0.0 and joint.kind in ("revolute", "prismatic") and _drive_differs(joint):
            raise UnsupportedError(
                f"Engine 'omniverse' cannot add the spring of '{joint.path}' to its drive, which is limited in effort "
                "or of mode acceleration.",
                hint="Remove the limit (drive:maxForce and the actuator's), or the spring.",
            )


def _drive_differs(joint: Joint) -> bool:
    drive = joint.drive
    if drive is None or not (drive.stiffness > 0.0 or drive.damping > 0.0):
        return False
    return drive.mode == "acceleration" or math.isfinite(drive_limit(joint))
