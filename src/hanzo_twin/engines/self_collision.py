"""Which bodies of an articulation touch each other.

`Scene.filtered_pairs` says which do not. Besides, bodies that fixed joints make one rigid part never touch, nor do
parts that a joint connects, because their shapes overlap where the joint is.
"""

from __future__ import annotations

from itertools import combinations

from hanzo_twin.scene.model import Scene

Pair = tuple[str, str]


def touches_itself(scene: Scene) -> frozenset[str]:
    """Paths of the articulations of which some bodies may touch each other."""
    apart = set(scene.filtered_pairs) | _neighbours(scene)
    solid = {body.path for body in scene.bodies.values() if any(shape.collides for shape in body.shapes)}
    return frozenset(
        path
        for path, articulation in scene.articulations.items()
        if any(pair not in apart and solid.issuperset(pair) for pair in articulation.body_pairs)
    )


def bodies_apart(scene: Scene) -> set[Pair]:
    """Pairs of bodies of one articulation that never touch, sorted; filtered pairs among them."""
    apart = set(scene.filtered_pairs) | _neighbours(scene)
    return {pair for one in scene.articulations.values() for pair in one.body_pairs if pair in apart}


def rigid_parts(scene: Scene) -> dict[str, str]:
    """By body, the first body of those that fixed joints tie to it ("" for the world)."""
    parts = {"": ""}
    for path, body in scene.bodies.items():
        joint = scene.child_joint.get(path)
        if joint is None:
            parts[path] = "" if body.kinematic else path
        else:
            parts[path] = parts[joint.parent] if joint.kind == "fixed" else path
    return parts


def _neighbours(scene: Scene) -> set[Pair]:
    """Pairs of bodies that are of one rigid part or of two that a joint connects."""
    parts = rigid_parts(scene)
    members: dict[str, list[str]] = {}
    for body in scene.bodies:
        members.setdefault(parts[body], []).append(body)
    found = {(min(pair), max(pair)) for its in members.values() for pair in combinations(its, 2)}
    for joint in scene.joints.values():
        above = parts[joint.parent]
        if not joint.closes_loop and above and joint.kind != "fixed":
            found |= {(min(a, b), max(a, b)) for a in members[above] for b in members[parts[joint.child]]}
    return found
