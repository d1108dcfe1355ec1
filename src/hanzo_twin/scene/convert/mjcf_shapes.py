"""Shapes as geoms; meshes go to OBJ files, each once."""

from __future__ import annotations

import hashlib
from xml.etree.ElementTree import Element, SubElement

import numpy as np

from hanzo_twin.scene.convert.convert import meshes_folder
from hanzo_twin.scene.convert.meshes import write_obj
from hanzo_twin.scene.convert.mjcf_document import Document, numbers, placed
from hanzo_twin.scene.model import Box, Capsule, Cone, Cylinder, Material, Mesh, Plane, Shape, Sphere
from hanzo_twin.spatial import FloatArray, IntArray, Pose

_DEFAULT = Material(path="")
_CONE_SIDES = 64
_FLAT = 1e-9
_FEWEST = 4
_INTEGERS = ("condim", "priority", "group")
_REALS = ("solmix", "margin", "gap", "solref", "solimp")


class ShapeWriter:
    """Writes geoms into bodies."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._meshes: dict[str, str] = {}
        self._taken: set[str] = set()
        self._reported: set[str] = set()

    def write_static(self, path: str, shape: Shape) -> None:
        """A shape that stands still; on a body of its own where a filtered pair must name it."""
        document = self._document
        parent = document.section("worldbody")
        if any(path in pair for pair in document.scene.filtered_pairs):
            parent = SubElement(parent, "body", {"name": document.bodies[path]})
            document.elements[path] = parent
        self.write(parent, shape)

    def write(self, parent: Element, shape: Shape) -> None:
        offset, values = self._geometry(shape)
        if not values:
            return
        values = {"name": self._document.geoms[shape.path], **values, **placed(shape.pose @ offset)}
        if shape.collides:
            values |= self._friction(shape)
        else:
            values |= {"contype": "0", "conaffinity": "0"}
        values |= self._native(shape)
        if not shape.visible:
            values.setdefault("group", "3")
        if shape.color is not None:
            values["rgba"] = numbers(shape.color)
        SubElement(parent, "geom", values)
        if shape.semantic_label:
            self._document.lost("label-lost", shape.path, f"Its label '{shape.semantic_label}' is lost.")

    def _native(self, shape: Shape) -> dict[str, str]:
        found: dict[str, str] = {}
        for name in (*_INTEGERS, *_REALS):
            value = self._document.native(shape.path, name)
            if isinstance(value, tuple):
                found[name] = numbers(value)
            elif isinstance(value, (int, float)):
                found[name] = str(int(value)) if name in _INTEGERS else numbers([value])
        return found

    def _friction(self, shape: Shape) -> dict[str, str]:
        document = self._document
        material = document.scene.materials.get(shape.material, _DEFAULT)
        self._report(material)
        rest = [document.native(material.path, name) for name in ("torsionalfriction", "rollingfriction")]
        torsion, roll = (
            float(value) if isinstance(value, (int, float)) else default
            for value, default in zip(rest, (0.005, 0.0001), strict=True)
        )
        return {"friction": numbers((material.dynamic_friction, torsion, roll))}

    def _report(self, material: Material) -> None:
        if material.path in self._reported:
            return
        self._reported.add(material.path)
        if material.restitution:
            what = f"Its restitution {material.restitution:g} is lost; MJCF has none."
            self._document.lost("restitution-lost", material.path, what)
        if material.friction_combine != "max":
            what = f"Between two materials MuJoCo takes the larger friction, not their {material.friction_combine}."
            self._document.changed("friction-rule", material.path, what)
        if material.static_friction != material.dynamic_friction:
            what = f"Its static friction {material.static_friction:g} is lost; the dynamic one is kept."
            self._document.lost("static-friction-lost", material.path, what)

    def _geometry(self, shape: Shape) -> tuple[Pose, dict[str, str]]:
        """Where MuJoCo's frame is in the shape's frame, and the geom; nothing for what it cannot hold."""
        here = Pose.identity()
        match shape.geometry:
            case Box(half_extents=half):
                return here, {"type": "box", "size": numbers(half)}
            case Sphere(radius=radius):
                return here, {"type": "sphere", "size": numbers([radius])}
            case Capsule(radius=radius, half_height=half_height):
                return here, {"type": "capsule", "size": numbers((radius, half_height))}
            case Cylinder(radius=radius, half_height=half_height):
                return here, {"type": "cylinder", "size": numbers((radius, half_height))}
            case Plane():
                return here, {"type": "plane", "size": "0 0 1"}
            case Cone():
                self._document.changed("cone-meshed", shape.path, f"The cone is a mesh of {_CONE_SIDES} sides.")
                return here, self._mesh(shape, _cone(shape.geometry))
            case Mesh():
                return self._mesh_or_bound(shape, shape.geometry)

    def _mesh_or_bound(self, shape: Shape, mesh: Mesh) -> tuple[Pose, dict[str, str]]:
        low, high = mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)
        if shape.collides and mesh.approximation == "boundingCube":
            return Pose.of((low + high) / 2), {"type": "box", "size": numbers((high - low) / 2)}
        if shape.collides and mesh.approximation == "boundingSphere":
            radius = float(np.linalg.norm(mesh.vertices - (low + high) / 2, axis=1).max())
            return Pose.of((low + high) / 2), {"type": "sphere", "size": numbers([radius])}
        if shape.collides and mesh.approximation != "convexHull":
            what = f"It collided as '{mesh.approximation}'; MuJoCo collides its convex hull."
            self._document.changed("mesh-hull", shape.path, what)
        return Pose.identity(), self._mesh(shape, mesh)

    def _mesh(self, shape: Shape, mesh: Mesh) -> dict[str, str]:
        if shape.collides and _is_flat(mesh.vertices):
            self._document.lost("shape-lost", shape.path, "The mesh has no volume; MuJoCo collides none that is flat.")
            return {}
        if len(mesh.vertices) < _FEWEST:
            self._document.lost("shape-lost", shape.path, f"MuJoCo takes no mesh of {len(mesh.vertices)} points.")
            return {}
        content = mesh.vertices.tobytes() + mesh.triangles.tobytes()
        digest = hashlib.sha256(content).hexdigest()
        if digest not in self._meshes:
            self._meshes[digest] = self._write_file(shape, mesh)
        return {"type": "mesh", "mesh": self._meshes[digest]}

    def _write_file(self, shape: Shape, mesh: Mesh) -> str:
        name = self._document.geoms[shape.path]
        folder = meshes_folder(self._document.path)
        write_obj(mesh, folder / f"{name}.obj")
        self._document.section("compiler").set("meshdir", folder.name)
        # Masses are written with the bodies; a shell also takes meshes that are not closed.
        values = {"name": name, "file": f"{name}.obj", "inertia": "shell"}
        SubElement(self._document.section("asset"), "mesh", values)
        return name


def _is_flat(vertices: FloatArray) -> bool:
    if len(vertices) < _FEWEST:
        return True
    spread = np.linalg.svd(vertices - vertices.mean(axis=0), compute_uv=False)
    return bool(spread[2] <= _FLAT * spread[0])


def _cone(cone: Cone) -> Mesh:
    angles = np.linspace(0.0, 2 * np.pi, _CONE_SIDES, endpoint=False)
    rim = np.stack(
        [cone.radius * np.cos(angles), cone.radius * np.sin(angles), np.full(_CONE_SIDES, -cone.half_height)], axis=1
    )
    apex, base = _CONE_SIDES, _CONE_SIDES + 1
    this = np.arange(_CONE_SIDES)
    following = (this + 1) % _CONE_SIDES
    sides = np.stack([this, following, np.full(_CONE_SIDES, apex)], axis=1)
    bottom = np.stack([following, this, np.full(_CONE_SIDES, base)], axis=1)
    triangles: IntArray = np.vstack([sides, bottom]).astype(np.int64)
    ends = [[0.0, 0.0, cone.half_height], [0.0, 0.0, -cone.half_height]]
    return Mesh(vertices=np.vstack([rim, ends]), triangles=triangles, approximation="convexHull")
