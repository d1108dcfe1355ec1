"""A scene as bodies of one Bullet client.

* A tree of joints is one multibody; a tree that is tied to the world hangs on a base without mass that stands still
  at the world's origin. A link's frame is the frame of the joint that holds it, on the link's side.
* Each colliding shape but a body's first one is a link of its own, without mass and welded to its body, so that
  materials and filtered pairs are those of shapes.
* Bodies of one tree, or of one articulation, do not collide with each other.
* Bullet multiplies the friction coefficients, and the restitutions, of two shapes that touch. They are given numbers
  whose products are what the scene says, see `hanzo_twin.engines.materials`; where there are none, each the root of
  its own (the dynamic friction), so that equal materials give what they say, and different ones the geometric mean.
  A bounce comes out too fast by up to a tenth of the speed, which depends on how deep the step lets the bodies in;
  below 0.2 m/s there is none.
* Nothing is damped, no motor runs and nothing sleeps unless the scene says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pybullet

from hanzo_twin.engines.hulls import colliders, shape_of
from hanzo_twin.engines.materials import DEFAULT, for_products, friction_between, restitution_between
from hanzo_twin.engines.port import EngineConfig
from hanzo_twin.engines.pybullet.clients import give_back, take_client
from hanzo_twin.engines.pybullet.constraints import add_loop, add_mimic
from hanzo_twin.engines.pybullet.geometry import add_collision_shape, bullet_quaternion
from hanzo_twin.engines.self_collision import bodies_apart, touches_itself
from hanzo_twin.scene.model import Body, Joint, Scene, Shape
from hanzo_twin.spatial import FloatArray, Pose

# Bullet clamps the velocities of a multibody to 100, and takes a limit beyond this for none.
_NO_LIMIT = 1e30
_NO_END = 1e10


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a body or shape is found: Bullet's body and link (−1 the base)."""

    uid: int
    link: int


@dataclass(frozen=True, kw_only=True)
class TreePlan:
    """A multibody with joints.

    Args:
        floating: nothing holds its base.
        joints: paths of those of one freedom in Bullet's order; ``links`` hang on them.
        balls: the same of spherical joints; ``ball_links`` hang on them.
        bodies: paths, parents before children.
    """

    uid: int
    floating: bool
    joints: tuple[str, ...]
    links: tuple[int, ...]
    balls: tuple[str, ...]
    ball_links: tuple[int, ...]
    bodies: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class World:
    """What `build_world` made.

    Args:
        bodies: by path; ``inertial_frames`` the pose of each body's principal frame in the body (and
            ``inertial_arrays`` the same as arrays [7]).
        roots: paths of the bodies that no joint holds.
        trees: multibodies with joints.
        materials: by material path, links of the shapes made of it; "" is the default.
        shapes: paths of the shapes by Bullet's body and link.
    """

    client: int
    bodies: Mapping[str, Place]
    inertial_frames: Mapping[str, Pose]
    inertial_arrays: Mapping[str, FloatArray]
    roots: tuple[str, ...]
    trees: tuple[TreePlan, ...]
    materials: Mapping[str, tuple[Place, ...]]
    shapes: Mapping[tuple[int, int], str]


@dataclass(kw_only=True)
class _Link:
    """One link of a multibody before it is made; ``parent`` is 1-based, 0 the base, as Bullet counts."""

    parent: int
    pose: Pose
    kind: int = pybullet.JOINT_FIXED
    axis: tuple[float, float, float] = (0.0, 0.0, 1.0)
    body: Body | None = None
    frame: Pose = field(default_factory=Pose.identity)
    shape: Shape | None = None
    shape_pose: Pose = field(default_factory=Pose.identity)


def write_frictions(world: World, scene: Scene) -> None:
    """Give the shapes of ``world`` the frictions of ``scene``, which has the same shapes."""
    for path, value in for_products(scene, friction_between).values.items():
        for place in world.materials[path]:
            pybullet.changeDynamics(place.uid, place.link, lateralFriction=value, physicsClientId=world.client)


