"""One world in PyBullet."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Collection

import numpy as np
import pybullet
from pybullet import getBaseVelocity, stepSimulation

from hanzo_twin.engines.chains import expand
from hanzo_twin.engines.driven import DrivenSimulation, Placement
from hanzo_twin.engines.effective import effective_scene
from hanzo_twin.engines.parameters import ParameterValues
from hanzo_twin.engines.port import EngineConfig
from hanzo_twin.engines.pybullet import native_state
from hanzo_twin.engines.pybullet.ball_tree import BallTree
from hanzo_twin.engines.pybullet.clients import give_back
from hanzo_twin.engines.pybullet.contacts import read_contacts
from hanzo_twin.engines.pybullet.native_state import ENGINE, VERSION
from hanzo_twin.engines.pybullet.placement import body_state, finished_states, place_root, raw_state
from hanzo_twin.engines.pybullet.tree import Tree
from hanzo_twin.engines.pybullet.world import TreePlan, World, build_world, write_frictions
from hanzo_twin.engines.refusals import diverged, unsaid_joint
from hanzo_twin.engines.restore import check_neutral, check_parameters
from hanzo_twin.engines.sensing import make_sensors
from hanzo_twin.engines.state import SimState
from hanzo_twin.errors import SimulationError, UnsupportedError
from hanzo_twin.scene.addresses import Address
from hanzo_twin.scene.model import Scene
from hanzo_twin.sensors.port import Contacts, Motion
from hanzo_twin.sensors.suite import Held
from hanzo_twin.spatial import FloatArray, IntArray

# Bullet cannot move a centre of mass, and its mass matrix keeps the masses that it first saw: the world is made anew.
_STRUCTURAL = ("mass", "inertiaScale", "centerOfMass")
# A speed beyond this is no motion any more, rad/s or m/s.
_DIVERGED = 1e10


class PybulletSimulation(DrivenSimulation[Tree]):
    """A `Simulation`. ``native`` is the pair (physics client id, {path of a body: (Bullet's body, link)})."""

    engine = ENGINE

    def __init__(self, scene: Scene, config: EngineConfig, *, deformable: bool = False) -> None:
        """A world as Bullet builds it, not yet where the scene says that it starts, see `start`.

        ``deformable``: soft bodies can be added to it, and so it has no states.
        """
        super().__init__(scene, config)
        self._seconds = config.step_seconds / config.substeps
        known = set(self._articulated)
        loose = [
            joint.path
            for joint in self._chained.joints.values()
            if joint.kind in ("revolute", "prismatic") and not joint.closes_loop and joint.path not in known
        ]
        self._joints = [*self._articulated, *loose]
        self._stand_still()
        self._time = 0.0
        self._deformable = deformable
        self._build()
        self.sensors = make_sensors(scene, self, config, ENGINE)

    # --- building

    def _build(self) -> None:
        """Make the world of the scene with the parameters in force."""
        self._effective = effective_scene(self.scene, self.parameters)
        self._world: World = build_world(expand(self._effective), self.config, deformable=self._deformable)
        self._client = self._world.client
        # Bullet has a thousand clients: one that nobody closes is given back with the last reference to it.
        self._release_by(pybullet.disconnect if self._deformable else give_back)
        self._free = [
            (path, self._world.bodies[path].uid) for path in self._world.roots if not self.scene.bodies[path].kinematic
        ]
        self._trees = [self._tree(plan) for plan in self._world.trees]
        self._follow()
        self._by_articulation = self._whole_trees()
        self._write_gravity()

    def _release_by(self, free: Callable[[int], None]) -> None:
        self._release = weakref.finalize(self, free, self._client)

    def _tree(self, plan: TreePlan) -> Tree:
        columns = np.array([self._joints.index(path) for path in plan.joints], dtype=np.int64)
        if plan.balls:
            return BallTree(self._world, plan, columns, self._seconds)
        return Tree(self._client, plan, columns, self._seconds)

    def _follow(self) -> None:
        """Let drives be as the parameters in force say."""
        chained = expand(self._effective)
        for tree in self._trees:
            tree.follow(chained)

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
        self._start()
        for tree in self._trees:
            tree.start(self.scene)

    def _place_joints(self, positions: FloatArray, velocities: FloatArray) -> None:
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
        # Whoever has the client may change in it what emptying it does not take back: it is not used again.
        self._release.detach()
        self._release_by(pybullet.disconnect)
        return self._client, {path: (place.uid, place.link) for path, place in self._world.bodies.items()}

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
                raise diverged(f"body '{path}'", f"{self._time:g} s")

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
        rates = tree.rates()
        speeds = [float("inf") if rate != rate else abs(rate) for _, rate in rates]
        return diverged(f"joint '{rates[speeds.index(max(speeds))][0]}'", f"{self._time:g} s")

    def _write_wrenches(self, wrenches: FloatArray) -> None:
        self._wrenches = wrenches
        self._list_pushes()

    # --- reading

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
        world, paths = self._world, [self._paths[row] for row in rows.tolist()]
        raws = [raw_state(world, path) for path in paths]

        def recall() -> Motion:
            poses, velocities = finished_states(world, paths, raws)
            return Motion(poses=poses, velocities=velocities)

        return recall

    def contacts(self) -> Contacts:
        """As `FeelsContacts` says."""
        return read_contacts(self._world)

    # --- state

    def get_state(self) -> SimState:
        self._check_open()
        self._check_rigid()
        held = self.sensors.pack()
        return self._state(VERSION, native_state.pack(self.config, native_state.read_world(self._client)), held)

    def set_state(self, state: SimState) -> None:
        self._check_open()
        self._check_rigid()
        content, values, held = self._check_state(state)
        self._time = state.time
        self._take_commands(state)
        self._wrenches = state.applied_wrenches.copy()
        self.parameters = values
        # In an empty client: what Bullet remembers of contacts since is not part of the state.
        self._renew(content)
        if content is None:
            self._take_neutral(state)
        self.sensors.restore(held)

    def _check_state(self, state: SimState) -> tuple[bytes | None, ParameterValues, Held]:
        """Bullet's file, None where another engine made the state, the parameters and the sensors in it."""
        check_neutral(state, self.scene, self._joint_count)
        content = None
        if state.engine == ENGINE:
            content = native_state.unpack(state, self.config)
        else:
            balls = (path for tree in self._trees for path in tree.plan.balls)
            loose = next(iter([*self._joints[self._joint_count :], *balls]), None)
            if loose is not None:
                raise unsaid_joint(state.engine, loose)
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
        if resolved.attribute == "dynamicFriction":
            write_frictions(self._world, self._effective)
            return
        self._follow()
        if resolved.attribute == "gravity":
            self._write_gravity()

    def _restructure(self, changed: Address) -> None:
        """Make the world anew in the same state; a root whose centre of mass moved keeps its frame, not its centre."""
        kept = None
        if changed.attribute == "centerOfMass" and changed.path in self._world.roots:
            kept = body_state(self._world, changed.path)
        self._renew(native_state.read_world(self._client))
        if kept is not None:
            place_root(self._world, changed.path, *kept)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._release()
