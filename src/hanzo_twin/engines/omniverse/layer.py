"""A scene as the USD layer that PhysX reads: derived, normalized, and never the user's own file.

Bodies stand flat in the world, joints refer to them, and each tree of bodies becomes one articulation. What is chosen:

* A tree that a joint other than a fixed one holds to the world hangs on a base link of its own, which is fixed: a base
  that is held by a soft joint would drift.
* Joint frames are turned so that each joint's axis is their X.
* PhysX's own damping, sleeping and stabilization are off, and it limits no speeds. Velocity limits of actuators are
  left out: of PhysX's two ways one stops what falls, the other takes away the drive that would brake.
* Gains, armatures, friction and limits of efforts are written when the world runs, see `world`; here a joint only gets
  the schemas that make them writable.

Angles are degrees here and nowhere else.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import newton_usd_schemas  # noqa: F401 - registers the Newton schemas, which must happen before the first stage
import numpy as np
from pxr import Gf, Sdf, Usd, UsdGeom, UsdPhysics, UsdShade, Vt

from hanzo_twin.engines.hulls import colliders, hull_triangles, shape_of
from hanzo_twin.engines.materials import DEFAULT
from hanzo_twin.engines.omniverse.trees import Tree, reduced, trees_of
from hanzo_twin.engines.port import EngineConfig
from hanzo_twin.scene.model import (
    Axis,
    Body,
    Box,
    Capsule,
    Cone,
    Cylinder,
    Joint,
    Material,
    Mesh,
    Mimic,
    Plane,
    Scene,
    Shape,
    Sphere,
)
from hanzo_twin.spatial import FloatArray, Pose

SCENE_PRIM = "/physics"
_POSITION_ITERATIONS = 16
# With PhysX's default of 1, what stands on wheels and casters trembles and creeps.
_VELOCITY_ITERATIONS = 4
# Degrees per second, metres per second: never reached.
_UNLIMITED = 1e12
# Degrees, metres: where a joint without limits never comes.
_FAR = 1e9
_MOTION = {"revolute": "angular", "prismatic": "linear"}
_LOCKED = (1.0, -1.0)
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


class Layers:
    """Layers of one scene with one choice of settings: one for each choice of masses, materials and gravity.

    The last few are kept. Other parameters do not reach layers.
    """

    def __init__(self, scene: Scene, config: EngineConfig) -> None:
        self.trees = trees_of(scene)
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
    for index, shape in enumerate(_colliders(scene.static_shapes.values(), triangles=True)):
        writer.shape(f"/static_{index}", shape)
    for index, tree in enumerate(trees):
        writer.articulation(index, tree)
    for index, joint in enumerate(scene.joints.values()):
        writer.joint(index, joint)
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

    # --- surroundings

    def physics(self, *, gpu: bool) -> None:
        prim = UsdPhysics.Scene.Define(self._stage, SCENE_PRIM)
        x, y, z = self._scene.gravity
        size = math.hypot(x, y, z)
        prim.CreateGravityDirectionAttr(Gf.Vec3f(x / size, y / size, z / size) if size else Gf.Vec3f(0.0, 0.0, -1.0))
        prim.CreateGravityMagnitudeAttr(size)
        _apply(
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
        _apply(prim.GetPrim(), "PhysxMaterialAPI", rules)
        self._materials[material.path] = prim

    # --- bodies

    def body(self, index: int, body: Body) -> None:
        kind = "link" if body.path in self._held else "kinematic" if body.kinematic else "body"
        path = f"/{kind}_{index}_{_leaf(body.path)}"
        self._names.bodies[body.path] = path
        prim = self._rigid(path, body.pose_world_body, kinematic=kind == "kinematic")
        mass = UsdPhysics.MassAPI.Apply(prim)
        mass.CreateMassAttr(body.mass)
        mass.CreateCenterOfMassAttr(Gf.Vec3f(*body.center_of_mass))
        mass.CreateDiagonalInertiaAttr(Gf.Vec3f(*body.diagonal_inertia))
        mass.CreatePrincipalAxesAttr(_quatf(np.asarray(body.principal_axes)))
        _set(prim, "physxRigidBody:disableGravity", Sdf.ValueTypeNames.Bool, not body.gravity_enabled)
        for number, shape in enumerate(_colliders(body.shapes, triangles=body.kinematic)):
            self.shape(f"{path}/shape_{number}", shape)

    def _rigid(self, path: str, pose: Pose, *, kinematic: bool = False) -> Any:
        xform = UsdGeom.Xform.Define(self._stage, path)
        _place(xform, pose)
        prim = xform.GetPrim()
        _apply(prim, "PhysxContactReportAPI", {"physxContactReport:threshold": (Sdf.ValueTypeNames.Float, 0.0)})
        rigid = UsdPhysics.RigidBodyAPI.Apply(prim)
        rigid.CreateKinematicEnabledAttr(kinematic)
        number = Sdf.ValueTypeNames.Float
        _apply(
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
        gprim = self._geometry(path, shape.geometry)
        _place(gprim, shape.pose)
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

    def _geometry(self, path: str, geometry: object) -> Any:
        match geometry:
            case Box():
                cube = UsdGeom.Cube.Define(self._stage, path)
                cube.CreateSizeAttr(2.0)
                return cube
            case Sphere(radius=radius):
                sphere = UsdGeom.Sphere.Define(self._stage, path)
                sphere.CreateRadiusAttr(radius)
                return sphere
            case Plane():
                plane = UsdGeom.Plane.Define(self._stage, path)
                plane.CreateAxisAttr(UsdGeom.Tokens.z)
                return plane
            case Mesh():
                triangles = geometry.triangles if len(geometry.triangles) else hull_triangles(geometry.vertices)
                mesh = UsdGeom.Mesh.Define(self._stage, path)
                mesh.CreatePointsAttr(Vt.Vec3fArray.FromNumpy(np.asarray(geometry.vertices, dtype=np.float32)))
                mesh.CreateFaceVertexCountsAttr(Vt.IntArray(len(triangles), 3))
                indices = np.asarray(triangles, dtype=np.int32).reshape(-1)
                mesh.CreateFaceVertexIndicesAttr(Vt.IntArray.FromNumpy(indices))
                mesh.CreateSubdivisionSchemeAttr(UsdGeom.Tokens.none)
                return mesh
        assert isinstance(geometry, Capsule | Cylinder | Cone)
        kinds = {Capsule: UsdGeom.Capsule, Cylinder: UsdGeom.Cylinder, Cone: UsdGeom.Cone}
        round_one = kinds[type(geometry)].Define(self._stage, path)
        round_one.CreateRadiusAttr(geometry.radius)
        round_one.CreateHeightAttr(2.0 * geometry.half_height)
        round_one.CreateAxisAttr(UsdGeom.Tokens.z)
        return round_one

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
            _frame(weld, 0, at)
            _frame(weld, 1, Pose.identity())
            holder = weld.GetPrim()
        UsdPhysics.ArticulationRootAPI.Apply(holder)
        _apply(
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

    def joint(self, index: int, joint: Joint) -> None:
        """A joint between two bodies; one that welds the first body of a tree to the world is there already."""
        base = self._bases.get(joint.path)
        if not joint.parent and base is None and reduced(joint):
            return
        path = f"/joint_{index}"
        self._names.joints[joint.path] = path
        kinds = {
            "fixed": UsdPhysics.FixedJoint,
            "revolute": UsdPhysics.RevoluteJoint,
            "prismatic": UsdPhysics.PrismaticJoint,
            "spherical": UsdPhysics.SphericalJoint,
            "d6": UsdPhysics.Joint,
        }
        made = kinds[joint.kind].Define(self._stage, path)
        parent = base or (self._names.bodies[joint.parent] if joint.parent else "")
        if parent:
            made.CreateBody0Rel().SetTargets([parent])
        made.CreateBody1Rel().SetTargets([self._names.bodies[joint.child]])
        turn = Pose.of((0.0, 0.0, 0.0), _from_x(joint.axis) if joint.kind in _MOTION else (1.0, 0.0, 0.0, 0.0))
        _frame(made, 0, turn if base else joint.pose_parent_joint @ turn)
        _frame(made, 1, joint.pose_child_joint @ turn)
        made.CreateExcludeFromArticulationAttr(not reduced(joint))
        if joint.kind in _MOTION:
            self._one_freedom(made, joint)
        elif joint.kind == "d6":
            for axis in joint.free_axes:
                _drive_axis(made.GetPrim(), axis)
            free: dict[tuple[str, bool], Axis] = {(axis.name, axis.rotation): axis for axis in joint.free_axes}
            for name in "xyz":
                for rotation in (False, True):
                    _limit_axis(made.GetPrim(), name, rotation, free.get((name, rotation)))

    def _one_freedom(self, made: Any, joint: Joint) -> None:
        scale = 180.0 / math.pi if joint.kind == "revolute" else 1.0
        made.CreateAxisAttr(UsdGeom.Tokens.x)
        lower, upper = joint.lower * scale, joint.upper * scale
        # Without limits PhysX counts the angle of a hinge within ±2π only, and a joint that mimics must have some.
        mimicked = any(one.mimic is not None and one.mimic.joint == joint.path for one in self._scene.joints.values())
        if joint.kind == "revolute" or joint.mimic is not None or mimicked:
            lower, upper = max(lower, -_FAR), min(upper, _FAR)
        if math.isfinite(lower):
            made.CreateLowerLimitAttr(lower)
        if math.isfinite(upper):
            made.CreateUpperLimitAttr(upper)
        motion, prim = _MOTION[joint.kind], made.GetPrim()
        mode = joint.drive.mode if joint.drive is not None else "force"
        UsdPhysics.DriveAPI.Apply(prim, motion).CreateTypeAttr(mode)
        prim.AddAppliedSchema(f"PhysxJointAxisAPI:{motion}")
        if joint.mimic is not None:
            self._mimic(prim, joint.mimic, scale)
        if joint.stiffness > 0.0:
            _spring(prim, joint, scale)

    def _mimic(self, prim: Any, mimic: Mimic, scale: float) -> None:
        prim.AddAppliedSchema("NewtonMimicAPI")
        _set(prim, "newton:mimicCoef0", Sdf.ValueTypeNames.Float, mimic.offset * scale)
        _set(prim, "newton:mimicCoef1", Sdf.ValueTypeNames.Float, mimic.multiplier)
        index = list(self._scene.joints).index(mimic.joint)
        prim.CreateRelationship("newton:mimicJoint").SetTargets([f"/joint_{index}"])

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


def _colliders(shapes: Iterable[Shape], *, triangles: bool) -> list[Shape]:
    """As `hulls.colliders`; cones stay what they are."""
    found: list[Shape] = []
    for shape in shapes:
        if isinstance(shape.geometry, Cone):
            found += [shape] if shape.collides else []
        else:
            found += colliders([shape], triangles=triangles)
    return found


def _spring(prim: Any, joint: Joint, scale: float) -> None:
    """A tendon over this joint alone, whose length is the joint's position: PhysX has no other passive spring."""
    # Joints with equal names of tendons would share one.
    tendon = f"spring_{prim.GetName()}"
    prim.AddAppliedSchema(f"PhysxTendonAxisRootAPI:{tendon}")
    axis = "rotX" if joint.kind == "revolute" else "transX"
    for name, value in (("stiffness", joint.stiffness), ("restLength", joint.rest_position)):
        _set(prim, f"physxTendon:{tendon}:{name}", Sdf.ValueTypeNames.Float, value)
    # Lengths per degree, as angles are; efforts per length.
    for name, value in (("gearing", 1.0 / scale), ("forceCoefficient", 1.0)):
        _set(prim, f"physxTendon:{tendon}:{name}", Sdf.ValueTypeNames.FloatArray, [value])
    _set(prim, f"physxTendon:{tendon}:jointAxis", Sdf.ValueTypeNames.TokenArray, [axis])


