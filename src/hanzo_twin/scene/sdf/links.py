"""Links as rigid bodies: inertia, colliders, looks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from pxr import Gf, Sdf, Usd, UsdGeom, UsdPhysics, Vt

from hanzo_twin.scene import mass as mass_of
from hanzo_twin.scene.findings import Findings, Refusal
from hanzo_twin.scene.mass import MassProperties
from hanzo_twin.scene.model import Box, Capsule, Cone, Cylinder, Sphere
from hanzo_twin.scene.sdf.author import Author, author, place, vec3f
from hanzo_twin.scene.sdf.contacts import ContactWriter
from hanzo_twin.scene.sdf.frames import Frames
from hanzo_twin.scene.sdf.looks import paint
from hanzo_twin.scene.sdf.numbers import flag, number, pose, vector
from hanzo_twin.scene.sdf.shapes import ShapeWriter, semantics
from hanzo_twin.scene.xml_document import Element
from hanzo_twin.spatial import FloatArray

_DENSITY = 1000.0
_LOST = ("velocity_decay", "audio_source", "audio_sink", "battery", "projector", "particle_emitter")
_MOMENTS = (("ixx", "ixy", "ixz"), ("ixy", "iyy", "iyz"), ("ixz", "iyz", "izz"))


class LinkWriter:
    """Writes links. ``surroundings`` writes what a link carries that is no physics: its sensors and lights."""

    def __init__(
        self,
        author: Author,
        frames: Frames,
        shapes: ShapeWriter,
        contacts: ContactWriter,
        surroundings: Callable[[Element, str, Usd.Prim], None],
        findings: Findings,
    ) -> None:
        self._author = author
        self._frames = frames
        self._shapes = shapes
        self._contacts = contacts
        self._surroundings = surroundings
        self._findings = findings

    def write(self, model: Usd.Prim, model_frame: str, link: Element, scope: str, *, static: bool) -> Usd.Prim:
        """The prim of ``link`` (in the model ``scope``) below ``model``; a static one is not a rigid body."""
        own = f"{scope}::{link.name}"
        prim = self._author.define(UsdGeom.Xform, model, link)
        place(prim, self._frames.pose_of(model_frame).inverse() @ self._frames.pose_of(own))
        if not static:
            self._body(prim, link)
        for tag in ("collision", "visual"):
            for element in link.all(tag):
                with self._findings.refusals(element.where):
                    self._shape(prim, element, own, scope, moves=not static)
        if not static:
            with self._findings.refusals(link.where):
                self._inertia(prim, link, scope, own)
        self._surroundings(link, own, prim)
        for element in link.children:
            if element.tag in _LOST:
                self._findings.warning("sdf-lost", element.where, f"<{element.tag}> of '{link.name}' is not kept.", "")
        return prim

    def _body(self, prim: Usd.Prim, link: Element) -> None:
        body = UsdPhysics.RigidBodyAPI.Apply(prim)
        with self._findings.refusals(link.where):
            if flag(link, "kinematic", default=False):
                body.CreateKinematicEnabledAttr(True)
            if not flag(link, "gravity", default=True):
                author(prim, "physxRigidBody:disableGravity", Sdf.ValueTypeNames.Bool, True)
            if flag(link, "enable_wind", default=False):
                self._findings.warning("sdf-lost", link.where, "enable_wind is not kept: there is no wind.", "")

    def _shape(self, body: Usd.Prim, element: Element, own: str, scope: str, *, moves: bool) -> None:
        place_of = self._frames.pose_of(own).inverse() @ self._frames.place(element, scope, own)
        prim = self._shapes.write(body, element, place_of, moves=moves)
        if prim is None:
            return
        if element.tag == "collision":
            self._contacts.write(prim, element)
            return
        paint(prim, element, self._shapes.origin, self._findings)
        for plugin in element.all("plugin"):
            if plugin.value("label") and "label" in plugin.attributes.get("filename", "").lower():
                semantics(prim, plugin.value("label"))
            else:
                name = plugin.attributes.get("filename", "")
                self._findings.warning("plugin-lost", plugin.where, f"The plugin '{name}' of a visual is not run.", "")

    def _inertia(self, prim: Usd.Prim, link: Element, scope: str, own: str) -> None:
        inertial = link.first("inertial")
        if inertial is not None and inertial.attributes.get("auto", "").lower() in ("true", "1"):
            found = self._automatic(prim, link, inertial, scope, own)
        elif inertial is None:
            self._findings.warning(
                "inertia-default",
                str(prim.GetPath()),
                f"The link '{link.name}' ({link.where}) has no <inertial>; SDFormat's default is taken: 1 kg, 1 kg·m² "
                "about each axis.",
                'Write <inertial>, with auto="true" to compute it from the collisions.',
            )
            found = MassProperties(mass=1.0, center=np.zeros(3), inertia=np.eye(3))
        else:
            found = _authored(inertial)
            if inertial.first("fluid_added_mass") is not None:
                self._findings.warning("sdf-lost", inertial.where, "fluid_added_mass is not kept.", "")
        _write_mass(prim, found)

    def _automatic(self, prim: Usd.Prim, link: Element, inertial: Element, scope: str, own: str) -> MassProperties:
        density = number(inertial, "density", _DENSITY)
        parts: list[MassProperties] = []
        for collision in link.all("collision"):
            unit = _of_geometry(collision.first("geometry"))
            if unit is None:
                continue
            where = self._frames.pose_of(own).inverse() @ self._frames.place(collision, scope, own)
            part = unit.scaled(number(collision, "density", density)).moved(where)
            if not part.mass > 0:
                raise Refusal(
                    "bad-mass",
                    f"The mass of the collision at {collision.where} is {part.mass:g} kg.",
                    "Give it a density.",
                )
            parts.append(part)
        if not parts:
            raise Refusal(
                "inertia-not-computed",
                f"The inertia of '{link.name}' shall be computed, but no collision of it has a volume that is known.",
                "Write <mass> and <inertia>; meshes are not integrated here.",
            )
        found = mass_of.combined(parts)
        wanted = number(inertial, "mass", 0.0)
        return found.scaled(wanted / found.mass) if wanted > 0 else found


def _authored(inertial: Element) -> MassProperties:
    frame = pose(inertial.first("pose"))
    values: list[list[float]] = [
        [number(inertial, f"inertia/{name}", float(row == column)) for column, name in enumerate(names)]
        for row, names in enumerate(_MOMENTS)
    ]
    mass = number(inertial, "mass", 1.0)
    if mass <= 0:
        raise Refusal("bad-mass", f"The mass at {inertial.where} is {mass:g} kg.", "Write a positive number.")
    return MassProperties(mass=mass, center=np.zeros(3), inertia=np.array(values)).moved(frame)


def _write_mass(prim: Usd.Prim, found: MassProperties) -> None:
    api = UsdPhysics.MassAPI.Apply(prim)
    api.CreateMassAttr(float(found.mass))
    api.CreateCenterOfMassAttr(vec3f(found.center))
    moments, axes = mass_of.principal(found.inertia)
    api.CreateDiagonalInertiaAttr(vec3f(moments))
    api.CreatePrincipalAxesAttr(Gf.Quatf(*[float(part) for part in axes]))
    inertia = (found.inertia + found.inertia.T) / 2
    values = [inertia[index] for index in ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))]
    author(prim, "newton:inertia", Sdf.ValueTypeNames.DoubleArray, Vt.DoubleArray([float(value) for value in values]))


def _of_geometry(geometry: Element | None) -> MassProperties | None:
    kind = next(iter(geometry.children), None) if geometry is not None else None
    if kind is None:
        return None
    radius, half = number(kind, "radius", 0.5), number(kind, "length", 1.0) / 2
    if kind.tag == "box":
        x, y, z = (vector(kind, "size", (1.0, 1.0, 1.0)) / 2).tolist()
        return mass_of.of_unit_density(Box(half_extents=(x, y, z)))
    if kind.tag == "sphere":
        return mass_of.of_unit_density(Sphere(radius=number(kind, "radius", 1.0)))
    if kind.tag == "ellipsoid":
        return _ellipsoid(vector(kind, "radii", (1.0, 1.0, 1.0)))
    for tag, schema in (("cylinder", Cylinder), ("capsule", Capsule), ("cone", Cone)):
        if kind.tag == tag:
            return mass_of.of_unit_density(schema(radius=radius, half_height=half))
    return None


def _ellipsoid(radii: FloatArray) -> MassProperties:
    volume = float(4 / 3 * np.pi * radii.prod())
    squares = radii**2
    moments = volume / 5 * (squares.sum() - squares)
    return MassProperties(mass=volume, center=np.zeros(3), inertia=np.diag(moments))
