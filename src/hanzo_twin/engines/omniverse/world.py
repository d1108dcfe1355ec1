"""A scene in PhysX: where its joints and bodies are in PhysX's arrays, and how numbers go there and back.

PhysX has velocities at centres of mass and 32 bits a number; here they are those of body frames' origins, in 64. Whole
turns of hinges without limits are kept here, and brought up to date wherever objects are built anew: PhysX only has the
turns since, so that the angle of a wheel does not lose its digits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hanzo_twin.engines.drive import DriveLaw, JointDynamics
from hanzo_twin.engines.omniverse.commands import Commands
from hanzo_twin.engines.omniverse.groups import (
    FREE,
    KINEMATIC,
    LINK,
    WXYZ,
    XYZW,
    Group,
    RawBodies,
    at_centers,
    at_origins,
)
from hanzo_twin.engines.omniverse.layer import Layers, Order
from hanzo_twin.engines.omniverse.link_motion import LinkMotion
from hanzo_twin.engines.omniverse.physx import Physx, Tensor
from hanzo_twin.engines.omniverse.properties import LARGEST, JointProperties
from hanzo_twin.engines.omniverse.pushes import wrench_rows
from hanzo_twin.engines.omniverse.trees import Tree
from hanzo_twin.engines.omniverse.values import Values
from hanzo_twin.engines.port import EngineConfig
from hanzo_twin.scene.model import Joint, Scene
from hanzo_twin.scene.starting import frames_held, start_of
from hanzo_twin.spatial import FloatArray, IntArray, rotation_vector

_DOF = "ARTICULATION_DOF_"


@dataclass(frozen=True, kw_only=True, eq=False)
class _Limb:
    """One articulation.

    Args:
        prim: its root, which names it in PhysX.
        freedoms: how many it has; ``first`` is where they begin among those of all articulations.
        columns: of its joints of one freedom, in joint arrays; ``places`` of these among its freedoms, ``in_order`` the
            columns in the order of the places.
        balls: place of each freedom that belongs to a joint of several.
        rows: of its links among the bodies of the scene.
        motion: None where joints have several freedoms.
    """

    tree: Tree
    prim: str
    first: int
    freedoms: int
    columns: IntArray
    places: IntArray
    in_order: IntArray
    balls: tuple[tuple[int, Joint], ...]
    rows: list[int]
    motion: LinkMotion | None


class World:
    """The objects of ``scene`` in PhysX; they exist once `build` was called.

    Args:
        layers: of the scene with these settings; worlds may share them.
    """

    def __init__(self, scene: Scene, config: EngineConfig, layers: Layers) -> None:
        self._config = config
        self.layers = layers
        self._trees = layers.trees
        self._order = {path: row for row, path in enumerate(scene.bodies)}
        self.layer = layers.of(scene)
        gpu_id = None if config.gpu_id == "auto" else config.gpu_id
        self.physx = Physx(self.layer.data, gpu_id=gpu_id)
        if layers.order is None:
            self.physx.attach()
            layers.order = self._read_order()
        articulated = [path for one in scene.articulations.values() for path in one.joints]
        others = [
            path
            for tree in self._trees
            for path in tree.joints
            if scene.joints[path].kind in ("revolute", "prismatic") and path not in set(articulated)
        ]
        #: Joints that articulations command, then the others of one freedom.
        self.joints = (*articulated, *others)
        self._limbs = self._find_limbs(scene, layers.order)
        #: Whether PhysX's velocities of links are needed: `LinkMotion` has those of links on a base that stands.
        self._own_link_speeds = any(limb.motion is None or limb.tree.floats for limb in self._limbs)
        self.freedoms = sum(limb.freedoms for limb in self._limbs)
        #: Of each column of joint arrays, the freedom.
        self.freedom_of = np.zeros(len(self.joints), dtype=np.int64)
        for limb in self._limbs:
            self.freedom_of[limb.columns] = limb.first + limb.places
        #: Freedoms of hinges that turn without end.
        self._endless = self.freedom_of[self._turning(scene)]
        self._turns = np.zeros(self.freedoms)
        self._groups = self._find_groups(layers.order)
        self._apply_scene(scene)

    def _read_order(self) -> Order:
        """Of what PhysX has just built."""
        prims = self.layer.names.bodies.values()
        patterns = [one for one in (FREE, KINEMATIC, LINK) if any(prim.startswith(one[:-1]) for prim in prims)]
        return Order(
            freedoms={prim: self._tensor("POSITION", prim).freedoms for prim in self.layer.names.articulations},
            bodies={pattern: self.physx.tensor("RIGID_BODY_POSE", pattern).paths for pattern in patterns},
        )

    def _find_limbs(self, scene: Scene, order: Order) -> list[_Limb]:
        joint_at = {prim.rpartition("/")[2]: path for path, prim in self.layer.names.joints.items()}
        column = {path: index for index, path in enumerate(self.joints)}
        limbs: list[_Limb] = []
        first = 0
        for tree, prim in zip(self._trees, self.layer.names.articulations, strict=True):
            paths = [joint_at[name.partition(":")[0]] for name in order.freedoms[prim]]
            single = [(column[path], place) for place, path in enumerate(paths) if path in column]
            several = tuple((place, scene.joints[path]) for place, path in enumerate(paths) if path not in column)
            single_places = {self.joints[index]: place for index, place in single}
            limb = _Limb(
                tree=tree,
                prim=prim,
                first=first,
                freedoms=len(paths),
                columns=np.array([one for one, _ in single], dtype=np.int64),
                places=np.array([place for _, place in single], dtype=np.int64),
                in_order=np.array([one for one, _ in sorted(single, key=lambda pair: pair[1])], dtype=np.int64),
                balls=several,
                rows=[self._order[path] for path in tree.bodies],
                motion=None if several else LinkMotion(scene, tree, single_places),
            )
            limbs.append(limb)
            first += limb.freedoms
        return limbs

    def write_start(self, positions: FloatArray) -> None:
        """Set those of the ``positions`` of all freedoms that belong to joints of several, as the scene starts.

        PhysX has the rotation vector of such a joint; of a D6 joint, those parts of it that are free.
        """
        for limb in self._limbs:
            parts: dict[str, list[float]] = {}
            for place, joint in sorted(limb.balls, key=lambda one: one[0]):
                left = parts.setdefault(joint.path, self._starting_turn(joint))
                positions[limb.first + place] = left.pop(0)

    def _starting_turn(self, joint: Joint) -> list[float]:
        turn = rotation_vector(frames_held(joint, start_of(self.scene, joint)).orientation).tolist()
        free = {axis.name for axis in joint.free_axes} if joint.kind == "d6" else set("xyz")
        return [part for name, part in zip("xyz", turn, strict=True) if name in free]

    def _turning(self, scene: Scene) -> list[int]:
        """Columns of the hinges without limits, but for those with mimics or springs: there whole turns matter."""
        mimicked = {joint.mimic.joint for joint in scene.joints.values() if joint.mimic is not None}
        found = []
        for column, path in enumerate(self.joints):
            joint = scene.joints[path]
            tied = joint.mimic is not None or path in mimicked or joint.stiffness > 0.0
            if joint.kind == "revolute" and not tied and not np.isfinite([joint.lower, joint.upper]).any():
                found.append(column)
        return found

    def _find_groups(self, order: Order) -> list[Group]:
        body_at = {prim: path for path, prim in self.layer.names.bodies.items()}
        groups = []
        for pattern, prims in order.bodies.items():
            rows = [self._order[body_at[prim]] for prim in prims]
            groups.append(Group(pattern=pattern, rows=np.array(rows), centers=np.zeros((len(rows), 3))))
        return groups

    def _apply_scene(self, scene: Scene) -> None:
        """Take masses and joints as ``scene`` has them."""
        #: What the objects are built from.
        self.scene = scene
        bodies = list(scene.bodies.values())
        for group in self._groups:
            group.centers[:] = [bodies[row].center_of_mass for row in group.rows]
        self._properties = JointProperties.of([scene.joints[path] for path in self.joints])
        self.laws = {limb.prim: self._law(limb) for limb in self._limbs}
        #: Whether `present_efforts` reads masses of the present.
        self.accelerates = any(law.needs_mass_matrix for law in self.laws.values())

    def _law(self, limb: _Limb) -> DriveLaw:
        joints = [self.scene.joints[self.joints[column]] for column in limb.columns.tolist()]
        return DriveLaw(JointDynamics.of(joints), self._config.step_seconds / self._config.substeps)

    def _tensor(self, name: str, prim: str) -> Tensor:
        return self.physx.tensor(_DOF + name, prim)

    # --- building

    def build(self, scene: Scene, values: Values) -> Values:
        """Build all objects anew, as ``scene`` says, and put them where ``values`` say; what was unknown is filled in.

        PhysX then knows nothing of contacts before: what follows depends on the arguments alone.
        """
        if scene is not self.scene:
            layer = self.layers.of(scene)
            if layer is not self.layer:
                self.layer = layer
                self.physx.fill(layer.data)
            self._apply_scene(scene)
        self.physx.attach()
        self._turns = np.zeros(self.freedoms)
        self._turns[self._endless] = 2 * np.pi * np.round(values.positions[self._endless] / (2 * np.pi))
        self._some_turned = bool(self._turns.any())
        with np.errstate(over="ignore"):
            self._write_properties()
            self._write_values(values)
        self.physx.place_links()
        self._states = [
            (
                slice(limb.first, limb.first + limb.freedoms),
                self._tensor("POSITION", limb.prim),
                self._tensor("VELOCITY", limb.prim),
            )
            for limb in self._limbs
            if limb.freedoms
        ]
        unknown = np.isnan(values.poses[:, 0])
        if not unknown.any():
            return values
        poses, twists = self.read_bodies(values, values.velocities)
        mixed = np.where(unknown[:, None], poses, values.poses), np.where(unknown[:, None], twists, values.twists)
        return Values(positions=values.positions, velocities=values.velocities, poses=mixed[0], twists=mixed[1])

    def _write_properties(self) -> None:
        properties = self._properties
        for limb in self._limbs:
            if not limb.freedoms:
                continue
            for name, own in (
                ("STIFFNESS", properties.stiffness),
                ("DAMPING", properties.damping),
                ("MAX_FORCE", properties.max_effort),
                ("ARMATURE", properties.armature),
            ):
                tensor = self._tensor(name, limb.prim)
                array = tensor.read()
                array[0, limb.places] = own[limb.columns]
                if name == "ARMATURE":
                    array[0, [place for place, _ in limb.balls]] = [joint.armature for _, joint in limb.balls]
                tensor.write(array)
            tensor = self._tensor("FRICTION_PROPERTIES", limb.prim)
            array = tensor.read()
            array[0, limb.places] = properties.friction[limb.columns]
            for place, joint in limb.balls:
                array[0, place] = joint.friction, joint.friction, joint.damping
            tensor.write(array)

    def _write_values(self, values: Values) -> None:
        for group in self._groups:
            if group.pattern == LINK:
                continue
            self.physx.tensor("RIGID_BODY_POSE", group.pattern).write(values.poses[group.rows][:, XYZW])
            if group.pattern == FREE:
                twists = at_centers(values.poses[group.rows], values.twists[group.rows], group.centers)
                self.physx.tensor("RIGID_BODY_VELOCITY", group.pattern).write(twists)
        for limb in self._limbs:
            row = [self._order[limb.tree.root]]
            if limb.tree.anchor is None:
                self.physx.tensor("ARTICULATION_ROOT_POSE", limb.prim).write(values.poses[row][:, XYZW])
            if limb.tree.floats:
                center = np.array([self.scene.bodies[limb.tree.root].center_of_mass])
                twists = at_centers(values.poses[row], values.twists[row], center)
                self.physx.tensor("ARTICULATION_ROOT_VELOCITY", limb.prim).write(twists)
            if limb.freedoms:
                part = slice(limb.first, limb.first + limb.freedoms)
                positions = values.positions[part] - self._turns[part]
                self._tensor("POSITION", limb.prim).write(positions)
                self._tensor("VELOCITY", limb.prim).write(values.velocities[part])

    # --- running

    def write_targets(self, values: FloatArray, *, velocities: bool = False) -> None:
        """Set the targets [n_joints] of the drives."""
        wanted = values if velocities else values - self._turns[self.freedom_of]
        self._write_joints("VELOCITY_TARGET" if velocities else "POSITION_TARGET", wanted)

    def write_efforts(self, values: FloatArray) -> None:
        """Set the efforts [n_joints] of joints whose drives would not limit them; `push` gives the others."""
        free = np.where(self._properties.limited, 0.0, values)
        self._write_joints("ACTUATION_FORCE", np.minimum(np.maximum(free, -LARGEST), LARGEST))

    def _write_joints(self, name: str, values: FloatArray) -> None:
        for limb in self._limbs:
            if len(limb.columns):
                tensor = self._tensor(name, limb.prim)
                if limb.balls:
                    array = tensor.read()
                    array[0, limb.places] = values[limb.columns]
                    tensor.write(array)
                else:
                    tensor.write(values[limb.in_order])

    def needs_push(self, commands: Commands) -> bool:
        """Whether `push` has anything to do at each step."""
        return bool(commands.wrenches.any()) or any(
            limited and effort
            for limited, effort in zip(self._properties.limited, commands.efforts.tolist(), strict=True)
        )

    def push(self, commands: Commands) -> None:
        """Apply wrenches, and efforts that drives would limit, for the next engine step."""
        efforts = [
            (self.scene.joints[path], float(effort))
            for path, effort, limited in zip(self.joints, commands.efforts, self._properties.limited, strict=True)
            if limited and effort
        ]
        bodies = list(self._order)
        for group in self._groups:
            if group.pattern == KINEMATIC:
                continue
            poses = self.physx.tensor("RIGID_BODY_POSE", group.pattern).read().astype(np.float64)[:, WXYZ]
            rows = {bodies[row]: index for index, row in enumerate(group.rows.tolist())}
            own = efforts if group.pattern == LINK else []
            wrenches = wrench_rows(self.scene, rows, poses, commands.wrenches, own)
            self.physx.tensor("RIGID_BODY_WRENCH", group.pattern).write(wrenches)

    # --- reading

    def read_freedoms(self) -> tuple[FloatArray, FloatArray]:
        """Positions and velocities of all degrees of freedom."""
        if len(self._states) == 1:
            ((_, position, velocity),) = self._states
            turned: FloatArray = position.read()[0].astype(np.float64)
            speeds: FloatArray = velocity.read()[0].astype(np.float64)
            return (turned + self._turns if self._some_turned else turned), speeds
        positions, velocities = self._turns.copy(), np.zeros(self.freedoms)
        for part, position, velocity in self._states:
            positions[part] += position.read()[0]
            velocities[part] = velocity.read()[0]
        return positions, velocities

    def free_twists(self) -> Iterator[tuple[list[str], FloatArray]]:
        """Paths and velocities [n, 6] of the bodies that no joint holds, as PhysX has them."""
        paths = list(self._order)
        for group in self._groups:
            if group.pattern == FREE:
                velocities = self.physx.tensor("RIGID_BODY_VELOCITY", group.pattern).read().astype(np.float64)
                yield [paths[row] for row in group.rows], velocities

    def read_bodies(self, base: Values, velocities: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Poses [n_bodies, 7] and velocities [n_bodies, 6] of all bodies.

        Args:
            base: where kinematic bodies are. velocities: of all degrees of freedom, now.
        """
        return self.placed(self.raw_bodies(self._groups), base, velocities)

    def groups_of(self, rows: IntArray) -> list[Group]:
        """What PhysX lists together that has a body of ``rows``."""
        return [group for group in self._groups if np.isin(group.rows, rows).any()]

    def raw_bodies(self, groups: Sequence[Group]) -> list[RawBodies]:
        """PhysX's own numbers of ``groups`` as they are now, for `placed`: a fraction of its work."""
        raws = []
        for group in groups:
            if group.pattern == KINEMATIC:
                continue
            pose = self.physx.tensor("RIGID_BODY_POSE", group.pattern).read().copy()
            own = group.pattern != LINK or self._own_link_speeds
            speed = self.physx.tensor("RIGID_BODY_VELOCITY", group.pattern).read().copy() if own else None
            raws.append(RawBodies(group=group, poses=pose, velocities=speed))
        return raws

    def placed(self, raws: Sequence[RawBodies], base: Values, velocities: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Poses and velocities as `read_bodies` gives them, of a moment; those of ``base`` where ``raws`` have none.

        Args:
            velocities: of all degrees of freedom at that moment.
        """
        poses, twists = base.poses.copy(), base.twists.copy()
        for raw in raws:
            rows = raw.group.rows
            poses[rows] = raw.poses[:, WXYZ]
            if raw.velocities is not None:
                twists[rows] = at_origins(poses[rows], raw.velocities.astype(np.float64), raw.group.centers)
        if any(raw.group.pattern == LINK for raw in raws):
            for limb in self._limbs:
                if limb.motion is not None:
                    speeds = velocities[limb.first : limb.first + limb.freedoms]
                    twists[limb.rows] = limb.motion.twists(poses[limb.rows], speeds, twists[limb.rows[0]])
        return poses, twists

    def present_efforts(
        self, laws: Mapping[str, DriveLaw], positions: FloatArray, velocities: FloatArray, commands: Commands
    ) -> FloatArray:
        """What drives and commanded efforts [n_joints] give, by these ``laws``; with masses of the present.

        Args:
            positions / velocities: of all degrees of freedom.
        """
        positions, velocities = positions[self.freedom_of], velocities[self.freedom_of]
        efforts = np.zeros(len(self.joints))
        for limb in self._limbs:
            columns = limb.columns
            if not len(columns):
                continue
            base = 6 if limb.tree.floats else 0
            law = laws[limb.prim]
            matrix = None
            if law.needs_mass_matrix:
                # Joints of several freedoms stay locked in this: the others' effective inertia is taken without them.
                full = self.physx.tensor("ARTICULATION_MASS_MATRIX", limb.prim).read()[0].astype(np.float64)
                kept = base + limb.places
                matrix = np.ascontiguousarray(full[np.ix_(kept, kept)])
            efforts[columns] = law.present(
                positions[columns],
                velocities[columns],
                targets=commands.targets[columns],
                target_velocities=commands.target_velocities[columns],
                efforts=commands.efforts[columns],
                mass_matrix=matrix,
            )
        return efforts

    def limb_rows(self, body: str) -> list[int]:
        """Rows of all bodies in the tree of ``body``, itself alone where there is none."""
        for limb in self._limbs:
            if body in limb.tree.bodies:
                return limb.rows
        return [self._order[body]]

    def close(self) -> None:
        self.physx.close()
