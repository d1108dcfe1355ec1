"""Mass matrix and bias of a tree of bodies from where they are and how they move, for engines that do not tell.

A body of mass m and inertia I about its centre of mass, which the columns of J move by J_v and turn by J_ω, has a part

    M = m J_vᵀ J_v + J_ωᵀ I J_ω,        b = J_vᵀ m (a − g) + J_ωᵀ (I α + ω × I ω)

in M q̈ + b = efforts, where a, α are its accelerations at q̈ = 0 (any text on robotics; T. Kane, D. Levinson, "Dynamics:
Theory and Applications", 1985). Rates of a spherical joint are the angular velocity of what hangs on it against its
parent, in the frame of the joint on it; those of a floating base, its velocity at the centre of mass and its angular
velocity, in world axes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hanzo_twin.scene.model import Body, Joint, Scene
from hanzo_twin.spatial import FloatArray, Pose, rotation_matrix

_BASE = 6


@dataclass(frozen=True, kw_only=True, eq=False)
class Placed:
    """A body: its centre of mass [3], how its frame is turned [3, 3], its angular velocity [3]; world frame."""

    center: FloatArray
    turn: FloatArray
    angular: FloatArray


@dataclass(frozen=True, kw_only=True, eq=False)
class _Held:
    """A body and the joint that holds it.

    Args:
        columns: the joint's rates; ``frame`` [3, 3] is, on the body, that in which its axes are.
        anchor: where the joint is from the centre of mass, in the body's frame.
    """

    body: Body
    inertia: FloatArray
    joint: Joint | None
    parent: int
    columns: tuple[int, ...]
    frame: FloatArray
    anchor: FloatArray


class TreeDynamics:
    """The tree of ``bodies`` (paths, parents before children) of ``scene``.

    Args:
        order: paths of the joints whose rates are the columns, after those of the base where the tree ``floats``.
    """

    def __init__(self, scene: Scene, bodies: Sequence[str], order: Sequence[str], *, floats: bool) -> None:
        self._gravity = np.array(scene.gravity)
        self._row = {path: row for row, path in enumerate(bodies)}
        columns: dict[str, tuple[int, ...]] = {}
        count = _BASE if floats else 0
        for path in order:
            width = 3 if scene.joints[path].kind == "spherical" else 1
            columns[path] = tuple(range(count, count + width))
            count += width
        self._floats = floats
        self._count = count
        self._held = [self._hold(scene, path, columns) for path in bodies]

    def _hold(self, scene: Scene, path: str, columns: Mapping[str, tuple[int, ...]]) -> _Held:
        body, joint = scene.bodies[path], scene.child_joint.get(path)
        axes = rotation_matrix(np.array(body.principal_axes))
        pose = joint.pose_child_joint if joint is not None else Pose.identity()
        return _Held(
            body=body,
            inertia=axes @ np.diag(body.diagonal_inertia) @ axes.T,
            joint=joint,
            parent=self._row.get(joint.parent, -1) if joint is not None else -1,
            columns=columns.get(joint.path, ()) if joint is not None else tuple(range(_BASE * self._floats)),
            frame=rotation_matrix(pose.orientation),
            anchor=pose.position - np.array(body.center_of_mass),
        )

    def solve(
        self, placed: Sequence[Placed], rates: FloatArray, wrenches: Mapping[int, FloatArray]
    ) -> tuple[FloatArray, FloatArray]:
        """M [n, n] and b [n].

        Args:
            placed: the bodies, in their order.
            rates: of the columns [n]; those of the base are not looked at.
            wrenches: force and torque [6] at the centre of mass, world frame, by row of the body.
        """
        matrix, bias = np.zeros((self._count, self._count)), np.zeros(self._count)
        moved: list[tuple[FloatArray, FloatArray]] = []
        gained: list[tuple[FloatArray, FloatArray]] = []
        for row, (held, at) in enumerate(zip(self._held, placed, strict=True)):
            linear, angular = self._columns(held, at, placed, moved)
            moved.append((linear, angular))
            gained.append(_gained(held, at, placed, gained, rates))
            mass, inertia = held.body.mass, at.turn @ held.inertia @ at.turn.T
            acceleration, spin_up = gained[-1]
            force = mass * (acceleration - self._gravity)
            torque = inertia @ spin_up + np.cross(at.angular, inertia @ at.angular)
            wrench = wrenches.get(row)
            if wrench is not None:
                force, torque = force - wrench[:3], torque - wrench[3:]
            matrix += mass * (linear.T @ linear) + angular.T @ inertia @ angular
            bias += linear.T @ force + angular.T @ torque
        return matrix, bias

    def _columns(
        self, held: _Held, at: Placed, placed: Sequence[Placed], moved: Sequence[tuple[FloatArray, FloatArray]]
    ) -> tuple[FloatArray, FloatArray]:
        """J_v and J_ω [3, n] of a body."""
        linear, angular = np.zeros((3, self._count)), np.zeros((3, self._count))
        if held.parent >= 0:
            before_linear, before_angular = moved[held.parent]
            arm = at.center - placed[held.parent].center
            angular[:] = before_angular
            linear[:] = before_linear + np.cross(before_angular.T, arm).T
        if held.joint is None:
            if held.columns:
                linear[:, :3], angular[:, 3:_BASE] = np.eye(3), np.eye(3)
            return linear, angular
        directions, arm = _directions(held, at), -(at.turn @ held.anchor)
        for column, axis in zip(held.columns, directions, strict=True):
            if held.joint.kind == "prismatic":
                linear[:, column] = axis
            else:
                angular[:, column], linear[:, column] = axis, np.cross(axis, arm)
        return linear, angular


def _directions(held: _Held, at: Placed) -> FloatArray:
    """The axes of its joint [k, 3], world frame."""
    assert held.joint is not None
    frame = at.turn @ held.frame
    match held.joint.kind:
        case "spherical":
            return frame.T
        case "revolute" | "prismatic":
            return np.array([frame @ np.asarray(held.joint.axis)])
        case _:
            return np.empty((0, 3))


def _gained(
    held: _Held,
    at: Placed,
    placed: Sequence[Placed],
    gained: Sequence[tuple[FloatArray, FloatArray]],
    rates: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Accelerations of a body, linear and angular, while the rates of all joints stay as they are."""
    still = np.zeros(3)
    if held.joint is None:
        return still, still
    (before, turning), parent = (still, still), None
    if held.parent >= 0:
        before, turning = gained[held.parent]
        parent = placed[held.parent]
    spin = parent.angular if parent is not None else still
    middle = parent.center if parent is not None else still
    moving = rates[list(held.columns)] @ _directions(held, at) if held.columns else still
    if held.joint.kind == "prismatic":
        arm = at.center - middle
        coriolis = 2.0 * np.cross(spin, moving)
        return before + np.cross(turning, arm) + np.cross(spin, np.cross(spin, arm)) + coriolis, turning
    anchor = at.center + at.turn @ held.anchor
    arm, reach = anchor - middle, at.center - anchor
    # Axes on the child turn with it: ω × (ω − ω_parent) = ω_parent × (ω − ω_parent).
    turning_up = turning + np.cross(spin, moving)
    carried = before + np.cross(turning, arm) + np.cross(spin, np.cross(spin, arm))
    swung = np.cross(turning_up, reach) + np.cross(at.angular, np.cross(at.angular, reach))
    return carried + swung, turning_up
