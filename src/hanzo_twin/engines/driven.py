"""What simulations share whose joints are moved by the drive law of `drive`, because their engine has none.

An engine adds how its world is built, advanced, read and restored: the methods that are abstract here.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Collection, Mapping
from typing import ClassVar, Generic, Protocol, Self, TypeVar

import numpy as np

from hanzo_twin.engines.chains import expand
from hanzo_twin.engines.drive import DriveLaw
from hanzo_twin.engines.lifetime import Lifetime
from hanzo_twin.engines.parameters import DYNAMIC, ParameterValues, gravity_addresses
from hanzo_twin.engines.port import EngineConfig, JointCommand, Observation
from hanzo_twin.engines.readings import BaseReadings, JointReadings, body_reading
from hanzo_twin.engines.refusals import (
    closed,
    held_by_a_joint,
    no_command,
    no_such_body,
    velocity_of_kinematic,
    wrong_length,
)
from hanzo_twin.engines.sensing import joint_reading, observe_sensor, render
from hanzo_twin.engines.state import SimState
from hanzo_twin.engines.vectors import checked_array, checked_body_state, checked_steps, checked_wrench, replaced
from hanzo_twin.scene.model import Camera, Scene
from hanzo_twin.sensors.camera import DEFAULT_PICTURE, RenderParams
from hanzo_twin.sensors.port import Motion
from hanzo_twin.sensors.suite import SensorSuite
from hanzo_twin.spatial import FloatArray, IntArray

Placement = tuple[FloatArray, FloatArray]
"""Pose [7] and velocity [6] of a body frame's origin, world frame."""


class DrivenTree(Protocol):
    """One multibody with joints."""

    @property
    def columns(self) -> IntArray | slice: ...

    @property
    def law(self) -> DriveLaw: ...

    def state(self) -> tuple[FloatArray, FloatArray]:
        """Positions and velocities of its joints [n], new arrays."""
        ...

    def mass_matrix(self) -> FloatArray: ...


TreeType = TypeVar("TreeType", bound=DrivenTree)


