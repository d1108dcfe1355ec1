"""Velocities that a file gives to bodies which hang on joints: engines start such bodies as their joints move."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from hanzo_twin.scene.findings import Findings
from hanzo_twin.scene.model import Body, Joint
from hanzo_twin.spatial import FloatArray, rotation_matrix

_SLACK = 1e-3
Motion = tuple[FloatArray, FloatArray]


def report_lost(bodies: Mapping[str, Body], joints: Iterable[Joint], findings: Findings) -> None:
    """Tell of each of ``bodies`` (parents first) that does not start with the velocity that it was given.

    ``joints`` start as they say; bodies stand where these hold them.
    """
    holding = {joint.child: joint for joint in joints if not joint.closes_loop}
    moving: dict[str, Motion] = {}
    for path, body in bodies.items():
        given = np.array(body.linear_velocity), np.array(body.angular_velocity)
        joint = holding.get(path)
        moving[path] = given if joint is None else _carried(body, joint, bodies, moving)
        off = max(float(np.linalg.norm(one - other)) for one, other in zip(given, moving[path], strict=True))
        if any(one.any() for one in given) and off > _SLACK * (1.0 + max(float(np.linalg.norm(one)) for one in given)):
            findings.warning(
                "body-velocity-lost",
                path,
                f"Its initial velocity is not kept: it hangs on '{holding[path].path}', and starts as that moves.",
                "Author the initial velocity of the joint (state:angular:physics:velocity, state:linear:…).",
            )


def _carried(body: Body, joint: Joint, bodies: Mapping[str, Body], moving: Mapping[str, Motion]) -> Motion:
    """Linear and angular velocity of ``body`` where its parent and its joint move as they do."""
    origin = body.pose_world_body.position
    linear, angular = np.zeros(3), np.zeros(3)
    if joint.parent:
        linear, angular = moving[joint.parent]
        linear = linear + np.cross(angular, origin - bodies[joint.parent].pose_world_body.position)
    frame = body.pose_world_body @ joint.pose_child_joint
    rate = joint.initial_velocity * (rotation_matrix(frame.orientation) @ np.array(joint.axis))
    if joint.kind == "revolute":
        return linear + np.cross(rate, origin - frame.position), angular + rate
    return (linear + rate if joint.kind == "prismatic" else linear), angular
