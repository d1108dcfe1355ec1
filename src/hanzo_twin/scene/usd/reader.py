"""One composed stage in, one `Scene` out."""

from __future__ import annotations

from typing import Any

from pxr import Usd, UsdGeom, UsdPhysics

from hanzo_twin.scene import tree, validate
from hanzo_twin.scene.findings import Findings, Refusal
from hanzo_twin.scene.model import Body, Scene, Shape
from hanzo_twin.scene.usd.bodies import BodyReader, rigid_bodies
from hanzo_twin.scene.usd.contacts import filtered_pairs
from hanzo_twin.scene.usd.engine_attributes import engine_attributes
from hanzo_twin.scene.usd.joints import JointReader
from hanzo_twin.scene.usd.shapes import ShapeReader, colliders, is_visible_gprim
from hanzo_twin.scene.usd.stage import trapped, uninstance
from hanzo_twin.scene.usd.surroundings import SurroundingsReader, gravity, materials, step_hint
from hanzo_twin.scene.usd.unread import report_unread
from hanzo_twin.scene.usd.values import Placements, Units


def read_stage(stage: Usd.Stage, source: str, findings: Findings) -> Scene:
    """The scene on ``stage``; what cannot be read is left out and reported as an error in ``findings``.

    Raises:
        Refusal: the stage as a whole cannot be understood.
    """
    with trapped(findings, source):
        uninstance(stage, findings)
        report_unread(stage, findings)
        return _Reader(stage, source, findings).read()


class _Reader:
    def __init__(self, stage: Usd.Stage, source: str, findings: Findings) -> None:
        self._stage = stage
        self._source = source
        self._findings = findings
        self._units = Units.of(stage)
        self._placements = Placements(self._units, findings)
        self._parsed: dict[Any, Any] = UsdPhysics.UsdPhysicsLoadStageFromPrimRange(stage, ["/"])
        self._materials = materials(self._stage, self._parsed, self._units, findings)
        self._descriptions = rigid_bodies(self._parsed, findings)

    def read(self) -> Scene:
        shapes, static_shapes = self._shapes()
        bodies = self._bodies(shapes)
        reader = JointReader(self._stage, self._units, self._placements, self._findings)
        joints = [
            joint
            for joint in reader.read_all(self._parsed, self._descriptions)
            if bodies.keys() | {""} >= {joint.parent, joint.child}
        ]
        roots = [str(prim.GetPath()) for prim in self._stage.Traverse() if prim.HasAPI(UsdPhysics.ArticulationRootAPI)]
        forest = tree.grow(tuple(bodies), joints, frozenset(roots), self._findings)
        settled, ordered = tree.settle(forest, bodies, roots, self._findings)
        articulations = tree.articulations(forest, roots, self._findings)
        scene_gravity, gravity_path = gravity(self._parsed, self._stage, self._units, self._findings)
        scene = Scene(
            source=self._source,
            gravity=scene_gravity,
            gravity_path=gravity_path,
            bodies=settled,
            joints=ordered,
            articulations=articulations,
            static_shapes=static_shapes,
            materials=self._materials,
            filtered_pairs=filtered_pairs(self._stage, self._parsed, settled, static_shapes, articulations),
            step_hint=step_hint(self._stage, gravity_path),
            prim_paths=tuple(str(prim.GetPath()) for prim in self._stage.Traverse()),
            **self._surroundings(settled, set(ordered)),
        )
        validate.check(scene, self._findings)
        return scene

    def _shapes(self) -> tuple[dict[str, list[Shape]], dict[str, Shape]]:
        """Shapes of each body, and those that stand still."""
        reader = ShapeReader(self._units, self._placements, self._findings)
        moving: dict[str, list[Shape]] = {path: [] for path in self._descriptions}
        static: dict[str, Shape] = {}
        solid = {str(description.primPath): description for description in colliders(self._parsed, self._findings)}
        for prim in self._stage.Traverse():
            path = str(prim.GetPath())
            description = solid.get(path)
            if description is None and not is_visible_gprim(prim):
                continue
            owner = self._owner(prim)
            with self._findings.refusals(path):
                try:
                    shape = reader.read(
                        prim,
                        self._placements.of(self._stage.GetPrimAtPath(owner)).pose if owner else None,
                        material=self._material(description),
                        groups=tuple(sorted(map(str, description.collisionGroups))) if description else (),
                        collides=description is not None,
                    )
                except Refusal as refusal:
                    if description is not None:
                        raise
                    self._findings.warning("visual-lost", path, refusal.message, refusal.remedy)
                    continue
                for part in reader.parts(prim, shape):
                    if owner:
                        moving[owner].append(part)
                    else:
                        static[part.path] = part
        return moving, static

    def _owner(self, prim: Usd.Prim) -> str:
        """Path of the body that ``prim`` is part of, "" for none."""
        while prim and not prim.IsPseudoRoot():
            if str(prim.GetPath()) in self._descriptions:
                return str(prim.GetPath())
            prim = prim.GetParent()
        return ""

    def _material(self, description: Any) -> str:
        names = [str(path) for path in description.materials] if description is not None else []
        return next((name for name in names if name in self._materials), "")

    def _bodies(self, shapes: dict[str, list[Shape]]) -> dict[str, Body]:
        reader = BodyReader(self._units, self._placements, self._materials, self._findings)
        order = {str(prim.GetPath()): index for index, prim in enumerate(self._stage.Traverse())}
        bodies: dict[str, Body] = {}
        for path in sorted(self._descriptions, key=lambda path: order.get(path, 0)):
            with self._findings.refusals(path):
                prim = self._stage.GetPrimAtPath(path)
                bodies[path] = reader.read(prim, self._descriptions[path], tuple(shapes[path]))
        return bodies

    def _surroundings(self, bodies: dict[str, Body], joints: set[str]) -> dict[str, Any]:
        reader = SurroundingsReader(self._units, self._placements, bodies.keys(), self._findings)
        kinds = ("cameras", "lights", "sensors", "attributes", "engine_attributes")
        found: dict[str, dict[str, Any]] = {kind: {} for kind in kinds}
        for prim in self._stage.Traverse():
            path = str(prim.GetPath())
            with self._findings.refusals(path):
                if prim.IsA(UsdGeom.Camera):
                    found["cameras"][path] = reader.camera(prim)
                if (light := reader.light(prim)) is not None:
                    found["lights"][path] = light
                if (sensor := reader.sensor(prim)) is not None:
                    found["sensors"][path] = sensor
                found["engine_attributes"].update(engine_attributes(prim))
                if path not in bodies and path not in joints:
                    found["attributes"].update(reader.attributes(prim))
        return found
