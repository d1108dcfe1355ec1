"""Joints outside the tree, as MuJoCo equality constraints between sites (which do not depend on where bodies start)."""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np

from hanzo_twin.errors import UnsupportedError
from hanzo_twin.scene.model import Joint
from hanzo_twin.spatial import Pose

# Distance of the second point that holds a hinge's axis, m.
_HINGE_SPAN = 0.1


def add_loop_closure(spec: Any, bodies: dict[str, Any], joint: Joint) -> None:
    """Close a loop by ``joint``.

    Raises:
        UnsupportedError: the joint is neither fixed, revolute nor spherical, or has limits, a drive or a spring.
    """
    if joint.kind not in ("fixed", "revolute", "spherical"):
        raise UnsupportedError(
            f"Engine 'mujoco' cannot close a loop with the {joint.kind} joint '{joint.path}'.",
            hint="Allowed: fixed, revolute, spherical. Cut the loop at another joint.",
        )
    if _is_more_than_geometry(joint):
        raise UnsupportedError(
            f"Engine 'mujoco' cannot honour limits, drives or springs of '{joint.path}', which closes a loop.",
            hint="Cut the loop at a joint that has none.",
        )
    if joint.kind == "fixed":
        _equality(spec, bodies, joint, mujoco.mjtEq.mjEQ_WELD, "weld", np.zeros(3))
        return
    _equality(spec, bodies, joint, mujoco.mjtEq.mjEQ_CONNECT, "point", np.zeros(3))
    if joint.kind == "revolute":
        along_axis = _HINGE_SPAN * np.asarray(joint.axis)
        _equality(spec, bodies, joint, mujoco.mjtEq.mjEQ_CONNECT, "axis", along_axis)


def _is_more_than_geometry(joint: Joint) -> bool:
    limited = np.isfinite(joint.lower) or np.isfinite(joint.upper)
    drive = joint.drive
    driven = drive is not None and (drive.stiffness > 0 or drive.damping > 0)
    return bool(limited or driven or joint.stiffness or joint.damping or joint.friction or joint.armature)


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
