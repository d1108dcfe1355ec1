"""Whether a robot floats, is welded to the world, or is a part of the world; and links that have no mass.

A URDF says none of these. A link has the mass zero unless the file says another. A file of links without mass that no
joint moves is part of the world, as in Bullet and MuJoCo; a link without mass that is welded to something weighs next
to nothing; one that moves by itself gets the mass that its colliders would have.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from pxr import Gf, Usd, UsdPhysics

from hanzo_twin.scene.findings import Findings
from hanzo_twin.scene.urdf.check import JointEnds
from hanzo_twin.scene.xml_document import Element

LIGHT = 1e-9
"""Mass of a link without mass, of that of the robot's heaviest."""

_GYRATION = 0.1
_WORLD_NAMES = ("world", "map", "odom")
_OF_BODIES = ("PhysicsRigidBodyAPI", "PhysicsMassAPI", "NewtonMassAPI")


class Base:
    """A robot's root and the links that are welded to it."""

    def __init__(self, robot: Element, joints: tuple[JointEnds, ...]) -> None:
        self._below: dict[str, list[JointEnds]] = defaultdict(list)
        for ends in joints:
            self._below[ends.parent].append(ends)
        children = {ends.child for ends in joints}
        self._links = {link.name: link for link in robot.all("link")}
        self._root = next(name for name in self._links if name not in children)
        self._base = self._reach(self._root, fixed_only=True)

    def settle(self, stage: Usd.Stage, prims: Mapping[str, str], wanted: bool | None, findings: Findings) -> None:
        """Keep or remove the weld to the world that the converter gives every robot; give links without mass theirs.

        Args:
            prims: prim path of each link by its name.
            wanted: whether it floats, None to decide by its links.
        """
        path = str(stage.GetDefaultPrim().GetPath())
        floats, why = (wanted, "as asked for") if wanted is not None else self._floats()
        still = len(self._base) == len(self._links) and not any(map(mass, self._links.values()))
        if still and not wanted:
            elements = [element for link in self._links.values() for element in link.every()]
            _stand_still(stage, any(element.attributes.get("concave") == "yes" for element in elements))
            findings.info(
                "static-links",
                path,
                "No link has mass and no joint moves: it is part of the world, and collides without being a body.",
                "Give its link a mass to make it a body, or load it with floating_base=True.",
            )
            return
        self._lighten(stage, prims, floats, findings)
        if not floats:
            freeing = "Load it with floating_base=True to free it."
            findings.info("base-welded", path, f"The robot is welded to the world: {why}.", freeing)
            return
        _unweld(stage)
        if wanted:
            findings.info("base-floating", path, f"The robot floats: {why}.")
        else:
            findings.warning(
                "base-guessed",
                path,
                f"The robot is taken to float: {why}.",
                "Load it with floating_base=True or False to decide it yourself.",
            )

    def _floats(self) -> tuple[bool, str]:
        """Whether a robot floats, and why: legs or wheels are two or more moving branches that can touch something."""
        root = self._root
        if root in _WORLD_NAMES:
            return False, f"its root link is named '{root}'"
        if not any(mass(self._links[name]) for name in self._base):
            return False, f"its root link '{root}' has no mass"
        branches = [ends.child for name in self._base for ends in self._below[name] if not _is_fixed(ends)]
        touching = [
            child
            for child in branches
            if any(self._links[name].first("collision") for name in self._reach(child, fixed_only=False))
        ]
        if len(touching) >= 2:
            return True, f"{len(touching)} moving branches with colliders leave its base '{root}', like legs or wheels"
        return (
            False,
            f"fewer than two moving branches with colliders leave its base '{root}', so it has no legs or wheels",
        )

    def _lighten(self, stage: Usd.Stage, prims: Mapping[str, str], floats: bool, findings: Findings) -> None:
        """Give links without mass that are welded to one with mass, or to the world, next to none."""
        weight = LIGHT * (max(map(mass, self._links.values())) or 1.0)
        moved = {ends.child for below in self._below.values() for ends in below if not _is_fixed(ends)}
        for first in (self._root, *sorted(moved)):
            group = self._reach(first, fixed_only=True)
            bodies = {name: stage.GetPrimAtPath(prims[name]) for name in group if name in prims}
            weightless = [name for name, prim in bodies.items() if _is_body(prim) and not _authored_mass(prim)]
            held = first == self._root and not floats
            if held or any(mass(self._links[name]) for name in group):
                for name in weightless:
                    _weigh(bodies[name], weight)
            else:
                weightless = []
            if weightless:
                listed = ", ".join(f"'{name}'" for name in weightless)
                heavy = next((f"'{name}'" for name in group if mass(self._links[name])), "the world")
                findings.info(
                    "links-without-mass",
                    prims[weightless[0]],
                    f"These links have no mass and are welded to {heavy}; they weigh next to nothing "
                    f"({weight:.2g} kg each): {listed}.",
                )

    def _reach(self, start: str, *, fixed_only: bool) -> list[str]:
        """Links below ``start``, itself included."""
        found, open_links = list[str](), [start]
        while open_links:
            name = open_links.pop()
            found.append(name)
            open_links += [ends.child for ends in self._below[name] if not fixed_only or _is_fixed(ends)]
        return found


def mass(link: Element) -> float:
    """Mass of a link as its file says it, kg."""
    return float(link.text("inertial/mass", "value") or 0.0)


def _is_fixed(ends: JointEnds) -> bool:
    return ends.element.attributes["type"] == "fixed"


def _is_body(prim: Usd.Prim) -> bool:
    return bool(prim) and prim.HasAPI(UsdPhysics.RigidBodyAPI)


def _authored_mass(prim: Usd.Prim) -> float:
    return float(UsdPhysics.MassAPI(prim).GetMassAttr().Get() or 0.0)


def _weigh(prim: Usd.Prim, weight: float) -> None:
    full = prim.GetAttribute("newton:inertia")
    if full:
        full.Block()
    api = UsdPhysics.MassAPI.Apply(prim)
    api.CreateMassAttr(weight)
    api.CreateCenterOfMassAttr(Gf.Vec3f(0.0))
    api.CreateDiagonalInertiaAttr(Gf.Vec3f(weight * _GYRATION**2))
    api.CreatePrincipalAxesAttr(Gf.Quatf(1.0))


def _stand_still(stage: Usd.Stage, concave: bool) -> None:
    """Let all links be plain prims, whose colliders are part of the world; meshes collide as they are if ``concave``
    (Bullet's attribute), else as their hulls."""
    for prim in stage.Traverse():
        if prim.IsA(UsdPhysics.Joint):
            prim.SetActive(False)
        for name in _OF_BODIES:
            prim.RemoveAppliedSchema(name)
        if concave and prim.HasAPI(UsdPhysics.MeshCollisionAPI):
            UsdPhysics.MeshCollisionAPI(prim).CreateApproximationAttr(UsdPhysics.Tokens.none)


def _unweld(stage: Usd.Stage) -> None:
    for prim in stage.Traverse():
        if prim.IsA(UsdPhysics.FixedJoint):
            targets = UsdPhysics.Joint(prim).GetBody0Rel().GetTargets()
            if not targets or not _is_body(stage.GetPrimAtPath(targets[0])):
                prim.SetActive(False)
