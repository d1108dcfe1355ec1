"""Joints that follow their drives one by one, for N worlds at once.

Each joint is an inertia of its own, I = 1 + armature (kg·m² or kg), that feels its drive, its spring, its damping, its
friction and commanded efforts, and no other joint, no gravity, no contact. One step of length h solves the linear law
at the end of the step (backward Euler, stable for any gain)::

    I (v⁺ − v)/h = k_p (q* − q − h v⁺) + k_d (v* − v⁺) + k_s (q_s − q − h v⁺) − d v⁺ + τ − f sign(v⁺)

where a drive that would pass its limit gives the limit instead, and friction f stops what it can stop. Then
q⁺ = q + h v⁺, held within the joint's limits. A mimic joint is put where its leader says. Free bodies keep their
velocities.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from hanzo_twin.engines.forward_kinematics import ForwardKinematics, integrate_orientation, starting_roots
from hanzo_twin.engines.parameters import authored_value
from hanzo_twin.engines.refusals import diverged
from hanzo_twin.scene.addresses import Address
from hanzo_twin.scene.model import Joint, Scene
from hanzo_twin.spatial import BoolArray, FloatArray

UNIT_INERTIA = 1.0
PARAMETERS = ("driveStiffness", "driveDamping", "maxEffort", "damping", "friction", "armature")


@dataclass(frozen=True, kw_only=True, eq=False)
class Mechanism:
    """What all worlds of a scene share.

    Args:
        joints: articulated joints, the columns of joint arrays.
        columns: by articulation, its columns.
        acceleration: columns whose drive gains are per unit of inertia.
        followers: (column, leader's column, multiplier, offset) of each mimic joint.
    """

    scene: Scene
    joints: tuple[Joint, ...]
    columns: Mapping[str, slice]
    kinematics: ForwardKinematics
    acceleration: FloatArray
    followers: tuple[tuple[int, int, float, float], ...]

    @classmethod
    def of(cls, scene: Scene) -> Mechanism:
        names = [path for articulation in scene.articulations.values() for path in articulation.joints]
        joints = tuple(scene.joints[path] for path in names)
        columns, start = {}, 0
        for articulation in scene.articulations.values():
            columns[articulation.path] = slice(start, start + len(articulation.joints))
            start += len(articulation.joints)
        return cls(
            scene=scene,
            joints=joints,
            columns=MappingProxyType(columns),
            kinematics=ForwardKinematics(scene, names),
            acceleration=np.array([joint.drive is not None and joint.drive.mode == "acceleration" for joint in joints]),
            followers=tuple(_followers(joints)),
        )


def _followers(joints: tuple[Joint, ...]) -> Iterator[tuple[int, int, float, float]]:
    """Leaders that follow others come before those that follow them."""
    columns = {joint.path: column for column, joint in enumerate(joints)}
    waiting = {joint.path: joint.mimic for joint in joints if joint.mimic is not None}
    while ready := [path for path, mimic in waiting.items() if mimic.joint not in waiting]:
        for path in ready:
            mimic = waiting.pop(path)
            yield columns[path], columns[mimic.joint], mimic.multiplier, mimic.offset


class Worlds:
    """State and parameters of N worlds; all arrays lead with the env axis, joint arrays are [N, n_joints]."""

    def __init__(self, mechanism: Mechanism, count: int) -> None:
        self.mechanism = mechanism
        joints = mechanism.joints

        def tiled(values: list[float]) -> FloatArray:
            return np.tile(np.array(values, dtype=np.float64), (count, 1))

        self.time = np.zeros(count)
        self.positions = tiled([joint.initial_position for joint in joints])
        self.velocities = tiled([joint.initial_velocity for joint in joints])
        self.targets = tiled([joint.drive.target_position if joint.drive else 0.0 for joint in joints])
        self.target_velocities = tiled([joint.drive.target_velocity if joint.drive else 0.0 for joint in joints])
        self.efforts = np.zeros_like(self.positions)
        poses, twists = starting_roots(mechanism.scene)
        self.root_poses, self.root_twists = np.tile(poses, (count, 1, 1)), np.tile(twists, (count, 1, 1))
        self.parameters = {
            name: tiled([authored_value(mechanism.scene, Address(path=j.path, attribute=name)) for j in joints])
            for name in PARAMETERS
        }
        self._springs = np.array([joint.stiffness for joint in joints]), np.array([j.rest_position for j in joints])
        self._limits = np.array([joint.lower for joint in joints]), np.array([joint.upper for joint in joints])
        self._put_followers()

    def advance(self, steps: int, seconds: float) -> None:
        """Move all worlds on by ``steps`` of ``seconds``.

        Raises:
            SimulationError: a joint left the finite.
        """
        self.try_advance(steps, seconds)
        if self.diverged().any():
            self._raise_divergence()

    def try_advance(self, steps: int, seconds: float) -> None:
        """As `advance`, but worlds may leave the finite."""
        with np.errstate(over="ignore", invalid="ignore"):
            for _ in range(steps):
                self._step_joints(seconds)
                self._step_roots(seconds)
                self.time += seconds

    def diverged(self) -> BoolArray:
        """Which worlds left the finite [N]."""
        joints, roots = np.isfinite(self.positions), np.isfinite(self.root_poses)
        return np.logical_not(np.logical_and(joints.all(axis=1), roots.all(axis=(1, 2))))

    def _step_joints(self, h: float) -> None:
        inertia, stiffness, damping = self._inertia(), *self._gains()
        spring, rest = self._springs
        error = stiffness * (self.targets - self.positions) + damping * self.target_velocities
        force = inertia * self.velocities / h + spring * (rest - self.positions) + self.efforts
        passive = inertia / h + self.parameters["damping"] + h * spring
        active = passive + damping + h * stiffness
        velocity = self._with_friction((force + error) / active, active)
        drive = error - (damping + h * stiffness) * velocity
        limit = self.parameters["maxEffort"]
        clipped = np.minimum(np.maximum(drive, -limit), limit)
        limited = self._with_friction((force + clipped) / passive, passive)
        velocity = np.where(clipped == drive, velocity, limited)
        positions = self.positions + h * velocity
        lower, upper = self._limits
        held = np.minimum(np.maximum(positions, lower), upper)
        self.velocities = np.where(held == positions, velocity, 0.0)
        self.positions = held
        self._put_followers()

    def _with_friction(self, velocity: FloatArray, resistance: FloatArray) -> FloatArray:
        """``velocity`` after dry friction took what it can: at most to a standstill."""
        slowed = np.maximum(np.abs(velocity) - self.parameters["friction"] / resistance, 0.0)
        return np.copysign(slowed, velocity)

    def _step_roots(self, h: float) -> None:
        if self.root_twists.any():
            self.root_poses[:, :, :3] += h * self.root_twists[:, :, :3]
            turned = integrate_orientation(self.root_poses[:, :, 3:], self.root_twists[:, :, 3:], h)
            self.root_poses[:, :, 3:] = turned

    def _inertia(self) -> FloatArray:
        return UNIT_INERTIA + self.parameters["armature"]

    def _gains(self) -> tuple[FloatArray, FloatArray]:
        scale = np.where(self.mechanism.acceleration, self._inertia(), 1.0)
        return scale * self.parameters["driveStiffness"], scale * self.parameters["driveDamping"]

    def _put_followers(self) -> None:
        for column, leader, multiplier, offset in self.mechanism.followers:
            self.positions[:, column] = multiplier * self.positions[:, leader] + offset
            self.velocities[:, column] = multiplier * self.velocities[:, leader]

    def drive_efforts(self) -> FloatArray:
        """What drives and commanded efforts apply now [N, n_joints]."""
        stiffness, damping = self._gains()
        drive = stiffness * (self.targets - self.positions) + damping * (self.target_velocities - self.velocities)
        limit = self.parameters["maxEffort"]
        return np.minimum(np.maximum(drive, -limit), limit) + self.efforts

    def bodies(self) -> tuple[FloatArray, FloatArray]:
        """Poses [N, n_bodies, 7] and velocities [N, n_bodies, 6] of all bodies."""
        return self.mechanism.kinematics.place(self.positions, self.velocities, self.root_poses, self.root_twists)

    def copy_env(self, env: int, other: Worlds, other_env: int) -> None:
        """Make world ``env`` what ``other_env`` of ``other`` is."""
        for mine, theirs in zip(self.arrays(), other.arrays(), strict=True):
            mine[env] = theirs[other_env]

    def arrays(self) -> list[FloatArray]:
        """All arrays with an env axis."""
        return [*self.state_arrays(), *self.parameters.values()]

    def moving(self) -> list[FloatArray]:
        """Those that change as time passes."""
        return [self.time, self.positions, self.velocities, self.root_poses, self.root_twists]

    def state_arrays(self) -> list[FloatArray]:
        """Those that are not parameters: what moves, and the commands held."""
        return [*self.moving(), self.targets, self.target_velocities, self.efforts]

    def _raise_divergence(self) -> None:
        bad = np.argwhere(~np.isfinite(self.positions))
        env = int(bad[0, 0]) if len(bad) else 0
        subject = f"joint '{self.mechanism.joints[bad[0, 1]].path}'" if len(bad) else "a free body"
        raise diverged(subject, f"{self.time[env]:g} s in env {env}")
