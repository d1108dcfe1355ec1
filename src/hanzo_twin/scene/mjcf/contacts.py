"""Who collides with whom: contact bits, excludes and MuJoCo's rule for neighbours, as filtered pairs."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import mujoco
import numpy as np

from hanzo_twin.scene.mjcf.draft import Draft

_Pair = tuple[str, str]


def read(draft: Draft) -> None:
    """Add the pairs that do not collide to ``draft``."""
    solids = _solids(draft)
    touching = _touching(draft, solids)
    colliding = {path for path, _ in solids}
    for first, second in combinations(sorted(colliding), 2):
        both_static = first in draft.static_shapes and second in draft.static_shapes
        if not both_static and _pair(first, second) not in touching:
            draft.filtered_pairs.add(_pair(first, second))
    for joint in draft.joints.values():
        if joint.parent and _pair(joint.parent, joint.child) not in touching:
            draft.filtered_pairs.add(_pair(joint.parent, joint.child))
    for articulation in draft.articulations.values():
        pairs = {_pair(*pair) for pair in combinations(articulation.bodies, 2)}
        if not pairs & touching:
            draft.filtered_pairs |= pairs


def _solids(draft: Draft) -> list[tuple[str, list[int]]]:
    """The scene's bodies and static shapes that can collide, each with the ids of its geoms."""
    model = draft.model
    found: dict[str, list[int]] = {}
    static = iter([path for path, shape in draft.static_shapes.items() if shape.collides])
    for geom in range(model.ngeom):
        if model.geom_contype[geom] or model.geom_conaffinity[geom]:
            body = draft.places[int(model.geom_bodyid[geom])].body
            found.setdefault(body or next(static, ""), []).append(geom)
    return [(path, geoms) for path, geoms in found.items() if path]


def _touching(draft: Draft, solids: list[tuple[str, list[int]]]) -> set[_Pair]:
    """Pairs of which at least some geoms may collide; what only some geoms do is reported."""
    model = draft.model
    types, affinities = np.array(model.geom_contype), np.array(model.geom_conaffinity)
    found: set[_Pair] = set()
    for (first, some), (second, others) in combinations(solids, 2):
        if first in draft.static_shapes and second in draft.static_shapes:
            continue
        if _apart(draft, some[0], others[0]):
            continue
        allowed = (types[some][:, None] & affinities[others]) | (affinities[some][:, None] & types[others])
        if not allowed.any():
            continue
        found.add(_pair(first, second))
        if not allowed.all():
            draft.findings.warning(
                "contact-bits-changed",
                first,
                f"Only some of its geoms collide with those of '{second}'; here all do.",
                "Put geoms of different contact bits on bodies of their own.",
            )
    return found | _explicit(draft)


def _explicit(draft: Draft) -> set[_Pair]:
    model = draft.model
    found: set[_Pair] = set()
    for index in range(model.npair):
        ends = [
            draft.places[int(model.geom_bodyid[int(geom)])].body
            for geom in (model.pair_geom1[index], model.pair_geom2[index])
        ]
        if all(ends) and ends[0] != ends[1]:
            found.add(_pair(ends[0], ends[1]))
    if model.npair:
        draft.findings.warning(
            "contact-pair-changed",
            draft.root,
            f"{model.npair} contact pairs have friction and softness of their own; here that of the geoms holds.",
            "Give the geoms these values.",
        )
    return found


def _apart(draft: Draft, first: int, second: int) -> bool:
    """Whether MuJoCo never collides the bodies of two geoms: one rigid part, neighbours at a joint, or excluded."""
    model = draft.model
    bodies = [int(model.geom_bodyid[geom]) for geom in (first, second)]
    signature = (min(bodies) << 16) + max(bodies)
    if signature in _excluded(model):
        return True
    welds = [int(model.body_weldid[body]) for body in bodies]
    if welds[0] == welds[1]:
        return True
    parents = [int(model.body_weldid[int(model.body_parentid[weld])]) for weld in welds]
    filtered = not int(model.opt.disableflags) & int(mujoco.mjtDisableBit.mjDSBL_FILTERPARENT)
    neighbours = parents[0] == welds[1] or parents[1] == welds[0]
    return filtered and neighbours and all(welds)


def _excluded(model: Any) -> set[int]:
    return {int(signature) for signature in model.exclude_signature}


def _pair(first: str, second: str) -> _Pair:
    return (first, second) if first < second else (second, first)
