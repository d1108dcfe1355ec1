"""Who does not touch whom, and what is commanded as one: collision groups, filtered pairs, articulation roots."""

from __future__ import annotations

from itertools import combinations

from pxr import Sdf, UsdPhysics

from hanzo_twin.scene.convert.usd_prims import Prims
from hanzo_twin.scene.model import Scene, Shape


class ContactWriter:
    """Writes `Scene.filtered_pairs`: by joints and articulations where those mean the same, else pair by pair."""

    def __init__(self, prims: Prims, scene: Scene) -> None:
        self._prims = prims
        self._scene = scene
        self._pairs = set(scene.filtered_pairs)
        self._apart = {
            path: all(_sorted(*pair) in self._pairs for pair in combinations(articulation.bodies, 2))
            for path, articulation in scene.articulations.items()
        }

    def connected(self, first: str, second: str) -> bool:
        """True where two bodies collide although a joint connects them, which UsdPhysics must be told."""
        return _sorted(first, second) not in self._pairs

    def write(self) -> None:
        told = {_sorted(joint.parent, joint.child) for joint in self._scene.joints.values() if joint.parent}
        for path, articulation in self._scene.articulations.items():
            prim = self._prims.at(path)
            UsdPhysics.ArticulationRootAPI.Apply(prim)
            if self._apart[path] and len(articulation.bodies) > 1:
                prim.ApplyAPI("NewtonArticulationRootAPI")
                prim.CreateAttribute("newton:selfCollisionEnabled", Sdf.ValueTypeNames.Bool, False).Set(False)
                told |= {_sorted(*pair) for pair in combinations(articulation.bodies, 2)}
        for first, second in self._scene.filtered_pairs:
            if (first, second) not in told:
                pairs = UsdPhysics.FilteredPairsAPI.Apply(self._prims.at(first))
                pairs.CreateFilteredPairsRel().AddTarget(second)
        self._write_groups()

    def _write_groups(self) -> None:
        shapes: list[Shape] = [*self._scene.static_shapes.values()]
        shapes += [shape for body in self._scene.bodies.values() for shape in body.shapes]
        for shape in shapes:
            for path in shape.collision_groups:
                group = self._prims.define(path, UsdPhysics.CollisionGroup)
                group.GetCollidersCollectionAPI().CreateIncludesRel().AddTarget(shape.path)


def _sorted(first: str, second: str) -> tuple[str, str]:
    return (first, second) if first < second else (second, first)
