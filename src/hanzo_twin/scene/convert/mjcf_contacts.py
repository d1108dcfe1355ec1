"""Filtered pairs as contact bits where whole articulations stay apart, else as excludes."""

from __future__ import annotations

from itertools import combinations
from xml.etree.ElementTree import SubElement

from hanzo_twin.scene.convert.mjcf_document import Document

_MOST_BITS = 30
_EVERYTHING = (1 << (_MOST_BITS + 1)) - 1
_Pair = tuple[str, str]


def write_contacts(document: Document) -> None:
    """Write `Scene.filtered_pairs`."""
    told = _write_bits(document)
    if not _neighbours_filtered(document):
        flag = document.section("option").find("flag")
        flag = SubElement(document.section("option"), "flag") if flag is None else flag
        flag.set("filterparent", "disable")
    else:
        _tell_neighbours(document)
    owner, solid = _owners(document), _solid(document)
    written: set[_Pair] = set()
    for pair in document.scene.filtered_pairs:
        ends = [owner.get(path, "") for path in pair]
        if any(end in document.scene.bodies and end not in solid for end in ends):
            continue
        if not all(ends) or any(end not in document.elements for end in ends):
            document.lost("filtered-pair-lost", pair[0], f"That it does not collide with '{pair[1]}' is lost.")
            continue
        merged = _sorted(*ends)
        if merged in told or merged in written or merged[0] == merged[1]:
            continue
        written.add(merged)
        values = {"body1": document.bodies[merged[0]], "body2": document.bodies[merged[1]]}
        SubElement(document.section("contact"), "exclude", values)


def _tell_neighbours(document: Document) -> None:
    """Report bodies that shall collide, but are welded to neighbours at a joint, which MuJoCo never collides."""
    scene, solid = document.scene, _solid(document)
    pairs = set(scene.filtered_pairs)
    groups: dict[str, list[str]] = {}
    for path in scene.bodies:
        groups.setdefault(_weld_root(document, path), []).append(path)
    for root, members in groups.items():
        joint = scene.child_joint.get(root)
        if joint is None or not joint.parent:
            continue
        for above in groups[_weld_root(document, joint.parent)]:
            for below in members:
                apart = _sorted(above, below) in pairs or {above, below} == {joint.parent, joint.child}
                if not apart and {above, below} <= solid:
                    what = f"It shall collide with '{above}'; MuJoCo does not collide neighbours at a joint."
                    document.changed("neighbours-apart", below, what)


def _weld_root(document: Document, body: str) -> str:
    """The first body of those that are welded together with ``body``."""
    joint = document.scene.child_joint.get(body)
    while joint is not None and joint.kind == "fixed" and joint.parent:
        body = joint.parent
        joint = document.scene.child_joint.get(body)
    return body


def _write_bits(document: Document) -> set[_Pair]:
    """Give each articulation that does not touch itself a bit of its own; returns the pairs that this filters."""
    pairs = set(document.scene.filtered_pairs)
    told: set[_Pair] = set()
    bit = 0
    for articulation in document.scene.articulations.values():
        inside = {_sorted(*pair) for pair in combinations(articulation.bodies, 2)}
        if not inside or not inside <= pairs or bit == _MOST_BITS:
            continue
        bit += 1
        for body in articulation.bodies:
            element = document.elements.get(body)
            for geom in element.findall("geom") if element is not None else ():
                if geom.get("contype") is None:
                    geom.set("contype", str(1 << bit))
                    geom.set("conaffinity", str(_EVERYTHING & ~(1 << bit)))
        told |= inside
    if bit:
        for geom in document.root.iter("geom"):
            if geom.get("contype") is None:
                geom.set("conaffinity", str(_EVERYTHING))
    return told


def _neighbours_filtered(document: Document) -> bool:
    """Whether all pairs that MuJoCo filters by itself, neighbours at a moving joint, are filtered in the scene too."""
    scene = document.scene
    pairs = set(scene.filtered_pairs)
    solid = _solid(document)
    for joint in scene.joints.values():
        if joint.closes_loop or not joint.parent or joint.kind == "fixed":
            continue
        fixed_to_world = _welded_to_world(document, joint.parent)
        ends = {joint.parent, joint.child}
        if not fixed_to_world and ends <= solid and _sorted(joint.parent, joint.child) not in pairs:
            return False
    return True


def _solid(document: Document) -> set[str]:
    """Bodies that can touch something."""
    bodies = document.scene.bodies.values()
    return {body.path for body in bodies if any(shape.collides for shape in body.shapes)}


def _welded_to_world(document: Document, body: str) -> bool:
    joint = document.scene.child_joint.get(body)
    while joint is not None and joint.kind == "fixed":
        if not joint.parent:
            return True
        joint = document.scene.child_joint.get(joint.parent)
    return False


def _owners(document: Document) -> dict[str, str]:
    """Body (or static shape) that stands for each path in a filtered pair."""
    scene = document.scene
    owner = {path: path for path in (*scene.bodies, *scene.static_shapes)}
    for body in scene.bodies.values():
        solid = [shape.path for shape in body.shapes if shape.collides]
        if len(solid) == 1:
            owner.setdefault(solid[0], body.path)
    return owner


def _sorted(first: str, second: str) -> _Pair:
    return (first, second) if first < second else (second, first)
