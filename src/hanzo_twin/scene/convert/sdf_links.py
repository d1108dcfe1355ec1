"""Bodies and shapes in SDFormat."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement

from hanzo_twin.scene.convert.meshes import write_obj
from hanzo_twin.scene.convert.names import short_names
from hanzo_twin.scene.convert.report import Entry, changed, lost
from hanzo_twin.scene.convert.xml_text import numbers, text
from hanzo_twin.scene.model import (
    Body,
    Box,
    Capsule,
    Cone,
    Cylinder,
    Geometry,
    Material,
    Mesh,
    Plane,
    Scene,
    Shape,
    Sphere,
)
from hanzo_twin.spatial import Pose

_OPTIMIZATION = {"convexHull": "convex_hull", "convexDecomposition": "convex_decomposition"}
_FLOOR = "100 100"


def pose(parent: Element, value: Pose) -> None:
    """A ``<pose>`` as position and quaternion, none for the identity."""
    w, x, y, z = value.orientation.tolist()
    if value == Pose.identity():
        return
    text(parent, "pose", numbers([*value.position.tolist(), x, y, z, w]), rotation_format="quat_xyzw")


class LinkWriter:
    """Fills ``<link>`` elements; meshes go to the folder ``meshes``."""

    def __init__(self, scene: Scene, meshes: Path, entries: list[Entry]) -> None:
        self._scene = scene
        self._meshes = meshes
        self._entries = entries
        self._files: set[str] = set()

    def write_body(self, link: Element, body: Body) -> None:
        """Mass, flags and shapes of ``body``."""
        inertial = SubElement(link, "inertial")
        pose(inertial, Pose.of(body.center_of_mass, body.principal_axes))
        text(inertial, "mass", float(body.mass))
        inertia = SubElement(inertial, "inertia")
        for name, moment in zip(("ixx", "iyy", "izz"), body.diagonal_inertia, strict=True):
            text(inertia, name, float(moment))
        for name in ("ixy", "ixz", "iyz"):
            text(inertia, name, 0.0)
        if not body.gravity_enabled:
            text(link, "gravity", value=False)
        if body.kinematic:
            text(link, "kinematic", value=True)
        if any(body.linear_velocity) or any(body.angular_velocity):
            self._entries.append(lost("velocity-lost", body.path, "SDF links start at rest."))
        self.write_shapes(link, body.shapes)

    def write_shapes(self, link: Element, shapes: Sequence[Shape]) -> None:
        """Collisions, and visuals of what is seen."""
        names = short_names([shape.path for shape in shapes])
        for shape in shapes:
            if shape.collides:
                element = self._shape(link, "collision", names[shape.path], shape)
                self._surface(element, shape)
            if shape.visible and not (shape.collides and isinstance(shape.geometry, Plane)):
                self._look(self._shape(link, "visual", names[shape.path], shape), shape)

    def _shape(self, link: Element, tag: str, name: str, shape: Shape) -> Element:
        element = SubElement(link, tag, {"name": name if tag == "collision" else f"{name}_visual"})
        pose(element, shape.pose)
        self._geometry(SubElement(element, "geometry"), shape)
        return element

    def _geometry(self, parent: Element, shape: Shape) -> None:
        geometry: Geometry = shape.geometry
        match geometry:
            case Box(half_extents=half):
                text(SubElement(parent, "box"), "size", numbers(2 * length for length in half))
            case Sphere(radius=radius):
                text(SubElement(parent, "sphere"), "radius", float(radius))
            case Capsule() | Cylinder() | Cone():
                kind = SubElement(parent, type(geometry).__name__.lower())
                text(kind, "radius", float(geometry.radius))
                text(kind, "length", 2.0 * geometry.half_height)
            case Plane():
                plane = SubElement(parent, "plane")
                text(plane, "normal", "0 0 1")
                text(plane, "size", _FLOOR)
            case Mesh():
                self._mesh(parent, geometry, shape)

    def _mesh(self, parent: Element, mesh: Mesh, shape: Shape) -> None:
        name = shape.path.strip("/").replace("/", "_") + ".obj"
        if name not in self._files:
            write_obj(mesh, self._meshes / name)
            self._files.add(name)
        optimization = _OPTIMIZATION.get(mesh.approximation, "")
        element = SubElement(parent, "mesh", {"optimization": optimization} if shape.collides and optimization else {})
        text(element, "uri", f"{self._meshes.name}/{name}")
        if shape.collides and not optimization and mesh.approximation != "none":
            what = f"It collides as the mesh itself, not as {mesh.approximation}: SDF has no word for that."
            self._entries.append(changed("approximation-changed", shape.path, what))

    def _surface(self, element: Element, shape: Shape) -> None:
        material = self._scene.materials.get(shape.material, Material(path=""))
        surface = SubElement(element, "surface")
        friction = SubElement(SubElement(surface, "friction"), "ode")
        for name in ("mu", "mu2"):
            text(friction, name, float(material.dynamic_friction))
        if material.restitution:
            text(SubElement(surface, "bounce"), "restitution_coefficient", float(material.restitution))
        if material.static_friction != material.dynamic_friction:
            static, dynamic = material.static_friction, material.dynamic_friction
            what = f"Its static friction {static:g} became {dynamic:g}, the dynamic one."
            self._entries.append(changed("friction-changed", material.path, what))

    def _look(self, element: Element, shape: Shape) -> None:
        if shape.color is not None:
            material = SubElement(element, "material")
            for name in ("ambient", "diffuse"):
                text(material, name, numbers((*shape.color[:3], 1.0)))
            if shape.color[3] < 1:
                text(element, "transparency", float(1 - shape.color[3]))
        if shape.semantic_label:
            plugin = SubElement(
                element, "plugin", {"filename": "gz-sim-label-system", "name": "gz::sim::systems::Label"}
            )
            text(plugin, "label", shape.semantic_label)
