"""A scene as an SDFormat 1.11 world: one model for each group of bodies that joints connect.

Poses are written as quaternions, numbers with all their digits. What Gazebo does not know but this package reads back
stands in elements of its own namespace (``hanzo:``).
"""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement

from hanzo_twin.scene.convert.convert import meshes_folder
from hanzo_twin.scene.convert.names import renamed, short_names
from hanzo_twin.scene.convert.report import Entry, changed, lost
from hanzo_twin.scene.convert.sdf_joints import write_drive, write_joint
from hanzo_twin.scene.convert.sdf_links import LinkWriter, pose
from hanzo_twin.scene.convert.sdf_surroundings import write_light, write_mounted
from hanzo_twin.scene.convert.xml_text import numbers, save, text
from hanzo_twin.scene.convert.zero import zero_poses
from hanzo_twin.scene.model import Body, Joint, Scene, Shape
from hanzo_twin.spatial import Pose

VERSION = "1.11"
NAMESPACE = "https://hanzo.ai/twin"
_STATIC = "static"


def write(scene: Scene, path: Path) -> list[Entry]:
    """Write ``scene`` to ``path`` (.sdf or .world); see `Writer`."""
    root = Element("sdf", {"version": VERSION, "xmlns:hanzo": NAMESPACE})
    writer = _Writer(scene, SubElement(root, "world", {"name": "World"}), meshes_folder(path))
    writer.write()
    save(root, path)
    return writer.entries


class _Writer:
    def __init__(self, scene: Scene, world: Element, meshes: Path) -> None:
        self._scene = scene
        self._world = world
        self._poses = zero_poses(scene)
        self._read_back: dict[str, str] = {}
        self.entries: list[Entry] = []
        self._links = LinkWriter(scene, meshes, self.entries)

    def write(self) -> None:
        scene = self._scene
        if scene.step_hint is not None:
            physics = SubElement(self._world, "physics", {"name": "step", "type": "ode"})
            text(physics, "max_step_size", scene.step_hint)
        text(self._world, "gravity", numbers(scene.gravity))
        groups = _groups(scene)
        names = short_names([self._model_path(group) for group in groups], taken=(_STATIC,))
        for group in groups:
            self._model(names[self._model_path(group)], group)
        self._static()
        for light in scene.lights.values():
            write_light(self._world, light, self.entries)
        self.entries += renamed({path: name for path, name in self._read_back.items() if path != name})
        self._report()

    def _model_path(self, group: list[str]) -> str:
        articulation = next((path for path, each in self._scene.articulations.items() if group[0] in each.bodies), "")
        return articulation or group[0]

    def _model(self, name: str, group: list[str]) -> None:
        scene = self._scene
        model = SubElement(self._world, "model", {"name": name})
        base = self._poses[group[0]]
        pose(model, base)
        inside = set(group)
        joints = [joint for joint in scene.joints.values() if joint.child in inside]
        names = short_names([*group, *(joint.path for joint in joints)])
        self._read_back |= {path: f"/World/{name}/{last}" for path, last in names.items()}
        text(model, "self_collide", self._self_collides(group, joints))
        for path in group:
            self._link(model, scene.bodies[path], names[path], base.inverse() @ self._poses[path])
        for joint in joints:
            if self._closed(joint):
                write_joint(model, joint, names, self.entries)
        for joint in joints:
            write_drive(model, joint, names[joint.path], self.entries)

    def _link(self, model: Element, body: Body, name: str, local: Pose) -> None:
        link = SubElement(model, "link", {"name": name})
        pose(link, local)
        self._links.write_body(link, body)
        write_mounted(link, self._scene, body.path, self.entries)

    def _closed(self, joint: Joint) -> bool:
        """Whether a loop is closed with all joints at zero, from which SDF takes its frame on the parent."""
        if not joint.closes_loop:
            return True
        parent = self._poses[joint.parent] if joint.parent else Pose.identity()
        gap = (parent @ joint.pose_parent_joint).inverse() @ self._poses[joint.child] @ joint.pose_child_joint
        if abs(gap.position).max() < 1e-6 and abs(gap.orientation[1:]).max() < 1e-6:
            return True
        what = f"It closes a loop that is open (by {abs(gap.position).max():.3g} m) when all joints are at zero."
        self.entries.append(lost("loop-lost", joint.path, what))
        return False

    def _self_collides(self, group: list[str], joints: list[Joint]) -> bool:
        """What self_collide must say; pairs that it cannot express are reported."""
        filtered = {pair for pair in self._scene.filtered_pairs if set(pair) <= set(group)}
        every = {(a, b) if a < b else (b, a) for a, b in combinations(group, 2)}
        if filtered == every:
            return False
        jointed = {(min(ends), max(ends)) for joint in joints if joint.parent for ends in [(joint.parent, joint.child)]}
        for first, second in sorted(filtered - jointed):
            what = f"That it does not touch '{second}' is lost: SDF only knows all links of a model, or none."
            self.entries.append(lost("filtered-pair-lost", first, what))
        for first, second in sorted(jointed & every - filtered):
            what = f"It touched '{second}', which a joint connects to it; it does not any more."
            self.entries.append(changed("neighbours-apart", first, what))
        return True

    def _static(self) -> None:
        scene = self._scene
        carriers = [sensor.body for sensor in scene.sensors.values()] + [each.body for each in scene.cameras.values()]
        if not scene.static_shapes and "" not in carriers:
            return
        model = SubElement(self._world, "model", {"name": _STATIC})
        text(model, "static", value=True)
        link = SubElement(model, "link", {"name": "link"})
        self._links.write_shapes(link, list[Shape](scene.static_shapes.values()))
        write_mounted(link, scene, "", self.entries)

    def _report(self) -> None:
        scene = self._scene
        group_of = {body: index for index, group in enumerate(_groups(scene)) for body in group}
        for first, second in scene.filtered_pairs:
            if first not in group_of or group_of.get(first) != group_of.get(second):
                self.entries.append(lost("filtered-pair-lost", first, f"That it does not touch '{second}' is lost."))
        for address, value in scene.attributes.items():
            self.entries.append(lost("attribute-lost", address, f"SDF has no place for the attribute ({value:g})."))
        for address in scene.engine_attributes:
            self.entries.append(lost("engine-attribute-lost", address, "SDF has no place for it."))


def _groups(scene: Scene) -> list[list[str]]:
    """Bodies that joints connect, in the scene's order; loops connect, too, and the world does not."""
    group = {path: path for path in scene.bodies}

    def top(path: str) -> str:
        while group[path] != path:
            path = group[path]
        return path

    for joint in scene.joints.values():
        if joint.parent:
            group[top(joint.child)] = top(joint.parent)
    found: dict[str, list[str]] = {}
    for path in scene.bodies:
        found.setdefault(top(path), []).append(path)
    return list(found.values())
