"""Shapes in URDF: boxes, spheres, cylinders and meshes; all others are made of these."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement

import numpy as np

from hanzo_twin.scene.convert.meshes import write_obj
from hanzo_twin.scene.convert.report import Entry, changed, lost
from hanzo_twin.scene.convert.urdf_joints import origin
from hanzo_twin.scene.convert.xml_text import numbers
from hanzo_twin.scene.model import Box, Capsule, Cone, Cylinder, Geometry, Mesh, Plane, Scene, Shape, Sphere
from hanzo_twin.spatial import Pose

_SIDES = 64
_PLANE, _DEEP = 200.0, 10.0


class ShapeWriter:
    """Writes the shapes of links; meshes go to the folder ``meshes``."""

    def __init__(self, scene: Scene, meshes: Path, entries: list[Entry]) -> None:
        self._scene = scene
        self._meshes = meshes
        self._entries = entries

    def write(self, link: Element, shapes: Sequence[Shape], into: Pose) -> None:
        """``shapes`` in a frame that ``into`` places in the link's: collisions, and visuals of what is seen."""
        for shape in shapes:
            parts = self._parts(shape)
            for index, (geometry, pose) in enumerate(parts):
                for tag in ("collision", "visual"):
                    if shape.collides if tag == "collision" else shape.visible:
                        name = shape.path.rpartition("/")[2] + (f"_{index + 1}" if index else "")
                        element = SubElement(link, tag, {"name": name})
                        origin(element, into @ shape.pose @ pose)
                        self._geometry(SubElement(element, "geometry"), geometry, shape)
                        if tag == "visual":
                            _paint(element, shape)
            self._report(shape)

    def _parts(self, shape: Shape) -> list[tuple[Geometry, Pose]]:
        """``shape`` as geometries that URDF has, each with its pose in the shape."""
        geometry, here = shape.geometry, Pose.identity()
        if isinstance(geometry, Capsule):
            self._entries.append(changed("capsule-split", shape.path, "It became a cylinder and two spheres."))
            ends = [(Sphere(radius=geometry.radius), Pose.of((0, 0, z * geometry.half_height))) for z in (1, -1)]
            middle = Cylinder(radius=geometry.radius, half_height=geometry.half_height)
            return [*([(middle, here)] if geometry.half_height > 0 else []), *ends]
        if isinstance(geometry, Cone):
            self._entries.append(changed("cone-meshed", shape.path, f"It became a mesh of {_SIDES} sides."))
            return [(_cone(geometry), here)]
        if isinstance(geometry, Plane):
            what = f"URDF has no planes: it became a box of {_PLANE:g} m × {_PLANE:g} m × {_DEEP:g} m below it."
            self._entries.append(changed("plane-boxed", shape.path, what))
            return [(Box(half_extents=(_PLANE / 2, _PLANE / 2, _DEEP / 2)), Pose.of((0.0, 0.0, -_DEEP / 2)))]
        return [(geometry, here)]

    def _geometry(self, parent: Element, geometry: Geometry, shape: Shape) -> None:
        match geometry:
            case Box(half_extents=half):
                SubElement(parent, "box", {"size": numbers(2 * length for length in half)})
            case Sphere(radius=radius):
                SubElement(parent, "sphere", {"radius": numbers([radius])})
            case Cylinder(radius=radius, half_height=half):
                SubElement(parent, "cylinder", {"radius": numbers([radius]), "length": numbers([2 * half])})
            case Mesh():
                file = self._meshes / (shape.path.strip("/").replace("/", "_") + ".obj")
                write_obj(geometry, file)
                SubElement(parent, "mesh", {"filename": f"{self._meshes.name}/{file.name}"})

    def _report(self, shape: Shape) -> None:
        geometry = shape.geometry
        if isinstance(geometry, Mesh) and shape.collides and geometry.approximation != "convexHull":
            what = f"It collided as {geometry.approximation}; read back, it collides as its convex hull."
            self._entries.append(changed("approximation-changed", shape.path, what))
        if shape.collision_groups:
            self._entries.append(lost("group-lost", shape.path, "URDF has no collision groups."))
        if shape.semantic_label:
            self._entries.append(lost("label-lost", shape.path, f"URDF has no labels ('{shape.semantic_label}')."))


def _paint(visual: Element, shape: Shape) -> None:
    if shape.color is not None:
        material = SubElement(visual, "material", {"name": shape.path.strip("/").replace("/", "_")})
        SubElement(material, "color", {"rgba": numbers(shape.color)})


def _cone(cone: Cone) -> Mesh:
    turns = np.linspace(0, 2 * math.pi, _SIDES, endpoint=False)
    rim = np.stack(
        [cone.radius * np.cos(turns), cone.radius * np.sin(turns), np.full(_SIDES, -cone.half_height)], axis=1
    )
    vertices = np.concatenate([rim, [[0, 0, cone.half_height], [0, 0, -cone.half_height]]])
    after = np.roll(np.arange(_SIDES), -1)
    sides = np.stack([np.arange(_SIDES), after, np.full(_SIDES, _SIDES)], axis=1)
    bottom = np.stack([after, np.arange(_SIDES), np.full(_SIDES, _SIDES + 1)], axis=1)
    return Mesh(vertices=vertices, triangles=np.concatenate([sides, bottom]))
