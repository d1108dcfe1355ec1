"""One world in MuJoCo."""

from __future__ import annotations

import copy
from types import MappingProxyType
from typing import Any

import mujoco
import numpy as np

from hanzo_twin.engines.mujoco import native_state
from hanzo_twin.engines.mujoco.divergence import DIVERGED, divergence
from hanzo_twin.engines.mujoco.layout import Layout
from hanzo_twin.engines.mujoco.native_state import ENGINE, INPUTS, PHYSICS
from hanzo_twin.engines.mujoco.parameters import STRUCTURAL, SUPPORTED, derive_constants, write_parameter
from hanzo_twin.engines.mujoco.placement import body_states, place_at_start, set_body
from hanzo_twin.engines.parameters import ParameterValues, gravity_addresses
from hanzo_twin.engines.port import EngineConfig, JointCommand, Observation
from hanzo_twin.engines.restore import check_parameters
from hanzo_twin.engines.state import SimState
from hanzo_twin.engines.vectors import checked_array, checked_quaternion
from hanzo_twin.errors import (
    CommandError,
    NotFoundError,
    SimulationError,
    UnsupportedError,
    nearest,
)
from hanzo_twin.scene.addresses import Address
from hanzo_twin.scene.model import Scene
from hanzo_twin.spatial import FloatArray


