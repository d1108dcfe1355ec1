"""A scene as the USD layer that PhysX reads: derived, normalized, and never the user's own file.

Bodies stand flat in the world, joints refer to them, and each tree of bodies becomes one articulation. What is chosen:

* A tree that a joint other than a fixed one holds to the world hangs on a base link of its own, which is fixed: a base
  that is held by a soft joint would drift.
* Joint frames are turned so that each joint's axis is their X.
* PhysX's own damping, sleeping and stabilization are off, and it limits no speeds. Velocity limits of actuators are
  left out: of PhysX's two ways one stops what falls, the other takes away the drive that would brake.
* Gains, armatures, friction and limits of efforts are written when the world runs, see `world`; here a joint only gets
  the schemas that make them writable.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import newton_usd_schemas  # noqa: F401 - registers the Newton schemas, which must happen before the first stage
import numpy as np
from pxr import Gf, Sdf, Usd, UsdGeom, UsdPhysics, UsdShade

from hanzo_twin.engines.hulls import shape_of
from hanzo_twin.engines.materials import DEFAULT
from hanzo_twin.engines.omniverse.attributes import write_attributes
from hanzo_twin.engines.omniverse.joint_prims import JointPrims
from hanzo_twin.engines.omniverse.shape_prims import define_geometry, solid
from hanzo_twin.engines.omniverse.trees import Tree, reduced, trees_of
from hanzo_twin.engines.omniverse.usd_prims import apply_schema, author, place, quatf, set_frame
from hanzo_twin.engines.port import EngineConfig
from hanzo_twin.scene.model import (
    Body,
    Box,
    Joint,
    Material,
    Mesh,
    Scene,
    Shape,
)
from hanzo_twin.spatial import Pose

SCENE_PRIM = "/physics"
_POSITION_ITERATIONS = 16
# With PhysX's default of 1, what stands on wheels and casters trembles and creeps.
_VELOCITY_ITERATIONS = 4
# Degrees per second, metres per second: never reached.
_UNLIMITED = 1e12
_KEPT = 4


@dataclass(frozen=True, kw_only=True)
class Names:
    """Prim paths in the layer of what is in the scene.

    Args:
        bodies / joints: by path in the scene.
        shapes: path in the scene, by prim; a mesh in parts has several prims.
        articulations: first link of each tree, in the order of the trees.
    """

    bodies: dict[str, str] = field(default_factory=dict)
    joints: dict[str, str] = field(default_factory=dict)
    shapes: dict[str, str] = field(default_factory=dict)
    articulations: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Layer:
    """What PhysX reads: ``data`` are the bytes of a USD file, ``names`` what is called how in it."""

    data: bytes
    names: Names


@dataclass(frozen=True, kw_only=True)
class Order:
    """How PhysX orders what it builds from the layers of a scene.

    Args:
        freedoms: names of the degrees of freedom of each articulation, by its prim.
        bodies: prims of the bodies that it lists together, by their pattern.
    """

    freedoms: Mapping[str, Sequence[str]]
    bodies: Mapping[str, Sequence[str]]


class Layers:
    """Layers of one scene with one choice of settings: one for each choice of masses, materials and gravity.

    The last few are kept. Other parameters do not reach layers.
    """

    def __init__(self, scene: Scene, config: EngineConfig) -> None:
        self.trees = trees_of(scene)
        #: What the first world has read from PhysX, which others then need not build for.
        self.order: Order | None = None
        self._config = config
        self._kept: list[tuple[Scene, Layer]] = []

    def of(self, scene: Scene) -> Layer:
        """The layer of the scene with other parameters."""
        for kept, layer in self._kept:
            same = kept.gravity == scene.gravity and kept.bodies == scene.bodies and kept.materials == scene.materials
            if kept is scene or same:
                return layer
        layer = _write_layer(scene, self.trees, self._config)
        self._kept = [(scene, layer), *self._kept[: _KEPT - 1]]
        return layer


def _write_layer(scene: Scene, trees: tuple[Tree, ...], config: EngineConfig) -> Layer:
    names = Names()
    stage = Usd.Stage.CreateInMemory(".usda")
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.z)
    UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    UsdPhysics.SetStageKilogramsPerUnit(stage, 1.0)
    writer = _Writer(stage, scene, config, names, held={body for tree in trees for body in tree.bodies})
    writer.physics(gpu=config.gpu_id != "auto")
    for index, material in enumerate([DEFAULT, *scene.materials.values()]):
        writer.material(index, material)
    for index, body in enumerate(scene.bodies.values()):
        writer.body(index, body)
    for index, shape in enumerate(solid(scene.static_shapes.values(), triangles=True)):
        writer.shape(f"/static_{index}", shape)
    for index, tree in enumerate(trees):
        writer.articulation(index, tree)
    for joint in scene.joints.values():
        writer.joint(joint)
    writer.filters()
    return Layer(data=stage.GetRootLayer().ExportToString().encode(), names=names)


class _Writer:
    def __init__(self, stage: Any, scene: Scene, config: EngineConfig, names: Names, *, held: set[str]) -> None:
        self._stage = stage
        self._scene = scene
        self._names = names
        self._held = held
        self._iterations = config.solver_iterations or _POSITION_ITERATIONS
        self._materials: dict[str, Any] = {}
        self._bases: dict[str, str] = {}
        self._filtered = set(scene.filtered_pairs)
        self._joints = JointPrims(stage, scene, names.bodies)

    # --- surroundings

    def physics(self, *, gpu: bool) -> None:
        prim = UsdPhysics.Scene.Define(self._stage, SCENE_PRIM)
        x, y, z = self._scene.gravity
        size = math.hypot(x, y, z)
        prim.CreateGravityDirectionAttr(Gf.Vec3f(x / size, y / size, z / size) if size else Gf.Vec3f(0.0, 0.0, -1.0))
        prim.CreateGravityMagnitudeAttr(size)
        apply_schema(
            prim.GetPrim(),
            "PhysxSceneAPI",
            {
                # The other solver, TGS, takes steps within the step: it loses slow motion to rounding, and adds gravity
                # in each, which makes a pendulum's period wrong to first order of the step rather than to second.
                "physxScene:solverType": (Sdf.ValueTypeNames.Token, "PGS"),
                "physxScene:enableGPUDynamics": (Sdf.ValueTypeNames.Bool, gpu),
                "physxScene:broadphaseType": (Sdf.ValueTypeNames.Token, "GPU" if gpu else "MBP"),
                "physxScene:enableStabilization": (Sdf.ValueTypeNames.Bool, False),
                "physxScene:disableSleeping": (Sdf.ValueTypeNames.Bool, True),
                "physxScene:enableEnhancedDeterminism": (Sdf.ValueTypeNames.Bool, True),
            },
        )

    def material(self, index: int, material: Material) -> None:
        prim = UsdShade.Material.Define(self._stage, f"/material_{index}")
        physics = UsdPhysics.MaterialAPI.Apply(prim.GetPrim())
        physics.CreateStaticFrictionAttr(material.static_friction)
        physics.CreateDynamicFrictionAttr(material.dynamic_friction)
        physics.CreateRestitutionAttr(material.restitution)
        rules = {
            "physxMaterial:frictionCombineMode": (Sdf.ValueTypeNames.Token, material.friction_combine),
            "physxMaterial:restitutionCombineMode": (Sdf.ValueTypeNames.Token, material.restitution_combine),
        }
        apply_schema(prim.GetPrim(), "PhysxMaterialAPI", rules)
        self._materials[material.path] = prim

    # --- bodies

    def body(self, index: int, body: Body) -> None:
        kind = "link" if body.path in self._held else "kinematic" if body.kinematic else "body"
        # Names of prims in USD may have letters that its text form does not take.
        leaf = re.sub(r"\W", "_", body.path.rpartition("/")[2], flags=re.ASCII)
        path = f"/{kind}_{index}_{leaf}"
        self._names.bodies[body.path] = path
        prim = self._rigid(path, body.pose_world_body, kinematic=kind == "kinematic")
        mass = UsdPhysics.MassAPI.Apply(prim)
        mass.CreateMassAttr(body.mass)
        mass.CreateCenterOfMassAttr(Gf.Vec3f(*body.center_of_mass))
        mass.CreateDiagonalInertiaAttr(Gf.Vec3f(*body.diagonal_inertia))
        mass.CreatePrincipalAxesAttr(quatf(np.asarray(body.principal_axes)))
        author(prim, "physxRigidBody:disableGravity", Sdf.ValueTypeNames.Bool, not body.gravity_enabled)
        write_attributes(prim, self._scene, body.path)
        for number, shape in enumerate(solid(body.shapes, triangles=body.kinematic)):
            self.shape(f"{path}/shape_{number}", shape)

    def _rigid(self, path: str, pose: Pose, *, kinematic: bool = False) -> Any:
        xform = UsdGeom.Xform.Define(self._stage, path)
        place(xform, pose)
        prim = xform.GetPrim()
        apply_schema(prim, "PhysxContactReportAPI", {"physxContactReport:threshold": (Sdf.ValueTypeNames.Float, 0.0)})
        rigid = UsdPhysics.RigidBodyAPI.Apply(prim)
        rigid.CreateKinematicEnabledAttr(kinematic)
        number = Sdf.ValueTypeNames.Float
        apply_schema(
            prim,
            "PhysxRigidBodyAPI",
            {
                "physxRigidBody:linearDamping": (number, 0.0),
                "physxRigidBody:angularDamping": (number, 0.0),
                "physxRigidBody:sleepThreshold": (number, 0.0),
                "physxRigidBody:stabilizationThreshold": (number, 0.0),
                "physxRigidBody:maxLinearVelocity": (number, _UNLIMITED),
                "physxRigidBody:maxAngularVelocity": (number, _UNLIMITED),
                "physxRigidBody:solverPositionIterationCount": (Sdf.ValueTypeNames.Int, self._iterations),
                "physxRigidBody:solverVelocityIterationCount": (Sdf.ValueTypeNames.Int, _VELOCITY_ITERATIONS),
            },
        )
        return prim

    # --- shapes

    def shape(self, path: str, shape: Shape) -> None:
        self._names.shapes[path] = shape_of(shape.path)
        gprim = define_geometry(self._stage, path, shape.geometry)
        place(gprim, shape.pose)
        if isinstance(shape.geometry, Box):
            gprim.AddScaleOp(UsdGeom.XformOp.PrecisionDouble).Set(Gf.Vec3d(*shape.geometry.half_extents))
        prim = gprim.GetPrim()
        UsdPhysics.CollisionAPI.Apply(prim)
        if isinstance(shape.geometry, Mesh):
            approximation = "convexHull" if shape.geometry.approximation == "convexHull" else "none"
            UsdPhysics.MeshCollisionAPI.Apply(prim).CreateApproximationAttr(approximation)
        binding = UsdShade.MaterialBindingAPI.Apply(prim)
        material = self._materials.get(shape.material, self._materials[""])
        binding.Bind(material, UsdShade.Tokens.weakerThanDescendants, "physics")

    # --- joints

    def articulation(self, index: int, tree: Tree) -> None:
        """Make ``tree`` one articulation: its root is the fixed joint to the world, or else the first body."""
        root = self._names.bodies[tree.root]
        if tree.anchor is not None and tree.has_base:
            base = f"/base_{index}"
            prim = self._rigid(base, tree.anchor.pose_parent_joint)
            mass = UsdPhysics.MassAPI.Apply(prim)
            mass.CreateMassAttr(1.0)
            mass.CreateDiagonalInertiaAttr(Gf.Vec3f(1.0, 1.0, 1.0))
            self._bases[tree.anchor.path] = root = base
        holder = self._stage.GetPrimAtPath(root)
        if not tree.floats:
            weld = UsdPhysics.FixedJoint.Define(self._stage, f"/weld_{index}")
            weld.CreateBody1Rel().SetTargets([root])
            at = self._scene.bodies[tree.root].pose_world_body
            if tree.anchor is not None and tree.has_base:
                at = tree.anchor.pose_parent_joint
            set_frame(weld, 0, at)
            set_frame(weld, 1, Pose.identity())
            holder = weld.GetPrim()
        UsdPhysics.ArticulationRootAPI.Apply(holder)
        apply_schema(
            holder,
            "PhysxArticulationAPI",
            {
                "physxArticulation:enabledSelfCollisions": (Sdf.ValueTypeNames.Bool, self._touches_itself(tree)),
                "physxArticulation:sleepThreshold": (Sdf.ValueTypeNames.Float, 0.0),
                "physxArticulation:stabilizationThreshold": (Sdf.ValueTypeNames.Float, 0.0),
                "physxArticulation:solverPositionIterationCount": (Sdf.ValueTypeNames.Int, self._iterations),
                "physxArticulation:solverVelocityIterationCount": (Sdf.ValueTypeNames.Int, _VELOCITY_ITERATIONS),
            },
        )
        self._names.articulations.append(root)

    def _touches_itself(self, tree: Tree) -> bool:
        """Whether bodies of ``tree`` may collide; PhysX itself keeps neighbours apart."""
        neighbours = {(self._scene.joints[path].parent, self._scene.joints[path].child) for path in tree.joints}
        for pair in combinations(tree.bodies, 2):
            either = {pair, pair[::-1]}
            if either.isdisjoint(self._filtered) and either.isdisjoint(neighbours):
                return True
        return False

    def joint(self, joint: Joint) -> None:
        """A joint between two bodies; one that welds the first body of a tree to the world is there already."""
        base = self._bases.get(joint.path, "")
        if joint.parent or base or not reduced(joint):
            self._names.joints[joint.path] = self._joints.define(joint, base)

    # --- contacts

    def filters(self) -> None:
        """What does not collide."""
        prims: dict[str, list[str]] = {path: [prim] for path, prim in self._names.bodies.items()}
        for prim, path in self._names.shapes.items():
            prims.setdefault(path, []).append(prim)
        for first, second in sorted(self._filtered):
            for prim in prims.get(first, ()):
                filtered = UsdPhysics.FilteredPairsAPI.Apply(self._stage.GetPrimAtPath(prim))
                for target in prims.get(second, ()):
                    filtered.CreateFilteredPairsRel().AddTarget(target)
