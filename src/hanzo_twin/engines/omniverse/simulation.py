"""One world in PhysX.

A world is its base and what was commanded since, see `native_state`. Whatever overwrites something ends the past: the
next step builds all objects anew from the values then in force.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from hanzo_twin.engines.effective import effective_scene
from hanzo_twin.engines.lifetime import Lifetime
from hanzo_twin.engines.omniverse.commands import CommandLog, Commands, Entry
from hanzo_twin.engines.omniverse.contacts import contacts_of
from hanzo_twin.engines.omniverse.groups import Group
from hanzo_twin.engines.omniverse.layer import Layers
from hanzo_twin.engines.omniverse.native_state import BASE_STEPS, ENGINE, Native, digest, unpack
from hanzo_twin.engines.omniverse.physx import VERSION
from hanzo_twin.engines.omniverse.refusals import check_constraints, check_mimics, check_springs
from hanzo_twin.engines.omniverse.trees import simplified
from hanzo_twin.engines.omniverse.values import Values
from hanzo_twin.engines.omniverse.world import World
from hanzo_twin.engines.parameters import DYNAMIC, ParameterValues, gravity_addresses
from hanzo_twin.engines.port import EngineConfig, JointCommand, Observation
from hanzo_twin.engines.readings import BaseReadings, JointReadings, body_reading
from hanzo_twin.engines.refusals import (
    closed,
    diverged,
    held_by_a_joint,
    no_command,
    no_such_body,
    unsaid_joint,
    velocity_of_kinematic,
    wrong_length,
)
from hanzo_twin.engines.restore import check_neutral, check_parameters
from hanzo_twin.engines.sensing import joint_reading, make_sensors, observe_sensor, render
from hanzo_twin.engines.state import SimState
from hanzo_twin.engines.vectors import checked_array, checked_body_state, checked_steps, checked_wrench, replaced
from hanzo_twin.errors import SimulationError
from hanzo_twin.scene.model import Camera, Scene
from hanzo_twin.sensors.camera import DEFAULT_PICTURE, RenderParams
from hanzo_twin.sensors.plan import Plan
from hanzo_twin.sensors.port import Contacts, Motion
from hanzo_twin.sensors.suite import Held
from hanzo_twin.spatial import FloatArray, IntArray

# A sum of squared speeds beyond this is no motion any more; one comparison also finds NaN.
_DIVERGED = 1e20
# Engine steps between looks at what no joint holds, and at joints within a call of `step`.
_LOOK = 20


class OmniverseSimulation(Lifetime):
    """A `Simulation`. ``native`` is the ``ovphysx.PhysX`` instance; ``prims`` says what is called how in it."""

    engine = ENGINE

    def __init__(
        self, scene: Scene, config: EngineConfig, layers: Layers | None = None, plan: Plan | None = None
    ) -> None:
        """The world where the scene says that it starts.

        ``layers`` and ``plan`` are those of another simulation of the scene with these settings.
        """
        check_mimics(scene)
        check_springs(scene)
        check_constraints(scene)
        self.scene = scene
        self.config = config
        self.parameters = ParameterValues(scene, engine=ENGINE, supported=DYNAMIC)
        self._effective = scene
        self._plain = simplified(scene)
        self._closed = False
        self._seconds = config.step_seconds / config.substeps
        self._world = World(self._plain, config, layers or Layers(self._plain, config))
        self._step_world = self._world.physx.step
        articulated = [path for articulation in scene.articulations.values() for path in articulation.joints]
        self._joint_count = len(articulated)
        self._columns: dict[str, slice] = {}
        for articulation in scene.articulations.values():
            first = articulated.index(articulation.joints[0]) if articulation.joints else 0
            self._columns[articulation.path] = slice(first, first + len(articulation.joints))
        self._freedoms = {path: _run(self._world.freedom_of[columns]) for path, columns in self._columns.items()}
        self._rows = {path: row for row, path in enumerate(scene.bodies)}
        joints = [self._plain.joints[path] for path in self._world.joints]
        self._commands = Commands(
            targets=np.array([joint.drive.target_position if joint.drive else 0.0 for joint in joints]),
            target_velocities=np.array([joint.drive.target_velocity if joint.drive else 0.0 for joint in joints]),
            efforts=np.zeros(len(joints)),
            wrenches=np.zeros((len(scene.bodies), 6)),
        )
        # What PhysX lists together of the bodies that sensors watch, by their rows' bytes.
        self._watched: dict[bytes, list[Group]] = {}
        self._origin, self._ticks = 0.0, 0
        self._begin(self._starting_values())
        self.sensors = make_sensors(scene, self, config, ENGINE, plan)
        if config.gravity is not None:
            for address, value in zip(gravity_addresses(scene), config.gravity, strict=True):
                self.set_parameter(str(address), value)

    def _starting_values(self) -> Values:
        scene, world = self._plain, self._world
        positions, velocities = np.zeros(world.freedoms), np.zeros(world.freedoms)
        joints = [scene.joints[path] for path in world.joints]
        positions[world.freedom_of] = [joint.initial_position for joint in joints]
        velocities[world.freedom_of] = [joint.initial_velocity for joint in joints]
        world.write_start(positions)
        poses = np.full((len(self._rows), 7), np.nan)
        twists = np.full((len(self._rows), 6), np.nan)
        for path in self._roots():
            body = scene.bodies[path]
            poses[self._rows[path]] = body.pose_world_body.as_array()
            twists[self._rows[path]] = [*body.linear_velocity, *body.angular_velocity]
        return Values(positions=positions, velocities=velocities, poses=poses, twists=twists)

    def _roots(self) -> list[str]:
        return [path for path in self.scene.bodies if path not in self.scene.child_joint]

    def _check_open(self) -> None:
        if self._closed:
            raise closed("simulation", ENGINE)

    # --- base and past

    def _begin(self, values: Values) -> None:
        """Make ``values`` the base; all objects are built anew when they are needed."""
        self._base = self._given = values
        self._log = CommandLog()
        self._since_base = 0
        self._built = False
        self._held: Commands | None = None
        self._present: tuple[FloatArray, FloatArray] | None = (values.positions, values.velocities)
        self._bodies: tuple[FloatArray, FloatArray] | None = None
        self._contacts: Contacts | None = None
        self._pushing = False

    def _build(self) -> None:
        self._base = self._world.build(self._plain, self._base)
        self._bodies = self._base.poses, self._base.twists
        self._built = True

    def _values(self) -> Values:
        """The present."""
        if not self._built:
            self._build()
        positions, velocities = self._read_freedoms()
        poses, twists = self._read_bodies()
        return Values(positions=positions, velocities=velocities, poses=poses, twists=twists)

    def _read_freedoms(self) -> tuple[FloatArray, FloatArray]:
        if self._present is None:
            self._present = self._world.read_freedoms()
        return self._present

    def _read_bodies(self) -> tuple[FloatArray, FloatArray]:
        if self._bodies is None:
            if self._built:
                self._bodies = self._world.read_bodies(self._base, self._read_freedoms()[1])
            else:
                self._build()
                return self._base.poses, self._base.twists
        return self._bodies

    # --- running

    @property
    def time(self) -> float:
        self._check_open()
        return self._origin + self._ticks * self.config.step_seconds / self.config.substeps

    @property
    def native(self) -> Any:
        self._check_open()
        return self._world.physx.instance

    @property
    def prims(self) -> Mapping[str, str]:
        """Prim paths in PhysX by those in the scene, of bodies and joints."""
        self._check_open()
        names = self._world.layer.names
        return MappingProxyType({**names.bodies, **names.joints})

    def step(self, n: int = 1) -> None:
        self._check_open()
        n = checked_steps(n)
        if self.sensors.idle:
            self._advance(n * self.config.substeps)
        else:
            self.sensors.advance(n, self._advance)
        self._check_joints()

    def _advance(self, engine_steps: int) -> None:
        for _ in range(engine_steps):
            if self._since_base >= BASE_STEPS:
                self._begin(self._values())
            if self._commands is not self._held:
                self._hand_over()
            if self._pushing:
                self._world.push(self._commands)
            self._step_world(self._seconds)
            self._since_base += 1
            self._ticks += 1
            self._present = self._bodies = self._contacts = None
            if self._since_base % _LOOK == 0:
                if engine_steps > _LOOK:
                    self._check_joints()
                self._check_bodies()

    def _hand_over(self) -> None:
        """Give PhysX the commands that hold from here on."""
        if not self._built:
            self._build()
        held, world = self._held, self._world
        commands = self._commands if held is None else _joined(self._commands, held)
        self._commands = commands
        if commands is held:
            return
        with np.errstate(over="ignore"):
            if held is None or commands.targets is not held.targets:
                world.write_targets(commands.targets)
            if held is None or commands.target_velocities is not held.target_velocities:
                world.write_targets(commands.target_velocities, velocities=True)
            if held is None or commands.efforts is not held.efforts:
                world.write_efforts(commands.efforts)
        self._pushing = world.needs_push(commands)
        self._held = commands
        self._log.append(self._since_base, commands)

    def _check_joints(self) -> None:
        velocities = self._read_freedoms()[1]
        if not velocities.dot(velocities) < _DIVERGED:
            speeds = np.abs(velocities[self._world.freedom_of])
            fastest = int(np.argmax(np.where(np.isfinite(speeds), speeds, np.inf))) if len(speeds) else -1
            raise self._diverged(f"joint '{self._world.joints[fastest]}'" if fastest >= 0 else "a spherical joint")

    def _check_bodies(self) -> None:
        for paths, twists in self._world.free_twists():
            flat = twists.reshape(-1)
            if not flat.dot(flat) < _DIVERGED:
                speeds = np.abs(twists).max(axis=1)
                fastest = int(np.argmax(np.where(np.isfinite(speeds), speeds, np.inf)))
                raise self._diverged(f"body '{paths[fastest]}'")

    def _diverged(self, subject: str) -> SimulationError:
        return diverged(subject, f"{self.time:g} s")

    def set_joint_command(self, articulation: str, command: JointCommand) -> None:
        self._check_open()
        columns = self._columns.get(articulation) or self._articulation_columns(articulation)
        if not isinstance(command, JointCommand):
            raise no_command(command)
        positions, velocities, efforts = command.positions, command.velocities, command.efforts
        for values in (positions, velocities, efforts):
            if values is not None and len(values) != columns.stop - columns.start:
                raise wrong_length(self.scene, articulation, command)
        now = self._commands
        targets = now.targets if positions is None else _taken(now.targets, columns, positions)
        speeds = now.target_velocities if velocities is None else _taken(now.target_velocities, columns, velocities)
        pushes = now.efforts if efforts is None else _taken(now.efforts, columns, efforts)
        if targets is now.targets and speeds is now.target_velocities and pushes is now.efforts:
            return
        self._commands = Commands(targets=targets, target_velocities=speeds, efforts=pushes, wrenches=now.wrenches)

    def _articulation_columns(self, articulation: str) -> slice:
        return self._columns[self.scene.articulation(articulation).path]

    def set_applied_wrench(self, body: str, force: FloatArray, torque: FloatArray) -> None:
        self._check_open()
        row = self._row(body)
        wrenches = self._commands.wrenches.copy()
        wrenches[row] = checked_wrench(force, torque)
        self._commands = replace(self._commands, wrenches=wrenches)

    def _row(self, body: str) -> int:
        row = self._rows.get(body)
        if row is None:
            raise no_such_body(body, self._rows)
        return row

    # --- reading

    def get_observation(self, path: str) -> Observation:
        self._check_open()
        freedoms = self._freedoms.get(path)
        if freedoms is not None:
            joints: Mapping[str, FloatArray] = self._read_joints(path, freedoms)
            if path in self._rows:
                joints = BaseReadings(joints, self._observe_body(path))
            return Observation(path=path, time=self.time, data=joints)
        if path in self._rows:
            return Observation(path=path, time=self.time, data=self._observe_body(path))
        return observe_sensor(self.sensors, path, {**self._columns, **self._rows})

    def _observe_body(self, path: str) -> Mapping[str, FloatArray]:
        poses, twists = self._read_bodies()
        row = self._rows[path]
        return body_reading(poses[row].copy(), twists[row].copy())

    def _read_joints(self, path: str, freedoms: IntArray | slice) -> JointReadings:
        world, commands, columns = self._world, self._commands, self._columns[path]
        if world.scene is not self._plain or (world.accelerates and not self._built):
            self._build()
        positions, velocities = self._read_freedoms()
        if world.accelerates:
            efforts = world.present_efforts(world.laws, positions, velocities, commands)
            return JointReadings(positions[freedoms], velocities[freedoms], lambda: efforts[columns])
        laws = world.laws

        def present() -> FloatArray:
            return world.present_efforts(laws, positions, velocities, commands)[columns]

        return JointReadings(positions[freedoms], velocities[freedoms], present)

    def render(self, camera: str | Camera, params: RenderParams = DEFAULT_PICTURE) -> Observation:
        self._check_open()
        return render(self.sensors, camera, params)

    # --- what sensors ask for

    def body_motion(self, rows: IntArray | None = None) -> Motion:
        """As `MotionSource` says."""
        poses, twists = self._read_bodies()
        return (
            Motion(poses=poses, velocities=twists)
            if rows is None
            else Motion(poses=poses[rows], velocities=twists[rows])
        )

    def remember_motion(self, rows: IntArray) -> Callable[[], Motion]:
        """As `MotionSource` says."""
        if self._bodies is not None or not self._built:
            motion = self.body_motion(rows)
            return lambda: motion
        world, base, key = self._world, self._base, rows.tobytes()
        if key not in self._watched:
            self._watched[key] = world.groups_of(rows)
        raws, velocities = world.raw_bodies(self._watched[key]), self._read_freedoms()[1]

        def recall() -> Motion:
            poses, twists = world.placed(raws, base, velocities)
            return Motion(poses=poses[rows], velocities=twists[rows])

        return recall

    def contacts(self) -> Contacts:
        """As `FeelsContacts` says."""
        if self._contacts is None:
            world = self._world
            touches = world.physx.touching() if self._built and self._since_base else []
            self._contacts = contacts_of(touches, world.layer.names.shapes, self._seconds)
        return self._contacts

    def joint_reading(self, joint: str) -> tuple[float, float, float]:
        """As `MotionSource` says."""
        return joint_reading(self.scene, self.get_observation, joint)

    def effective_scene(self) -> Scene:
        """As `MotionSource` says."""
        return self._effective

    def applied_wrenches(self) -> FloatArray:
        """As `MotionSource` says."""
        return self._commands.wrenches

    # --- state

    def get_state(self) -> SimState:
        self._check_open()
        held = self.sensors.pack()
        now, commands = self._values(), self._commands
        own = self._world.freedom_of[: self._joint_count]
        part = slice(self._joint_count)
        native = Native(
            base=self._base,
            now=now,
            log=self._log.pack(),
            steps=self._since_base,
            ticks=self._ticks,
            origin=self._origin,
            parameters=digest(self.parameters.changed()),
        )
        return SimState(
            engine=ENGINE,
            engine_version=VERSION,
            scene_fingerprint=self.scene.fingerprint,
            time=self.time,
            joint_positions=now.positions[own],
            joint_velocities=now.velocities[own],
            body_poses=now.poses,
            body_velocities=now.twists,
            command_positions=commands.targets[part],
            command_velocities=commands.target_velocities[part],
            command_efforts=commands.efforts[part],
            applied_wrenches=commands.wrenches,
            parameters=self.parameters.changed(),
            native=native.pack(self.config),
            sensors=held,
        )

    def set_state(self, state: SimState) -> None:
        self._check_open()
        found, values, held = self._check_state(state)
        self._take_parameters(values)
        if found is not None:
            native, entries = found
            self._origin, self._ticks = native.origin, native.ticks
            self._replay(native, entries, same=native.parameters == digest(values.changed()))
        else:
            self._origin, self._ticks = state.time, 0
            self._begin(self._neutral_values(state))
        now, part = self._commands, slice(self._joint_count)
        self._commands = Commands(
            targets=_taken(now.targets, part, state.command_positions),
            target_velocities=_taken(now.target_velocities, part, state.command_velocities),
            efforts=_taken(now.efforts, part, state.command_efforts),
            wrenches=_taken(now.wrenches, slice(None), state.applied_wrenches),
        )
        self.sensors.restore(held)

    def _replay(self, native: Native, entries: list[Entry], *, same: bool) -> None:
        """Make what led from the base to the state happen once more; under other parameters, start from its values."""
        if not same:
            self._begin(native.now)
            return
        self._begin(native.base)
        ticks, ends = self._ticks, [*(step for step, _ in entries[1:]), native.steps]
        for (start, commands), end in zip(entries, ends, strict=False):
            self._commands = commands
            self._advance(end - start)
        self._ticks = ticks

    def _neutral_values(self, state: SimState) -> Values:
        """What a state of another engine says."""
        base = self._starting_values()
        positions, velocities = base.positions.copy(), base.velocities.copy()
        own = self._world.freedom_of[: self._joint_count]
        positions[own], velocities[own] = state.joint_positions, state.joint_velocities
        return Values(positions=positions, velocities=velocities, poses=state.body_poses, twists=state.body_velocities)

    def _check_state(self, state: SimState) -> tuple[tuple[Native, list[Entry]] | None, ParameterValues, Held]:
        """What is in the state: the native part (None where another engine made it), parameters, sensors."""
        check_neutral(state, self.scene, self._joint_count)
        values, held = check_parameters(state, self.parameters), self.sensors.unpack(state.sensors)
        world = self._world
        if state.engine == ENGINE:
            counts = {"freedoms": world.freedoms, "joints": len(world.joints), "bodies": len(self._rows)}
            return unpack(state, self.config, **counts), values, held
        balls = (joint.path for joint in self.scene.child_joint.values() if joint.kind in ("spherical", "d6"))
        loose = next(iter([*world.joints[self._joint_count :], *balls]), None)
        if loose is not None:
            raise unsaid_joint(state.engine, loose)
        return None, values, held

    def fork(self) -> OmniverseSimulation:
        self._check_open()
        twin = OmniverseSimulation(self.scene, self.config, self._world.layers, self.sensors.plan)
        twin.set_state(self.get_state())
        return twin

    # --- changing

    def get_parameter(self, address: str) -> float:
        self._check_open()
        return self.parameters.get(self.parameters.resolve(address))

    def set_parameter(self, address: str, value: float) -> None:
        self._check_open()
        resolved = self.parameters.resolve(address)
        self.parameters.check(resolved, value)
        values = self.parameters.copy()
        values.set(resolved, value)
        if values.changed() == self.parameters.changed():
            return
        self.sensors.settle()
        self._begin(self._values() if self._since_base else self._given)
        self._take_parameters(values)

    def _take_parameters(self, values: ParameterValues) -> None:
        """Take ``values`` in place of all that is in force, from when all objects are built anew."""
        if values.changed() != self.parameters.changed():
            self.parameters = values
            self._effective = effective_scene(self.scene, values)
            self._plain = simplified(self._effective)
            self._built = False
            self._held = None
            self._log = CommandLog()

    def set_joint_state(self, articulation: str, positions: FloatArray, velocities: FloatArray) -> None:
        self._check_open()
        columns = self._articulation_columns(articulation)
        shape = (columns.stop - columns.start,)
        new_positions = checked_array("positions", positions, shape)
        new_velocities = checked_array("velocities", velocities, shape)
        self.sensors.settle()
        before = self._values()
        freedoms = self._freedoms[articulation]
        all_positions, all_velocities = before.positions.copy(), before.velocities.copy()
        all_positions[freedoms], all_velocities[freedoms] = new_positions, new_velocities
        poses, twists = before.poses.copy(), before.twists.copy()
        held = self._world.limb_rows(self.scene.articulation(articulation).root_body)
        loose = {self._rows[path] for path in self._roots()}
        unknown = [row for row in held if row not in loose]
        poses[unknown], twists[unknown] = np.nan, np.nan
        self._begin(Values(positions=all_positions, velocities=all_velocities, poses=poses, twists=twists))

    def set_body_state(
        self,
        body: str,
        position: FloatArray,
        orientation: FloatArray,
        linear_velocity: FloatArray,
        angular_velocity: FloatArray,
    ) -> None:
        self._check_open()
        row = self._row(body)
        pose, twist = checked_body_state(position, orientation, linear_velocity, angular_velocity)
        if body in self.scene.child_joint:
            raise held_by_a_joint(body, self._roots())
        if self.scene.bodies[body].kinematic and twist.any():
            raise velocity_of_kinematic(ENGINE, body)
        self.sensors.settle()
        before = self._values()
        poses, twists = before.poses.copy(), before.twists.copy()
        others = [one for one in self._world.limb_rows(body) if one != row]
        poses[others], twists[others] = np.nan, np.nan
        poses[row], twists[row] = pose, twist
        self._begin(Values(positions=before.positions, velocities=before.velocities, poses=poses, twists=twists))

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._world.close()


def _run(freedoms: IntArray) -> IntArray | slice:
    """``freedoms`` as a slice where they follow one another, which is faster to take."""
    first = int(freedoms[0]) if len(freedoms) else 0
    whole = slice(first, first + len(freedoms))
    return whole if freedoms.tolist() == list(range(whole.start, whole.stop)) else freedoms


def _joined(new: Commands, held: Commands) -> Commands:
    """``new`` with the arrays of ``held`` that say the same; ``held`` itself where all do."""
    targets, velocities = _known(new.targets, held.targets), _known(new.target_velocities, held.target_velocities)
    efforts, wrenches = _known(new.efforts, held.efforts), _known(new.wrenches, held.wrenches)
    same = targets is held.targets and velocities is held.target_velocities and efforts is held.efforts
    if same and wrenches is held.wrenches:
        return held
    return Commands(targets=targets, target_velocities=velocities, efforts=efforts, wrenches=wrenches)


def _known(new: FloatArray, held: FloatArray) -> FloatArray:
    """``held`` where ``new`` says the same."""
    return held if new is held or new.tolist() == held.tolist() else new


def _taken(array: FloatArray, part: slice, values: FloatArray) -> FloatArray:
    """``array`` with ``values`` in ``part``; itself where nothing changes."""
    # Of the few numbers of joints, Python's comparison is faster than numpy's.
    return array if array[part].tolist() == values.tolist() else replaced(array, part, values)
