"""Who touches whom in MuJoCo, and how.

MuJoCo takes the larger friction of two geoms; where materials differ, and where one bounces, their geoms are listed as
an explicit pair with the numbers of `hanzo_twin.engines.materials`.

MuJoCo has no coefficient of restitution. Contact of such a pair is a spring and damper that may only push, of a natural
half period of `BOUNCE_STEPS` steps; its damping ratio ζ gives the coefficient, in continuous time (Schwager, Pöschel,
"Coefficient of restitution and linear-dashpot model revisited", Granular Matter 9, 2007):

    e = exp(−ζ/√(1−ζ²) · (π − atan2(2ζ√(1−ζ²), 1 − 2ζ²)))

With the steps that there are, the speed after a bounce comes out within a tenth of the speed before it, depending on
where in a step the bodies meet; at speed v they meanwhile dig in by up to 2.5 v steps.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hanzo_twin.engines.materials import DEFAULT, friction_between, restitution_between
from hanzo_twin.engines.mujoco.plates import STIFFNESS
from hanzo_twin.engines.self_collision import rigid_parts, touches_itself
from hanzo_twin.errors import UnsupportedError
from hanzo_twin.scene.model import Articulation, Scene, Shape

BOUNCE_STEPS = 8
MAX_PAIRS = 20_000
PAIR_SEPARATOR = "|"
"""Stands between the names of the two geoms in the name of their pair; no prim path has it."""
# Bits that MuJoCo has for who collides: one for all, one for each of the first articulations.
_ARTICULATION_BITS = 30
_EVERYTHING = (1 << (_ARTICULATION_BITS + 1)) - 1
_IMPEDANCE = 0.9999


@dataclass(frozen=True, kw_only=True)
class Collider:
    """A geom: its name, the body of the scene or static shape that holds it, and its shape.

    ``own_rules``: attributes of MuJoCo say how it touches, so that MuJoCo's own rules combine it with others;
    ``plate``: it is one of `hanzo_twin.engines.mujoco.plates`.
    """

    name: str
    holder: str
    shape: Shape
    own_rules: bool
    plate: bool = False


def collision_bits(scene: Scene) -> dict[str, tuple[int, int]]:
    """(contype, conaffinity) by body: those of an articulation that does not touch itself have bits of their own."""
    bits = dict.fromkeys(scene.bodies, everything())
    for index, articulation in enumerate(_with_bits(scene), start=1):
        own = 1 << index
        bits.update(dict.fromkeys(articulation.bodies, (own, _EVERYTHING & ~own)))
    return bits


def everything() -> tuple[int, int]:
    """The bits of what collides with everything."""
    return 1, _EVERYTHING


def separated(scene: Scene) -> set[tuple[str, str]]:
    """Pairs of bodies, or of shapes with a body of their own, that do not collide and whose bits do not say so."""
    told = {pair for articulation in _with_bits(scene) for pair in articulation.body_pairs}
    return {_sorted(*pair) for pair in scene.filtered_pairs} - told


def _with_bits(scene: Scene) -> list[Articulation]:
    touching = touches_itself(scene)
    return [one for path, one in scene.articulations.items() if path not in touching][:_ARTICULATION_BITS]


def add_pairs(
    spec: Any, scene: Scene, colliders: list[Collider], bits: dict[str, tuple[int, int]], step_seconds: float
) -> None:
    """List the pairs of geoms whose materials differ or bounce.

    Raises:
        UnsupportedError: they are too many.
    """
    count = 0
    apart = separated(scene)
    welds = rigid_parts(scene)
    parents = {path: welds[joint.parent] for path, joint in scene.child_joint.items() if welds[path] == path}
    for first, second in _differing(scene, colliders):
        if not _may_touch(first, second, apart, bits, welds, parents):
            continue
        count += 1
        if count > MAX_PAIRS:
            raise UnsupportedError(
                f"Engine 'mujoco' has friction and restitution between different materials for {MAX_PAIRS} pairs of "
                "shapes at most; the scene has more.",
                hint="Give shapes that touch the same material.",
            )
        materials = [scene.materials.get(one.shape.material, DEFAULT) for one in (first, second)]
        friction = friction_between(*materials)
        options = bounce(restitution_between(*materials), step_seconds)
        if not options and (first.plate or second.plate):
            options = {"solref": list(STIFFNESS)}
        spec.add_pair(
            name=f"{first.name}{PAIR_SEPARATOR}{second.name}",
            geomname1=first.name,
            geomname2=second.name,
            condim=3,
            friction=[friction, friction, 0.005, 0.0001, 0.0001],
            **options,
        )


def _sorted(first: str, second: str) -> tuple[str, str]:
    return (first, second) if first < second else (second, first)


def _differing(scene: Scene, colliders: list[Collider]) -> Iterator[tuple[Collider, Collider]]:
    by_material: dict[str, list[Collider]] = {}
    for one in colliders:
        if not one.own_rules:
            by_material.setdefault(one.shape.material if one.shape.material in scene.materials else "", []).append(one)
    for some, others in itertools.combinations(by_material.values(), 2):
        yield from itertools.product(some, others)
    for path, members in by_material.items():
        material = scene.materials.get(path, DEFAULT)
        if material.restitution > 0.0 or friction_between(material, material) != material.dynamic_friction:
            yield from itertools.combinations(members, 2)


def _may_touch(
    first: Collider,
    second: Collider,
    apart: set[tuple[str, str]],
    bits: dict[str, tuple[int, int]],
    welds: dict[str, str],
    parents: dict[str, str],
) -> bool:
    one, other = (welds.get(collider.holder, "") for collider in (first, second))
    if one == other or (one and parents.get(one, "") == other != "") or (other and parents.get(other, "") == one != ""):
        return False
    if any(
        _sorted(mine, theirs) in apart
        for mine in (first.holder, first.shape.path)
        for theirs in (second.holder, second.shape.path)
    ):
        return False
    (kind, affinity), (other_kind, other_affinity) = (
        bits.get(collider.holder, everything()) for collider in (first, second)
    )
    return bool(kind & other_affinity or other_kind & affinity)


def bounce(restitution: float, step_seconds: float) -> dict[str, list[float]]:
    """MuJoCo's options of a contact with that restitution, none where it is zero.

    The reference is (−stiffness, −damping), both per unit of mass.
    """
    if restitution <= 0.0:
        return {}
    ratio = damping_ratio(min(restitution, 1.0))
    omega = math.pi / (BOUNCE_STEPS * step_seconds)
    reference = [-(omega**2) * _IMPEDANCE, -2 * ratio * omega * _IMPEDANCE]
    return {"solref": reference, "solimp": [_IMPEDANCE, _IMPEDANCE, 0.001, 0.5, 2]}


def damping_ratio(restitution: float) -> float:
    """ζ of a spring and damper that may only push and gives back ``restitution`` of the speed (0 < e ≤ 1)."""
    low, high = 0.0, 1.0 - 1e-9
    for _ in range(60):
        middle = (low + high) / 2
        root = math.sqrt(1.0 - middle**2)
        phase = math.pi - math.atan2(2 * middle * root, 1 - 2 * middle**2)
        low, high = (middle, high) if math.exp(-middle / root * phase) > restitution else (low, middle)
    return low
