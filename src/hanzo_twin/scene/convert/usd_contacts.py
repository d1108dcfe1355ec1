"""Who does not touch whom, and what is commanded as one: collision groups, filtered pairs, articulation roots."""

from __future__ import annotations

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
            path: self._pairs.issuperset(articulation.body_pairs) for path, articulation in scene.articulations.items()
        }

    def connected(self, first: str, second: str) -> bool:
        """True where two bodies collide although a joint connects them, which UsdPhysics must be told."""
        return _sorted(first, second) not in self._pairs

    def write(self) -> None:
        told = {_sorted(joint.parent, joint.child) for joint in self._scene.joints.values() if joint.parent}
        for path, articulation in self._scene.articulations.items():
            prim = self._prims.at(path)
            UsdPhysics.ArticulationRootAPI.Apply(prim)
            if len(articulation.bodies) > 1:
                prim.ApplyAPI("NewtonArticulationRootAPI")
                told_apart = self._apart[path]
                prim.CreateAttribute("newton:selfCollisionEnabled", Sdf.ValueTypeNames.Bool, False).Set(not told_apart)
                told |= set(articulation.body_pairs) if told_apart else set()
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