def _drive_axis(prim: Any, axis: Axis) -> None:
    if axis.drive is None:
        return
    scale = 180.0 / math.pi if axis.rotation else 1.0
    drive = UsdPhysics.DriveAPI.Apply(prim, _token(axis.name, axis.rotation))
    drive.CreateTypeAttr(axis.drive.mode)
    drive.CreateStiffnessAttr(axis.drive.stiffness / scale)
    drive.CreateDampingAttr(axis.drive.damping / scale)
    drive.CreateTargetPositionAttr(axis.drive.target_position * scale)
    drive.CreateTargetVelocityAttr(axis.drive.target_velocity * scale)
    if math.isfinite(axis.drive.max_effort):
        drive.CreateMaxForceAttr(axis.drive.max_effort)


def _limit_axis(prim: Any, name: str, rotation: bool, axis: Axis | None) -> None:
    low, high = (axis.lower, axis.upper) if axis is not None else _LOCKED
    if not (math.isfinite(low) or math.isfinite(high)):
        return
    scale = 180.0 / math.pi if rotation and axis is not None else 1.0
    limit = UsdPhysics.LimitAPI.Apply(prim, _token(name, rotation))
    if math.isfinite(low):
        limit.CreateLowAttr(low * scale)
    if math.isfinite(high):
        limit.CreateHighAttr(high * scale)


