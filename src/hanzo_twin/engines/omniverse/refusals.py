"""What of a scene this engine cannot honour, beyond the features that it does not have."""

from __future__ import annotations

import math

from hanzo_twin.engines.omniverse.joint_prims import CONE_AXES
from hanzo_twin.engines.omniverse.trees import reduced, trees_of
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
    """Raise UnsupportedError, which names the prim, for a spring beside an acceleration drive: PhysX mixes them."""
    for joint in scene.joints.values():
        drive = joint.drive
        if joint.stiffness > 0.0 and drive is not None and drive.mode == "acceleration" and not joint.closes_loop:
            raise UnsupportedError(
                f"Engine 'omniverse' cannot have a spring beside the acceleration drive of '{joint.path}'.",
                hint="Author drive:type = 'force', or remove the spring.",
            )


def check_constraints(scene: Scene) -> None:
    """Raise UnsupportedError, which names the prim, for what PhysX's constraints do not have.

    Joints that slide and turn, and those that are kept within a cone, are constraints.
    """
    for joint in scene.joints.values():
        if joint.closes_loop or reduced(joint):
            continue
        if joint.damping or joint.friction or joint.armature or joint.stiffness:
            raise UnsupportedError(
                f"Engine 'omniverse' cannot have damping, friction, armature or a spring in '{joint.path}', which it "
                f"holds by a constraint: it {'has cone limits' if joint.kind == 'spherical' else 'slides and turns'}.",
                hint="Remove them, or replace the joint by revolute and prismatic ones.",
            )
        if joint.kind == "spherical":
            _check_cone(joint)


def _check_cone(joint: Joint) -> None:
    if not all(math.isfinite(angle) for angle in joint.cone):
        raise UnsupportedError(
            f"Engine 'omniverse' cannot limit the spherical joint '{joint.path}' in one of two directions only.",
            hint="Author both physics:coneAngle0Limit and physics:coneAngle1Limit, or a D6 joint.",
        )
    if joint.axis not in CONE_AXES:
        raise UnsupportedError(
            f"Engine 'omniverse' cannot limit the spherical joint '{joint.path}' about the axis {joint.axis}.",
            hint="Allowed: the x, y and z axes of its frame.",
        )
