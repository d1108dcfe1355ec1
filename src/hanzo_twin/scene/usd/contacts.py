"""Which bodies do not touch each other: filtered pairs, collision groups, neighbours at a joint."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import product
from typing import Any

from pxr import Usd, UsdPhysics

from hanzo_twin.scene.model import Articulation, Body, Shape

Pairs = set[tuple[str, str]]


def filtered_pairs(
    stage: Usd.Stage,
    parsed: dict[Any, Any],
    bodies: Mapping[str, Body],
    static_shapes: Mapping[str, Shape],
    articulations: Mapping[str, Articulation],
) -> tuple[tuple[str, str], ...]:
    """Pairs of body or shape paths that do not collide, sorted."""
    members = {path: articulation.bodies for path, articulation in articulations.items()}
    pairs: Pairs = set()
    for descriptions in (entry[1] for entry in parsed.values()):
        for description in descriptions:
            ends = [str(path) for path in getattr(description, "filteredCollisions", ())]
            for end in ends:
                path = str(description.primPath)
                _join(pairs, members.get(path, (path,)), members.get(end, (end,)))
            if hasattr(description, "jointEnabled") and not description.collisionEnabled:
                pairs |= _pair(str(description.body0), str(description.body1))
    for path, articulation in articulations.items():
        if not _collides_with_itself(stage.GetPrimAtPath(path)):
            pairs.update(articulation.body_pairs)
    pairs |= _group_pairs(stage, parsed, bodies, static_shapes)
    shapes = {shape.path for body in bodies.values() for shape in body.shapes}
    known = bodies.keys() | static_shapes.keys() | shapes
    return tuple(sorted(pair for pair in pairs if known.issuperset(pair)))


def _collides_with_itself(prim: Usd.Prim) -> bool:
    for name in ("newton:selfCollisionEnabled", "physxArticulation:enabledSelfCollisions"):
        attribute = prim.GetAttribute(name) if prim else None
        if attribute and attribute.HasAuthoredValue():
            return bool(attribute.Get())
    return False


def _group_pairs(
    stage: Usd.Stage, parsed: dict[Any, Any], bodies: Mapping[str, Body], static_shapes: Mapping[str, Shape]
) -> Pairs:
    groups = list(parsed.get(UsdPhysics.ObjectType.CollisionGroup, ([], []))[1])
    if not groups:
        return set()
    members: dict[str, set[str]] = {str(group.primPath): set() for group in groups}
    for path, body in bodies.items():
        solid = [shape for shape in body.shapes if shape.collides]
        together = len({shape.collision_groups for shape in solid}) == 1
        for shape in solid:
            for group in shape.collision_groups:
                members.setdefault(group, set()).add(path if together else shape.path)
    for path, shape in static_shapes.items():
        for group in shape.collision_groups:
            members.setdefault(group, set()).add(path)
    merged = _merged(stage, members)
    pairs: Pairs = set()
    for group in groups:
        own = str(group.primPath)
        named = {one for path in group.filteredGroups for one in merged.get(str(path), (str(path),))}
        # UsdPhysics' parser leaves its own invertFilteredGroups unset where the attribute is not authored.
        inverted = stage.GetPrimAtPath(own).GetAttribute("physics:invertFilteredGroups").Get() is True
        others = members.keys() - named if inverted else named
        for one, other in product(merged[own], others):
            _join(pairs, members.get(one, set()), members.get(other, set()))
    return pairs


def _merged(stage: Usd.Stage, groups: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """By group, those that physics:mergeGroup makes one with it, itself included."""
    names = {path: _merge_name(stage.GetPrimAtPath(path)) for path in groups}
    return {
        path: tuple(other for other in names if other == path or (name and names[other] == name))
        for path, name in names.items()
    }


def _merge_name(prim: Usd.Prim) -> str:
    attribute = prim.GetAttribute("physics:mergeGroup") if prim else None
    value = attribute.Get() if attribute else None
    return value if isinstance(value, str) else ""


def _join(pairs: Pairs, some: Iterable[str], others: Iterable[str]) -> None:
    for first, second in product(some, list(others)):
        pairs |= _pair(first, second)


def _pair(first: str, second: str) -> Pairs:
    if first == second:
        return set()
    return {(first, second) if first < second else (second, first)}
