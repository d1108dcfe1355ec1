"""One world in PyBullet."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from types import MappingProxyType

import numpy as np
import pybullet
from pybullet import getBaseVelocity, stepSimulation

from hanzo_twin.engines.chains import expand
from hanzo_twin.engines.drive import DriveLaw, JointDynamics
from hanzo_twin.engines.effective import effective_scene
from hanzo_twin.engines.parameters import ParameterValues, gravity_addresses
from hanzo_twin.engines.port import EngineConfig, JointCommand, Observation
from hanzo_twin.engines.pybullet import native_state
from hanzo_twin.engines.pybullet.contacts import read_contacts
from hanzo_twin.engines.pybullet.native_state import ENGINE, VERSION
from hanzo_twin.engines.pybullet.placement import body_state, finished_states, place_root, raw_state
from hanzo_twin.engines.pybullet.tree import Tree
from hanzo_twin.engines.pybullet.world import World, build_world, write_frictions
from hanzo_twin.engines.readings import JointReadings
from hanzo_twin.engines.restore import check_neutral, check_parameters
from hanzo_twin.engines.sensing import joint_reading, make_sensors, observe_sensor, render
from hanzo_twin.engines.state import SimState
from hanzo_twin.engines.vectors import checked_array, checked_quaternion
from hanzo_twin.errors import CommandError, NotFoundError, SimulationError, StateError, UnsupportedError, nearest
from hanzo_twin.scene.addresses import Address
from hanzo_twin.scene.model import Camera, Scene
from hanzo_twin.sensors.camera import RenderParams
from hanzo_twin.sensors.port import Contacts, Motion
from hanzo_twin.sensors.suite import Held
from hanzo_twin.spatial import FloatArray, IntArray

SUPPORTED = (
    "mass",
    "inertiaScale",
    "centerOfMass",
    "damping",
    "friction",
    "armature",
    "driveStiffness",
    "driveDamping",
    "maxEffort",
    "dynamicFriction",
    "gravity",
)
# Bullet cannot move a centre of mass, and its mass matrix keeps the masses that it first saw: the world is made anew.
_STRUCTURAL = ("mass", "inertiaScale", "centerOfMass")
# A speed beyond this is no motion any more, rad/s or m/s.
_DIVERGED = 1e10


class PybulletSimulation:
    """A `Simulation`. ``native`` is the pair (physics client id, {path of a body: (Bullet's body, link)})."""

    engine = ENGINE

    def __init__(self, scene: Scene, config: EngineConfig, *, deformable: bool = False) -> None:
        """A world as Bullet builds it, not yet where the scene says that it starts, see `start`.

        ``deformable``: soft bodies can be added to it, and so it has no states.
        """
        self.scene = scene
        self.config = config
        self.parameters = ParameterValues(scene, engine=ENGINE, supported=SUPPORTED)
        self._seconds = config.step_seconds / config.substeps
        self._chained = expand(scene)
        articulated = [path for articulation in scene.articulations.values() for path in articulation.joints]
        loose = [
            joint.path
            for joint in self._chained.joints.values()
            if joint.kind != "fixed" and not joint.closes_loop and joint.path not in articulated
        ]
        self._joints = [*articulated, *loose]
        self._joint_count = len(articulated)
        self._columns: dict[str, slice] = {}
        for articulation in scene.articulations.values():
            first = articulated.index(articulation.joints[0]) if articulation.joints else 0
            self._columns[articulation.path] = slice(first, first + len(articulation.joints))
        self._rows = {path: row for row, path in enumerate(scene.bodies)}
        self._paths = tuple(scene.bodies)
        count = len(self._joints)
        # Replaced, never written: observations made before hold on to them.
        self._targets, self._target_velocities, self._efforts = np.zeros(count), np.zeros(count), np.zeros(count)
        self._wrenches = np.zeros((len(scene.bodies), 6))
        self._time = 0.0
        self._deformable = deformable
        self._closed = False
        self._build()
        self.sensors = make_sensors(scene, self, config, ENGINE)

    # --- building

    def _build(self) -> None:
        """Make the world of the scene with the parameters in force."""
        self._effective = effective_scene(self.scene, self.parameters)
        self._world: World = build_world(expand(self._effective), self.config, deformable=self._deformable)
        self._client = self._world.client
        # Bullet has a thousand clients: one that nobody closes is given back with the last reference to it.
        self._release = weakref.finalize(self, pybullet.disconnect, self._client)
        self._free = [
            (path, self._world.bodies[path].uid) for path in self._world.roots if not self.scene.bodies[path].kinematic
        ]
        self._trees = [
            Tree(self._client, plan, np.array([self._joints.index(path) for path in plan.joints]), law)
            for plan, law in zip(self._world.trees, self._laws(), strict=True)
        ]
        self._by_articulation = self._whole_trees()
        self._write_gravity()

    def _laws(self) -> list[DriveLaw]:
        joints = expand(self._effective).joints
        return [
            DriveLaw(
                JointDynamics.of([joints[path] for path in plan.joints]), self._seconds, base=6 if plan.floating else 0
            )
            for plan in self._world.trees
        ]

    def _whole_trees(self) -> dict[str, Tree]:
        """By articulation, the tree whose joints are its joints in the same order, where there is one."""
        by_joints = {tree.plan.joints: tree for tree in self._trees}
        articulations = self.scene.articulations.values()
        return {one.path: by_joints[one.joints] for one in articulations if one.joints in by_joints}

    def _write_gravity(self) -> None:
        pybullet.setGravity(*self._effective.gravity, physicsClientId=self._client)
        self._list_pushes()

    def _list_pushes(self) -> None:
        """Hold what pushes bodies besides gravity and contacts: wrenches, and what bears those without gravity."""
        wrenches = self._wrenches.copy()
        for path, body in self._effective.bodies.items():
            if not body.gravity_enabled:
                wrenches[self._rows[path], :3] -= body.mass * np.array(self._effective.gravity)
        self._pushes = [
            (self._world.bodies[path], wrench)
            for path, wrench in zip(self._rows, wrenches, strict=True)
            if wrench.any() and not self.scene.bodies[path].kinematic
        ]
        self._tree_pushes = [
            [(place.link, wrench) for place, wrench in self._pushes if place.uid == tree.plan.uid]
            for tree in self._trees
        ]

    def start(self) -> None:
        """Put the world where the scene says that it starts."""
        if self.config.gravity is not None:
            for address, value in zip(gravity_addresses(self.scene), self.config.gravity, strict=True):
                self.set_parameter(str(address), value)
        for path in self._world.roots:
            body = self.scene.bodies[path]
            velocity = np.array([*body.linear_velocity, *body.angular_velocity])
            place_root(self._world, path, body.pose_world_body.as_array(), velocity)
        joints = [self._chained.joints[path] for path in self._joints]
        self._reset_joints(
            np.array([joint.initial_position for joint in joints]),
            np.array([joint.initial_velocity for joint in joints]),
        )
        self._targets = np.array([joint.drive.target_position if joint.drive else 0.0 for joint in joints])
        self._target_velocities = np.array([joint.drive.target_velocity if joint.drive else 0.0 for joint in joints])

    def _reset_joints(self, positions: FloatArray, velocities: FloatArray) -> None:
        for tree in self._trees:
            for column, link in zip(tree.columns, tree.plan.links, strict=True):
                if column < len(positions):
                    pybullet.resetJointState(
                        tree.plan.uid,
                        link,
                        float(positions[column]),
                        float(velocities[column]),
                        physicsClientId=self._client,
                    )
            tree.read()

    def _check_open(self) -> None:
        if self._closed:
            raise SimulationError(f"The simulation of engine '{ENGINE}' was closed.", hint="Load the scene again.")

    def _check_rigid(self) -> None:
        if self._deformable:
            raise UnsupportedError(
                f"Engine '{ENGINE}' cannot restore soft bodies: a world for them has no states or forks.",
                hint="Load the scene again, and its soft bodies.",
            )

    # --- running

    @property
    def time(self) -> float:
        self._check_open()
        return self._time

    @property
    def native(self) -> tuple[int, dict[str, tuple[int, int]]]:
        self._check_open()
        return self._client, {path: (place.uid, place.link) for path, place in self._world.bodies.items()}

    def step(self, n: int = 1) -> None:
        self._check_open()
        if self.sensors.idle:
            self._advance(n * self.config.substeps)
        else:
            self.sensors.advance(n, self._advance)

    def _advance(self, engine_steps: int) -> None:
        client, trees = self._client, self._trees
        for _ in range(engine_steps):
            for tree, pushes in zip(trees, self._tree_pushes, strict=True):
                tree.apply(self._targets, self._target_velocities, self._efforts, pushes)
            if self._pushes:
                self._push()
            stepSimulation(client)
            self._time += self._seconds
            for tree in trees:
                tree.read()
                if not tree.square_speed() < _DIVERGED**2:
                    raise self._joint_diverged(tree)
        for path, uid in self._free:
            (x, y, z), (u, v, w) = getBaseVelocity(uid, client)
            if not x * x + y * y + z * z + u * u + v * v + w * w < _DIVERGED**2:
                raise self._diverged(f"body '{path}'")

    def _push(self) -> None:
        for place, wrench in self._pushes:
            uid, link = place.uid, place.link
            if link < 0:
                center = pybullet.getBasePositionAndOrientation(uid, physicsClientId=self._client)[0]
            else:
                center = pybullet.getLinkState(uid, link, computeForwardKinematics=1, physicsClientId=self._client)[0]
            force, torque = wrench[:3].tolist(), wrench[3:].tolist()
            frame = pybullet.WORLD_FRAME
            pybullet.applyExternalForce(uid, link, force, center, frame, physicsClientId=self._client)
            pybullet.applyExternalTorque(uid, link, torque, frame, physicsClientId=self._client)

    def _joint_diverged(self, tree: Tree) -> SimulationError:
        speeds = [float("inf") if velocity != velocity else abs(velocity) for velocity in tree.velocities]
        return self._diverged(f"joint '{tree.plan.joints[speeds.index(max(speeds))]}'")

    def _diverged(self, subject: str) -> SimulationError:
        return SimulationError(
            f"The numbers of {subject} diverged at {self._time:g} s.",
            hint="Restore an earlier state. Usual causes: a step too long for the gains, tiny inertias, huge commands.",
        )

    def set_joint_command(self, articulation: str, command: JointCommand) -> None:
        self._check_open()
        columns = self._articulation_columns(articulation)
        positions, velocities, efforts = command.positions, command.velocities, command.efforts
        for values in (positions, velocities, efforts):
            if values is not None and len(values) != columns.stop - columns.start:
                raise self._wrong_length(articulation, command)
        if positions is not None:
            self._targets = _replaced(self._targets, columns, positions)
        if velocities is not None:
            self._target_velocities = _replaced(self._target_velocities, columns, velocities)
        if efforts is not None:
            self._efforts = _replaced(self._efforts, columns, efforts)

    def _wrong_length(self, articulation: str, command: JointCommand) -> CommandError:
        joints = self.scene.articulation(articulation).joints
        wrong = [
            f"JointCommand.{name} has {len(values)} values"
            for name in ("positions", "velocities", "efforts")
            if (values := getattr(command, name)) is not None and len(values) != len(joints)
        ]
        return CommandError(
            f"{wrong[0]}, articulation '{articulation}' has {len(joints)} joints.",
            hint=f"Their order is: {', '.join(joints)}.",
        )

    def _articulation_columns(self, articulation: str) -> slice:
        return self._columns[self.scene.articulation(articulation).path]

    def set_applied_wrench(self, body: str, force: FloatArray, torque: FloatArray) -> None:
        self._check_open()
        row = self._row(body)
        wrench = np.concatenate([checked_array("force", force, (3,)), checked_array("torque", torque, (3,))])
        self._wrenches[row] = wrench
        self._list_pushes()

    def _row(self, body: str) -> int:
        row = self._rows.get(body)
        if row is None:
            raise NotFoundError(f"The scene has no body '{body}'.", hint=nearest(body, self._rows))
        return row

    # --- reading

    def get_observation(self, path: str) -> Observation:
        self._check_open()
        columns = self._columns.get(path)
        if columns is not None:
            return Observation(path=path, time=self._time, data=self._read_joints(path, columns))
        if path in self._rows:
            pose, velocity = body_state(self._world, path)
            pose.setflags(write=False)
            velocity.setflags(write=False)
            data = {
                "position": pose[:3],
                "orientation": pose[3:],
                "linear_velocity": velocity[:3],
                "angular_velocity": velocity[3:],
            }
            return Observation(path=path, time=self._time, data=MappingProxyType(data))
        return observe_sensor(self.sensors, path, {**self._columns, **self._rows})

    def _read_joints(self, path: str, columns: slice) -> JointReadings:
        tree = self._by_articulation.get(path)
        if tree is None or tree.law.needs_mass_matrix:
            positions, velocities = self._joint_state()
            efforts = self._present_efforts()[columns]
            return JointReadings(positions[columns].copy(), velocities[columns].copy(), efforts.copy)
        own_positions, own_velocities = np.array(tree.positions), np.array(tree.velocities)
        law, targets, target_velocities, efforts = tree.law, self._targets, self._target_velocities, self._efforts

        def present() -> FloatArray:
            return law.present(
                own_positions,
                own_velocities,
                targets=targets[columns],
                target_velocities=target_velocities[columns],
                efforts=efforts[columns],
            )

        return JointReadings(own_positions, own_velocities, present)

    def _joint_state(self) -> tuple[FloatArray, FloatArray]:
        """Positions and velocities of all joints, a copy."""
        positions, velocities = np.zeros(len(self._joints)), np.zeros(len(self._joints))
        for tree in self._trees:
            positions[tree.columns], velocities[tree.columns] = tree.positions, tree.velocities
        return positions, velocities

    def _present_efforts(self) -> FloatArray:
        efforts = np.zeros(len(self._joints))
        for tree in self._trees:
            columns = tree.columns
            efforts[columns] = tree.law.present(
                np.array(tree.positions),
                np.array(tree.velocities),
                targets=self._targets[columns],
                target_velocities=self._target_velocities[columns],
                efforts=self._efforts[columns],
                mass_matrix=tree.mass_matrix() if tree.law.needs_mass_matrix else None,
            )
        return efforts

    def render(self, camera: str | Camera, params: RenderParams) -> Observation:
        self._check_open()
        return render(self.sensors, camera, params)

    # --- what sensors ask for

    def body_motion(self, rows: IntArray | None = None) -> Motion:
        """As `MotionSource` says."""
        return self.remember_motion(np.arange(len(self._rows)) if rows is None else rows)()

    def remember_motion(self, rows: IntArray) -> Callable[[], Motion]:
        """As `MotionSource` says."""
        world, paths = self._world, [self._paths[row] for row in rows.tolist()]
        raws = [raw_state(world, path) for path in paths]

        def recall() -> Motion:
            poses, velocities = finished_states(world, paths, raws)
            return Motion(poses=poses, velocities=velocities)

        return recall

    def contacts(self) -> Contacts:
        """As `FeelsContacts` says."""
        return read_contacts(self._world)

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

    def get_state(self) -> SimState:
        self._check_open()
        self._check_rigid()
        held = self.sensors.pack()
        count = self._joint_count
        positions, velocities = self._joint_state()
        bodies = self.body_motion()
        return SimState(
            engine=ENGINE,
            engine_version=VERSION,
            scene_fingerprint=self.scene.fingerprint,
            time=self._time,
            joint_positions=positions[:count],
            joint_velocities=velocities[:count],
            body_poses=bodies.poses,
            body_velocities=bodies.velocities,
            command_positions=self._targets[:count],
            command_velocities=self._target_velocities[:count],
            command_efforts=self._efforts[:count],
            applied_wrenches=self._wrenches,
            parameters=self.parameters.changed(),
            native=native_state.pack(self.config, native_state.read_world(self._client)),
            sensors=held,
        )

    def set_state(self, state: SimState) -> None:
        self._check_open()
        self._check_rigid()
        content, values, held = self._check_state(state)
        count = self._joint_count
        self._time = state.time
        self._targets = _replaced(self._targets, slice(count), state.command_positions)
        self._target_velocities = _replaced(self._target_velocities, slice(count), state.command_velocities)
        self._efforts = _replaced(self._efforts, slice(count), state.command_efforts)
        self._wrenches = state.applied_wrenches.copy()
        self.parameters = values
        # In a new client: what Bullet remembers of contacts since is not part of the state, and emptying a client
        # (resetSimulation) leaves some of it, enough for the last bits to differ.
        self._renew(content)
        if content is None:
            for path in self._world.roots:
                row = self._rows[path]
                velocity = state.body_velocities[row]
                if self.scene.bodies[path].kinematic:
                    velocity = np.zeros(6)
                place_root(self._world, path, state.body_poses[row], velocity)
            self._reset_joints(state.joint_positions, state.joint_velocities)
        self.sensors.restore(held)

    def _check_state(self, state: SimState) -> tuple[bytes | None, ParameterValues, Held]:
        """Bullet's file, None where another engine made the state, the parameters and the sensors in it."""
        check_neutral(state, self.scene, self._joint_count)
        content = None
        if state.engine == ENGINE:
            content = native_state.unpack(state, self.config)
        elif len(self._joints) > self._joint_count:
            raise StateError(
                f"A state of engine '{state.engine}' does not say where joint '{self._joints[self._joint_count]}' is.",
                hint="Between engines only joints of articulations and free bodies are carried over.",
            )
        return content, check_parameters(state, self.parameters), self.sensors.unpack(state.sensors)

    def _renew(self, content: bytes | None) -> None:
        """Replace the world by a new one with the parameters in force, in the state of Bullet's file ``content``."""
        old = self._release
        self._build()
        old()
        if content is not None:
            native_state.write_world(self._client, content)
            for tree in self._trees:
                tree.read()

    def fork(self) -> PybulletSimulation:
        self._check_open()
        self._check_rigid()
        content = native_state.read_world(self._client)
        twin = PybulletSimulation.__new__(PybulletSimulation)
        twin.__dict__.update(self.__dict__)
        twin.parameters = self.parameters.copy()
        twin._wrenches = self._wrenches.copy()
        twin._build()
        native_state.write_world(twin._client, content)
        for tree in twin._trees:
            tree.read()
        twin.sensors = make_sensors(self.scene, twin, self.config, ENGINE, self.sensors.plan)
        twin.sensors.load(self.sensors)
        return twin

    # --- changing

    def get_parameter(self, address: str) -> float:
        self._check_open()
        return self.parameters.get(self.parameters.resolve(address))

    def set_parameter(self, address: str, value: float) -> None:
        self._check_open()
        resolved = self.parameters.resolve(address)
        if resolved.attribute in _STRUCTURAL:
            self._check_rigid()
        self.parameters.check(resolved, value)
        if value == self.parameters.get(resolved):
            return
        self.sensors.settle()
        self.parameters.set(resolved, value)
        if resolved.attribute in _STRUCTURAL:
            self._restructure(resolved)
            return
        self._effective = effective_scene(self.scene, self.parameters)
        if resolved.attribute == "gravity":
            self._write_gravity()
        elif resolved.attribute == "dynamicFriction":
            write_frictions(self._world, self._effective)
        else:
            for tree, law in zip(self._trees, self._laws(), strict=True):
                tree.law = law

    def _restructure(self, changed: Address) -> None:
        """Make the world anew in the same state; a root whose centre of mass moved keeps its frame, not its centre."""
        kept = None
        if changed.attribute == "centerOfMass" and changed.path in self._world.roots:
            kept = body_state(self._world, changed.path)
        self._renew(native_state.read_world(self._client))
        if kept is not None:
            place_root(self._world, changed.path, *kept)

    def set_joint_state(self, articulation: str, positions: FloatArray, velocities: FloatArray) -> None:
        self._check_open()
        columns = self._articulation_columns(articulation)
        shape = (columns.stop - columns.start,)
        new_positions = checked_array("positions", positions, shape)
        new_velocities = checked_array("velocities", velocities, shape)
        self.sensors.settle()
        all_positions, all_velocities = self._joint_state()
        all_positions[columns], all_velocities[columns] = new_positions, new_velocities
        self._reset_joints(all_positions, all_velocities)

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
        pose = np.concatenate([checked_array("position", position, (3,)), checked_quaternion(orientation)])
        linear = checked_array("linear_velocity", linear_velocity, (3,))
        velocity = np.concatenate([linear, checked_array("angular_velocity", angular_velocity, (3,))])
        if body not in self._world.roots:
            raise CommandError(
                f"Body '{body}' is held by a joint and cannot be placed.",
                hint=f"Free bodies: {', '.join(self._world.roots) or 'none'}. Set the joints of its articulation "
                "instead.",
            )
        if self.scene.bodies[body].kinematic and velocity.any():
            raise CommandError(
                f"Engine '{ENGINE}' cannot give the kinematic body '{body}' a velocity.", hint="Allowed: zeros."
            )
        self.sensors.settle()
        place_root(self._world, body, pose, velocity)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._release()


def _replaced(array: FloatArray, part: slice, values: FloatArray) -> FloatArray:
    copy = array.copy()
    copy[part] = values
    return copy
