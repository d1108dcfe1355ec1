"""Equality constraints: connect and weld as joints that close loops, joint couplings as mimicry."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import mujoco
import numpy as np

from hanzo_twin.scene.mjcf.draft import Draft, pose_of
from hanzo_twin.scene.model import EngineValue, Joint, JointKind, Mimic
from hanzo_twin.spatial import Pose

_EQ = mujoco.mjtEq
_SITE = int(mujoco.mjtObj.mjOBJ_SITE)
_DEFAULTS: dict[str, EngineValue] = {"solref": (0.02, 1.0), "solimp": (0.9, 0.95, 0.001, 0.5, 2.0)}
_KINDS: dict[int, tuple[JointKind, str]] = {
    int(_EQ.mjEQ_CONNECT): ("spherical", "connect"),
    int(_EQ.mjEQ_WELD): ("fixed", "weld"),
}


def read(draft: Draft) -> None:
    """Add all equality constraints to ``draft``."""
    model = draft.model
    for index in range(model.neq):
        kind = int(model.eq_type[index])
        if not model.eq_active0[index]:
            draft.findings.info(
                "constraint-inactive",
                draft.root,
                f"The {draft.called('EQUALITY', index)} is not active and is left out.",
            )
        elif kind in _KINDS:
            _close_loop(draft, index, *_KINDS[kind])
        elif kind == int(_EQ.mjEQ_JOINT):
            _couple(draft, index)
        else:
            _lose(draft, index, f"it is of type {str(_EQ(kind)).rpartition('_')[2].lower()}")


def _lose(draft: Draft, index: int, why: str) -> None:
    draft.findings.warning(
        "constraint-lost",
        draft.root,
        f"The {draft.called('EQUALITY', index)} is lost: {why}.",
        "A scene knows connect and weld between bodies, and linear couplings of two joints.",
    )


def _close_loop(draft: Draft, index: int, kind: JointKind, word: str) -> None:
    ends = _ends(draft, index, kind)
    if ends[0][0] == ends[1][0]:
        _lose(draft, index, "both ends are on one rigid body")
        return
    (parent, at_parent), (child, at_child) = ends if ends[1][0] else ends[::-1]
    scope = next((path for path in draft.prims if path.endswith("/joints")), None)
    if scope is None:
        scope = draft.claim(draft.root, "joints")
        draft.prims.append(scope)
    name = draft.name("EQUALITY", index) or f"{child.rpartition('/')[2]}_{word}"
    joint = Joint(
        path=draft.claim(scope, name),
        kind=kind,
        parent=parent,
        child=child,
        pose_parent_joint=at_parent,
        pose_child_joint=at_child,
        closes_loop=True,
    )
    draft.joints[joint.path] = joint
    draft.prims.append(joint.path)
    _keep_solver(draft, index, joint.path)


def _ends(draft: Draft, index: int, kind: JointKind) -> list[tuple[str, Pose]]:
    """Path of the scene's body at each end, and the constraint's frame on it."""
    model = draft.model
    first, second = int(model.eq_obj1id[index]), int(model.eq_obj2id[index])
    if int(model.eq_objtype[index]) == _SITE:
        frames = [pose_of(model.site_pos[site], model.site_quat[site]) for site in (first, second)]
        bodies = [int(model.site_bodyid[site]) for site in (first, second)]
    else:
        bodies = [first, second]
        frames = _frames(model.eq_data[index], kind)
    places = [draft.places[body] for body in bodies]
    return [(place.body, place.pose @ frame) for place, frame in zip(places, frames, strict=True)]


def _frames(data: Any, kind: JointKind) -> list[Pose]:
    """The constraint's frame on both bodies: a weld keeps the second one's anchor first, then the relative turn."""
    if kind == "spherical":
        return [Pose.of(np.array(data[0:3])), Pose.of(np.array(data[3:6]))]
    return [pose_of(data[3:6], data[6:10]), Pose.of(np.array(data[0:3]))]


def _couple(draft: Draft, index: int) -> None:
    model = draft.model
    follower, leader = int(model.eq_obj1id[index]), int(model.eq_obj2id[index])
    if leader < 0:
        _lose(draft, index, "it holds one joint at a place")
        return
    constant, factor, *higher = (float(value) for value in model.eq_data[index][:5])
    paths = [draft.joint_paths.get(joint, "") for joint in (follower, leader)]
    kinds = {draft.joints[path].kind for path in paths if path}
    if not all(paths) or len(kinds) != 1 or kinds == {"spherical"}:
        _lose(draft, index, "it couples joints of different kinds")
        return
    if any(higher):
        draft.findings.warning(
            "mimic-linearized",
            paths[0],
            f"It follows '{paths[1]}' by a polynomial of higher degree; only the linear part is kept.",
            "Couple them linearly where the difference matters.",
        )
    # MuJoCo couples displacements from the reference configuration.
    at_follower, at_leader = (float(model.qpos0[model.jnt_qposadr[joint]]) for joint in (follower, leader))
    mimic = Mimic(joint=paths[1], multiplier=factor, offset=constant + at_follower - factor * at_leader)
    draft.joints[paths[0]] = replace(draft.joints[paths[0]], mimic=mimic)
    _keep_solver(draft, index, paths[0])


def _keep_solver(draft: Draft, index: int, path: str) -> None:
    for name, default in _DEFAULTS.items():
        value = tuple(float(part) for part in getattr(draft.model, f"eq_{name}")[index])
        if value != default:
            draft.engine_attributes[f"{path}.mjc:{name}"] = value
