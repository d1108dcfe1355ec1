"""Which friction and restitution hold where two materials touch: one rule for all engines, that of PhysX.

An engine that combines the numbers of two materials by a rule of its own is given numbers for which that rule gives
the same, where there are any: between the materials of a few bodies and of what stands there usually are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from hanzo_twin.scene.model import COMBINE_RULES, CombineRule, Material, Scene

DEFAULT = Material(path="")
"""Of shapes that have no material."""


def friction_between(first: Material, second: Material) -> float:
    """Coefficient of dynamic friction."""
    rule = _later(first.friction_combine, second.friction_combine)
    return combine(rule, first.dynamic_friction, second.dynamic_friction)


def restitution_between(first: Material, second: Material) -> float:
    """Coefficient of restitution."""
    return combine(_later(first.restitution_combine, second.restitution_combine), first.restitution, second.restitution)


def combine(rule: CombineRule, first: float, second: float) -> float:
    """One number of two, by ``rule``."""
    match rule:
        case "average":
            return (first + second) / 2
        case "min":
            return min(first, second)
        case "multiply":
            return first * second
        case "max":
            return max(first, second)


def _later(first: CombineRule, second: CombineRule) -> CombineRule:
    return max(first, second, key=COMBINE_RULES.index)


@dataclass(frozen=True, kw_only=True)
class Mismatch:
    """Where ``first`` and ``second`` touch, an engine has ``got`` in place of ``wanted``."""

    first: str
    second: str
    wanted: float
    got: float


@dataclass(frozen=True, kw_only=True)
class Coefficients:
    """One number for each material, "" being `DEFAULT`, for an engine that combines two of them by a rule of its own.

    ``mismatches`` are the pairs of materials that may touch and do not get what the scene says.
    """

    values: Mapping[str, float]
    mismatches: tuple[Mismatch, ...]


def for_products(scene: Scene, between: Callable[[Material, Material], float]) -> Coefficients:
    """Numbers whose products are what holds ``between`` materials that may touch; the roots of their own otherwise."""
    wanted = _wanted(scene, between)
    own = {path: math.sqrt(between(material, material)) for path, material in _materials(scene).items()}
    solved = _solve_products(own, wanted)
    values = own if solved is None else solved
    return Coefficients(values=values, mismatches=_mismatches(wanted, values, lambda a, b: a * b))


def for_minima(scene: Scene, between: Callable[[Material, Material], float]) -> Coefficients:
    """Numbers of which the smaller is what holds ``between`` materials that may touch; their own otherwise."""
    wanted = _wanted(scene, between)
    own = {path: between(material, material) for path, material in _materials(scene).items()}
    greatest = {path: max([value for pair, value in wanted.items() if path in pair], default=own[path]) for path in own}
    exact = not _mismatches(wanted, greatest, min)
    values = greatest if exact else own
    return Coefficients(values=values, mismatches=_mismatches(wanted, values, min))


def _materials(scene: Scene) -> dict[str, Material]:
    return {"": DEFAULT, **scene.materials}


def _wanted(scene: Scene, between: Callable[[Material, Material], float]) -> dict[tuple[str, str], float]:
    materials = _materials(scene)
    return {(one, other): between(materials[one], materials[other]) for one, other in _touching(scene)}


def _touching(scene: Scene) -> set[tuple[str, str]]:
    """Pairs of materials that may touch, sorted: of bodies not of one articulation, or of one and what stands."""
    group = {body: one.path for one in scene.articulations.values() for body in one.bodies}
    moving: dict[str, set[str]] = {}
    for body in scene.bodies.values():
        for shape in body.shapes:
            if shape.collides:
                material = shape.material if shape.material in scene.materials else ""
                moving.setdefault(material, set()).add(group.get(body.path, body.path))
    standing = {
        shape.material if shape.material in scene.materials else ""
        for shape in scene.static_shapes.values()
        if shape.collides
    }
    pairs = {(min(one, other), max(one, other)) for one in moving for other in standing}
    for one, its in moving.items():
        for other, others in moving.items():
            if one <= other and len(its | others) > 1:
                pairs.add((one, other))
    return pairs


def _solve_products(own: Mapping[str, float], wanted: Mapping[tuple[str, str], float]) -> dict[str, float] | None:
    """Numbers with those products, None where there are none; least squares of logarithms."""
    none = {path for path in own if (its := [value for pair, value in wanted.items() if path in pair]) and not any(its)}
    rest = {pair: value for pair, value in wanted.items() if none.isdisjoint(pair)}
    if any(value == 0.0 for value in rest.values()):
        return None
    index = {path: number for number, path in enumerate(own)}
    rows, right = np.zeros((len(rest), len(own))), np.array([math.log(value) for value in rest.values()])
    for row, (one, other) in zip(rows, rest, strict=True):
        row[index[one]] += 1.0
        row[index[other]] += 1.0
    start = np.array([math.log(value) if value > 0.0 else 0.0 for value in own.values()])
    # The solution nearest to the roots of their own, so that equal materials keep exactly these.
    found = np.exp(start + np.linalg.lstsq(rows, right - rows @ start, rcond=None)[0]) if rest else np.exp(start)
    values = {path: 0.0 if path in none else float(found[index[path]]) for path in own}
    if _mismatches(wanted, values, lambda a, b: a * b):
        return None
    touched = {path for pair in wanted for path in pair}
    return {path: values[path] if path in touched else own[path] for path in own}


def _mismatches(
    wanted: Mapping[tuple[str, str], float], values: Mapping[str, float], rule: Callable[[float, float], float]
) -> tuple[Mismatch, ...]:
    found = []
    for (first, second), value in wanted.items():
        got = rule(values[first], values[second])
        if abs(got - value) > 1e-9:
            found.append(Mismatch(first=first, second=second, wanted=value, got=got))
    return tuple(found)
