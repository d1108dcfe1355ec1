"""One world, or one model without a world, onto a USD stage."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
from pxr import Gf, Sdf, Usd, UsdGeom, UsdPhysics

from hanzo_twin.scene.findings import Findings, Refusal
from hanzo_twin.scene.sdf import contacts, lights, plugins
from hanzo_twin.scene.sdf.author import Author, author, place
from hanzo_twin.scene.sdf.contacts import ContactWriter
from hanzo_twin.scene.sdf.couplings import CouplingWriter
from hanzo_twin.scene.sdf.frames import MODEL, WORLD, Frames, join
from hanzo_twin.scene.sdf.joints import JointWriter, WrittenJoint
from hanzo_twin.scene.sdf.links import LinkWriter
from hanzo_twin.scene.sdf.numbers import flag, number, vector
from hanzo_twin.scene.sdf.sensors import SensorWriter
from hanzo_twin.scene.sdf.shapes import ShapeWriter
from hanzo_twin.scene.xml_document import Element
from hanzo_twin.spatial import Pose

GRAVITY = (0.0, 0.0, -9.8)
"""What SDFormat takes for a world that says nothing."""

_WORLD_READ = ("model", "light", "physics", "gravity", "frame", "plugin")
_WORLD_IGNORED = ("gui", "scene", "magnetic_field", "atmosphere", "spherical_coordinates", "audio")
_MODEL_READ = ("model", "link", "joint", "frame", "pose", "static", "self_collide", "plugin", "placement_frame")
_MODEL_IGNORED = ("allow_auto_disable", "enable_wind")


class WorldWriter:
    """Writes the models of a file onto ``stage``, below the prim ``root``."""

    def __init__(
        self, stage: Usd.Stage, root: Usd.Prim, origin: Callable[[Element], Path], version: str, findings: Findings
    ) -> None:
        self._author = Author(stage)
        self._root = root
        self._version = version
        self._findings = findings
        self._frames = Frames()
        self._links: dict[str, Usd.Prim] = {}
        self._gearboxes: list[tuple[Element, str]] = []
        self._sensors = SensorWriter(self._author, findings)
        self._contacts = ContactWriter(self._author, root, findings)
        shapes = ShapeWriter(self._author, origin, findings)
        self._link_writer = LinkWriter(self._author, self._frames, shapes, self._contacts, self._on_link, findings)
        self._joints = JointWriter(self._author, self._frames, self._links, root, findings)

    def world(self, world: Element) -> None:
        """All of ``world``: an ``<sdf>`` element with several models will do, too."""
        self._frames.add_world(world)
        if world.tag == "world":
            self._physics(world)
        for model in world.all("model"):
            with self._findings.refusals(model.where):
                self._placed_model(self._root, WORLD, model, "", self._version, static=False)
        for light in world.all("light"):
            with self._findings.refusals(light.where):
                lights.write(self._author, self._root, light, self._frames.place(light, "", WORLD), self._findings)
        CouplingWriter(self._joints, self._frames, self._findings).write(self._gearboxes)
        for model in world.all("model"):
            self._plugins(model, "")
        plugins.of_model(world, "", self._joints.written, self._findings)
        self._contacts.finish()
        self._report(world, _WORLD_READ, _WORLD_IGNORED)
        self._report_renamed()

    def model(self, model: Element) -> None:
        """The only model of a file; ``root`` is its prim."""
        self._frames.add_model(model, "")
        self._joints.root_frame = join(model.name, MODEL)
        place(self._root, self._frames.pose_of(join(model.name, MODEL)))
        self._model(self._root, model, "", self._version, static=False)
        CouplingWriter(self._joints, self._frames, self._findings).write(self._gearboxes)
        self._plugins(model, "")
        self._contacts.finish()
        if model.name and self._root.GetName() != model.name:
            self._author.renamed[str(self._root.GetPath())] = model.name
        self._report_renamed()

    def _report_renamed(self) -> None:
        names = [(name, path) for path, name in self._author.renamed.items()]
        self._findings.renamed(str(self._root.GetPath()), names)

    def _physics(self, world: Element) -> None:
        path = self._author.path(self._root, "physics_scene")
        scene = UsdPhysics.Scene.Define(self._author.stage, path)
        with self._findings.refusals(world.where):
            gravity = vector(world, "gravity", GRAVITY)
            size = float(np.linalg.norm(gravity))
            scene.CreateGravityDirectionAttr(Gf.Vec3f(*(gravity / size if size else gravity).tolist()))
            scene.CreateGravityMagnitudeAttr(size)
            step = number(world, "physics/max_step_size", 0.0)
            if world.at("physics/max_step_size") is None:
                return
            if step <= 0:
                raise Refusal("bad-dimension", f"max_step_size is {step:g}.", "Write a positive number of seconds.")
            rate = max(1, round(1 / step))
            author(scene.GetPrim(), "newton:timeStepsPerSecond", Sdf.ValueTypeNames.Int, rate)
            if not math.isclose(rate * step, 1.0, rel_tol=1e-9):
                self._findings.warning("sdf-lost", str(path), f"The step of {step:g} s became 1/{rate} s.", "")

    def _placed_model(
        self, parent: Usd.Prim, parent_frame: str, model: Element, scope: str, version: str, *, static: bool
    ) -> list[Usd.Prim]:
        prim = self._author.define(UsdGeom.Xform, parent, model)
        own = self._frames.pose_of(join(join(scope, model.name), MODEL))
        place(prim, self._frames.pose_of(parent_frame).inverse() @ own)
        return self._model(prim, model, scope, version, static=static)

    def _model(self, prim: Usd.Prim, model: Element, scope: str, version: str, *, static: bool) -> list[Usd.Prim]:
        """Write ``model`` and those nested in it; the prims of its moving links, nested ones included."""
        own = join(scope, model.name)
        frame = join(own, MODEL)
        version = model.attributes.get("sdf_version") or version
        static = static or flag(model, "static", default=False)
        moving: list[Usd.Prim] = []
        for nested in model.all("model"):
            with self._findings.refusals(nested.where):
                moving += self._placed_model(prim, frame, nested, own, version, static=static)
        for link in model.all("link"):
            with self._findings.refusals(link.where):
                written = self._link_writer.write(prim, frame, link, own, static=static)
                self._links[join(own, link.name)] = written
                moving += [] if static else [written]
        for joint in model.all("joint"):
            with self._findings.refusals(joint.where):
                self._joint(prim, joint, own, version, static=static)
        self._report(model, _MODEL_READ, _MODEL_IGNORED)
        if not scope:
            self._as_one(prim, model, own, moving)
        return moving

    def _joint(self, model: Usd.Prim, joint: Element, own: str, version: str, *, static: bool) -> None:
        if static:
            self._findings.info("joint-static", joint.where, f"The joint '{joint.name}' is in a static model: no use.")
        elif joint.attributes.get("type") == "gearbox":
            self._gearboxes.append((joint, own))
        else:
            numbers = tuple(int(word) for word in re.findall(r"\d+", version)[:2])
            self._joints.write(model, joint, own, numbers or (1, 7))
            child = self._joints.written[join(own, joint.name)].child
            for sensor in joint.all("sensor"):
                if child:
                    self._sensor(sensor, own, join(own, joint.name), child)

    def _as_one(self, prim: Usd.Prim, model: Element, own: str, moving: list[Usd.Prim]) -> None:
        """Make an articulation of a model with joints, and settle whether its links touch each other."""
        joints = [joint for joint in self._joints.written.values() if (joint.scope + "::").startswith(f"{own}::")]
        articulated = any(not joint.prim.IsA(UsdPhysics.FixedJoint) for joint in joints)
        if articulated:
            UsdPhysics.ArticulationRootAPI.Apply(prim)
        if not flag(model, "self_collide", default=False) and len(moving) > 1:
            held = {self._links[end].GetPath() for joint in joints for end in (joint.parent, joint.child) if end}
            together = articulated and all(link.GetPath() in held for link in moving)
            one_tree = together and _components(joints) == 1
            contacts.forbid_self_collision(prim, moving, one_tree=one_tree)
        elif articulated:
            contacts.allow_self_collision(prim)
        for link in (link for nested in _models(model) for link in nested.all("link")):
            if link.first("self_collide") is not None:
                self._findings.warning(
                    "sdf-lost", link.where, "self_collide of a single link is not kept; that of its model holds.", ""
                )

    def _plugins(self, model: Element, scope: str) -> None:
        own = join(scope, model.name)
        for nested in model.all("model"):
            self._plugins(nested, own)
        plugins.of_model(model, own, self._joints.written, self._findings)

    def _on_link(self, link: Element, own: str, prim: Usd.Prim) -> None:
        """What ``link`` (full name ``own``) carries besides its body."""
        scope = own.rpartition("::")[0]
        for sensor in link.all("sensor"):
            with self._findings.refusals(sensor.where):
                self._sensors.write(prim, sensor, self._local(sensor, scope, own, own))
        for light in link.all("light"):
            with self._findings.refusals(light.where):
                lights.write(self._author, prim, light, self._local(light, scope, own, own), self._findings)

    def _sensor(self, sensor: Element, scope: str, joint: str, link: str) -> None:
        local = self._local(sensor, scope, joint, link)
        self._sensors.write(self._links[link], sensor, local, self._joints.written[joint].prim)

    def _local(self, element: Element, scope: str, default: str, link: str) -> Pose:
        return self._frames.pose_of(link).inverse() @ self._frames.place(element, scope, default)

    def _report(self, element: Element, read: tuple[str, ...], ignored: tuple[str, ...]) -> None:
        for child in element.children:
            if child.tag in ignored:
                self._findings.info("sdf-ignored", child.where, f"<{child.tag}> says nothing that is simulated here.")
            elif child.tag not in read and ":" not in child.tag:
                self._findings.warning("sdf-lost", child.where, f"<{child.tag}> of '{element.name}' is not kept.", "")


def _models(model: Element) -> list[Element]:
    return [model, *(below for nested in model.all("model") for below in _models(nested))]


def _components(joints: list[WrittenJoint]) -> int:
    """Number of groups of links that ``joints`` connect; the world connects nothing."""
    group: dict[str, str] = {}

    def top(link: str) -> str:
        while group.setdefault(link, link) != link:
            link = group[link]
        return link

    for joint in joints:
        first, second = (end or joint.prim.GetName() for end in (joint.parent, joint.child))
        group[top(first)] = top(second)
    return len({top(link) for link in list(group)})
