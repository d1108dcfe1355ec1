"""Rigid-body dynamics of a scene from first principles, for checking what loaders, writers and engines make of it.

Every body of mass m and inertia I about its centre of mass p contributes m Jᵥᵀ Jᵥ + J_ωᵀ I J_ω to the mass matrix and
m Jᵥᵀ g to the forces of gravity, where Jᵥ and J_ω map joint velocities to those of the body (any text on robotics).
Nothing here depends on how frames are chosen: velocities of free bodies and of spherical joints are in world axes,
those of free bodies at their centre of mass.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hanzo_twin.scene.model import Axis, Joint, Scene
from hanzo_twin.scene.tree import motion
from hanzo_twin.spatial import FloatArray, Pose, quaternion_from_axis_angle, rotation_matrix

_UNIT = {"x": (1.0, 0.0, 0.0), "y": (0.0, 1.0, 0.0), "z": (0.0, 0.0, 1.0)}
_FAR = math.pi


@dataclass(frozen=True, kw_only=True, eq=False)
class Configuration:
    """Where everything is.

    Args:
        joints: by path: one position for each free axis (rad or m), or a quaternion [4] for a spherical joint.
        roots: by path of the bodies that no joint holds, the pose in the world.
    """

    joints: Mapping[str, FloatArray]
    roots: Mapping[str, Pose]


class Dynamics:
    """Forward kinematics, mass matrix and gravity of ``scene``; joints that close loops are cut.

    ``freedoms`` names the rows of the mass matrix: path of a joint or a free body, and the index of its freedom.
    """

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._axes = {joint.path: _free_axes(joint) for joint in scene.joints.values() if not joint.closes_loop}
        self.roots = tuple(
            path for path, body in scene.bodies.items() if path not in scene.child_joint and not body.kinematic
        )
        counts = [(path, 6) for path in self.roots]
        counts += [(path, _velocities(scene.joints[path], axes)) for path, axes in self._axes.items()]
        self.freedoms = tuple((path, index) for path, count in counts for index in range(count))
        self._column: dict[str, int] = {}
        for column, (path, index) in enumerate(self.freedoms):
            if index == 0:
                self._column[path] = column

    def random(self, rng: np.random.Generator) -> Configuration:
        """A configuration within the limits (within half a turn or ±π m where there are none)."""
        joints: dict[str, FloatArray] = {}
        for path, axes in self._axes.items():
            if self._scene.joints[path].kind == "spherical":
                joints[path] = _random_turn(rng)
            elif axes:
                joints[path] = np.array([rng.uniform(max(axis.lower, -_FAR), min(axis.upper, _FAR)) for axis in axes])
        roots = {path: Pose(position=rng.uniform(-1, 1, 3), orientation=_random_turn(rng)) for path in self.roots}
        return Configuration(joints=joints, roots=roots)

    def poses(self, at: Configuration) -> dict[str, Pose]:
        """World pose of every body."""
        found: dict[str, Pose] = {}
        for path, body in self._scene.bodies.items():
            joint = self._scene.child_joint.get(path)
            if joint is None:
                found[path] = at.roots.get(path, body.pose_world_body)
            else:
                found[path] = self._frames(joint, at, found)[-1] @ joint.pose_child_joint.inverse()
        return found

    def mass_matrix(self, at: Configuration) -> FloatArray:
        """[n, n] in the order of ``freedoms``, with the armature of joints."""
        matrix = np.diag(self._armature())
        for path, (linear, angular, turn) in self._jacobians(at).items():
            body = self._scene.bodies[path]
            inertia = turn @ body.inertia @ turn.T
            matrix += body.mass * linear.T @ linear + angular.T @ inertia @ angular
        return matrix

    def gravity_forces(self, at: Configuration) -> FloatArray:
        """What gravity gives each freedom [n], N·m or N."""
        forces = np.zeros(len(self.freedoms))
        for path, (linear, _, _) in self._jacobians(at).items():
            body = self._scene.bodies[path]
            if body.gravity_enabled:
                forces += body.mass * linear.T @ np.array(self._scene.gravity)
        return forces

    def _armature(self) -> FloatArray:
        values = [self._scene.joints[path].armature if path in self._scene.joints else 0.0 for path, _ in self.freedoms]
        return np.array(values, dtype=np.float64)

    def _frames(self, joint: Joint, at: Configuration, poses: Mapping[str, Pose]) -> list[Pose]:
        """The joint's frame in the world before its first freedom, and after each."""
        parent = poses[joint.parent] if joint.parent else Pose.identity()
        frames = [parent @ joint.pose_parent_joint]
        if joint.kind == "spherical":
            turn = at.joints.get(joint.path, np.array([1.0, 0.0, 0.0, 0.0]))
            return [*frames, frames[0] @ Pose(position=np.zeros(3), orientation=turn)]
        for axis, position in zip(self._axes[joint.path], at.joints.get(joint.path, ()), strict=False):
            frames.append(frames[-1] @ _moved(joint, axis, float(position)))
        return frames

    def _jacobians(self, at: Configuration) -> dict[str, tuple[FloatArray, FloatArray, FloatArray]]:
        """By body: velocity of its centre of mass [3, n], angular velocity [3, n], rotation [3, 3]."""
        poses = self.poses(at)
        found: dict[str, tuple[FloatArray, FloatArray, FloatArray]] = {}
        # By body: columns that move it, each with its axis and the point it turns about (None: it slides).
        movers: dict[str, list[tuple[int, FloatArray, FloatArray | None]]] = {}
        for path, body in self._scene.bodies.items():
            joint = self._scene.child_joint.get(path)
            center = poses[path].apply(np.array(body.center_of_mass))
            if joint is not None:
                movers[path] = [*movers.get(joint.parent, []), *self._movers(joint, at, poses)]
            elif path in self.roots:
                first = self._column[path]
                slides = [(first + index, np.eye(3)[index], None) for index in range(3)]
                movers[path] = [*slides, *((first + 3 + index, np.eye(3)[index], center) for index in range(3))]
            else:
                movers[path] = []
            linear, angular = np.zeros((3, len(self.freedoms))), np.zeros((3, len(self.freedoms)))
            for column, axis, point in movers[path]:
                linear[:, column] = axis if point is None else np.cross(axis, center - point)
                angular[:, column] = 0.0 if point is None else axis
            found[path] = (linear, angular, rotation_matrix(poses[path].orientation))
        return found

    def _movers(
        self, joint: Joint, at: Configuration, poses: Mapping[str, Pose]
    ) -> list[tuple[int, FloatArray, FloatArray | None]]:
        frames = self._frames(joint, at, poses)
        if joint.kind == "spherical":
            first, point = self._column[joint.path], frames[0].position
            return [(first + index, np.eye(3)[index], point) for index in range(3)]
        found: list[tuple[int, FloatArray, FloatArray | None]] = []
        for index, axis in enumerate(self._axes[joint.path]):
            direction = rotation_matrix(frames[index].orientation) @ np.array(_direction(joint, axis))
            point_or_none = frames[index].position if axis.rotation else None
            found.append((self._column[joint.path] + index, direction, point_or_none))
        return found


def _free_axes(joint: Joint) -> tuple[Axis, ...]:
    if joint.kind in ("revolute", "prismatic"):
        return (Axis(name="x", rotation=joint.kind == "revolute", lower=joint.lower, upper=joint.upper),)
    return joint.free_axes if joint.kind == "d6" else ()


def _velocities(joint: Joint, axes: tuple[Axis, ...]) -> int:
    return 3 if joint.kind == "spherical" else len(axes)


def _direction(joint: Joint, axis: Axis) -> tuple[float, float, float]:
    return joint.axis if joint.kind in ("revolute", "prismatic") else _UNIT[axis.name]


def _moved(joint: Joint, axis: Axis, position: float) -> Pose:
    if joint.kind in ("revolute", "prismatic"):
        return motion(joint, position)
    if axis.rotation:
        return Pose(position=np.zeros(3), orientation=quaternion_from_axis_angle(_UNIT[axis.name], position))
    return Pose.of(position * np.array(_UNIT[axis.name]))


def _random_turn(rng: np.random.Generator) -> FloatArray:
    turn: FloatArray = rng.normal(size=4)
    return turn / np.linalg.norm(turn)
