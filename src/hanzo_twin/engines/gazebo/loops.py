"""Joints outside the tree, as DART constraints between bodies.

DART takes where a constraint holds from where the bodies are when it is made, so the world must stand where the scene
starts, and the loop must be closed there. A constraint remembers its last impulses, which is no part of a state: it is
made anew for each step.
"""

from __future__ import annotations

from typing import Any

import dartpy
import numpy as np

from hanzo_twin.engines.gazebo.world import World, isometry
from hanzo_twin.errors import UnsupportedError
from hanzo_twin.scene.model import Joint, Scene
from hanzo_twin.spatial import FloatArray, Pose

# How far the two frames of the joint may be apart at the start, m and rad.
_OPEN = 1e-3


def close_loops(world: World, scene: Scene) -> list[Any]:
    """Add a constraint for each joint of ``scene`` that closes a loop; ``world`` stands where the scene starts.

    Raises:
        UnsupportedError: the loop is not closed there.
    """
    constraints = [_constraint(world, joint) for joint in scene.joints.values() if joint.closes_loop]
    for constraint in constraints:
        world.dart.getConstraintSolver().addConstraint(constraint)
    return constraints


def _constraint(world: World, joint: Joint) -> Any:
    parent = _frame(world, joint.parent, joint.pose_parent_joint)
    child = _frame(world, joint.child, joint.pose_child_joint)
    axis = np.asarray(joint.axis)
    apart = float(np.linalg.norm(parent[:3, 3] - child[:3, 3]))
    if joint.kind == "revolute":
        apart = max(apart, float(np.linalg.norm(np.cross(parent[:3, :3] @ axis, child[:3, :3] @ axis))))
    elif joint.kind == "fixed":
        apart = max(apart, float(np.abs(parent[:3, :3] - child[:3, :3]).max()))
    if apart > _OPEN:
        raise UnsupportedError(
            f"Engine 'gazebo' closes loops where the scene starts; '{joint.path}' is {apart:.2g} (m, rad) open there.",
            hint="Author initial positions that close the loop.",
        )
    # The child first: DART needs a body there, while the parent may be the world.
    bodies = [world.bodies[path] for path in (joint.child, joint.parent) if path]
    made = dartpy.constraint
    if joint.kind == "fixed":
        return made.WeldJointConstraint(*bodies)
    point = child[:3, 3]
    if joint.kind == "spherical":
        return made.BallJointConstraint(*bodies, point)
    axes = [frame[:3, :3] @ axis for frame in (child, parent)][: len(bodies)]
    return made.RevoluteJointConstraint(*bodies, point, *axes)


def _frame(world: World, body: str, pose: Pose) -> FloatArray:
    """The joint's frame on a body, "" for the world: a matrix [4, 4]."""
    local: FloatArray = isometry(pose).matrix()
    return world.bodies[body].getWorldTransform().matrix() @ local if body else local
