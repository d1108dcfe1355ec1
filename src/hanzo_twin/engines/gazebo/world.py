"""A scene as a DART world.

Each tree of bodies is a multibody ("skeleton") of DART's; body and joint frames, masses and inertias are taken as the
scene says them. Drives, springs, damping, dry friction and armatures of joints follow `hanzo_twin.engines.drive`,
applied as efforts; limits are DART's. Choices that matter:

* Contacts are found by ODE's collision detector, solved by DART's direct (Dantzig) solver. Of DART's detectors it
  alone gives faces their full set of contact points on planes and hulls (its own gives one, so that boxes dig in; FCL
  does not know capsules; Bullet keeps contacts from step to step). Nothing falls asleep. So the next state is a
  function of positions, velocities, commands and parameters alone.
* Friction has one coefficient (the dynamic one). DART takes the smaller of two frictions, and the product of two
  restitutions; materials are given numbers for which that is what the scene says, see `hanzo_twin.engines.materials`,
  their own frictions and the roots of their restitutions where there are none. The direct solver bounds friction by
  a square along the world's axes (up to √2 too much between them), as in Gazebo.
  With ``solver_iterations`` the friction is bounded by a true cone instead, by at most that many sweeps of a
  Gauss-Seidel solver, which is several times slower; it starts cold at each step, for the sake of exact states.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import dartpy
import numpy as np

from hanzo_twin.engines.gazebo.geometry import CONE_SIDES, dart_shape
from hanzo_twin.engines.hulls import colliders
from hanzo_twin.engines.materials import DEFAULT, for_minima, for_products, friction_between, restitution_between
from hanzo_twin.engines.port import EngineConfig
from hanzo_twin.engines.self_collision import bodies_apart, touches_itself
from hanzo_twin.scene.model import Body, Joint, Scene, Shape
from hanzo_twin.spatial import FloatArray, Pose, rotation_matrix


@dataclass(frozen=True, kw_only=True, eq=False)
class World:
    """DART's objects by prim path.

    Args:
        dart: the ``dartpy.simulation.World``.
        multibodies: skeletons that move, in the order of their first bodies.
        bodies: all bodies; ``holders`` also the static shapes.
        joints: tree joints of one freedom; ``balls`` spherical ones.
        roots: free joints of the bodies that no joint holds, kinematic ones included.
        root_poses: by root, the pose [7] that its coordinates count from.
        materials: by path, the dynamics aspects of the shapes made of them.
    """

    dart: Any
    multibodies: list[Any] = field(default_factory=list)
    bodies: dict[str, Any] = field(default_factory=dict)
    holders: dict[str, Any] = field(default_factory=dict)
    joints: dict[str, Any] = field(default_factory=dict)
    balls: dict[str, Any] = field(default_factory=dict)
    roots: dict[str, Any] = field(default_factory=dict)
    root_poses: dict[str, FloatArray] = field(default_factory=dict)
    materials: dict[str, list[Any]] = field(default_factory=dict)

    def advance(self, sweeps: int | None) -> None:
        """One engine step; ``sweeps`` of the cone solver, None for the direct one."""
        if sweeps is not None:
            self.dart.getConstraintSolver().setBoxedLcpSolver(_cone_solver(sweeps))
        self.dart.step(True)


def build_world(scene: Scene, config: EngineConfig) -> World:
    """The world of ``scene``, with all coordinates zero.

    Raises:
        SceneError: a mesh has no volume; names the prim.
    """
    dart = dartpy.simulation.World("scene")
    dart.setTimeStep(config.step_seconds / config.substeps)
    dart.setCollisionDetector(dartpy.simulation.CollisionDetectorType.ODE)
    options = dart.getDeactivationOptions()
    options.mEnabled = False
    dart.setDeactivationOptions(options)
    world = World(dart=dart)
    for body in scene.bodies.values():
        _add_body(world, scene, body)
    for shape in scene.static_shapes.values():
        if shape.collides:
            _add_static(world, scene, shape)
    _separate(world, scene)
    write_materials(world, scene)
    return world


def write_materials(world: World, scene: Scene) -> None:
    """Give the shapes of ``world`` the frictions and restitutions of ``scene``, which has the same shapes."""
    frictions = for_minima(scene, friction_between).values
    restitutions = for_products(scene, restitution_between).values
    for path, aspects in world.materials.items():
        for aspect in aspects:
            aspect.setFrictionCoeff(frictions[path])
            aspect.setRestitutionCoeff(restitutions[path])


def _cone_solver(sweeps: int) -> Any:
    solver = dartpy.constraint.NsgsFrictionSolver
    options = solver.Options()
    options.maxSweeps = sweeps
    return solver(options)


def isometry(pose: Pose) -> Any:
    """DART's transform of ``pose``."""
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = rotation_matrix(pose.orientation), pose.position
    return dartpy.math.Isometry3(matrix)


def write_inertia(node: Any, body: Body) -> None:
    """Give DART's ``node`` the mass properties of ``body``."""
    moments = body.inertia
    node.setInertia(dartpy.dynamics.Inertia(body.mass, body.center_of_mass, (moments + moments.T) / 2))


