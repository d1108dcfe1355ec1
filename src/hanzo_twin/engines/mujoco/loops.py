"""Joints outside the tree, as MuJoCo equality constraints between sites (which do not depend on where bodies start)."""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np

from hanzo_twin.scene.model import Joint
from hanzo_twin.spatial import Pose

# Distance of the second point that holds a hinge's axis, m.
_HINGE_SPAN = 0.1


def add_loop_closure(spec: Any, bodies: dict[str, Any], joint: Joint) -> None:
    """Close a loop by ``joint``, which is fixed, revolute or spherical, and nothing more."""
    if joint.kind == "fixed":
        _equality(spec, bodies, joint, mujoco.mjtEq.mjEQ_WELD, "weld", np.zeros(3))
        return
    _equality(spec, bodies, joint, mujoco.mjtEq.mjEQ_CONNECT, "point", np.zeros(3))
    if joint.kind == "revolute":
        along_axis = _HINGE_SPAN * np.asarray(joint.axis)
        _equality(spec, bodies, joint, mujoco.mjtEq.mjEQ_CONNECT, "axis", along_axis)


def _equality(spec: Any, bodies: dict[str, Any], joint: Joint, kind: Any, name: str, offset: Any) -> None:
    point = Pose.of(offset)
    ends = []
    for side, body, frame in (
        ("parent", joint.parent, joint.pose_parent_joint),
        ("child", joint.child, joint.pose_child_joint),
    ):
        pose = frame @ point
        site = f"{joint.path}/{name}_{side}"
        bodies[body].add_site(name=site, pos=pose.position, quat=pose.orientation)
        ends.append(site)
    spec.add_equality(
        name=f"{joint.path}/{name}", type=kind, objtype=mujoco.mjtObj.mjOBJ_SITE, name1=ends[0], name2=ends[1]
    )
