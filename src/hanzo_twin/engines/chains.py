"""D6 joints as chains of joints of one freedom, for engines that have no joint of several.

Between parent and child stand bodies of `MASS` kg, one for each free axis but the last; that is a part in 10⁹ of what
moves on them in any robot. Joint and body are named by the path of the joint and the axis.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hanzo_twin.scene.model import Axis, Body, Joint, Scene
from hanzo_twin.scene.starting import start_of
from hanzo_twin.spatial import Pose

MASS = 1e-9
_AXES = {"x": (1.0, 0.0, 0.0), "y": (0.0, 1.0, 0.0), "z": (0.0, 0.0, 1.0)}


def expand(scene: Scene) -> Scene:
    """``scene`` with chains in place of D6 joints; the same object where it has none."""
    if all(joint.kind != "d6" for joint in scene.joints.values()):
        return scene
    bodies: dict[str, Body] = {}
    joints: dict[str, Joint] = {}
    pairs = list(scene.filtered_pairs)
    chains = {path: _chain(joint, scene) for path, joint in scene.joints.items() if joint.kind == "d6"}
    holding = {chain[-1].child: path for path, chain in chains.items()}
    for path, body in scene.bodies.items():
        if path in holding:
            chain = chains[holding[path]]
            frame = body.pose_world_body @ chain[-1].pose_child_joint
            bodies |= {joint.child: _link(joint.child, frame) for joint in chain[:-1]}
            if chain[0].parent and len(chain) > 1:
                pairs.append((min(chain[0].parent, path), max(chain[0].parent, path)))
        bodies[path] = body
    for path, joint in scene.joints.items():
        joints |= {one.path: one for one in chains.get(path, [joint])}
    return replace(scene, bodies=bodies, joints=joints, filtered_pairs=tuple(pairs))


def _chain(joint: Joint, scene: Scene) -> list[Joint]:
    starts = np.zeros(len(joint.free_axes)) if joint.closes_loop else start_of(scene, joint)
    axes = sorted(zip(joint.free_axes, starts.tolist(), strict=True), key=lambda one: (one[0].rotation, one[0].name))
    if not axes:
        return [replace(joint, kind="fixed", free_axes=())]
    chain: list[Joint] = []
    for index, (axis, start) in enumerate(axes):
        last = index == len(axes) - 1
        chain.append(
            replace(
                joint,
                path=_name(joint, axis),
                kind="revolute" if axis.rotation else "prismatic",
                parent=joint.parent if index == 0 else chain[-1].child,
                child=joint.child if last else f"{_name(joint, axis)}_link",
                pose_parent_joint=joint.pose_parent_joint if index == 0 else Pose.identity(),
                pose_child_joint=joint.pose_child_joint if last else Pose.identity(),
                axis=_AXES[axis.name],
                lower=axis.lower,
                upper=axis.upper,
                drive=axis.drive,
                initial_position=start,
                initial_velocity=0.0,
                free_axes=(),
            )
        )
    return chain


def _name(joint: Joint, axis: Axis) -> str:
    return f"{joint.path}/{'rotation' if axis.rotation else 'translation'}_{axis.name}"


def _link(path: str, frame: Pose) -> Body:
    return Body(path=path, pose_world_body=frame, mass=MASS, diagonal_inertia=(MASS, MASS, MASS))