def _token(name: str, rotation: bool) -> str:
    return f"{'rot' if rotation else 'trans'}{name.upper()}"


def _leaf(path: str) -> str:
    return re.sub(r"\W", "_", path.rpartition("/")[2])


def _from_x(axis: tuple[float, float, float]) -> FloatArray:
    """The shortest turn [4] that takes X to ``axis``."""
    x, y, z = np.asarray(axis) / np.linalg.norm(axis)
    if x < -1.0 + 1e-12:
        return np.array([0.0, 0.0, 0.0, 1.0])
    turn = np.array([1.0 + x, 0.0, -z, y])
    return np.asarray(turn / np.linalg.norm(turn), dtype=np.float64)


def _quatf(q: FloatArray) -> Any:
    w, x, y, z = (float(value) for value in q)
    return Gf.Quatf(w, x, y, z)


def _place(xformable: Any, pose: Pose) -> None:
    xformable.AddTranslateOp(UsdGeom.XformOp.PrecisionDouble).Set(Gf.Vec3d(*pose.position.tolist()))
    w, x, y, z = pose.orientation.tolist()
    xformable.AddOrientOp(UsdGeom.XformOp.PrecisionDouble).Set(Gf.Quatd(w, x, y, z))


def _frame(joint: Any, side: int, pose: Pose) -> None:
    position, turn = Gf.Vec3f(*pose.position.tolist()), _quatf(pose.orientation)
    if side == 0:
        joint.CreateLocalPos0Attr(position)
        joint.CreateLocalRot0Attr(turn)
    else:
        joint.CreateLocalPos1Attr(position)
        joint.CreateLocalRot1Attr(turn)


def _apply(prim: Any, schema: str, values: Mapping[str, tuple[Any, Any]]) -> None:
    """Apply a schema that this USD does not know and author ``values``: name → type, value."""
    prim.AddAppliedSchema(schema)
    for name, (kind, value) in values.items():
        _set(prim, name, kind, value)


def _set(prim: Any, name: str, kind: Any, value: Any) -> None:
    prim.CreateAttribute(name, kind).Set(value)