class MujocoSimulation:
    """A `Simulation`. ``native`` is the pair (MjModel, MjData)."""

    engine = ENGINE

    def __init__(self, scene: Scene, config: EngineConfig, model: Any, layout: Layout) -> None:
        """A world over ``model``, which is shared and never written; it starts at MuJoCo's zero, see `start`."""
        self.scene = scene
        self.config = config
        self.layout = layout
        self.parameters = ParameterValues(scene, engine=ENGINE, supported=SUPPORTED)
        self.targets = np.zeros(layout.joint_count)
        self.target_velocities = np.zeros(layout.joint_count)
        self._model = model
        self._owns_model = False
        self._closed = False
        self._attach(mujoco.MjData(model))
        self._read_gains()

    def _attach(self, data: Any) -> None:
        """Hold ``data`` and views of its arrays: taking a view anew costs more than using it."""
        self._data = data
        self._qpos, self._qvel = data.qpos, data.qvel
        self._command = data.ctrl[: self.layout.joint_count]
        self._applied = data.qfrc_applied
        self._warnings = data.warning.number
        self._no_warnings = bytes(self._warnings.nbytes)
        self._kinematics_stale = True

    def _read_gains(self) -> None:
        joints = self.layout.joint_count
        self._stiffness = -self._model.actuator_biasprm[:joints, 1]
        self._damping = -self._model.actuator_biasprm[:joints, 2]
        self._limits = self._model.actuator_forcerange[:joints, 1].copy()
        self._lower_limits = -self._limits
        self._write_command()

    def _write_command(self) -> None:
        self._command[:] = self._stiffness * self.targets + self._damping * self.target_velocities

    def _check_open(self) -> None:
        if self._closed:
            raise SimulationError(f"The simulation of engine '{ENGINE}' was closed.", hint="Load the scene again.")

    @property
    def time(self) -> float:
        self._check_open()
        return float(self._data.time)

    @property
    def native(self) -> tuple[Any, Any]:
        self._check_open()
        return self._model, self._data

    def step(self, n: int = 1) -> None:
        self._check_open()
        mujoco.mj_step(self._model, self._data, n * self.config.substeps)
        self._kinematics_stale = True
        velocity = self._qvel
        if self._warnings.tobytes() != self._no_warnings or not velocity.dot(velocity) < DIVERGED:
            raise divergence(self._model, self._qpos, velocity, f"{self._data.time:g} s")

    def set_joint_command(self, articulation: str, command: JointCommand) -> None:
        self._check_open()
        columns = self._columns(articulation)
        count = columns.stop - columns.start
        for name in ("positions", "velocities", "efforts"):
            values = getattr(command, name)
            if values is not None and len(values) != count:
                raise CommandError(
                    f"JointCommand.{name} has {len(values)} values, articulation '{articulation}' has {count} joints.",
                    hint=f"Their order is: {', '.join(self.layout.joint_names[columns])}.",
                )
        if command.positions is not None:
            self.targets[columns] = command.positions
        if command.velocities is not None:
            self.target_velocities[columns] = command.velocities
        if command.efforts is not None:
            efforts = self._applied[self.layout.velocities].copy()
            efforts[columns] = command.efforts
            self._applied[self.layout.velocities] = efforts
        self._write_command()

    def _columns(self, articulation: str) -> slice:
        return self.layout.columns[self.scene.articulation(articulation).path]

    def set_applied_wrench(self, body: str, force: FloatArray, torque: FloatArray) -> None:
        self._check_open()
        row = self._body_row(body)
        wrench = np.concatenate([checked_array("force", force, (3,)), checked_array("torque", torque, (3,))])
        self._data.xfrc_applied[self.layout.bodies[row]] = wrench

    def _body_row(self, body: str) -> int:
        row = self.layout.body_rows.get(body)
        if row is None:
            raise NotFoundError(f"The scene has no body '{body}'.", hint=nearest(body, self.layout.body_rows))
        return row

    def get_observation(self, path: str) -> Observation:
        self._check_open()
        columns = self.layout.columns.get(path)
        if columns is not None:
            return Observation(path=path, time=self._data.time, data=self._observe_joints(columns))
        row = self.layout.body_rows.get(path)
        if row is not None:
            return Observation(path=path, time=self._data.time, data=self._observe_body(row))
        sensor = self.scene.sensors.get(path)
        if sensor is not None:
            raise UnsupportedError(
                f"Engine '{ENGINE}' does not simulate the {sensor.kind} sensor '{path}'.",
                hint="It observes articulations and bodies.",
            )
        observable = [*self.layout.columns, *self.layout.body_rows]
        raise NotFoundError(f"There is nothing to observe at '{path}'.", hint=nearest(path, observable))

    def _observe_joints(self, columns: slice) -> MappingProxyType[str, FloatArray]:
        layout = self.layout
        positions, velocities = self._qpos[layout.positions].copy(), self._qvel[layout.velocities].copy()
        efforts = self._command - self._stiffness * positions - self._damping * velocities
        np.minimum(efforts, self._limits, out=efforts)
        np.maximum(efforts, self._lower_limits, out=efforts)
        efforts += self._applied[layout.velocities]
        positions.setflags(write=False)
        velocities.setflags(write=False)
        efforts.setflags(write=False)
        return MappingProxyType(
            {"positions": positions[columns], "velocities": velocities[columns], "efforts": efforts[columns]}
        )

    def _observe_body(self, row: int) -> MappingProxyType[str, FloatArray]:
        self._refresh_kinematics()
        pose, velocity = body_states(self._model, self._data, self.layout.bodies[row : row + 1])
        pose.setflags(write=False)
        velocity.setflags(write=False)
        return MappingProxyType(
            {
                "position": pose[0, :3],
                "orientation": pose[0, 3:],
                "linear_velocity": velocity[0, :3],
                "angular_velocity": velocity[0, 3:],
            }
        )

    def _refresh_kinematics(self) -> None:
        """Bring what MuJoCo derives from positions and velocities up to date; a step leaves it one step behind."""
        if self._kinematics_stale:
            mujoco.mj_kinematics(self._model, self._data)
            mujoco.mj_comPos(self._model, self._data)
            mujoco.mj_comVel(self._model, self._data)
            self._kinematics_stale = False

    def get_state(self) -> SimState:
        self._check_open()
        self._refresh_kinematics()
        poses, velocities = body_states(self._model, self._data, self.layout.bodies)
        return SimState(
            engine=ENGINE,
            engine_version=mujoco.__version__,
            scene_fingerprint=self.scene.fingerprint,
            time=float(self._data.time),
            joint_positions=self._qpos[self.layout.positions],
            joint_velocities=self._qvel[self.layout.velocities],
            body_poses=poses,
            body_velocities=velocities,
            command_positions=self.targets,
            command_velocities=self.target_velocities,
            command_efforts=self._applied[self.layout.velocities],
            applied_wrenches=self._data.xfrc_applied[self.layout.bodies],
            parameters=self.parameters.changed(),
            native=native_state.pack(self.config, self._model, self._data),
        )

    def set_state(self, state: SimState) -> None:
        self._check_open()
        native, values = self.check_state(state)
        self._replace_parameters(values)
        self.targets[:] = state.command_positions
        self.target_velocities[:] = state.command_velocities
        mujoco.mj_resetData(self._model, self._data)
        self._kinematics_stale = True
        if native is None:
            native_state.restore_neutral(state, self._data, self.layout)
        else:
            mujoco.mj_setState(self._model, self._data, native, native_state.INTEGRATION)
        self._applied[self.layout.velocities] = state.command_efforts
        self._data.xfrc_applied[self.layout.bodies] = state.applied_wrenches
        self._write_command()

    def check_state(self, state: SimState) -> tuple[FloatArray | None, ParameterValues]:
        """MuJoCo's numbers and the parameters in ``state``; raises StateError where `set_state` would."""
        native = native_state.check(state, self.scene, self.config, self._model, self.layout)
        return native, check_parameters(state, self.parameters)

    def start(self) -> None:
        """Put the world where the scene says that it starts."""
        if self.config.gravity is not None:
            for address, value in zip(gravity_addresses(self.scene), self.config.gravity, strict=True):
                self.set_parameter(str(address), value)
        place_at_start(self.scene, self._data, self.layout)
        for column, path in enumerate(self.layout.joint_names):
            drive = self.scene.joints[path].drive
            if drive is not None:
                self.targets[column] = drive.target_position
                self.target_velocities[column] = drive.target_velocity
        self._write_command()

    def get_parameter(self, address: str) -> float:
        self._check_open()
        return self.parameters.get(self.parameters.resolve(address))

    def set_parameter(self, address: str, value: float) -> None:
        self._check_open()
        resolved = self.parameters.resolve(address)
        self.parameters.check(resolved, value)
        self.parameters.set(resolved, value)
        self._write_parameters([resolved])

    def _replace_parameters(self, values: ParameterValues) -> None:
        if values.changed() == self.parameters.changed():
            return
        touched = {*self.parameters, *values}
        self.parameters = values
        self._write_parameters([Address.parse(text) for text in sorted(touched)])

    def _write_parameters(self, addresses: list[Address]) -> None:
        if not self._owns_model:
            self._model, self._owns_model = copy.copy(self._model), True
        for address in addresses:
            write_parameter(self._model, self.scene, self.layout, self.parameters, address)
        if any(address.attribute in STRUCTURAL for address in addresses):
            derive_constants(self._model, self._data)
        self._kinematics_stale = True
        self._read_gains()

    def set_joint_state(self, articulation: str, positions: FloatArray, velocities: FloatArray) -> None:
        self._check_open()
        columns = self._columns(articulation)
        shape = (columns.stop - columns.start,)
        new_positions = checked_array("positions", positions, shape)
        new_velocities = checked_array("velocities", velocities, shape)
        for whole, index, part in (
            (self._qpos, self.layout.positions, new_positions),
            (self._qvel, self.layout.velocities, new_velocities),
        ):
            joints = whole[index].copy()
            joints[columns] = part
            whole[index] = joints
        self._kinematics_stale = True

    def set_body_state(
        self,
        body: str,
        position: FloatArray,
        orientation: FloatArray,
        linear_velocity: FloatArray,
        angular_velocity: FloatArray,
    ) -> None:
        self._check_open()
        self._body_row(body)
        pose = np.concatenate([checked_array("position", position, (3,)), checked_quaternion(orientation)])
        velocity = np.concatenate(
            [
                checked_array("linear_velocity", linear_velocity, (3,)),
                checked_array("angular_velocity", angular_velocity, (3,)),
            ]
        )
        set_body(self._data, self.layout, body, pose, velocity)
        self._kinematics_stale = True

    def fork(self) -> MujocoSimulation:
        self._check_open()
        model, parameters = self.share_model()
        twin = MujocoSimulation(self.scene, self.config, model, self.layout)
        twin.load_world(model, parameters, self.numbers(), (self.targets, self.target_velocities))
        return twin

    def numbers(self) -> tuple[FloatArray, FloatArray]:
        """MuJoCo's time, positions and velocities; and its inputs: what is commanded and applied. Both copies."""
        return (
            native_state.read(self._model, self._data, PHYSICS),
            native_state.read(self._model, self._data, INPUTS),
        )

    def share_model(self) -> tuple[Any, ParameterValues]:
        """The model and the parameters in it, for another world to use; the next change here is made on a copy."""
        self._owns_model = False
        return self._model, self.parameters.copy()

    def load_world(
        self,
        model: Any,
        parameters: ParameterValues,
        numbers: tuple[FloatArray, FloatArray],
        targets: tuple[FloatArray, FloatArray],
    ) -> None:
        """Become the world of another simulation's `numbers`, and drive targets, over its shared ``model``."""
        self._model, self._owns_model, self.parameters = model, False, parameters.copy()
        for part, values in zip((PHYSICS, INPUTS), numbers, strict=True):
            mujoco.mj_setState(model, self._data, values, part)
        self.targets[:], self.target_velocities[:] = targets
        self._kinematics_stale = True
        self._read_gains()

    def close(self) -> None:
        self._closed = True
        for name in ("_model", "_data", "_qpos", "_qvel", "_command", "_applied", "_warnings"):
            self.__dict__.pop(name, None)
