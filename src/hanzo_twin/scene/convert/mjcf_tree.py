"""Bodies and joints as the nested elements of MJCF."""

from __future__ import annotations

import math
from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement

import numpy as np

from hanzo_twin.scene.convert.mjcf_document import Document, number, numbers, placed
from hanzo_twin.scene.convert.mjcf_shapes import ShapeWriter
from hanzo_twin.scene.model import Axis, Body, Joint
from hanzo_twin.spatial import FloatArray, Pose, quaternion_conjugate, quaternion_multiply, rotation_matrix

UNLIMITED = 1e10
_NEXT_TO_NOTHING = 1e-6
_UNIT = {"x": np.array([1.0, 0, 0]), "y": np.array([0, 1.0, 0]), "z": np.array([0, 0, 1.0])}
_SOLVER = ("solreflimit", "solimplimit", "solreffriction", "solimpfriction")


class TreeWriter:
    """Writes all bodies; ``positions`` and ``velocities`` are where the joints start, in MuJoCo's order."""

    def __init__(self, document: Document, shapes: ShapeWriter) -> None:
        self._document = document
        self._scene = document.scene
        self._shapes = shapes
        self.positions: list[float] = []
        self.velocities: list[float] = []
        self._below: dict[str, list[Joint]] = {}
        for joint in self._scene.joints.values():
            if not joint.closes_loop:
                self._below.setdefault(joint.parent, []).append(joint)
        self._links: set[str] = set()
        for path in reversed(list(self._scene.bodies)):
            if self._is_link(path):
                self._links.add(path)

    def write(self) -> None:
        for path, shape in self._scene.static_shapes.items():
            self._shapes.write_static(path, shape)
        for path, body in self._scene.bodies.items():
            joint = self._scene.child_joint.get(path)
            if joint is None:
                self._write_root(body)
            elif joint.parent == "":
                self._write_held(joint)

    def _is_link(self, path: str) -> bool:
        """Whether a body weighs nothing beside the one that it carries, and is there only for its joint."""
        scene, body = self._scene, self._scene.bodies[path]
        held, below = scene.child_joint.get(path), self._below.get(path, [])
        if held is None or held.kind not in ("revolute", "prismatic", "spherical") or body.shapes or len(below) != 1:
            return False
        carriers = {each.body for each in scene.sensors.values()} | {each.body for each in scene.cameras.values()}
        ends = {end for joint in scene.joints.values() if joint.closes_loop for end in (joint.parent, joint.child)}
        if path in ends | carriers:
            return False
        carried = below[0].child
        while carried in self._links:
            carried = self._below[carried][0].child
        light = body.mass <= _NEXT_TO_NOTHING * scene.bodies[carried].mass
        return light and below[0].kind in ("revolute", "prismatic", "spherical")

    def _write_root(self, body: Body) -> None:
        element = self._open(self._document.section("worldbody"), body, body.pose_world_body)
        if body.kinematic:
            element.set("mocap", "true")
        else:
            name = f"{self._document.bodies[body.path]}_free"
            element.insert(0, Element("freejoint", {"name": name}))
            self.positions += body.pose_world_body.as_array().tolist()
            turn = rotation_matrix(body.pose_world_body.orientation).T
            self.velocities += [*body.linear_velocity, *(turn @ np.array(body.angular_velocity)).tolist()]
        self._write_children(body.path, element)

    def _write_children(self, path: str, element: Element) -> None:
        # A stack of its own instead of recursion: chains can be longer than Python likes.
        waiting = [(joint, element) for joint in reversed(self._below.get(path, []))]
        while waiting:
            joint, parent = waiting.pop()
            child, element = self._write_stack(joint, parent)
            waiting += [(below, element) for below in reversed(self._below.get(child, []))]

    def _write_held(self, joint: Joint) -> None:
        child, element = self._write_stack(joint, self._document.section("worldbody"))
        self._write_children(child, element)

    def _write_stack(self, first: Joint, parent: Element) -> tuple[str, Element]:
        """The body below ``first``, with all joints down to it if only links stand between."""
        joints = [first]
        while joints[-1].child in self._links:
            joints.append(self._below[joints[-1].child][0])
        body = self._scene.bodies[joints[-1].child]
        pose = Pose.identity()
        for joint in joints:
            pose = pose @ joint.pose_parent_joint @ joint.pose_child_joint.inverse()
        element = self._open(parent, body, pose)
        for index, frame in reversed(list(enumerate(_frames(joints)))):
            for added in reversed(self._joint_elements(joints[index], frame)):
                element.insert(0, added)
        for joint in joints:
            self._start(joint)
        return body.path, element

    def _open(self, parent: Element, body: Body, pose: Pose) -> Element:
        element = SubElement(parent, "body", {"name": self._document.bodies[body.path], **placed(pose)})
        self._document.elements[body.path] = element
        if not body.gravity_enabled:
            element.set("gravcomp", "1")
        inertial = {
            "pos": numbers(body.center_of_mass),
            "quat": numbers(body.principal_axes),
            "mass": number(body.mass),
            "diaginertia": numbers(body.diagonal_inertia),
        }
        SubElement(element, "inertial", inertial)
        for shape in body.shapes:
            self._shapes.write(element, shape)
        return element

    def _joint_elements(self, joint: Joint, frame: Pose) -> list[Element]:
        """``frame``: of the joint in the body that it moves, at position zero."""
        if joint.kind == "fixed":
            return []
        name = self._document.joints[joint.path]
        common = {"pos": numbers(frame.position), **self._passive(joint)}
        if joint.kind == "spherical":
            if any(math.isfinite(angle) for angle in joint.cone):
                self._document.lost("cone-limit", joint.path, "Its cone limits are lost.")
            spring = {"stiffness": number(joint.stiffness)} if joint.stiffness else {}
            turn_limit = _range(0.0, joint.upper) if math.isfinite(joint.upper) else {}
            return [Element("joint", {"name": name, "type": "ball", **common, **turn_limit, **spring})]
        turn = rotation_matrix(frame.orientation)
        if joint.kind == "d6":
            return self._generic(joint, name, common, turn)
        kind = "hinge" if joint.kind == "revolute" else "slide"
        values = {"name": name, "type": kind, "axis": numbers(turn @ np.array(joint.axis)), **common}
        return [Element("joint", {**values, **_range(joint.lower, joint.upper), **self._spring(joint)})]

    def _generic(self, joint: Joint, name: str, common: dict[str, str], turn: FloatArray) -> list[Element]:
        rotations = [axis for axis in joint.free_axes if axis.rotation]
        slides = [axis for axis in joint.free_axes if not axis.rotation]
        if any(axis.drive for axis in joint.free_axes):
            self._document.lost("drive-lost", joint.path, "The drives of its axes are lost.")
        elements = [self._axis_element(axis, f"{name}_trans{axis.name.upper()}", common, turn) for axis in slides]
        if len(rotations) == 3 and all(math.isinf(axis.lower) and math.isinf(axis.upper) for axis in rotations):
            return [*elements, Element("joint", {"name": f"{name}_rot", "type": "ball", **common})]
        if len(rotations) > 1:
            self._document.changed("d6-hinges", joint.path, f"Its {len(rotations)} rotations are hinges in turn.")
        return elements + [
            self._axis_element(axis, f"{name}_rot{axis.name.upper()}", common, turn) for axis in rotations
        ]

    def _axis_element(self, axis: Axis, name: str, common: dict[str, str], turn: FloatArray) -> Element:
        kind = "hinge" if axis.rotation else "slide"
        values = {"name": name, "type": kind, "axis": numbers(turn @ _UNIT[axis.name]), **common}
        return Element("joint", {**values, **_range(axis.lower, axis.upper)})

    def _passive(self, joint: Joint) -> dict[str, str]:
        named = (("armature", joint.armature), ("damping", joint.damping), ("frictionloss", joint.friction))
        found = {name: number(value) for name, value in named if value}
        for name in _SOLVER:
            value = self._document.native(joint.path, name)
            if isinstance(value, tuple):
                found[name] = numbers(value)
        margin = self._document.native(joint.path, "margin")
        return found | ({"margin": number(margin)} if isinstance(margin, float) else {})

    def _spring(self, joint: Joint) -> dict[str, str]:
        if math.isfinite(joint.max_velocity):
            what = f"Its velocity limit of {joint.max_velocity:.6g} {joint.unit}/s is lost."
            self._document.lost("velocity-limit-lost", joint.path, what)
        if not joint.stiffness:
            return {}
        return {"stiffness": number(joint.stiffness), "springref": number(joint.rest_position)}

    def _start(self, joint: Joint) -> None:
        if joint.kind in ("revolute", "prismatic"):
            self.positions.append(joint.initial_position)
            self.velocities.append(joint.initial_velocity)
            return
        if joint.kind == "fixed":
            return
        bodies = self._scene.bodies
        parent = bodies[joint.parent].pose_world_body if joint.parent else Pose.identity()
        frame = parent @ joint.pose_parent_joint
        moved = frame.inverse() @ bodies[joint.child].pose_world_body @ joint.pose_child_joint
        own = joint.pose_child_joint.orientation
        turned = quaternion_multiply(quaternion_multiply(own, moved.orientation), quaternion_conjugate(own))
        if joint.kind == "spherical":
            self.positions += turned.tolist()
            self.velocities += [0.0] * 3
        else:
            self._start_generic(joint, moved, turned)

    def _start_generic(self, joint: Joint, moved: Pose, turned: FloatArray) -> None:
        slides = [axis for axis in joint.free_axes if not axis.rotation]
        rotations = [axis for axis in joint.free_axes if axis.rotation]
        self.positions += [float(moved.position @ _UNIT[axis.name]) for axis in slides]
        self.velocities += [0.0] * (len(slides) + len(rotations))
        if len(rotations) == 3 and all(math.isinf(axis.lower) and math.isinf(axis.upper) for axis in rotations):
            self.positions += turned.tolist()
        elif len(rotations) == 1:
            along = float(moved.orientation[1:] @ _UNIT[rotations[0].name])
            self.positions.append(2 * math.atan2(along, float(moved.orientation[0])))
        else:
            self.positions += [0.0] * len(rotations)


def _frames(joints: Sequence[Joint]) -> list[Pose]:
    """Each joint's frame in the last body of a chain, all joints at zero.

    Joint k stands at (Cₖ⁻¹ Pₖ₊₁ Cₖ₊₁⁻¹ …)⁻¹ there, where Pₖ and Cₖ are its frames on its parent and child.
    """
    below = Pose.identity()
    found: list[Pose] = []
    for joint in reversed(joints):
        below = joint.pose_child_joint.inverse() @ below
        found.append(below.inverse())
        below = joint.pose_parent_joint @ below
    return found[::-1]


def _range(lower: float, upper: float) -> dict[str, str]:
    if math.isinf(lower) and math.isinf(upper):
        return {}
    return {"limited": "true", "range": numbers((max(lower, -UNLIMITED), min(upper, UNLIMITED)))}
