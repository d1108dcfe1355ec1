"""What of a scene this engine cannot honour, beyond the features that it does not have."""

from __future__ import annotations

from hanzo_twin.engines.omniverse.trees import trees_of
from hanzo_twin.errors import UnsupportedError
from hanzo_twin.scene.model import Scene


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
    """Raise UnsupportedError, which names the prim, for a spring beside an acceleration drive: PhysX mixes them."""
    for joint in scene.joints.values():
        drive = joint.drive
        if joint.stiffness > 0.0 and drive is not None and drive.mode == "acceleration" and not joint.closes_loop:
            raise UnsupportedError(
                f"Engine 'omniverse' cannot have a spring beside the acceleration drive of '{joint.path}'.",
                hint="Author drive:type = 'force', or remove the spring.",
            )