class DrivenSimulation(Lifetime, Generic[TreeType]):
    """The part of a `Simulation` that all such engines have in common.

    Joints stand in arrays as articulations list them, then those that no articulation has.
    """

    engine: ClassVar[str]
    sensors: SensorSuite
    _trees: list[TreeType]
    _by_articulation: dict[str, TreeType]
    _joints: list[str]

    def __init__(self, scene: Scene, config: EngineConfig) -> None:
        self.scene = scene
        self.config = config
        self.parameters = ParameterValues(scene, engine=self.engine, supported=DYNAMIC)
        self._effective = scene
        self._chained = expand(scene)
        self._articulated = [path for articulation in scene.articulations.values() for path in articulation.joints]
        self._joint_count = len(self._articulated)
        self._columns: dict[str, slice] = {}
        for articulation in scene.articulations.values():
            first = self._articulated.index(articulation.joints[0]) if articulation.joints else 0
            self._columns[articulation.path] = slice(first, first + len(articulation.joints))
        self._rows = {path: row for row, path in enumerate(scene.bodies)}
        self._paths = tuple(scene.bodies)
        self._closed = False

    def _stand_still(self) -> None:
        """Begin with no commands and no wrenches, once ``_joints`` is known."""
        count = len(self._joints)
        # Replaced, never written: observations made before hold on to them.
        self._targets, self._target_velocities, self._efforts = np.zeros(count), np.zeros(count), np.zeros(count)
        self._wrenches = np.zeros((len(self.scene.bodies), 6))

    # --- what an engine adds

    @property
    @abstractmethod
    def time(self) -> float: ...

    @property
    @abstractmethod
    def _roots(self) -> Collection[str]:
        """Bodies that no joint holds, by path."""

    @abstractmethod
    def _advance(self, engine_steps: int) -> None:
        """Step the engine so often. Raises SimulationError where the numbers diverge."""

    @abstractmethod
    def _body_state(self, path: str) -> Placement:
        """Where a body is, new arrays."""

    @abstractmethod
    def _place_root(self, path: str, pose: FloatArray, velocity: FloatArray) -> None: ...

    @abstractmethod
    def _place_joints(self, positions: FloatArray, velocities: FloatArray) -> None:
        """Set the first joints, as many as are given."""

    @abstractmethod
    def _write_wrenches(self, wrenches: FloatArray) -> None:
        """Take ``wrenches`` [n_bodies, 6] in place of those in force."""

    @abstractmethod
    def remember_motion(self, rows: IntArray) -> Callable[[], Motion]:
        """As `MotionSource` says."""

    @abstractmethod
    def set_parameter(self, address: str, value: float) -> None: ...

    @abstractmethod
    def fork(self) -> Self: ...

    # --- running

    def _start(self) -> None:
        """Put the world where the scene says that it starts."""
        if self.config.gravity is not None:
            for address, value in zip(gravity_addresses(self.scene), self.config.gravity, strict=True):
                self.set_parameter(str(address), value)
        for path in self._roots:
            body = self.scene.bodies[path]
            velocity = np.array([*body.linear_velocity, *body.angular_velocity])
            self._place_root(path, body.pose_world_body.as_array(), velocity)
        joints = [self._chained.joints[path] for path in self._joints]
        self._place_joints(
            np.array([joint.initial_position for joint in joints]),
            np.array([joint.initial_velocity for joint in joints]),
        )
        self._targets = np.array([joint.drive.target_position if joint.drive else 0.0 for joint in joints])
        self._target_velocities = np.array([joint.drive.target_velocity if joint.drive else 0.0 for joint in joints])

    def _check_open(self) -> None:
        if self._closed:
            raise closed("simulation", self.engine)

    def step(self, n: int = 1) -> None:
        self._check_open()
        n = checked_steps(n)
        if self.sensors.idle:
            self._advance(n * self.config.substeps)
        else:
            self.sensors.advance(n, self._advance)

    def set_joint_command(self, articulation: str, command: JointCommand) -> None:
        self._check_open()
        columns = self._columns.get(articulation) or self._articulation_columns(articulation)
        if not isinstance(command, JointCommand):
            raise no_command(command)
        positions, velocities, efforts = command.positions, command.velocities, command.efforts
        count = columns.stop - columns.start
        for values in (positions, velocities, efforts):
            if values is not None and len(values) != count:
                raise wrong_length(self.scene, articulation, command)
        if positions is not None:
            self._targets = replaced(self._targets, columns, positions)
        if velocities is not None:
            self._target_velocities = replaced(self._target_velocities, columns, velocities)
        if efforts is not None:
            self._efforts = replaced(self._efforts, columns, efforts)

    def _articulation_columns(self, articulation: str) -> slice:
        return self._columns[self.scene.articulation(articulation).path]

    def set_applied_wrench(self, body: str, force: FloatArray, torque: FloatArray) -> None:
        self._check_open()
        row = self._row(body)
        wrenches = self._wrenches.copy()
        wrenches[row] = checked_wrench(force, torque)
        self._write_wrenches(wrenches)

    def _row(self, body: str) -> int:
        row = self._rows.get(body)
        if row is None:
            raise no_such_body(body, self._rows)
        return row

    # --- reading

    def get_observation(self, path: str) -> Observation:
        self._check_open()
        columns = self._columns.get(path)
        if columns is not None:
            joints: Mapping[str, FloatArray] = self._read_joints(path, columns)
            if path in self._rows:
                joints = BaseReadings(joints, body_reading(*self._body_state(path)))
            return Observation(path=path, time=self.time, data=joints)
        if path in self._rows:
            return Observation(path=path, time=self.time, data=body_reading(*self._body_state(path)))
        return observe_sensor(self.sensors, path, {**self._columns, **self._rows})

    def _read_joints(self, path: str, columns: slice) -> JointReadings:
        tree = self._by_articulation.get(path)
        if tree is None or tree.law.needs_mass_matrix:
            positions, velocities = self._joint_state()
            efforts = self._present_efforts()
            return JointReadings(positions[columns], velocities[columns], lambda: efforts[columns].copy())
        own_positions, own_velocities = tree.state()
        law, targets, target_velocities, commanded = tree.law, self._targets, self._target_velocities, self._efforts

        def present() -> FloatArray:
            return law.present(
                own_positions,
                own_velocities,
                targets=targets[columns],
                target_velocities=target_velocities[columns],
                efforts=commanded[columns],
            )

        return JointReadings(own_positions, own_velocities, present)

    def _joint_state(self) -> tuple[FloatArray, FloatArray]:
        """Positions and velocities of all joints of one freedom, a copy."""
        positions, velocities = np.zeros(len(self._joints)), np.zeros(len(self._joints))
        for tree in self._trees:
            positions[tree.columns], velocities[tree.columns] = tree.state()
        return positions, velocities

    def _present_efforts(self) -> FloatArray:
        efforts = np.zeros(len(self._joints))
        for tree in self._trees:
            columns = tree.columns
            efforts[columns] = tree.law.present(
                *tree.state(),
                targets=self._targets[columns],
                target_velocities=self._target_velocities[columns],
                efforts=self._efforts[columns],
                mass_matrix=tree.mass_matrix() if tree.law.needs_mass_matrix else None,
            )
        return efforts

    def render(self, camera: str | Camera, params: RenderParams = DEFAULT_PICTURE) -> Observation:
        self._check_open()
        return render(self.sensors, camera, params)

    # --- what sensors ask for

    def body_motion(self, rows: IntArray | None = None) -> Motion:
        """As `MotionSource` says."""
        return self.remember_motion(np.arange(len(self._rows)) if rows is None else rows)()

    def joint_reading(self, joint: str) -> tuple[float, float, float]:
        """As `MotionSource` says."""
        return joint_reading(self.scene, self.get_observation, joint)

    def effective_scene(self) -> Scene:
        """As `MotionSource` says."""
        return self._effective

    def applied_wrenches(self) -> FloatArray:
        """As `MotionSource` says."""
        return self._wrenches

    # --- state

    def _state(self, version: str, native: bytes, held: bytes) -> SimState:
        """The present as a value, with the engine's own part."""
        count = self._joint_count
        positions, velocities = self._joint_state()
        bodies = self.body_motion()
        return SimState(
            engine=self.engine,
            engine_version=version,
            scene_fingerprint=self.scene.fingerprint,
            time=self.time,
            joint_positions=positions[:count],
            joint_velocities=velocities[:count],
            body_poses=bodies.poses,
            body_velocities=bodies.velocities,
            command_positions=self._targets[:count],
            command_velocities=self._target_velocities[:count],
            command_efforts=self._efforts[:count],
            applied_wrenches=self._wrenches,
            parameters=self.parameters.changed(),
            native=native,
            sensors=held,
        )

    def _take_commands(self, state: SimState) -> None:
        """Hold what was commanded in ``state``."""
        part = slice(self._joint_count)
        self._targets = replaced(self._targets, part, state.command_positions)
        self._target_velocities = replaced(self._target_velocities, part, state.command_velocities)
        self._efforts = replaced(self._efforts, part, state.command_efforts)

    def _take_neutral(self, state: SimState) -> None:
        """Stand where a state of another engine says."""
        for path in self._roots:
            row = self._rows[path]
            still = self.scene.bodies[path].kinematic
            self._place_root(path, state.body_poses[row], np.zeros(6) if still else state.body_velocities[row])
        self._place_joints(state.joint_positions, state.joint_velocities)

    # --- changing

    def get_parameter(self, address: str) -> float:
        self._check_open()
        return self.parameters.get(self.parameters.resolve(address))

    def set_joint_state(self, articulation: str, positions: FloatArray, velocities: FloatArray) -> None:
        self._check_open()
        columns = self._articulation_columns(articulation)
        shape = (columns.stop - columns.start,)
        new_positions = checked_array("positions", positions, shape)
        new_velocities = checked_array("velocities", velocities, shape)
        self.sensors.settle()
        all_positions, all_velocities = self._joint_state()
        all_positions[columns], all_velocities[columns] = new_positions, new_velocities
        self._place_joints(all_positions, all_velocities)

    def set_body_state(
        self,
        body: str,
        position: FloatArray,
        orientation: FloatArray,
        linear_velocity: FloatArray,
        angular_velocity: FloatArray,
    ) -> None:
        self._check_open()
        self._row(body)
        pose, velocity = checked_body_state(position, orientation, linear_velocity, angular_velocity)
        if body not in self._roots:
            raise held_by_a_joint(body, self._roots)
        if self.scene.bodies[body].kinematic and velocity.any():
            raise velocity_of_kinematic(self.engine, body)
        self.sensors.settle()
        self._place_root(body, pose, velocity)
