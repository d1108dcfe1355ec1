"""A scene with all its joints at position zero, as formats want it that say where links are by joint frames."""

from __future__ import annotations

from hanzo_twin.scene.model import Scene
from hanzo_twin.spatial import Pose


def zero_poses(scene: Scene) -> dict[str, Pose]:
    """World pose of every body when all tree joints are at zero; free bodies are where they start."""
    poses: dict[str, Pose] = {}
    for path, body in scene.bodies.items():
        joint = scene.child_joint.get(path)
        if joint is None:
            poses[path] = body.pose_world_body
            continue
        parent = poses[joint.parent] if joint.parent else Pose.identity()
        poses[path] = parent @ joint.pose_parent_joint @ joint.pose_child_joint.inverse()
    return poses
