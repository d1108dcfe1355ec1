"""One world in MuJoCo."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from weakref import proxy

import mujoco
import numpy as np
from mujoco import mj_step

from hanzo_twin.engines.effective import effective_scene
from hanzo_twin.engines.lifetime import Lifetime
from hanzo_twin.engines.mujoco import native_state
from hanzo_twin.engines.mujoco.acceleration import AccelerationDrives, accelerated
from hanzo_twin.engines.mujoco.divergence import DIVERGED, divergence
from hanzo_twin.engines.mujoco.layout import Layout
from hanzo_twin.engines.mujoco.native_state import ENGINE, INPUTS, PHYSICS
from hanzo_twin.engines.mujoco.parameters import ModelParameters
from hanzo_twin.engines.mujoco.placement import body_states, place_at_start, set_body
from hanzo_twin.engines.mujoco.readings import JointReadings, Law
from hanzo_twin.engines.mujoco.touching import read_contacts
from hanzo_twin.engines.parameters import DYNAMIC, ParameterValues, gravity_addresses
from hanzo_twin.engines.port import EngineConfig, JointCommand, Observation
from hanzo_twin.engines.readings import BaseReadings, body_reading
from hanzo_twin.engines.refusals import closed, no_command, no_such_body, wrong_length
from hanzo_twin.engines.restore import check_parameters
from hanzo_twin.engines.sensing import joint_reading, make_sensors, observe_sensor, render
from hanzo_twin.engines.state import SimState
from hanzo_twin.engines.vectors import checked_array, checked_body_state, checked_steps, checked_wrench
from hanzo_twin.scene.model import Camera, Scene
from hanzo_twin.sensors.camera import DEFAULT_PICTURE, RenderParams
from hanzo_twin.sensors.plan import Plan
from hanzo_twin.sensors.port import Contacts, Motion
from hanzo_twin.sensors.suite import Held
from hanzo_twin.spatial import FloatArray, IntArray

# What a closed simulation lets go of.
_HELD = (
    "sensors",
    "_parameters",
    "_acceleration",
    "_model",
    "_data",
    "_qpos",
    "_qvel",
    "_ctrl",
    "_applied",
    "_warnings",
    "_scratch",
)


class MujocoSimulation(Lifetime):
    """A `Simulation`. ``native`` is the pair (MjModel, MjData)."""

    engine = ENGINE

    def __init__(
        self, scene: Scene, config: EngineConfig, model: Any, layout: Layout, plan: Plan | None = None
    ) -> None:
        """A world over ``model``, which is shared and never written; it starts at MuJoCo's zero, see `start`.

        ``plan`` is that of the sensors of another simulation of the scene.
        """
        self.scene = scene
        self.config = config
        self.layout = layout
        # Of all actuated joints: those that are commanded first, then those whose targets stay.
        self.targets = np.zeros(model.nu)
        self.target_velocities = np.zeros(model.nu)
        values = ParameterValues(scene, engine=ENGINE, supported=DYNAMIC)
        self._parameters = ModelParameters(scene, layout, model, values)
        self._substeps = config.substeps
        self._accelerated = accelerated(scene)
        self._closed = False
        self._attach(mujoco.MjData(model))
        self._scratch: Any = None
        self._read_model()
        self.sensors = make_sensors(scene, self, config, ENGINE, plan)

    def _attach(self, data: Any) -> None:
        """Hold ``data`` and views of its arrays: taking a view anew costs more than using it."""
        self._data = data
        self._qpos, self._qvel, self._ctrl = data.qpos, data.qvel, data.ctrl
        self._applied = data.qfrc_applied
        self._warnings = data.warning.number
        self._no_warnings = bytes(self._warnings.nbytes)
        self._kinematics_stale = True

    def _read_model(self) -> None:
        """Hold the model and what its drives need of it, which may have changed."""
        self._model = self._parameters.model
        self._acceleration = AccelerationDrives(self._accelerated, self._model) if self._accelerated else None
        self._stiffness = -self._model.actuator_biasprm[:, 1]
        self._damping = -self._model.actuator_biasprm[:, 2]
        self._limits = self._model.actuator_forcerange[:, 1].copy()
        if self._acceleration is not None:
            self._model = self._acceleration.model
        self._kinematics_stale = True
        self._effective: Scene | None = None
        self._write_command()
        self._read_efforts()

    def _write_command(self) -> None:
        """Bring MuJoCo's controls up to date with targets and gains."""
        self._feed_forward = self._damping * self.target_velocities
        self._write_targets()

    def _write_targets(self) -> None:
        """Bring MuJoCo's controls up to date with targets of positions."""
        # Replaced, never written: observations made before hold on to it.
        self._drive = self._stiffness * self.targets
        self._drive += self._feed_forward
        self._ctrl[:] = self._drive

    def _read_efforts(self) -> None:
        """Hold the commanded efforts; replaced, never written, as well."""
        self._efforts = self._applied[self.layout.velocities].copy()

    def _check_open(self) -> None:
        if self._closed:
            raise closed("simulation", ENGINE)

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
        n = checked_steps(n)
        if self.sensors.idle:
            self._advance(n * self._substeps)
        else:
            self.sensors.advance(n, self._advance)

    def _advance(self, engine_steps: int) -> None:
        if self._acceleration is None:
            mj_step(self._model, self._data, engine_steps)
        else:
            self._acceleration.step(self._data, engine_steps)
        self._kinematics_stale = True
        velocity = self._qvel
        if self._warnings.tobytes() != self._no_warnings or not velocity.dot(velocity) < DIVERGED:
            raise divergence(self._model, self._qpos, velocity, f"{self._data.time:g} s")

    def set_joint_command(self, articulation: str, command: JointCommand) -> None:
        self._check_open()
        columns = self._columns(articulation)
        if not isinstance(command, JointCommand):
            raise no_command(command)
        positions, velocities, efforts = command.positions, command.velocities, command.efforts
        for values in (positions, velocities, efforts):
            if values is not None and len(values) != columns.stop - columns.start:
                raise wrong_length(self.scene, articulation, command)
        if positions is not None:
            self.targets[columns] = positions
        if velocities is not None:
            self.target_velocities[columns] = velocities
        if efforts is not None:
            applied = self._efforts.copy()
            applied[columns] = efforts
            self._applied[self.layout.velocities] = applied
            self._efforts = applied
        if velocities is not None:
            self._write_command()
        elif positions is not None:
            self._write_targets()

    def _columns(self, articulation: str) -> slice:
        return self.layout.columns[self.scene.articulation(articulation).path]

    def set_applied_wrench(self, body: str, force: FloatArray, torque: FloatArray) -> None:
        self._check_open()
        row = self._body_row(body)
        self._data.xfrc_applied[self.layout.bodies[row]] = checked_wrench(force, torque)

    def _body_row(self, body: str) -> int:
        row = self.layout.body_rows.get(body)
        if row is None:
            raise no_such_body(body, self.layout.body_rows)
        return row

    def get_observation(self, path: str) -> Observation:
        self._check_open()
        columns = self.layout.columns.get(path)
        if columns is not None:
            layout = self.layout
            positions, velocities = self._qpos[layout.positions].copy(), self._qvel[layout.velocities].copy()
            law = (self._drive, self._stiffness, self._damping, self._limits, self._efforts)
            if self._acceleration is not None:
                law = self._scaled(law, self._acceleration)
            readings: Mapping[str, FloatArray] = JointReadings(columns, positions, velocities, law)
            if path in self.layout.body_rows:
                readings = BaseReadings(readings, self._observe_body(self.layout.body_rows[path]))
            return Observation(path=path, time=self._data.time, data=readings)
        row = self.layout.body_rows.get(path)
        if row is not None:
            return Observation(path=path, time=self._data.time, data=self._observe_body(row))
        return observe_sensor(self.sensors, path, {**self.layout.columns, **self.layout.body_rows})

    def _scaled(self, law: Law, drives: AccelerationDrives) -> Law:
        """``law`` with the gains that acceleration drives have now."""
        self._refresh_kinematics()
        scales = drives.scales(self._data)
        wanted, stiffness, damping, limits, efforts = law
        return wanted * scales, stiffness * scales, damping * scales, limits, efforts

    def render(self, camera: str | Camera, params: RenderParams = DEFAULT_PICTURE) -> Observation:
        self._check_open()
        return render(self.sensors, camera, params)

    def _observe_body(self, row: int) -> Mapping[str, FloatArray]:
        self._refresh_kinematics()
        poses, velocities = body_states(self._model, self._data, self.layout.bodies[row : row + 1])
        return body_reading(poses[0], velocities[0])

    def _refresh_kinematics(self) -> None:
        """Bring what MuJoCo derives from positions and velocities up to date; a step leaves it one step behind."""
        if self._kinematics_stale:
            _place_bodies(self._model, self._data)
            self._kinematics_stale = False

    # --- what sensors ask for

    def body_motion(self, rows: IntArray | None = None) -> Motion:
        """As `MotionSource` says."""
        self._refresh_kinematics()
        bodies = self.layout.bodies if rows is None else self.layout.bodies[rows]
        poses, velocities = body_states(self._model, self._data, bodies)
        return Motion(poses=poses, velocities=velocities)

    def remember_motion(self, rows: IntArray) -> Callable[[], Motion]:
        """As `MotionSource` says: positions and velocities are kept, bodies are placed when they are asked for."""
        data, world = self._data, proxy(self)
        kept = (self._qpos.copy(), self._qvel.copy(), data.mocap_pos.copy(), data.mocap_quat.copy())
        return lambda: world._motion_at(kept, rows)

    def _motion_at(self, kept: tuple[FloatArray, ...], rows: IntArray) -> Motion:
        if self._scratch is None:
            self._scratch = mujoco.MjData(self._model)
        data = self._scratch
        data.qpos[:], data.qvel[:], data.mocap_pos[:], data.mocap_quat[:] = kept
        _place_bodies(self._model, data)
        poses, velocities = body_states(self._model, data, self.layout.bodies[rows])
        return Motion(poses=poses, velocities=velocities)

    def contacts(self) -> Contacts:
        """As `FeelsContacts` says."""
        return read_contacts(self._model, self._data)

    def joint_reading(self, joint: str) -> tuple[float, float, float]:
        """As `MotionSource` says."""
        return joint_reading(self.scene, self.get_observation, joint)

    def effective_scene(self) -> Scene:
        """As `MotionSource` says."""
        if self._effective is None:
            self._effective = effective_scene(self.scene, self.parameters)
        return self._effective

    def applied_wrenches(self) -> FloatArray:
        """As `MotionSource` says."""
        wrenches: FloatArray = self._data.xfrc_applied[self.layout.bodies]
        return wrenches

    # --- state

    def get_state(self) -> SimState:
        self._check_open()
        held = self.sensors.pack()
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
            command_positions=self.targets[: self.layout.joint_count],
            command_velocities=self.target_velocities[: self.layout.joint_count],
            command_efforts=self._efforts,
            applied_wrenches=self._data.xfrc_applied[self.layout.bodies],
            parameters=self.parameters.changed(),
            native=native_state.pack(self.config, self._model, self._data),
            sensors=held,
        )

    def set_state(self, state: SimState) -> None:
        self._check_open()
        native, values, held = self.check_state(state)
        self._parameters.replace(values, self._data)
        count = self.layout.joint_count
        self.targets[:count] = state.command_positions
        self.target_velocities[:count] = state.command_velocities
        mujoco.mj_resetData(self._model, self._data)
        self._kinematics_stale = True
        if native is None:
            native_state.restore_neutral(state, self._data, self.layout)
        else:
            mujoco.mj_setState(self._model, self._data, native, native_state.INTEGRATION)
        self._applied[self.layout.velocities] = state.command_efforts
        self._data.xfrc_applied[self.layout.bodies] = state.applied_wrenches
        self._read_model()
        self.sensors.restore(held)

    def check_state(self, state: SimState) -> tuple[FloatArray | None, ParameterValues, Held]:
        """MuJoCo's numbers, the parameters and the sensors in ``state``; raises StateError where `set_state` would."""
        native = native_state.check(state, self.scene, self.config, self._model, self.layout)
        return native, check_parameters(state, self.parameters), self.sensors.unpack(state.sensors)

    def start(self) -> None:
        """Put the world where the scene says that it starts."""
        if self.config.gravity is not None:
            for address, value in zip(gravity_addresses(self.scene), self.config.gravity, strict=True):
                self.set_parameter(str(address), value)
        place_at_start(self.scene, self._model, self._data, self.layout)
        for path, column in self.layout.actuators.items():
            drive = self.scene.joints[path].drive
            if drive is not None:
                self.targets[column] = drive.target_position
                self.target_velocities[column] = drive.target_velocity
        self._write_command()

    def get_parameter(self, address: str) -> float:
        self._check_open()
        values = self._parameters.values
        return values.get(values.resolve(address))

    def set_parameter(self, address: str, value: float) -> None:
        self._check_open()
        self.sensors.settle()
        self._parameters.set(address, value, self._data)
        self._read_model()

    @property
    def parameters(self) -> ParameterValues:
        """The parameters in force."""
        return self._parameters.values

    def set_joint_state(self, articulation: str, positions: FloatArray, velocities: FloatArray) -> None:
        self._check_open()
        columns = self._columns(articulation)
        shape = (columns.stop - columns.start,)
        new_positions = checked_array("positions", positions, shape)
        new_velocities = checked_array("velocities", velocities, shape)
        self.sensors.settle()
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
        pose, velocity = checked_body_state(position, orientation, linear_velocity, angular_velocity)
        self.sensors.settle()
        set_body(self._data, self.layout, body, pose, velocity)
        self._kinematics_stale = True

    def fork(self) -> MujocoSimulation:
        self._check_open()
        model, parameters = self.share_model()
        twin = MujocoSimulation(self.scene, self.config, model, self.layout, self.sensors.plan)
        twin.load_world(model, parameters, self.numbers(), (self.targets, self.target_velocities))
        twin.sensors.load(self.sensors)
        return twin

    def numbers(self) -> tuple[FloatArray, FloatArray]:
        """MuJoCo's time, positions and velocities; and its inputs: what is commanded and applied. Both copies."""
        return (
            native_state.read(self._model, self._data, PHYSICS),
            native_state.read(self._model, self._data, INPUTS),
        )

    def share_model(self) -> tuple[Any, ParameterValues]:
        """The model, for another world to use, and its parameters; the next change here is made on a copy."""
        return self._parameters.share()

    def load_world(
        self,
        model: Any,
        parameters: ParameterValues,
        numbers: tuple[FloatArray, FloatArray],
        targets: tuple[FloatArray, FloatArray],
    ) -> None:
        """Become the world of another simulation's `numbers`, and drive targets, over its shared ``model``.

        Sensors are not part of it.
        """
        self._parameters = ModelParameters(self.scene, self.layout, model, parameters.copy())
        for part, values in zip((PHYSICS, INPUTS), numbers, strict=True):
            mujoco.mj_setState(model, self._data, values, part)
        self.targets[:], self.target_velocities[:] = targets
        self._read_model()

    def close(self) -> None:
        self._closed = True
        for name in _HELD:
            self.__dict__.pop(name, None)


def _place_bodies(model: Any, data: Any) -> None:
    """Bring what MuJoCo derives from positions and velocities up to date."""
    mujoco.mj_kinematics(model, data)
    mujoco.mj_comPos(model, data)
    mujoco.mj_comVel(model, data)
