"""Whether two scenes are the same to physics, whatever their frames, prims and files are.

Two scenes are taken through the same random configurations; compared are the mass matrix, what gravity gives each
joint, and where the centres of mass are and how the bodies turned. Coriolis forces follow from the mass matrix. What
joints resist and drives give is compared number by number.

Example::

    difference = compare_physics(load_scene("arm.usda"), load_scene("arm.urdf"))
    assert difference.worst < 1e-6, difference.report()
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from hanzo_twin.scene.dynamics import Configuration, Dynamics
from hanzo_twin.scene.model import Joint, Scene
from hanzo_twin.spatial import Pose, rotation_matrix

_PASSIVE = ("lower", "upper", "armature", "damping", "friction", "stiffness", "rest_position")
_NEXT_TO_NOTHING = 1e-8
_DRIVE = ("stiffness", "damping")


@dataclass(frozen=True, kw_only=True)
class PhysicsDifference:
    """How far two scenes are apart; each number is relative to the largest of its kind, 0 where they are equal.

    Args:
        mass_matrix / gravity: of all freedoms, at the same configurations.
        positions: of the centres of mass, relative to the size of the scene.
        rotations: of bodies against where they start, rad.
        joints: of limits, armature, damping, friction, springs and drives.
        missing: names of moving joints and free bodies that only one of them has.
        where: what each number was found at.
    """

    mass_matrix: float
    gravity: float
    positions: float
    rotations: float
    joints: float
    missing: tuple[str, ...]
    where: Mapping[str, str]

    @property
    def worst(self) -> float:
        """The largest of the numbers, infinite where something is missing."""
        if self.missing:
            return math.inf
        return max(self.mass_matrix, self.gravity, self.positions, self.rotations, self.joints)

    def report(self) -> str:
        """A few lines for people."""
        names = ("mass_matrix", "gravity", "positions", "rotations", "joints")
        lines = [f"{name}: {getattr(self, name):.3g} ({self.where.get(name, 'everywhere')})" for name in names]
        return "\n".join([*lines, *(f"only in one of them: {name}" for name in self.missing)])


def compare_physics(
    first: Scene, second: Scene, *, samples: int = 5, seed: int = 0, names: Mapping[str, str] | None = None
) -> PhysicsDifference:
    """How far two scenes are apart in physics.

    Joints and bodies belong together when they have the same path, else the same last name, else as ``names`` says
    (path in ``first`` → path in ``second``).
    """
    return _Comparison(first, second, names or {}).run(samples, np.random.default_rng(seed))


class _Comparison:
    def __init__(self, first: Scene, second: Scene, names: Mapping[str, str]) -> None:
        self._scenes = (first, second)
        self._dynamics = (Dynamics(first), Dynamics(second))
        self._joints = _matched(_moving(first), _moving(second), names)
        self._roots = _matched(self._dynamics[0].roots, self._dynamics[1].roots, names)
        self._bodies = _matched(_heavy(first), _heavy(second), names)
        self._where: dict[str, str] = {}

    def run(self, samples: int, rng: np.random.Generator) -> PhysicsDifference:
        missing = self._missing()
        worst = dict.fromkeys(("mass_matrix", "gravity", "positions", "rotations"), 0.0)
        starts = [dynamics.poses(Configuration(joints={}, roots={})) for dynamics in self._dynamics]
        for _ in range(0 if missing else samples):
            one = self._dynamics[0].random(rng)
            for name, (value, where) in self._at(one, self._mapped(one), starts).items():
                if value > worst[name]:
                    worst[name], self._where[name] = value, where
        return PhysicsDifference(**worst, joints=self._joint_values(), missing=missing, where=self._where)

    def _missing(self) -> tuple[str, ...]:
        own = [*_moving(self._scenes[0]), *self._dynamics[0].roots]
        others = [*_moving(self._scenes[1]), *self._dynamics[1].roots]
        known, met = {**self._joints, **self._roots}, {*self._joints.values(), *self._roots.values()}
        return (*(path for path in own if path not in known), *(path for path in others if path not in met))

    def _mapped(self, one: Configuration) -> Configuration:
        """The same configuration of the second scene; frames of free bodies may differ, so they start apart."""
        roots = {}
        for path, pose in one.roots.items():
            other = self._roots[path]
            start = [
                scene.bodies[name].pose_world_body for scene, name in zip(self._scenes, (path, other), strict=True)
            ]
            roots[other] = pose @ start[0].inverse() @ start[1]
        return Configuration(joints={self._joints[path]: values for path, values in one.joints.items()}, roots=roots)

    def _at(
        self, one: Configuration, other: Configuration, starts: list[dict[str, Pose]]
    ) -> dict[str, tuple[float, str]]:
        order = self._order()
        freedoms = self._dynamics[0].freedoms
        masses = [dynamics.mass_matrix(at) for dynamics, at in zip(self._dynamics, (one, other), strict=True)]
        forces = [dynamics.gravity_forces(at) for dynamics, at in zip(self._dynamics, (one, other), strict=True)]
        # Each entry is measured against the inertias of its own row and column, so that a finger counts as an arm does.
        scale = np.sqrt(np.outer(np.diag(masses[0]), np.diag(masses[0])))
        apart = np.abs(masses[0] - masses[1][np.ix_(order, order)]) / scale if len(order) else np.zeros((1, 1))
        row = int(np.unravel_index(np.argmax(apart), apart.shape)[0])
        force = np.abs(forces[0] - forces[1][order]) / max(float(np.abs(forces[0]).max(initial=0.0)), 1e-9)
        poses = [dynamics.poses(at) for dynamics, at in zip(self._dynamics, (one, other), strict=True)]
        return {
            "mass_matrix": (float(apart.max()), _name(freedoms, row)),
            "gravity": (float(force.max(initial=0.0)), _name(freedoms, int(np.argmax(force)) if len(force) else 0)),
            **self._placed(poses, starts),
        }

    def _placed(self, poses: list[dict[str, Pose]], starts: list[dict[str, Pose]]) -> dict[str, tuple[float, str]]:
        position, rotation = (0.0, ""), (0.0, "")
        centers = [
            {path: pose.apply(np.array(scene.bodies[path].center_of_mass)) for path, pose in found.items()}
            for scene, found in zip(self._scenes, poses, strict=True)
        ]
        size = max([1.0, *(float(np.abs(center).max()) for center in centers[0].values())])
        for path, other in self._bodies.items():
            off = float(np.abs(centers[0][path] - centers[1][other]).max()) / size
            turns = [
                rotation_matrix(found[name].orientation) @ rotation_matrix(start[name].orientation).T
                for found, start, name in zip(poses, starts, (path, other), strict=True)
            ]
            turned = float(np.abs(turns[0] - turns[1]).max())
            position, rotation = max(position, (off, path)), max(rotation, (turned, path))
        return {"positions": position, "rotations": rotation}

    def _order(self) -> list[int]:
        """Row in the second scene of each freedom of the first."""
        rows = {freedom: row for row, freedom in enumerate(self._dynamics[1].freedoms)}
        known = {**self._joints, **self._roots}
        return [rows[known[path], index] for path, index in self._dynamics[0].freedoms]

    def _joint_values(self) -> float:
        worst = 0.0
        for path, other in self._joints.items():
            pair = (self._scenes[0].joints[path], self._scenes[1].joints[other])
            for name, values in _values(*pair):
                off = _apart(*values)
                if off > worst:
                    worst = off
                    self._where["joints"] = f"{path}.{name}: {values[0]:.9g} and {values[1]:.9g}"
        return worst


def _values(first: Joint, second: Joint) -> Iterable[tuple[str, tuple[float, float]]]:
    for name in _PASSIVE:
        yield name, (getattr(first, name), getattr(second, name))
    for name in _DRIVE:
        values = [getattr(joint.drive, name) if joint.drive else 0.0 for joint in (first, second)]
        yield f"drive.{name}", (values[0], values[1])
    yield "max_effort", (_effort(first), _effort(second))


def _effort(joint: Joint) -> float:
    """The most that the joint's drive gives, or its actuator where it has no drive."""
    return min(joint.max_effort, joint.drive.max_effort) if joint.drive else joint.max_effort


