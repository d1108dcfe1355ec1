"""What collisions are made of and whom they touch: friction and restitution, bit masks, self-collision."""

from __future__ import annotations

from itertools import combinations

from pxr import Sdf, Usd, UsdGeom, UsdPhysics, UsdShade

from hanzo_twin.scene.findings import Findings, Refusal
from hanzo_twin.scene.sdf.author import Author, author
from hanzo_twin.scene.sdf.numbers import flag, number
from hanzo_twin.scene.xml_document import Element

FRICTION = 1.0
"""Coefficient that SDFormat gives a surface that says nothing."""

_ALL_BITS = 0xFFFF
_SOLVER = ("contact/ode", "contact/bullet", "contact/poissons_ratio", "contact/elastic_modulus", "soft_contact")


class ContactWriter:
    """Binds physics materials to colliders and sorts them into collision groups."""

    def __init__(self, author: Author, root: Usd.Prim, findings: Findings) -> None:
        self._author = author
        self._root = root
        self._findings = findings
        self._materials: dict[tuple[float, float], UsdShade.Material] = {}
        self._masks: dict[tuple[int, int], list[Sdf.Path]] = {}

    def write(self, prim: Usd.Prim, collision: Element) -> None:
        """Give the collider ``prim`` the surface of ``collision``."""
        surface = collision.first("surface")
        friction, restitution = FRICTION, 0.0
        masks = (_ALL_BITS, _ALL_BITS)
        if surface is not None:
            friction = self._friction(surface)
            restitution = number(surface, "bounce/restitution_coefficient", 0.0)
            if friction < 0 or restitution < 0:
                raise Refusal(
                    "bad-material", f"Friction or restitution at {surface.where} is negative.", "Write zero or more."
                )
            masks = (_bits(surface, "collide_bitmask"), _bits(surface, "category_bitmask"))
            self._report(surface, prim)
        UsdShade.MaterialBindingAPI.Apply(prim).Bind(
            self._material(friction, restitution), UsdShade.Tokens.weakerThanDescendants, "physics"
        )
        self._masks.setdefault(masks, []).append(prim.GetPath())

    def finish(self) -> None:
        """Write the collision groups; call it when all colliders are written."""
        if set(self._masks) <= {(_ALL_BITS, _ALL_BITS)}:
            return
        scope = UsdGeom.Scope.Define(self._author.stage, self._root.GetPath().AppendChild("collision_groups")).GetPrim()
        groups: dict[tuple[int, int], UsdPhysics.CollisionGroup] = {}
        for masks, members in self._masks.items():
            path = scope.GetPath().AppendChild(f"collide_{masks[0]:x}_category_{masks[1]:x}")
            groups[masks] = UsdPhysics.CollisionGroup.Define(self._author.stage, path)
            groups[masks].GetCollidersCollectionAPI().CreateIncludesRel().SetTargets(members)
        for (first, group), (second, other) in combinations(groups.items(), 2):
            if not _touch(first, second):
                group.CreateFilteredGroupsRel().AddTarget(other.GetPath())
        for masks, group in groups.items():
            if not _touch(masks, masks):
                group.CreateFilteredGroupsRel().AddTarget(group.GetPath())

    def _friction(self, surface: Element) -> float:
        engine = "bullet" if surface.at("friction/ode") is None else "ode"
        names = ("friction", "friction2") if engine == "bullet" else ("mu", "mu2")
        first = number(surface, f"friction/{engine}/{names[0]}", FRICTION)
        second = number(surface, f"friction/{engine}/{names[1]}", first)
        if first != second:
            self._findings.warning(
                "sdf-lost",
                surface.where,
                f"Friction differs with direction ({first:g} and {second:g}); the first holds in all directions.",
                "",
            )
        return first

    def _report(self, surface: Element, prim: Usd.Prim) -> None:
        if flag(surface, "contact/collide_without_contact", default=False):
            self._findings.warning(
                "sdf-lost", surface.where, "collide_without_contact is not kept: the collider touches.", ""
            )
        if surface.at("friction/torsional") is not None and flag(
            surface, "friction/torsional/use_patch_radius", default=True
        ):
            self._findings.warning("sdf-lost", surface.where, "Torsional friction is not kept.", "")
        found = [path for path in _SOLVER if surface.at(path) is not None]
        if found:
            self._findings.info(
                "sdf-ignored", surface.where, f"{', '.join(found)}: settings of one solver; each engine has its own."
            )

    def _material(self, friction: float, restitution: float) -> UsdShade.Material:
        key = (friction, restitution)
        if key not in self._materials:
            scope = UsdGeom.Scope.Define(self._author.stage, self._root.GetPath().AppendChild("physics_materials"))
            path = scope.GetPath().AppendChild(f"surface_{len(self._materials) + 1}")
            material = UsdShade.Material.Define(self._author.stage, path)
            physics = UsdPhysics.MaterialAPI.Apply(material.GetPrim())
            physics.CreateStaticFrictionAttr(friction)
            physics.CreateDynamicFrictionAttr(friction)
            physics.CreateRestitutionAttr(restitution)
            self._materials[key] = material
        return self._materials[key]


def forbid_self_collision(model: Usd.Prim, links: list[Usd.Prim], *, one_tree: bool) -> None:
    """Keep the moving ``links`` of ``model`` from touching each other, as SDFormat does unless told otherwise."""
    if one_tree:
        author(model, "newton:selfCollisionEnabled", Sdf.ValueTypeNames.Bool, False)
        return
    for index, link in enumerate(links[:-1]):
        pairs = UsdPhysics.FilteredPairsAPI.Apply(link)
        pairs.CreateFilteredPairsRel().SetTargets([other.GetPath() for other in links[index + 1 :]])


def allow_self_collision(model: Usd.Prim) -> None:
    """Let the links of ``model``, an articulation, touch each other."""
    author(model, "newton:selfCollisionEnabled", Sdf.ValueTypeNames.Bool, True)


def _bits(surface: Element, name: str) -> int:
    text = surface.value(f"contact/{name}")
    try:
        return int(text, 0) if text else _ALL_BITS
    except ValueError:
        raise Refusal("bad-number", f"<{name}> at {surface.where} is '{text}'.", "Write an integer.") from None


def _touch(first: tuple[int, int], second: tuple[int, int]) -> bool:
    """Whether colliders with these (collide, category) masks touch; without categories the collide masks count."""
    if first[1] == second[1] == _ALL_BITS:
        return bool(first[0] & second[0])
    return bool(first[0] & second[1]) and bool(second[0] & first[1])
