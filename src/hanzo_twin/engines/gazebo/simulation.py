"""One world in DART."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import numpy as np

from hanzo_twin.engines.chains import expand
from hanzo_twin.engines.drive import DriveLaw, JointDynamics
from hanzo_twin.engines.effective import effective_scene
from hanzo_twin.engines.gazebo import native_state
from hanzo_twin.engines.gazebo.contacts import read_contacts
from hanzo_twin.engines.gazebo.couplings import Couplings
from hanzo_twin.engines.gazebo.loops import close_loops
from hanzo_twin.engines.gazebo.native_state import ENGINE, VERSION
from hanzo_twin.engines.gazebo.placement import body_state, finished_state, place_root, raw_state
from hanzo_twin.engines.gazebo.refusals import check_mimics
from hanzo_twin.engines.gazebo.tree import Tree
from hanzo_twin.engines.gazebo.world import World, build_world, write_inertia, write_materials
from hanzo_twin.engines.parameters import ParameterValues, gravity_addresses
from hanzo_twin.engines.port import EngineConfig, JointCommand, Observation
from hanzo_twin.engines.readings import JointReadings
from hanzo_twin.engines.restore import check_neutral, check_parameters
from hanzo_twin.engines.sensing import joint_reading, make_sensors, observe_sensor, render
from hanzo_twin.engines.state import SimState
from hanzo_twin.engines.vectors import checked_array, checked_quaternion
from hanzo_twin.errors import CommandError, NotFoundError, SimulationError, StateError, nearest
from hanzo_twin.scene.addresses import Address
from hanzo_twin.scene.model import Camera, Scene
from hanzo_twin.sensors.camera import RenderParams
from hanzo_twin.sensors.plan import Plan
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
# A kinetic energy beyond this, J, is no motion any more; one comparison also finds NaN.
_DIVERGED = 1e20


class GazeboSimulation:
    """A `Simulation`. ``native`` is the ``dartpy.simulation.World``; skeletons and bodies have prim paths as names."""

    engine = ENGINE

    def __init__(self, scene: Scene, config: EngineConfig, plan: Plan | None = None) -> None:
        """A world as DART builds it, not yet where the scene says that it starts, see `start`.

        ``plan`` is that of the sensors of another simulation of the scene.
        """
        check_mimics(scene)
        self.scene = scene
        self.config = config
        self.parameters = ParameterValues(scene, engine=ENGINE, supported=SUPPORTED)
        self._effective = scene
        articulated = [path for articulation in scene.articulations.values() for path in articulation.joints]
        self._columns: dict[str, slice] = {}
        for articulation in scene.articulations.values():
            first = articulated.index(articulation.joints[0]) if articulation.joints else 0
            self._columns[articulation.path] = slice(first, first + len(articulation.joints))
        self._joint_count = len(articulated)
        self._chained = expand(scene)
        self._world: World = build_world(self._chained, config)
        #: Joints that articulations command, then the others of one freedom.
        self._joints = [*articulated, *(path for path in self._world.joints if path not in set(articulated))]
        self._rows = {path: row for row, path in enumerate(scene.bodies)}
        self._paths = tuple(scene.bodies)
        # Replaced, never written: observations made before hold on to them.
        count = len(self._joints)
        self._targets, self._target_velocities, self._efforts = np.zeros(count), np.zeros(count), np.zeros(count)
        self._wrenches = np.zeros((len(scene.bodies), 6))
        self._pushes: list[tuple[Any, FloatArray]] = []
        self._loops: list[Any] = []
        self._closed = False
        self._trees = [tree for one in self._world.multibodies if (tree := self._tree(one)) is not None]
        driven = {tree.skeleton.getName() for tree in self._trees}
        #: The kinetic energy of each multibody tells whether its numbers are finite, at less cost than its velocities.
        self._driven_energies = [tree.skeleton.computeKineticEnergy for tree in self._trees]
        self._undriven = [one for one in self._world.multibodies if one.getName() not in driven]
        self._undriven_energies = [one.computeKineticEnergy for one in self._undriven]
        by_joints = {tree.joints: tree for tree in self._trees}
        articulations = scene.articulations.values()
        self._by_articulation = {one.path: by_joints[one.joints] for one in articulations if one.joints in by_joints}
        self._write_laws()
        self._world.dart.setGravity(scene.gravity)
        self.sensors = make_sensors(scene, self, config, ENGINE, plan)

    # --- building

    def _tree(self, skeleton: Any) -> Tree | None:
        """The part of ``skeleton`` that the drive law acts on, None where there is nothing."""
        held = {joint.getIndexInSkeleton(0): path for path, joint in self._held_by(skeleton).items()}
        if not held:
            return None
        column = {path: index for index, path in enumerate(self._joints)}
        joints = sorted(held.values(), key=lambda path: column[path])
        freedom = {path: index for index, path in held.items()}
        damping = [
            0.0 if index in held else skeleton.getDof(index).getDampingCoefficient()
            for index in range(skeleton.getNumDofs())
        ]
        return Tree(
            skeleton,
            joints,
            np.array([column[path] for path in joints]),
            np.array([freedom[path] for path in joints]),
            np.array(damping),
        )

    def _held_by(self, skeleton: Any) -> dict[str, Any]:
        name = skeleton.getName()
        return {path: one for path, one in self._world.joints.items() if one.getSkeleton().getName() == name}

    def _write_laws(self) -> None:
        seconds = self.config.step_seconds / self.config.substeps
        for tree in self._trees:
            joints = expand(self._effective).joints
            dynamics = JointDynamics.of([joints[path] for path in tree.joints])
            tree.law = DriveLaw(dynamics, seconds, base=tree.others)
            tree.couplings = Couplings(joints, tree.joints, dynamics, seconds, base=tree.others)

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
        self._place_joints(
            np.array([joint.initial_position for joint in joints]),
            np.array([joint.initial_velocity for joint in joints]),
        )
        self._targets = np.array([joint.drive.target_position if joint.drive else 0.0 for joint in joints])
        self._target_velocities = np.array([joint.drive.target_velocity if joint.drive else 0.0 for joint in joints])
        self._start = native_state.read_world(self._world)
        self._loops = close_loops(self._world, self.scene)

    def _renew_loops(self) -> None:
        """Make the constraints of loops anew: where they are redundant, DART solves them from their last impulses."""
        solver = self._world.dart.getConstraintSolver()
        for constraint in self._loops:
            solver.removeConstraint(constraint)
        now = native_state.read_world(self._world)
        native_state.write_world(self._world, self._start)
        self._loops = close_loops(self._world, self.scene)
        native_state.write_world(self._world, now)

    def _place_joints(self, positions: FloatArray, velocities: FloatArray) -> None:
        """Set the first joints, as many as are given."""
        for path, position, velocity in zip(self._joints, positions.tolist(), velocities.tolist(), strict=False):
            joint = self._world.joints[path]
            joint.setPosition(0, position)
            joint.setVelocity(0, velocity)

    def _check_open(self) -> None:
        if self._closed:
            raise SimulationError(f"The simulation of engine '{ENGINE}' was closed.", hint="Load the scene again.")

    # --- running

    @property
    def time(self) -> float:
        self._check_open()
        return float(self._world.dart.getTime())

    @property
    def native(self) -> Any:
        self._check_open()
        return self._world.dart

    def step(self, n: int = 1) -> None:
        self._check_open()
        if self.sensors.idle:
            self._advance(n * self.config.substeps)
        else:
            self.sensors.advance(n, self._advance)

    def _advance(self, engine_steps: int) -> None:
        world, trees, sweeps = self._world, self._trees, self.config.solver_iterations
        pushed = bool(self._pushes)
        for _ in range(engine_steps):
            if self._loops:
                self._renew_loops()
            for node, wrench in self._pushes:
                node.addExtForce(wrench[:3], node.getLocalCOM(), False, True)
                node.addExtTorque(wrench[3:], False)
            for tree in trees:
                tree.apply(self._targets, self._target_velocities, self._efforts, pushed=pushed)
            world.advance(sweeps)
            for energy, tree in zip(self._driven_energies, trees, strict=True):
                if not energy() < _DIVERGED:
                    raise self._diverged(tree.skeleton)
        for energy, multibody in zip(self._undriven_energies, self._undriven, strict=True):
            if not energy() < _DIVERGED:
                raise self._diverged(multibody)

    def _diverged(self, multibody: Any) -> SimulationError:
        speeds = np.abs(multibody.getVelocities())
        index = int(np.argmax(np.where(np.isfinite(speeds), speeds, np.inf)))
        joints = (multibody.getJoint(number) for number in range(multibody.getNumJoints()))
        joint = next(one for one in joints if index in _freedoms(one))
        body = joint.getChildBodyNode().getName()
        subject = f"body '{body}'" if body in self._world.roots else f"joint '{joint.getName()}'"
        return SimulationError(
            f"The numbers of {subject} diverged at {self._world.dart.getTime():g} s.",
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
        wrenches = self._wrenches.copy()
        wrenches[row] = wrench
        self._write_wrenches(wrenches)

    def _write_wrenches(self, wrenches: FloatArray) -> None:
        self._wrenches = wrenches
        nodes = self._world.bodies
        self._pushes = [(nodes[path], row) for path, row in zip(self._rows, wrenches, strict=True) if row.any()]

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
            return Observation(path=path, time=self._world.dart.getTime(), data=self._read_joints(path, columns))
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
            return Observation(path=path, time=self._world.dart.getTime(), data=MappingProxyType(data))
        return observe_sensor(self.sensors, path, {**self._columns, **self._rows})

    def _read_joints(self, path: str, columns: slice) -> JointReadings:
        tree = self._by_articulation.get(path)
        if tree is None or tree.law.needs_mass_matrix:
            positions, velocities = self._joint_state()
            efforts = self._present_efforts()
            return JointReadings(positions[columns], velocities[columns], lambda: efforts[columns])
        own_positions, own_velocities = tree.positions(), tree.velocities()
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
            positions[tree.columns], velocities[tree.columns] = tree.positions(), tree.velocities()
        return positions, velocities

    def _present_efforts(self) -> FloatArray:
        efforts = np.zeros(len(self._joints))
        for tree in self._trees:
            columns = tree.columns
            efforts[columns] = tree.law.present(
                tree.positions(),
                tree.velocities(),
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
        world, paths = self._world, self._paths
        raws = [raw_state(world, paths[row]) for row in rows.tolist()]
        return lambda: _motion([finished_state(raw) for raw in raws])

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
        held = self.sensors.pack()
        count = self._joint_count
        positions, velocities = self._joint_state()
        bodies = [body_state(self._world, path) for path in self._rows]
        return SimState(
            engine=ENGINE,
            engine_version=VERSION,
            scene_fingerprint=self.scene.fingerprint,
            time=self.time,
            joint_positions=positions[:count],
            joint_velocities=velocities[:count],
            body_poses=np.array([pose for pose, _ in bodies]).reshape(-1, 7),
            body_velocities=np.array([velocity for _, velocity in bodies]).reshape(-1, 6),
            command_positions=self._targets[:count],
            command_velocities=self._target_velocities[:count],
            command_efforts=self._efforts[:count],
            applied_wrenches=self._wrenches,
            parameters=self.parameters.changed(),
            native=native_state.pack(self.config, native_state.read_world(self._world)),
            sensors=held,
        )

    def set_state(self, state: SimState) -> None:
        self._check_open()
        numbers, values, held = self._check_state(state)
        self.sensors.restore(held)
        self._write_parameters(values)
        part = slice(self._joint_count)
        self._targets = _replaced(self._targets, part, state.command_positions)
        self._target_velocities = _replaced(self._target_velocities, part, state.command_velocities)
        self._efforts = _replaced(self._efforts, part, state.command_efforts)
        self._write_wrenches(state.applied_wrenches.copy())
        self._world.dart.setTime(state.time)
        if numbers is not None:
            native_state.write_world(self._world, numbers)
            return
        for path in self._world.roots:
            row = self._rows[path]
            still = self.scene.bodies[path].kinematic
            place_root(self._world, path, state.body_poses[row], np.zeros(6) if still else state.body_velocities[row])
        self._place_joints(state.joint_positions, state.joint_velocities)

    def _check_state(self, state: SimState) -> tuple[FloatArray | None, ParameterValues, Held]:
        """DART's numbers, None where another engine made the state, the parameters and the sensors in it."""
        check_neutral(state, self.scene, self._joint_count)
        values, held = check_parameters(state, self.parameters), self.sensors.unpack(state.sensors)
        if state.engine == ENGINE:
            count = len(native_state.read_world(self._world))
            return native_state.unpack(state, self.config, count), values, held
        balls = (joint.path for joint in self.scene.child_joint.values() if joint.kind == "spherical")
        loose = next(iter([*self._joints[self._joint_count :], *balls]), None)
        if loose is not None:
            raise StateError(
                f"A state of engine '{state.engine}' does not say where joint '{loose}' is.",
                hint="Between engines only joints of articulations and free bodies are carried over.",
            )
        return None, values, held

    def fork(self) -> GazeboSimulation:
        self._check_open()
        twin = GazeboSimulation(self.scene, self.config, self.sensors.plan)
        twin.start()
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
        self.sensors.settle()
        values = self.parameters.copy()
        values.set(resolved, value)
        self._write_parameters(values)

    def _write_parameters(self, values: ParameterValues) -> None:
        """Take ``values`` in place of all that is in force."""
        before, after = dict(self.parameters.changed()), dict(values.changed())
        touched = {text for text in before.keys() | after.keys() if before.get(text) != after.get(text)}
        if not touched:
            return
        self.parameters = values
        self._effective = effective_scene(self.scene, values)
        paths = {Address.parse(text).path for text in touched}
        for path in paths & self.scene.bodies.keys():
            write_inertia(self._world.bodies[path], self._effective.bodies[path])
        if paths & self.scene.materials.keys():
            write_materials(self._world, self._effective)
        self._world.dart.setGravity(self._effective.gravity)
        self._write_laws()

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
        self._closed = True
        for name in (
            "_world",
            "_trees",
            "_undriven",
            "_undriven_energies",
            "_driven_energies",
            "_by_articulation",
            "_pushes",
            "_loops",
        ):
            self.__dict__.pop(name, None)


def _freedoms(joint: Any) -> range:
    """Indices of the freedoms of a joint in its skeleton."""
    count = joint.getNumDofs()
    first = joint.getIndexInSkeleton(0) if count else 0
    return range(first, first + count)


def _replaced(array: FloatArray, part: slice, values: FloatArray) -> FloatArray:
    copy = array.copy()
    copy[part] = values
    return copy


def _motion(states: list[tuple[FloatArray, FloatArray]]) -> Motion:
    return Motion(
        poses=np.array([pose for pose, _ in states]).reshape(-1, 7),
        velocities=np.array([velocity for _, velocity in states]).reshape(-1, 6),
    )