def build_world(scene: Scene, config: EngineConfig, *, deformable: bool = False) -> World:
    """A new client with everything of ``scene`` at its starting poses; velocities and joint positions are zero.

    Args:
        deformable: with Bullet's solver for soft bodies.

    Raises:
        SceneError: a mesh has no volume, or Bullet refuses numbers; names the prim.
        SimulationError: Bullet has no client left.
    """
    client = take_client()
    try:
        if deformable:
            pybullet.resetSimulation(pybullet.RESET_USE_DEFORMABLE_WORLD, physicsClientId=client)
        return _Builder(scene, client).build(config)
    except BaseException:
        give_back(client)
        raise


class _Builder:
    def __init__(self, scene: Scene, client: int) -> None:
        self._scene = scene
        self._client = client
        self._bodies: dict[str, Place] = {}
        self._inertial: dict[str, Pose] = {}
        self._frames: dict[str, Pose] = {}
        self._shapes: dict[str, list[Place]] = {}
        self._materials: dict[str, list[Place]] = {path: [] for path in ("", *scene.materials)}
        self._frictions = for_products(scene, friction_between).values
        self._restitutions = for_products(scene, restitution_between).values
        self._trees: list[TreePlan] = []
        self._roots: list[str] = []
        touching = touches_itself(scene)
        self._touching = {body for path in touching for body in scene.articulations[path].bodies}

    def build(self, config: EngineConfig) -> World:
        pybullet.setTimeStep(config.step_seconds / config.substeps, physicsClientId=self._client)
        options = {} if config.solver_iterations is None else {"numSolverIterations": config.solver_iterations}
        pybullet.setPhysicsEngineParameter(
            deterministicOverlappingPairs=1, enableConeFriction=1, physicsClientId=self._client, **options
        )
        for collider in colliders(self._scene.static_shapes.values(), triangles=True):
            self._add_static(collider)
        for tree in self._groups():
            self._add_tree(tree)
        self._filter_pairs()
        self._constrain()
        return World(
            client=self._client,
            bodies=self._bodies,
            inertial_frames=self._inertial,
            inertial_arrays={path: pose.as_array() for path, pose in self._inertial.items()},
            roots=tuple(self._roots),
            trees=tuple(self._trees),
            materials={path: tuple(places) for path, places in self._materials.items()},
            shapes={(one.uid, one.link): path for path, places in self._shapes.items() for one in places},
        )

    def _groups(self) -> Iterable[list[str]]:
        """Paths of the bodies of each tree, parents before children."""
        top: dict[str, str] = {}
        groups: dict[str, list[str]] = {}
        for path in self._scene.bodies:
            joint = self._scene.child_joint.get(path)
            top[path] = top[joint.parent] if joint is not None and joint.parent else path
            groups.setdefault(top[path], []).append(path)
        return groups.values()

    def _add_static(self, shape: Shape) -> None:
        index = add_collision_shape(self._client, shape, Pose.identity())
        uid = pybullet.createMultiBody(
            baseMass=0.0,
            baseCollisionShapeIndex=index,
            basePosition=shape.pose.position.tolist(),
            baseOrientation=bullet_quaternion(shape.pose.orientation),
            physicsClientId=self._client,
        )
        self._finish_shape(shape, Place(uid=uid, link=-1))

    def _add_tree(self, paths: list[str]) -> None:
        root = self._scene.bodies[paths[0]]
        held = root.path in self._scene.child_joint
        links: list[_Link] = []
        number: dict[str, int] = {"": 0}
        base_shapes: list[Shape] = []
        if not held:
            number[root.path] = 0
            self._frames[root.path] = Pose.identity()
            base_shapes = colliders(root.shapes)
        for path in paths if held else paths[1:]:
            self._add_body_link(links, number, self._scene.bodies[path])
        first = base_shapes[0] if base_shapes else None
        for shape in base_shapes[1:]:
            links.append(_Link(parent=0, pose=Pose.identity(), shape=shape, shape_pose=shape.pose))
        flags = pybullet.URDF_USE_SELF_COLLISION if not self._touching.isdisjoint(paths) else 0
        uid = self._create(root if not held else None, first, links, flags)
        self._finish_links(uid, root if not held else None, first, links)
        self._plan_tree(uid, links, tuple(paths), floating=not held and not root.kinematic)

    def _add_body_link(self, links: list[_Link], number: dict[str, int], body: Body) -> None:
        joint = self._scene.child_joint[body.path]
        frame = joint.pose_child_joint
        parent_frame = self._frames[joint.parent] if joint.parent else Pose.identity()
        self._frames[body.path] = frame
        into_link = frame.inverse()
        shapes = colliders(body.shapes)
        links.append(
            _Link(
                parent=number[joint.parent],
                pose=parent_frame.inverse() @ joint.pose_parent_joint,
                kind=_KINDS[joint.kind],
                axis=joint.axis,
                body=body,
                frame=into_link @ Pose.of(body.center_of_mass, body.principal_axes),
                shape=shapes[0] if shapes else None,
                shape_pose=into_link @ shapes[0].pose if shapes else Pose.identity(),
            )
        )
        number[body.path] = len(links)
        for shape in shapes[1:]:
            pose = into_link @ shape.pose
            links.append(_Link(parent=number[body.path], pose=Pose.identity(), shape=shape, shape_pose=pose))

    def _create(self, root: Body | None, first: Shape | None, links: list[_Link], flags: int) -> int:
        inertial = Pose.of(root.center_of_mass, root.principal_axes) if root else Pose.identity()
        start = root.pose_world_body if root else Pose.identity()
        shapes = [
            add_collision_shape(self._client, link.shape, link.shape_pose) if link.shape else -1 for link in links
        ]
        uid = pybullet.createMultiBody(
            baseMass=root.mass if root and not root.kinematic else 0.0,
            baseCollisionShapeIndex=add_collision_shape(self._client, first, first.pose) if first else -1,
            basePosition=start.position.tolist(),
            baseOrientation=bullet_quaternion(start.orientation),
            baseInertialFramePosition=inertial.position.tolist(),
            baseInertialFrameOrientation=bullet_quaternion(inertial.orientation),
            linkMasses=[link.body.mass if link.body else 0.0 for link in links],
            linkCollisionShapeIndices=shapes,
            linkVisualShapeIndices=[-1] * len(links),
            linkPositions=[link.pose.position.tolist() for link in links],
            linkOrientations=[bullet_quaternion(link.pose.orientation) for link in links],
            linkInertialFramePositions=[link.frame.position.tolist() for link in links],
            linkInertialFrameOrientations=[bullet_quaternion(link.frame.orientation) for link in links],
            linkParentIndices=[link.parent for link in links],
            linkJointTypes=[link.kind for link in links],
            linkJointAxis=[list(link.axis) for link in links],
            flags=flags,
            physicsClientId=self._client,
        )
        return int(uid)

    def _finish_links(self, uid: int, root: Body | None, first: Shape | None, links: list[_Link]) -> None:
        self._undamp(uid, -1)
        if root is not None:
            self._roots.append(root.path)
            self._finish_body(root, Place(uid=uid, link=-1))
            if first is not None:
                self._finish_shape(first, Place(uid=uid, link=-1))
        for index, link in enumerate(links):
            place = Place(uid=uid, link=index)
            self._undamp(uid, index)
            if link.body is not None:
                self._finish_body(link.body, place)
                self._limit(self._scene.child_joint[link.body.path], place)
            if link.shape is not None:
                self._finish_shape(link.shape, place)

    def _plan_tree(self, uid: int, links: list[_Link], bodies: tuple[str, ...], *, floating: bool) -> None:
        """Remember a multibody that has joints, and let no motor run in them."""
        held = [(link, index) for index, link in enumerate(links) if link.body is not None]
        paths = {index: self._scene.child_joint[link.body.path].path for link, index in held if link.body is not None}
        balls = [index for link, index in held if link.kind == pybullet.JOINT_SPHERICAL]
        single = [index for link, index in held if link.kind in (pybullet.JOINT_REVOLUTE, pybullet.JOINT_PRISMATIC)]
        if single:
            pybullet.setJointMotorControlArray(
                uid, single, pybullet.VELOCITY_CONTROL, forces=[0.0] * len(single), physicsClientId=self._client
            )
        for index in balls:
            pybullet.setJointMotorControlMultiDof(
                uid,
                index,
                pybullet.POSITION_CONTROL,
                targetPosition=[0, 0, 0, 1],
                positionGain=0.0,
                velocityGain=0.0,
                force=[0, 0, 0],
                physicsClientId=self._client,
            )
        if single or balls:
            plan = TreePlan(
                uid=uid,
                floating=floating,
                joints=tuple(paths[index] for index in single),
                links=tuple(single),
                balls=tuple(paths[index] for index in balls),
                ball_links=tuple(balls),
                bodies=bodies,
            )
            self._trees.append(plan)

    def _undamp(self, uid: int, link: int) -> None:
        pybullet.changeDynamics(
            uid,
            link,
            linearDamping=0.0,
            angularDamping=0.0,
            jointDamping=0.0,
            maxJointVelocity=_NO_LIMIT,
            physicsClientId=self._client,
        )

    def _finish_body(self, body: Body, place: Place) -> None:
        self._bodies[body.path] = place
        self._inertial[body.path] = Pose.of(body.center_of_mass, body.principal_axes)
        if not body.kinematic:
            pybullet.changeDynamics(
                place.uid,
                place.link,
                mass=body.mass,
                localInertiaDiagonal=list(body.diagonal_inertia),
                physicsClientId=self._client,
            )

    def _limit(self, joint: Joint, place: Place) -> None:
        if np.isfinite(joint.lower) or np.isfinite(joint.upper):
            pybullet.changeDynamics(
                place.uid,
                place.link,
                jointLowerLimit=max(joint.lower, -_NO_END),
                jointUpperLimit=min(joint.upper, _NO_END),
                physicsClientId=self._client,
            )

    def _finish_shape(self, shape: Shape, place: Place) -> None:
        material = self._scene.materials.get(shape.material, DEFAULT)
        self._shapes.setdefault(shape_of(shape.path), []).append(place)
        self._materials[material.path].append(place)
        # Contacts that are yet to come, which Bullet otherwise slows down for, would swallow the bounce.
        bouncy = {"contactProcessingThreshold": 0.0} if material.restitution > 0.0 else {}
        pybullet.changeDynamics(
            place.uid,
            place.link,
            lateralFriction=self._frictions[material.path],
            restitution=self._restitutions[material.path],
            physicsClientId=self._client,
            **bouncy,
        )

    def _constrain(self) -> None:
        holders = {path: ((place.uid, place.link), self._inertial[path]) for path, place in self._bodies.items()}
        for joint in self._scene.joints.values():
            if joint.closes_loop:
                add_loop(self._client, joint, holders)
            elif joint.mimic is not None:
                leader = self._scene.joints[joint.mimic.joint]
                add_mimic(self._client, joint, holders[joint.child][0], holders[leader.child][0])

    def _filter_pairs(self) -> None:
        for first, second in {*self._scene.filtered_pairs, *bodies_apart(self._scene)}:
            self._filter(self._colliders(first), self._colliders(second))
        for path in self._touching:
            own = self._colliders(path)
            self._filter(own, own)

    def _colliders(self, path: str) -> list[Place]:
        if path in self._scene.bodies:
            shapes = self._scene.bodies[path].shapes
            return [place for shape in shapes for place in self._shapes.get(shape.path, ())]
        return self._shapes.get(path, [])

    def _filter(self, ones: list[Place], others: list[Place]) -> None:
        for one in ones:
            for other in others:
                pybullet.setCollisionFilterPair(
                    one.uid, other.uid, one.link, other.link, 0, physicsClientId=self._client
                )


_KINDS = {
    "fixed": pybullet.JOINT_FIXED,
    "revolute": pybullet.JOINT_REVOLUTE,
    "prismatic": pybullet.JOINT_PRISMATIC,
    "spherical": pybullet.JOINT_SPHERICAL,
}
