"""What differs between two scenes, thing by thing and value by value."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass
from typing import Any, Literal

import numpy as np

from hanzo_twin.scene.model import Body, Mesh, Scene, Shape
from hanzo_twin.spatial import FloatArray, Pose, rotation_matrix

_KINDS = {
    "body": "bodies",
    "joint": "joints",
    "static shape": "static_shapes",
    "articulation": "articulations",
    "material": "materials",
    "sensor": "sensors",
    "camera": "cameras",
    "light": "lights",
    "attribute": "attributes",
    "engine attribute": "engine_attributes",
}
_SKIPPED = ("path", "shapes", "mass_source", "mass", "diagonal_inertia", "principal_axes")


@dataclass(frozen=True, kw_only=True)
class Change:
    """One difference: a thing that only one scene has (``field`` is ""), or a value that is not the same.

    Args:
        kind: ``added`` (only in the second), ``removed`` (only in the first) or ``changed``.
        thing: body, joint, shape, material …
        path: in the first scene, in the second for what was added.
        old / new: values as text, "" where there is none.
    """

    kind: Literal["added", "removed", "changed"]
    thing: str
    path: str
    field: str = ""
    old: str = ""
    new: str = ""

    def to_dict(self) -> dict[str, str]:
        return asdict(self)


def compare_scenes(first: Scene, second: Scene, *, tolerance: float = 1e-6) -> tuple[Change, ...]:
    """Everything in which ``second`` differs from ``first``; what loading had to say is not compared.

    Things belong together when they have the same path, else when they alone have the same last name (formats differ
    in their paths); of two bodies that belong together, also shapes that are equal.

    Args:
        tolerance: numbers this close are equal: |a − b| ≤ tolerance · max(1, |a|, |b|); masses and inertias
            relative to themselves.
    """
    return tuple(_Comparison(first, second, tolerance).run())


class _Comparison:
    def __init__(self, first: Scene, second: Scene, tolerance: float) -> None:
        self._scenes = (first, second)
        self._tolerance = tolerance
        shapes = [_shapes(first), _shapes(second)]
        self._things: list[tuple[str, Mapping[str, Any], Mapping[str, Any]]] = [
            (thing, getattr(first, name), getattr(second, name)) for thing, name in _KINDS.items()
        ]
        self._things.insert(1, ("shape", shapes[0], shapes[1]))
        self._same = [_matched(one, other) for _, one, other in self._things]
        self._match_moved_shapes()
        self._partner = {path: other for found in self._same for path, other in found.items()}

    def run(self) -> Iterator[Change]:
        first, second = self._scenes
        for name in ("gravity", "step_hint"):
            old, new = getattr(first, name), getattr(second, name)
            if not self._equal(old, new):
                yield Change(
                    kind="changed", thing="scene", path=first.gravity_path, field=name, old=_text(old), new=_text(new)
                )
        for (thing, one, other), same in zip(self._things, self._same, strict=True):
            for path in one:
                if path not in same:
                    yield Change(kind="removed", thing=thing, path=path, old=_summary(one[path]))
                else:
                    yield from self._changes(thing, path, one[path], other[same[path]])
            for path in other:
                if path not in same.values():
                    yield Change(kind="added", thing=thing, path=path, new=_summary(other[path]))
        yield from self._pairs()

    def _match_moved_shapes(self) -> None:
        """Bring shapes together that only have another path; a body that was a shape itself has it below, elsewhere."""
        first, second = self._scenes
        bodies, shapes = self._same[0], self._same[1]
        for path, other in bodies.items():
            found = set(shapes.values())
            left = [shape for shape in second.bodies[other].shapes if shape.path not in found]
            for shape in first.bodies[path].shapes:
                if shape.path in shapes:
                    continue
                same = next((each for each in left if self._alike(shape, each)), None)
                if same is not None:
                    shapes[shape.path] = same.path
                    left.remove(same)

    def _alike(self, one: Shape, other: Shape) -> bool:
        return one.collides == other.collides and self._same_surface(one, other)

    def _same_surface(self, one: Shape, other: Shape) -> bool:
        """Whether both fill the same place on their body, whatever frame the corners of a mesh are counted from."""
        first, second = one.geometry, other.geometry
        if self._equal(one.pose, other.pose) and self._equal(first, second):
            return True
        return (
            isinstance(first, Mesh)
            and isinstance(second, Mesh)
            and first.approximation == second.approximation
            and np.array_equal(first.triangles, second.triangles)
            and self._near(_corners(one.pose, first), _corners(other.pose, second))
        )

    def _changes(self, thing: str, path: str, old: Any, new: Any, prefix: str = "") -> Iterator[Change]:
        if type(old) is not type(new) or not is_dataclass(old) or isinstance(old, Pose | Mesh):
            if not self._equal(old, new):
                name = prefix.rstrip(".") or "value"
                yield Change(kind="changed", thing=thing, path=path, field=name, old=_text(old), new=_text(new))
            return
        if isinstance(old, Body) and isinstance(new, Body):
            yield from self._inertia(old, new)
        skipped: tuple[str, ...] = _SKIPPED
        if isinstance(old, Shape) and isinstance(new, Shape) and self._same_surface(old, new):
            skipped += ("geometry", "pose")
        for item in fields(old):
            if item.name not in skipped or prefix:
                pair = (getattr(old, item.name), getattr(new, item.name))
                yield from self._changes(thing, path, *pair, prefix=f"{prefix}{item.name}.")

    def _inertia(self, old: Body, new: Body) -> Iterator[Change]:
        """Of mass and inertia, whose size says nothing of how much they matter; axes may be named in several ways."""
        before, after = old.inertia, new.inertia
        if np.abs(before - after).max() > self._tolerance * max(np.abs(before).max(), np.abs(after).max()):
            texts = [f"({_listed(each[[0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]])})" for each in (before, after)]
            yield Change(kind="changed", thing="body", path=old.path, field="inertia", old=texts[0], new=texts[1])
        if abs(old.mass - new.mass) > self._tolerance * max(old.mass, new.mass):
            masses = (_text(old.mass), _text(new.mass))
            yield Change(kind="changed", thing="body", path=old.path, field="mass", old=masses[0], new=masses[1])

    def _equal(self, old: Any, new: Any) -> bool:
        if isinstance(old, bool) or isinstance(new, bool):
            return bool(old == new)
        if isinstance(old, int | float) and isinstance(new, int | float):
            return old == new or abs(old - new) <= self._tolerance * max(1.0, abs(old), abs(new))
        if isinstance(old, Pose) and isinstance(new, Pose):
            turned = old.orientation if old.orientation @ new.orientation >= 0 else -old.orientation
            return self._near(old.position, new.position) and self._near(turned, new.orientation)
        if isinstance(old, Mesh) and isinstance(new, Mesh):
            return (
                old.approximation == new.approximation
                and np.array_equal(old.triangles, new.triangles)
                and self._near(old.vertices, new.vertices)
            )
        if isinstance(old, tuple) and isinstance(new, tuple):
            return len(old) == len(new) and all(self._equal(*pair) for pair in zip(old, new, strict=True))
        if is_dataclass(old) and type(old) is type(new):
            return all(self._equal(getattr(old, item.name), getattr(new, item.name)) for item in fields(old))
        return bool(old == new) or (isinstance(old, str) and self._partner.get(old) == new)

    def _near(self, old: Any, new: Any) -> bool:
        if old.shape != new.shape:
            return False
        size = np.maximum(1.0, np.maximum(np.abs(old), np.abs(new)))
        return bool((np.abs(old - new) <= self._tolerance * size).all())

    def _pairs(self) -> Iterator[Change]:
        first, second = self._scenes
        mapped = {_sorted(self._partner.get(a, a), self._partner.get(b, b)): (a, b) for a, b in first.filtered_pairs}
        other = {_sorted(*pair) for pair in second.filtered_pairs}
        for pair, (a, b) in mapped.items():
            if pair not in other:
                yield Change(kind="removed", thing="filtered pair", path=a, old=b)
        for a, b in sorted(other - mapped.keys()):
            yield Change(kind="added", thing="filtered pair", path=a, new=b)


def _shapes(scene: Scene) -> dict[str, Shape]:
    return {shape.path: shape for body in scene.bodies.values() for shape in body.shapes}


def _matched(first: Iterable[str], second: Iterable[str]) -> dict[str, str]:
    others = dict.fromkeys(second)
    same = {path: path for path in first if path in others}
    left: dict[str, list[str]] = {}
    for path in others:
        if path not in same:
            left.setdefault(path.rpartition("/")[2], []).append(path)
    open_paths = [path for path in first if path not in same]
    names = [path.rpartition("/")[2] for path in open_paths]
    for path, name in zip(open_paths, names, strict=True):
        if names.count(name) == 1 and len(left.get(name, [])) == 1:
            same[path] = left[name][0]
    return same


def _corners(pose: Pose, mesh: Mesh) -> FloatArray:
    """Corners of a mesh in the frame of its body, [n, 3]."""
    corners: FloatArray = mesh.vertices @ rotation_matrix(pose.orientation).T + pose.position
    return corners


def _sorted(a: str, b: str) -> tuple[str, str]:
    return (a, b) if a < b else (b, a)


def _summary(value: Any) -> str:
    if isinstance(value, Body):
        return f"{value.mass:.6g} kg"
    if isinstance(value, Shape):
        return type(value.geometry).__name__
    return str(getattr(value, "kind", "")) if is_dataclass(value) else _text(value)


def _text(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool | str):
        return str(value).lower() if isinstance(value, bool) else value or "none"
    if isinstance(value, int | float):
        return "unlimited" if math.isinf(value) else f"{value:.9g}"
    if isinstance(value, Pose):
        return f"({_listed(value.position)}) turned ({_listed(value.orientation)})"
    if isinstance(value, Mesh):
        return f"{len(value.vertices)} vertices, {len(value.triangles)} triangles, {value.approximation}"
    if isinstance(value, tuple):
        return f"({', '.join(_text(each) for each in value)})"
    if is_dataclass(value):
        inside = ", ".join(f"{item.name} {_text(getattr(value, item.name))}" for item in fields(value))
        return f"{type(value).__name__}({inside})"
    return str(value)


def _listed(values: Any) -> str:
    return ", ".join(f"{value + 0.0:.6g}" for value in values)
