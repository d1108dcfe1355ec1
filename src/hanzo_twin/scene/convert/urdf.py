"""A scene as URDF: one tree of links. What a URDF cannot hold is reported: it has one robot and no world around it.
A scene of still shapes only becomes one link without mass, which is how a URDF says that something stands still.

URDF wants the frame of a link to be that of its joint, so link frames move (nothing else does). Capsules become a
cylinder with two spheres, which touches the same; cones become meshes.
"""

from __future__ import annotations

from pathlib import Path
from xml.etree.ElementTree import Element, SubElement

import numpy as np

from hanzo_twin.errors import UnsupportedError
from hanzo_twin.scene.convert.convert import meshes_folder
from hanzo_twin.scene.convert.names import renamed, short_names
from hanzo_twin.scene.convert.report import Entry, changed, lost
from hanzo_twin.scene.convert.urdf_joints import origin, write_joint
from hanzo_twin.scene.convert.urdf_shapes import ShapeWriter
from hanzo_twin.scene.convert.xml_text import save
from hanzo_twin.scene.model import Body, Joint, Scene
from hanzo_twin.spatial import Pose

WORLD = "world"


def write(scene: Scene, path: Path) -> list[Entry]:
    """Write the largest robot of ``scene`` to ``path``; see `Writer`.

    Raises:
        UnsupportedError: the scene has neither a body nor a still shape.
    """
    if not scene.bodies and not scene.static_shapes:
        raise UnsupportedError(
            "URDF holds links, and the scene has no body and no shape.", hint="Write it as USD (.usda) or SDF (.sdf)."
        )
    writer = _Writer(scene, path)
    save(writer.write(), path)
    return writer.entries


