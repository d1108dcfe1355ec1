"""One world of the kinematic engine: `Worlds` with one row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from hanzo_twin.engines.kinematic.worlds import PARAMETERS, Mechanism, Worlds
from hanzo_twin.engines.lifetime import Lifetime
from hanzo_twin.engines.parameters import ParameterValues
from hanzo_twin.engines.port import EngineConfig, JointCommand, Observation
from hanzo_twin.engines.readings import BaseReadings, body_reading
from hanzo_twin.engines.refusals import closed, held_by_a_joint, no_command, no_such_body, wrong_length
from hanzo_twin.engines.restore import check_native, check_neutral, check_parameters, pack_settings
from hanzo_twin.engines.sensing import joint_reading, make_sensors, observe_sensor, render
from hanzo_twin.engines.state import SimState
from hanzo_twin.engines.vectors import checked_array, checked_body_state, checked_steps
from hanzo_twin.errors import StateError, UnsupportedError
from hanzo_twin.scene.addresses import Address
from hanzo_twin.scene.model import Camera, Scene
from hanzo_twin.sensors.camera import DEFAULT_PICTURE, RenderParams
from hanzo_twin.sensors.plan import Plan
from hanzo_twin.sensors.port import Motion
from hanzo_twin.sensors.suite import Held
from hanzo_twin.spatial import FloatArray, IntArray

ENGINE = "kinematic"
VERSION = "1"


class KinematicSimulation(Lifetime):
    """A `Simulation`; ``native`` is its `Worlds`."""

    engine = ENGINE

    def __init__(self, mechanism: Mechanism, config: EngineConfig, plan: Plan | None = None) -> None:
        """The world where the scene starts; ``plan`` is that of the sensors of another simulation of the scene."""
        self.scene: Scene = mechanism.scene
        self.config = config
        self.parameters = ParameterValues(mechanism.scene, engine=ENGINE, supported=PARAMETERS)
        self._mechanism = mechanism
        self._worlds = Worlds(mechanism, 1)
        self._rows = {path: row for row, path in enumerate(mechanism.scene.bodies)}
        self._seconds = config.step_seconds / config.substeps
        self._closed = False
        gravity = config.gravity or mechanism.scene.gravity
        self._effective = replace(mechanism.scene, gravity=gravity)
        self.sensors = make_sensors(mechanism.scene, self, config, ENGINE, plan)

    def _check_open(self) -> None:
        if self._closed:
            raise closed("simulation", ENGINE)

    @property
    def time(self) -> float:
        self._check_open()
        return float(self._worlds.time[0])

    @property
    def native(self) -> Worlds:
        self._check_open()
        return self._worlds

    def step(self, n: int = 1) -> None:
        self._check_open()
        n = checked_steps(n)
        if self.sensors.idle:
            self._advance(n * self.config.substeps)
        else:
            self.sensors.advance(n, self._advance)

    def _advance(self, engine_steps: int) -> None:
        self._worlds.advance(engine_steps, self._seconds)

    def set_joint_command(self, articulation: str, command: JointCommand) -> None:
        self._check_open()
        columns = self._columns(articulation)
        if not isinstance(command, JointCommand):
            raise no_command(command)
        held = (
            ("positions", self._worlds.targets),
            ("velocities", self._worlds.target_velocities),
            ("efforts", self._worlds.efforts),
        )
        for name, _ in held:
            values = getattr(command, name)
            if values is not None and len(values) != columns.stop - columns.start:
                raise wrong_length(self.scene, articulation, command)
        for name, array in held:
            values = getattr(command, name)
            if values is not None:
                array[0, columns] = values

    def _columns(self, articulation: str) -> slice:
        return self._mechanism.columns[self.scene.articulation(articulation).path]

    def set_applied_wrench(self, body: str, force: FloatArray, torque: FloatArray) -> None:
        self._check_open()
        self.body_row(body)
        raise UnsupportedError(
            f"Engine '{ENGINE}' has no forces, so nothing can push '{body}'.", hint="Use an engine with dynamics."
        )

    def body_row(self, body: str) -> int:
        """The body's place in the scene's order."""
        row = self._rows.get(body)
        if row is None:
            raise no_such_body(body, self._rows)
        return row

    def get_observation(self, path: str) -> Observation:
        self._check_open()
        worlds = self._worlds
        if path in self._mechanism.columns:
            columns = self._mechanism.columns[path]
            arrays = {
                "positions": worlds.positions[0, columns].copy(),
                "velocities": worlds.velocities[0, columns].copy(),
                "efforts": worlds.drive_efforts()[0, columns],
            }
            for array in arrays.values():
                array.setflags(write=False)
            joints: Mapping[str, FloatArray] = MappingProxyType(arrays)
            if path in self._rows:
                joints = BaseReadings(joints, self._observe_body(path))
            return Observation(path=path, time=self.time, data=joints)
        if path in self._rows:
            return Observation(path=path, time=self.time, data=self._observe_body(path))
        return observe_sensor(self.sensors, path, {**self._mechanism.columns, **self._rows})

    def _observe_body(self, path: str) -> Mapping[str, FloatArray]:
        poses, twists = self._worlds.bodies()
        row = self._rows[path]
        return body_reading(poses[0, row], twists[0, row])

    def render(self, camera: str | Camera, params: RenderParams = DEFAULT_PICTURE) -> Observation:
        self._check_open()
        return render(self.sensors, camera, params)

    # --- what sensors ask for

    def body_motion(self, rows: IntArray | None = None) -> Motion:
        """As `MotionSource` says."""
        poses, twists = self._worlds.bodies()
        part = slice(None) if rows is None else rows
        return Motion(poses=poses[0, part], velocities=twists[0, part])

    def remember_motion(self, rows: IntArray) -> Callable[[], Motion]:
        """As `MotionSource` says."""
        kinematics, worlds = self._mechanism.kinematics, self._worlds
        kept = (worlds.positions, worlds.velocities, worlds.root_poses.copy(), worlds.root_twists.copy())

        def recall() -> Motion:
            poses, twists = kinematics.place(*kept)
            return Motion(poses=poses[0, rows], velocities=twists[0, rows])

        return recall

    def joint_reading(self, joint: str) -> tuple[float, float, float]:
        """As `MotionSource` says."""
        return joint_reading(self.scene, self.get_observation, joint)

    def effective_scene(self) -> Scene:
        """As `MotionSource` says; parameters do not reach masses nor gravity."""
        return self._effective

    def applied_wrenches(self) -> FloatArray:
        """As `MotionSource` says: none."""
        return np.zeros((len(self._rows), 6))

    # --- state

    def get_state(self) -> SimState:
        self._check_open()
        worlds = self._worlds
        poses, twists = worlds.bodies()
        return SimState(
            engine=ENGINE,
            engine_version=VERSION,
            scene_fingerprint=self.scene.fingerprint,
            time=self.time,
            joint_positions=worlds.positions[0],
            joint_velocities=worlds.velocities[0],
            body_poses=poses[0],
            body_velocities=twists[0],
            command_positions=worlds.targets[0],
            command_velocities=worlds.target_velocities[0],
            command_efforts=worlds.efforts[0],
            applied_wrenches=np.zeros((len(self._rows), 6)),
            parameters=self.parameters.changed(),
            native=pack_settings(self.config),
            sensors=self.sensors.pack(),
        )

    def check_state(self, state: SimState) -> tuple[ParameterValues, Held]:
        """The parameters and the sensors in ``state``; raises StateError where `set_state` would."""
        check_neutral(state, self.scene, len(self._mechanism.joints))
        if state.engine == ENGINE:
            check_native(state, self.config, version=VERSION, size=0)
        if state.applied_wrenches.any():
            raise StateError(
                f"The state has applied wrenches, and engine '{ENGINE}' has no forces.",
                hint="Set them to zero before the state is taken.",
            )
        return check_parameters(state, self.parameters), self.sensors.unpack(state.sensors)

    def set_state(self, state: SimState) -> None:
        self._check_open()
        values, held = self.check_state(state)
        touched = sorted({*self.parameters, *values})
        self.parameters = values
        for address in touched:
            self._write_parameter(Address.parse(address))
        roots = list(self._mechanism.kinematics.roots)
        worlds = self._worlds
        worlds.time[0] = state.time
        worlds.positions[0], worlds.velocities[0] = state.joint_positions, state.joint_velocities
        worlds.targets[0], worlds.target_velocities[0] = state.command_positions, state.command_velocities
        worlds.efforts[0] = state.command_efforts
        worlds.root_poses[0], worlds.root_twists[0] = state.body_poses[roots], state.body_velocities[roots]
        self.sensors.restore(held)

    def get_parameter(self, address: str) -> float:
        self._check_open()
        return self.parameters.get(self.parameters.resolve(address))

    def set_parameter(self, address: str, value: float) -> None:
        self._check_open()
        resolved = self.parameters.resolve(address)
        self.parameters.check(resolved, value)
        self.parameters.set(resolved, value)
        self._write_parameter(resolved)

    def _write_parameter(self, address: Address) -> None:
        column = self.column(address)
        self._worlds.parameters[address.attribute][0, column] = self.parameters.get(address)

    def column(self, address: Address) -> int:
        """The joint's place in joint arrays."""
        return self._mechanism.joints.index(self.scene.joints[address.path])

    def set_joint_state(self, articulation: str, positions: FloatArray, velocities: FloatArray) -> None:
        self._check_open()
        columns = self._columns(articulation)
        shape = (columns.stop - columns.start,)
        new_positions = checked_array("positions", positions, shape)
        new_velocities = checked_array("velocities", velocities, shape)
        self.sensors.settle()
        self._worlds.positions[0, columns], self._worlds.velocities[0, columns] = new_positions, new_velocities

    def set_body_state(
        self,
        body: str,
        position: FloatArray,
        orientation: FloatArray,
        linear_velocity: FloatArray,
        angular_velocity: FloatArray,
    ) -> None:
        self._check_open()
        root = self.root(body)
        pose, twist = checked_body_state(position, orientation, linear_velocity, angular_velocity)
        self.sensors.settle()
        self._worlds.root_poses[0, root], self._worlds.root_twists[0, root] = pose, twist

    def root(self, body: str) -> int:
        """The place of ``body`` among those that no joint holds.

        Raises:
            NotFoundError: no such body. CommandError: a joint holds it.
        """
        row, roots = self.body_row(body), self._mechanism.kinematics.roots
        if row not in roots:
            paths = list(self._rows)
            raise held_by_a_joint(body, [paths[root] for root in roots])
        return roots.index(row)

    def fork(self) -> KinematicSimulation:
        self._check_open()
        twin = KinematicSimulation(self._mechanism, self.config, self.sensors.plan)
        twin.load_world(self._worlds, 0, self.parameters)
        twin.sensors.load(self.sensors)
        return twin

    def load_world(self, worlds: Worlds, env: int, parameters: ParameterValues) -> None:
        """Become world ``env`` of ``worlds``, whose parameters are ``parameters``; sensors are not part of it."""
        self._worlds.copy_env(0, worlds, env)
        self.parameters = parameters.copy()

    def close(self) -> None:
        self._closed = True