def _apart(first: float, second: float) -> float:
    if first == second:
        return 0.0
    if math.isinf(first) or math.isinf(second):
        return math.inf
    return abs(first - second) / max(abs(first), abs(second), 1e-6)


def _moving(scene: Scene) -> list[str]:
    return [path for path, joint in scene.joints.items() if joint.kind != "fixed" and not joint.closes_loop]


def _heavy(scene: Scene) -> list[str]:
    """Bodies that weigh something; where the others have their frames is nobody's concern."""
    least = _NEXT_TO_NOTHING * max((body.mass for body in scene.bodies.values()), default=0.0)
    return [path for path, body in scene.bodies.items() if body.mass > least]


def _matched(first: Iterable[str], second: Iterable[str], names: Mapping[str, str]) -> dict[str, str]:
    own, others = list(first), list(second)
    short: dict[str, list[str]] = {}
    for path in others:
        short.setdefault(path.rpartition("/")[2], []).append(path)
    found: dict[str, str] = {}
    for path in own:
        same = short.get(path.rpartition("/")[2], [])
        other = names.get(path) or (path if path in set(others) else same[0] if len(same) == 1 else "")
        if other in others:
            found[path] = other
    return found


def _name(freedoms: tuple[tuple[str, int], ...], row: int) -> str:
    return f"{freedoms[row][0]}[{freedoms[row][1]}]" if freedoms else "nothing"