class _Writer:
    def __init__(self, scene: Scene, path: Path) -> None:
        self._scene = scene
        self._bodies = _largest_tree(scene) if scene.bodies else []
        self._joints = {body: scene.child_joint[body] for body in self._bodies if body in scene.child_joint}
        self._held = not self._bodies or self._bodies[0] in self._joints
        joints = [joint.path for joint in self._joints.values()]
        self._names = short_names([*self._bodies, *joints], taken=(WORLD,))
        self.entries: list[Entry] = renamed(self._names)
        self._shapes = ShapeWriter(scene, meshes_folder(path), self.entries)

    def write(self) -> Element:
        scene = self._scene
        robot = Element("robot", {"name": self._name()})
        if self._held:
            world = SubElement(robot, "link", {"name": WORLD})
            if not self._bodies:
                self._shapes.write(world, tuple(scene.static_shapes.values()), Pose.identity())
        else:
            what = "URDF cannot say that it floats: load it with floating_base=True (--floating-base)."
            self.entries.append(changed("base-unsaid", self._bodies[0], what))
            self._report_root_pose()
        for path in self._bodies:
            self._link(robot, scene.bodies[path])
        for joint in self._joints.values():
            write_joint(robot, joint, self._names, self._parent_pose(joint), self.entries)
        self._report()
        return robot

    def _name(self) -> str:
        """Of the articulation, or of the prim at the top."""
        scene, first = self._scene, next(iter(self._bodies or self._scene.static_shapes))
        articulation = next((path for path, each in scene.articulations.items() if first in each.bodies), "")
        return articulation.rpartition("/")[2] or first.split("/")[1]

    def _frame(self, body: str) -> Pose:
        """Pose of the link's frame in the body's."""
        joint = self._joints.get(body)
        return joint.pose_child_joint if joint is not None else Pose.identity()

    def _parent_pose(self, joint: Joint) -> Pose:
        """Where the joint stands in the frame of its parent link."""
        return (
            self._frame(joint.parent).inverse() @ joint.pose_parent_joint if joint.parent else joint.pose_parent_joint
        )

    def _link(self, robot: Element, body: Body) -> None:
        link = SubElement(robot, "link", {"name": self._names[body.path]})
        into = self._frame(body.path).inverse()
        inertial = SubElement(link, "inertial")
        origin(inertial, into @ Pose.of(body.center_of_mass, body.principal_axes))
        SubElement(inertial, "mass", {"value": repr(float(body.mass))})
        moments = dict(zip(("ixx", "iyy", "izz"), (repr(float(value)) for value in body.diagonal_inertia), strict=True))
        SubElement(inertial, "inertia", {**moments, "ixy": "0", "ixz": "0", "iyz": "0"})
        self._shapes.write(link, body.shapes, into)
        for name, odd in (("kinematic", body.kinematic), ("without gravity", not body.gravity_enabled)):
            if odd:
                self.entries.append(lost("flag-lost", body.path, f"URDF cannot say that it is {name}."))
        if any(body.linear_velocity) or any(body.angular_velocity):
            self.entries.append(lost("velocity-lost", body.path, "URDF links start at rest."))

    def _report_root_pose(self) -> None:
        pose = self._scene.bodies[self._bodies[0]].pose_world_body
        if pose != Pose.identity():
            where = ", ".join(f"{value:g}" for value in pose.position)
            what = f"URDF cannot say where it floats: the robot moved from ({where}) to the origin."
            self.entries.append(changed("root-moved", self._bodies[0], what))

    def _report(self) -> None:
        scene, inside = self._scene, set(self._bodies)
        told = [
            *((path, "body-lost", "URDF holds one robot, and this is no part of it.") for path in scene.bodies),
            *((path, "shape-lost", "URDF has no surroundings.") for path in scene.static_shapes if inside),
            *((path, "sensor-lost", "URDF has no sensors.") for path in scene.sensors),
            *((path, "camera-lost", "URDF has no cameras.") for path in scene.cameras),
            *((path, "light-lost", "URDF has no lights.") for path in scene.lights),
            *((path, "attribute-lost", "URDF has no place for it.") for path in scene.attributes),
            *((path, "engine-attribute-lost", "URDF has no place for it.") for path in scene.engine_attributes),
            *((path, "material-lost", "URDF has no friction and no restitution.") for path in scene.materials),
        ]
        self.entries += [lost(code, path, what) for path, code, what in told if path not in inside]
        for joint in scene.joints.values():
            if joint.path in self._names:
                continue
            what = "It closes a loop: a URDF is a tree." if joint.closes_loop else "It is of another robot."
            self.entries.append(lost("loop-lost" if joint.closes_loop else "joint-lost", joint.path, what))
        neighbours = {frozenset((joint.parent, joint.child)) for joint in self._joints.values()}
        apart = [pair for pair in scene.filtered_pairs if set(pair) <= inside and frozenset(pair) not in neighbours]
        if apart:
            first, second = apart[0]
            what = f"URDF cannot say that {len(apart)} pairs of links do not touch, such as '{first}' and '{second}'."
            self.entries.append(lost("filtered-pair-lost", self._bodies[0], what))
        if not np.allclose(scene.gravity, (0.0, 0.0, -9.81)):
            x, y, z = scene.gravity
            what = f"URDF has no gravity; ({x:g}, {y:g}, {z:g}) m/s² becomes 9.81 m/s² downwards when it is loaded."
            self.entries.append(lost("gravity-lost", scene.gravity_path, what))
        if scene.step_hint is not None:
            self.entries.append(
                lost("step-lost", scene.gravity_path, f"URDF has no time step ({scene.step_hint:g} s).")
            )


def _largest_tree(scene: Scene) -> list[str]:
    """Bodies of the tree with the most of them, parents first."""
    root: dict[str, str] = {}
    for path in scene.bodies:
        joint = scene.child_joint.get(path)
        root[path] = root[joint.parent] if joint is not None and joint.parent else path
    sizes: dict[str, list[str]] = {}
    for path, top in root.items():
        sizes.setdefault(top, []).append(path)
    return max(sizes.values(), key=len)