def _add_body(world: World, scene: Scene, body: Body) -> None:
    joint = scene.child_joint.get(body.path)
    parent = world.bodies[joint.parent] if joint is not None and joint.parent else None
    skeleton = dartpy.dynamics.Skeleton(body.path) if parent is None else parent.getSkeleton()
    if joint is None:
        held, node = skeleton.createFreeJointAndBodyNodePair()
        world.roots[body.path] = held
        world.root_poses[body.path] = Pose.identity().as_array()
    else:
        held, node = _add_joint(skeleton, parent, joint)
        if joint.kind in ("revolute", "prismatic"):
            world.joints[joint.path] = held
        elif joint.kind == "spherical":
            world.balls[joint.path] = held
    node.setName(body.path)
    write_inertia(node, body)
    node.setGravityMode(body.gravity_enabled)
    for collider in colliders(body.shapes, cone_sides=CONE_SIDES):
        _add_collider(world, scene, node, collider)
    world.bodies[body.path] = world.holders[body.path] = node
    if parent is None:
        skeleton.setMobile(not body.kinematic)
        world.dart.addSkeleton(skeleton)
        if not body.kinematic:
            world.multibodies.append(skeleton)


def _add_joint(skeleton: Any, parent: Any, joint: Joint) -> tuple[Any, Any]:
    dynamics = dartpy.dynamics
    if joint.kind == "fixed":
        pair = (
            skeleton.createWeldJointAndBodyNodePair()
            if parent is None
            else skeleton.createWeldJointAndBodyNodePair(parent)
        )
        pair[0].setName(joint.path)
        pair[0].setTransformFromParentBodyNode(isometry(joint.pose_parent_joint))
        pair[0].setTransformFromChildBodyNode(isometry(joint.pose_child_joint))
        return pair[0], pair[1]
    kinds = {
        "revolute": (dynamics.RevoluteJointProperties, skeleton.createRevoluteJointAndBodyNodePair),
        "prismatic": (dynamics.PrismaticJointProperties, skeleton.createPrismaticJointAndBodyNodePair),
        "spherical": (dynamics.BallJointProperties, skeleton.createBallJointAndBodyNodePair),
    }
    properties_of, create = kinds[joint.kind]
    properties = properties_of()
    properties.mName = joint.path
    properties.mT_ParentBodyToJoint = isometry(joint.pose_parent_joint)
    properties.mT_ChildBodyToJoint = isometry(joint.pose_child_joint)
    if joint.kind != "spherical":
        properties.mAxis = joint.axis
    held, node = create(parent, properties)
    if np.isfinite(joint.lower) or np.isfinite(joint.upper):
        held.setPositionLowerLimit(0, joint.lower)
        held.setPositionUpperLimit(0, joint.upper)
        held.setLimitEnforcement(True)
    return held, node


def _add_static(world: World, scene: Scene, shape: Shape) -> None:
    """A body of its own, so that a filtered pair can name it."""
    skeleton = dartpy.dynamics.Skeleton(shape.path)
    _, node = skeleton.createWeldJointAndBodyNodePair()
    node.setName(shape.path)
    for collider in colliders([shape], triangles=True, cone_sides=CONE_SIDES):
        _add_collider(world, scene, node, collider)
    skeleton.setMobile(False)
    world.dart.addSkeleton(skeleton)
    world.holders[shape.path] = node


def _add_collider(world: World, scene: Scene, node: Any, collider: Shape) -> None:
    placed = node.createShapeNode(dart_shape(collider))
    placed.setName(collider.path)
    placed.setRelativeTransform(isometry(collider.pose))
    placed.createCollisionAspect()
    aspect = placed.createDynamicsAspect()
    material = scene.materials.get(collider.material, DEFAULT)
    world.materials.setdefault(material.path, []).append(aspect)


def _separate(world: World, scene: Scene) -> None:
    """Neighbours in a tree, filtered pairs and what else never touches do not collide."""
    ignored = world.dart.getConstraintSolver().getCollisionOption().collisionFilter
    member = {body: one.path for one in scene.articulations.values() for body in one.bodies}
    touching = touches_itself(scene)
    for skeleton in world.multibodies:
        paths = [skeleton.getBodyNode(index).getName() for index in range(skeleton.getNumBodyNodes())]
        if len({member.get(path, path) for path in paths}) > 1 or not touching.isdisjoint(map(member.get, paths)):
            skeleton.enableSelfCollisionCheck()
            skeleton.disableAdjacentBodyCheck()
    for first, second in {*scene.filtered_pairs, *bodies_apart(scene)}:
        one, other = _holder(world, scene, first), _holder(world, scene, second)
        if one is not None and other is not None:
            ignored.addBodyNodePairToBlackList(one, other)


def _holder(world: World, scene: Scene, path: str) -> Any | None:
    """DART's body for the body or shape at ``path``, None where it does not collide."""
    if path in world.holders:
        return world.holders[path]
    owners = (body for body in scene.bodies.values() if any(shape.path == path for shape in body.shapes))
    return next((world.bodies[body.path] for body in owners), None)
