"""Bodies and joints in MuJoCo's arrays of positions and velocities.

A free body's velocity is linear in the world frame and angular in the body frame there; here it is world for both.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hanzo_twin.engines.mujoco.joint_elements import axis_name
from hanzo_twin.engines.mujoco.layout import Layout
from hanzo_twin.engines.refusals import held_by_a_joint, velocity_of_kinematic
from hanzo_twin.scene.model import Joint, Scene
from hanzo_twin.scene.starting import start_of
from hanzo_twin.spatial import FloatArray, IntArray, quaternion_conjugate, quaternion_multiply, rotation_matrix


def place_at_start(scene: Scene, model: Any, data: Any, layout: Layout) -> None:
    """Set initial positions and velocities of ``scene``; free bodies already stand at their initial poses."""
    for path, joint in scene.joints.items():
        if path in layout.dofs:
            dof = layout.dofs[path]
            data.qpos[layout.coordinates[path]] = joint.initial_position
            data.qvel[dof] = joint.initial_velocity
        elif joint.kind in ("spherical", "d6") and not joint.closes_loop:
            _place_several(scene, model, data, joint)
    for path in layout.free:
        body = scene.bodies[path]
        velocity = np.array([*body.linear_velocity, *body.angular_velocity])
        set_body(data, layout, path, body.pose_world_body.as_array(), velocity)


def _place_several(scene: Scene, model: Any, data: Any, joint: Joint) -> None:
    start = start_of(scene, joint)
    if joint.kind == "spherical":
        # MuJoCo turns the body; the scene says how the joint's frame on it is turned.
        own = joint.pose_child_joint.orientation
        turn = quaternion_multiply(quaternion_multiply(own, start), quaternion_conjugate(own))
        address = model.joint(joint.path).qposadr[0]
        data.qpos[address : address + 4] = turn
        return
    for axis, position in zip(joint.free_axes, start.tolist(), strict=True):
        data.qpos[model.joint(axis_name(joint, axis)).qposadr[0]] = position


def set_body(data: Any, layout: Layout, body: str, pose: FloatArray, velocity: FloatArray) -> None:
    """Put a free or kinematic body at ``pose`` [7] with ``velocity`` [6], linear then angular, of its frame's origin.

    Raises:
        CommandError: the body is held by a joint, or it is kinematic and is given a velocity.
    """
    check_placeable(layout, body, velocity)
    if body in layout.free:
        position, dof = layout.free[body]
        data.qpos[position : position + 7] = pose
        data.qvel[dof : dof + 3] = velocity[:3]
        data.qvel[dof + 3 : dof + 6] = rotation_matrix(pose[3:]).T @ velocity[3:]
    else:
        row = layout.mocap[body]
        data.mocap_pos[row], data.mocap_quat[row] = pose[:3], pose[3:]


def check_placeable(layout: Layout, body: str, velocity: FloatArray) -> None:
    """Raise CommandError unless ``body`` is free, or kinematic and the ``velocity`` given it is zero."""
    if body in layout.mocap and velocity.any():
        raise velocity_of_kinematic("mujoco", body)
    if body not in layout.mocap and body not in layout.free:
        raise held_by_a_joint(body, layout.free)


def body_states(model: Any, data: Any, bodies: IntArray) -> tuple[FloatArray, FloatArray]:
    """Poses [n, 7] and velocities [n, 6] (linear, then angular; at the frames' origins, world frame) of ``bodies``.

    MuJoCo keeps velocities about the centre of mass of the whole tree: v(origin) = v(com) + ω × (origin − com).
    """
    position, spatial = data.xpos[bodies], data.cvel[bodies]
    arm = position - data.subtree_com[model.body_rootid[bodies]]
    linear = spatial[:, 3:] + np.cross(spatial[:, :3], arm)
    return np.hstack([position, data.xquat[bodies]]), np.hstack([linear, spatial[:, :3]])
