"""One world in DART."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np

from hanzo_twin.engines.chains import expand
from hanzo_twin.engines.driven import DrivenSimulation, Placement
from hanzo_twin.engines.effective import effective_scene
from hanzo_twin.engines.gazebo import native_state
from hanzo_twin.engines.gazebo.contacts import read_contacts
from hanzo_twin.engines.gazebo.loops import close_loops
from hanzo_twin.engines.gazebo.native_state import ENGINE, VERSION
from hanzo_twin.engines.gazebo.placement import body_state, finished_state, place_root, raw_state
from hanzo_twin.engines.gazebo.refusals import check_mimics
from hanzo_twin.engines.gazebo.tree import Tree
from hanzo_twin.engines.gazebo.world import World, build_world, write_inertia, write_materials
from hanzo_twin.engines.parameters import ParameterValues
from hanzo_twin.engines.port import EngineConfig
from hanzo_twin.engines.refusals import diverged, unsaid_joint
from hanzo_twin.engines.restore import check_neutral, check_parameters
from hanzo_twin.engines.sensing import make_sensors
from hanzo_twin.engines.state import SimState
from hanzo_twin.errors import SimulationError
from hanzo_twin.scene.addresses import Address
from hanzo_twin.scene.model import Scene
from hanzo_twin.scene.starting import start_of
from hanzo_twin.sensors.plan import Plan
from hanzo_twin.sensors.port import Contacts, Motion
from hanzo_twin.sensors.suite import Held
from hanzo_twin.spatial import FloatArray, IntArray, rotation_vector

# A kinetic energy beyond this, J, is no motion any more; one comparison also finds NaN.
_DIVERGED = 1e20


class GazeboSimulation(DrivenSimulation[Tree]):
    """A `Simulation`. ``native`` is the ``dartpy.simulation.World``; skeletons and bodies have prim paths as names."""

    engine = ENGINE

    def __init__(self, scene: Scene, config: EngineConfig, plan: Plan | None = None) -> None:
        """A world as DART builds it, not yet where the scene says that it starts, see `start`.

        ``plan`` is that of the sensors of another simulation of the scene.
        """
        check_mimics(scene)
        super().__init__(scene, config)
        self._world: World = build_world(self._chained, config)
        known = set(self._articulated)
        self._joints = [*self._articulated, *(path for path in self._world.joints if path not in known)]
        self._stand_still()
        self._pushes: list[tuple[Any, FloatArray]] = []
        self._loops: list[Any] = []
        self._trees = [tree for one in self._world.multibodies if (tree := self._tree(one)) is not None]
        driven = {tree.skeleton.getName() for tree in self._trees}
        #: The kinetic energy of each multibody tells whether its numbers are finite, at less cost than its velocities.
        self._driven_energies = [tree.skeleton.computeKineticEnergy for tree in self._trees]
        self._undriven_energies = [
            one.computeKineticEnergy for one in self._world.multibodies if one.getName() not in driven
        ]
        by_joints = {tree.joints: tree for tree in self._trees}
        articulations = scene.articulations.values()
        self._by_articulation = {one.path: by_joints[one.joints] for one in articulations if one.joints in by_joints}
        self._write_laws()
        self._world.dart.setGravity(scene.gravity)
        self.sensors = make_sensors(scene, self, config, ENGINE, plan)

    # --- building

    def _tree(self, skeleton: Any) -> Tree | None:
        """The part of ``skeleton`` that the drive law acts on, None where it has no joints."""
        single, balls = (_within(skeleton, joints) for joints in (self._world.joints, self._world.balls))
        if not (single or balls):
            return None
        column = {path: index for index, path in enumerate(self._joints)}
        joints = sorted(single, key=lambda path: column[path])
        ball_freedoms = [index for joint in balls.values() for index in _freedoms(joint)]
        return Tree(
            skeleton,
            joints,
            np.array([column[path] for path in joints], dtype=np.int64),
            np.array([single[path].getIndexInSkeleton(0) for path in joints], dtype=np.int64),
            tuple(balls),
            np.array(ball_freedoms, dtype=np.int64),
        )

    def _write_laws(self) -> None:
        seconds = self.config.step_seconds / self.config.substeps
        chained = expand(self._effective)
        for tree in self._trees:
            tree.follow(chained, seconds)

    def start(self) -> None:
        """Put the world where the scene says that it starts."""
        self._start()
        for path, ball in self._world.balls.items():
            ball.setPositions(rotation_vector(start_of(self.scene, self.scene.joints[path])))
        self._begun = native_state.read_world(self._world)
        self._loops = close_loops(self._world, self.scene)

    def _renew_loops(self) -> None:
        """Make the constraints of loops anew: where they are redundant, DART solves them from their last impulses."""
        solver = self._world.dart.getConstraintSolver()
        for constraint in self._loops:
            solver.removeConstraint(constraint)
        now = native_state.read_world(self._world)
        native_state.write_world(self._world, self._begun)
        self._loops = close_loops(self._world, self.scene)
        native_state.write_world(self._world, now)

    def _place_joints(self, positions: FloatArray, velocities: FloatArray) -> None:
        """Set the first joints, as many as are given."""
        for path, position, velocity in zip(self._joints, positions.tolist(), velocities.tolist(), strict=False):
            joint = self._world.joints[path]
            joint.setPosition(0, position)
            joint.setVelocity(0, velocity)

    # --- running

    @property
    def time(self) -> float:
        self._check_open()
        return float(self._world.dart.getTime())

    @property
    def native(self) -> Any:
        self._check_open()
        return self._world.dart

    def _advance(self, engine_steps: int) -> None:
        world, trees, sweeps = self._world, self._trees, self.config.solver_iterations
        pushed, driven = bool(self._pushes), self._driven_energies
        for _ in range(engine_steps):
            if self._loops:
                self._renew_loops()
            for node, wrench in self._pushes:
                node.addExtForce(wrench[:3], node.getLocalCOM(), False, True)
                node.addExtTorque(wrench[3:], False)
            for tree in trees:
                tree.apply(self._targets, self._target_velocities, self._efforts, pushed=pushed)
            world.advance(sweeps)
            for energy in driven:
                if not energy() < _DIVERGED:
                    raise self._diverged()
        for energy in self._undriven_energies:
            if not energy() < _DIVERGED:
                raise self._diverged()

    def _diverged(self) -> SimulationError:
        """About the first multibody that did."""
        multibody = next(one for one in self._world.multibodies if not one.computeKineticEnergy() < _DIVERGED)
        speeds = np.abs(multibody.getVelocities())
        index = int(np.argmax(np.where(np.isfinite(speeds), speeds, np.inf)))
        joints = (multibody.getJoint(number) for number in range(multibody.getNumJoints()))
        joint = next(one for one in joints if index in _freedoms(one))
        body = joint.getChildBodyNode().getName()
        subject = f"body '{body}'" if body in self._world.roots else f"joint '{joint.getName()}'"
        return diverged(subject, f"{self._world.dart.getTime():g} s")

    def _write_wrenches(self, wrenches: FloatArray) -> None:
        self._wrenches = wrenches
        nodes = self._world.bodies
        self._pushes = [(nodes[path], row) for path, row in zip(self._rows, wrenches, strict=True) if row.any()]

    # --- reading and placing

    @property
    def _roots(self) -> Collection[str]:
        return self._world.roots

    def _body_state(self, path: str) -> Placement:
        return body_state(self._world, path)

    def _place_root(self, path: str, pose: FloatArray, velocity: FloatArray) -> None:
        place_root(self._world, path, pose, velocity)

    # --- what sensors ask for

    def remember_motion(self, rows: IntArray) -> Callable[[], Motion]:
        """As `MotionSource` says."""
        world, paths = self._world, self._paths
        raws = [raw_state(world, paths[row]) for row in rows.tolist()]
        return lambda: _motion([finished_state(raw) for raw in raws])

    def contacts(self) -> Contacts:
        """As `FeelsContacts` says."""
        return read_contacts(self._world)

    # --- state

    def get_state(self) -> SimState:
        self._check_open()
        held = self.sensors.pack()
        return self._state(VERSION, native_state.pack(self.config, native_state.read_world(self._world)), held)

    def set_state(self, state: SimState) -> None:
        self._check_open()
        numbers, values, held = self._check_state(state)
        self.sensors.restore(held)
        self._write_parameters(values)
        self._take_commands(state)
        self._write_wrenches(state.applied_wrenches.copy())
        self._world.dart.setTime(state.time)
        if numbers is not None:
            native_state.write_world(self._world, numbers)
            return
        self._take_neutral(state)

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
            raise unsaid_joint(state.engine, loose)
        return None, values, held

    def fork(self) -> GazeboSimulation:
        self._check_open()
        twin = GazeboSimulation(self.scene, self.config, self.sensors.plan)
        twin.start()
        twin.set_state(self.get_state())
        return twin

    # --- changing

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

    def close(self) -> None:
        self._closed = True
        for name in (
            "_world",
            "_trees",
            "_undriven_energies",
            "_driven_energies",
            "_by_articulation",
            "_pushes",
            "_loops",
        ):
            self.__dict__.pop(name, None)


def _within(skeleton: Any, joints: Mapping[str, Any]) -> dict[str, Any]:
    """Those of ``joints`` that are in ``skeleton``."""
    name = skeleton.getName()
    return {path: one for path, one in joints.items() if one.getSkeleton().getName() == name}


def _freedoms(joint: Any) -> range:
    """Indices of the freedoms of a joint in its skeleton."""
    count = joint.getNumDofs()
    first = joint.getIndexInSkeleton(0) if count else 0
    return range(first, first + count)


def _motion(states: list[Placement]) -> Motion:
    return Motion(
        poses=np.array([pose for pose, _ in states]).reshape(-1, 7),
        velocities=np.array([velocity for _, velocity in states]).reshape(-1, 6),
    )
