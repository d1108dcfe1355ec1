"""What scenes may ask of an engine, by name; the one place that refuses what an engine does not have.

An engine lists what it has in ``EngineCapabilities.features``. `check_features` finds what a scene asks for, and its
message is the same for every engine: what is missing, at which prim, what to do, and which engines have it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from hanzo_twin import plugins
from hanzo_twin.engines.hulls import is_convex, needs_triangles
from hanzo_twin.engines.port import EngineCapabilities, EngineConfig, load_engine
from hanzo_twin.errors import InvalidInputError, NotInstalledError, UnsupportedError
from hanzo_twin.scene.load import check_loaded
from hanzo_twin.scene.model import Body, Joint, Mesh, Plane, Scene, Shape

LOOP_KINDS = ("fixed", "revolute", "spherical")


@dataclass(frozen=True, kw_only=True)
class Feature:
    """One thing that engines may have.

    Args:
        title: the row of the support matrix.
        lacks: what an engine without it is told, after its name; ``{path}`` is the prim.
        remedy: what can be done to the scene.
        needs: engines without that power have no use for the feature and ignore it.
        optional: an engine without it takes the scene, and says that it ignores it.
    """

    title: str
    lacks: str
    remedy: str
    needs: Literal["", "dynamics", "contacts"] = ""
    optional: bool = False


@dataclass(frozen=True, kw_only=True)
class Requirement:
    """``feature`` is what the prim at ``path`` asks for."""

    feature: str
    path: str


FEATURES: Mapping[str, Feature] = MappingProxyType(
    {
        "spherical_joints": Feature(
            title="spherical joints",
            lacks="has no spherical joints; '{path}' is one",
            remedy="Replace it by a chain of revolute joints.",
        ),
        "spherical_cones": Feature(
            title="cone limits of spherical joints",
            lacks="cannot keep the spherical joint '{path}' within a cone",
            remedy="Remove the limit, or replace the joint by revolute ones.",
        ),
        "elliptic_cones": Feature(
            title="cone limits of spherical joints that differ in two directions",
            lacks="cannot keep the spherical joint '{path}' within an elliptic cone",
            remedy="Author the same limit in both directions, or replace the joint by revolute ones.",
        ),
        "spherical_turns": Feature(
            title="limits of the whole turn of spherical joints",
            lacks="cannot limit the turn of the spherical joint '{path}'",
            remedy="Remove the limit, or replace the joint by revolute ones.",
        ),
        "spherical_armature": Feature(
            title="armature of spherical joints",
            lacks="has no armature in spherical joints; '{path}' has one",
            remedy="Remove it, or replace the joint by revolute ones.",
            needs="dynamics",
        ),
        "spherical_springs": Feature(
            title="springs of spherical joints",
            lacks="has no springs in spherical joints; '{path}' has one",
            remedy="Remove it, or replace the joint by revolute ones.",
            needs="dynamics",
        ),
        "spherical_drives": Feature(
            title="drives of spherical joints",
            lacks="has no drives in spherical joints; '{path}' has one",
            remedy="Remove it, or replace the joint by revolute ones.",
            needs="dynamics",
        ),
        "d6_joints": Feature(
            title="D6 joints",
            lacks="has no d6 joints; '{path}' is one",
            remedy="Replace it by a chain of revolute and prismatic joints.",
        ),
        "d6_rotations": Feature(
            title="D6 joints with several free rotations",
            lacks="has D6 joints with one free rotation only; '{path}' has more",
            remedy="Replace it by a chain of revolute joints.",
        ),
        "d6_drives": Feature(
            title="drives of D6 joints",
            lacks="has no drives in D6 joints; '{path}' has one",
            remedy="Replace it by a chain of revolute and prismatic joints.",
            needs="dynamics",
        ),
        "acceleration_drives": Feature(
            title="drives of mode acceleration",
            lacks="has no acceleration drives; '{path}' has one",
            remedy="Author drive:type = 'force' with gains in N·m.",
            needs="dynamics",
        ),
        "mimic_joints": Feature(
            title="mimic joints",
            lacks="has no joints that mimic others; '{path}' does",
            remedy="Command both joints.",
            needs="dynamics",
        ),
        "loops": Feature(
            title="loops closed by fixed, revolute or spherical joints",
            lacks="cannot close loops of joints; '{path}' does",
            remedy="Remove the joint.",
        ),
        "sliding_loops": Feature(
            title="loops closed by prismatic or D6 joints",
            lacks="cannot close a loop with the prismatic joint '{path}', nor with a D6 joint",
            remedy=f"Allowed: {', '.join(LOOP_KINDS)}. Cut the loop at another joint.",
        ),
        "loop_efforts": Feature(
            title="limits, drives and springs of joints that close a loop",
            lacks="cannot honour limits, drives or springs of '{path}', which closes a loop",
            remedy="Cut the loop at a joint that has none.",
        ),
        "d6_springs": Feature(
            title="springs of D6 joints with several free rotations",
            lacks="has no springs in D6 joints with several free rotations; '{path}' has one",
            remedy="Remove it, or replace the joint by revolute ones.",
            needs="dynamics",
        ),
        "velocity_limits": Feature(
            title="velocity limits of joints",
            lacks="does not keep joints to their velocity limits: '{path}'",
            remedy="Limit the velocity where commands are made.",
            needs="dynamics",
            optional=True,
        ),
        "kinematic_bodies": Feature(
            title="kinematic bodies",
            lacks="has no kinematic bodies; '{path}' is one",
            remedy="Make it dynamic, or static by removing its RigidBodyAPI.",
        ),
        "kinematic_velocities": Feature(
            title="kinematic bodies with a velocity",
            lacks="cannot give the kinematic body '{path}' a velocity",
            remedy="Set its velocity to zero and move it with set_body_state.",
        ),
        "kinematic_links": Feature(
            title="kinematic bodies held by a joint",
            lacks="cannot hang the kinematic body '{path}' on a joint",
            remedy="Remove the joint, or make the body dynamic.",
        ),
        "restitution": Feature(
            title="restitution",
            lacks="has no coefficient of restitution, but the material of '{path}' has one",
            remedy="Author physics:restitution = 0.",
            needs="contacts",
        ),
        "static_friction": Feature(
            title="static friction other than dynamic",
            lacks="has one coefficient of friction, the dynamic one; the material of '{path}' has another static one",
            remedy="Author physics:staticFriction = physics:dynamicFriction.",
            needs="contacts",
            optional=True,
        ),
        "moving_planes": Feature(
            title="infinite planes that move",
            lacks="cannot move the infinite plane '{path}'",
            remedy="Put the plane outside rigid bodies, or use a Cube.",
            needs="contacts",
        ),
        "mesh_decomposition": Feature(
            title="meshes as their convex decomposition",
            lacks="cannot decompose the mesh '{path}' into convex parts",
            remedy="Author physics:approximation = 'convexHull', or split the mesh.",
            needs="contacts",
        ),
        "static_triangles": Feature(
            title="meshes that stand, as their triangles",
            lacks="collides meshes as convex bodies only, but '{path}' asks for its triangles and is not convex",
            remedy="Author physics:approximation = 'convexDecomposition' or 'convexHull'.",
            needs="contacts",
        ),
        "moving_triangles": Feature(
            title="meshes that move, as their triangles",
            lacks="collides meshes that move as convex bodies only, but '{path}' asks for its triangles and is not "
            "convex",
            remedy="Author physics:approximation = 'convexDecomposition' or 'convexHull'.",
            needs="contacts",
        ),
        "shape_filters": Feature(
            title="filtered pairs of single shapes",
            lacks="filters collisions by body, but '{path}' in a filtered pair is one of several shapes of its body",
            remedy="Filter the bodies, or give the shape a body of its own.",
            needs="contacts",
        ),
    }
)


def requirements(scene: Scene) -> Iterator[Requirement]:
    """What ``scene`` asks for beyond fixed, revolute and prismatic joints and convex shapes of dynamic bodies."""
    for joint in scene.joints.values():
        for name in _of_loop(joint) if joint.closes_loop else _of_joint(joint):
            yield Requirement(feature=name, path=joint.path)
    for body in scene.bodies.values():
        for name in _of_body(body, scene):
            yield Requirement(feature=name, path=body.path)
        for shape in body.shapes:
            yield from _of_shape(shape, scene, static=False)
    for shape in scene.static_shapes.values():
        yield from _of_shape(shape, scene, static=True)
    single = _one_of_several(scene)
    for pair in scene.filtered_pairs:
        for path in pair:
            if path in single:
                yield Requirement(feature="shape_filters", path=path)


def missing(scene: Scene, capabilities: EngineCapabilities) -> Iterator[Requirement]:
    """The requirements of ``scene`` for which an engine of these ``capabilities`` refuses it."""
    return (one for one in _not_met(scene, capabilities) if not FEATURES[one.feature].optional)


def ignored(scene: Scene, capabilities: EngineCapabilities) -> Iterator[Requirement]:
    """The requirements of ``scene`` that an engine of these ``capabilities`` takes and does not meet."""
    return (one for one in _not_met(scene, capabilities) if FEATURES[one.feature].optional)


def _not_met(scene: Scene, capabilities: EngineCapabilities) -> Iterator[Requirement]:
    for requirement in requirements(scene):
        needs = FEATURES[requirement.feature].needs
        if requirement.feature not in capabilities.features and (not needs or getattr(capabilities, needs)):
            yield requirement


def check_features(scene: Scene, config: EngineConfig, capabilities: EngineCapabilities) -> None:
    """Raise UnsupportedError, which names the prim and the engines to use, for the first requirement not met.

    Raises:
        InvalidInputError: ``scene`` is none that was loaded, such as the name of a file, or ``config`` no EngineConfig.
    """
    check_loaded(scene)
    if not isinstance(config, EngineConfig):
        raise InvalidInputError(
            f"An EngineConfig is needed, got {type(config).__name__}.", hint="Write EngineConfig(step_hz=500), say."
        )
    first = next(missing(scene, capabilities), None)
    if first is not None:
        raise refusal(first, capabilities.name)


def refusal(requirement: Requirement, engine: str) -> UnsupportedError:
    """The error for ``requirement``, which ``engine`` does not meet."""
    feature = FEATURES[requirement.feature]
    return UnsupportedError(
        f"Engine '{engine}' {feature.lacks.format(path=requirement.path)}.",
        hint=f"{feature.remedy} Engines that have it: {', '.join(engines_with(requirement.feature)) or 'none'}.",
    )


def engines_with(feature: str) -> list[str]:
    """Names of the installed engines that have ``feature``."""
    found = []
    for name in plugins.names(plugins.ENGINES):
        try:
            has = load_engine(name).capabilities().features
        except NotInstalledError:
            continue
        if feature in has:
            found.append(name)
    return found


def _limited(joint: Joint) -> bool:
    return math.isfinite(joint.lower) or math.isfinite(joint.upper)


def _driven(joint: Joint) -> bool:
    return joint.drive is not None and (joint.drive.stiffness > 0 or joint.drive.damping > 0)


def _of_joint(joint: Joint) -> Iterator[str]:
    if joint.kind == "spherical":
        yield "spherical_joints"
        if _limited(joint):
            yield "spherical_turns"
        if any(math.isfinite(angle) for angle in joint.cone):
            yield "spherical_cones" if joint.cone[0] == joint.cone[1] else "elliptic_cones"
        if joint.armature:
            yield "spherical_armature"
        if joint.stiffness:
            yield "spherical_springs"
        if _driven(joint):
            yield "spherical_drives"
    drives = [joint.drive]
    if joint.kind == "d6":
        yield "d6_joints"
        if sum(axis.rotation for axis in joint.free_axes) > 1:
            yield "d6_rotations"
            if joint.stiffness:
                yield "d6_springs"
        drives = [axis.drive for axis in joint.free_axes]
        if any(drives):
            yield "d6_drives"
    if any(drive is not None and drive.mode == "acceleration" for drive in drives):
        yield "acceleration_drives"
    if joint.mimic is not None:
        yield "mimic_joints"
    if math.isfinite(joint.max_velocity):
        yield "velocity_limits"


def _of_loop(joint: Joint) -> Iterator[str]:
    yield "loops" if joint.kind in LOOP_KINDS else "sliding_loops"
    resists = joint.stiffness or joint.damping or joint.friction or joint.armature
    bounded = _limited(joint) or any(math.isfinite(angle) for angle in joint.cone)
    if bounded or _driven(joint) or resists:
        yield "loop_efforts"


def _of_body(body: Body, scene: Scene) -> Iterator[str]:
    if body.kinematic:
        yield "kinematic_bodies"
        if body.path in scene.child_joint:
            yield "kinematic_links"
        if any(body.linear_velocity) or any(body.angular_velocity):
            yield "kinematic_velocities"


def _of_shape(shape: Shape, scene: Scene, *, static: bool) -> Iterator[Requirement]:
    if not shape.collides:
        return
    material = scene.materials.get(shape.material)
    if material is not None and material.restitution > 0.0:
        yield Requirement(feature="restitution", path=shape.path)
    if material is not None and material.static_friction != material.dynamic_friction:
        yield Requirement(feature="static_friction", path=shape.path)
    geometry = shape.geometry
    if isinstance(geometry, Plane) and not static:
        yield Requirement(feature="moving_planes", path=shape.path)
    if needs_triangles(shape):
        yield Requirement(feature="static_triangles" if static else "moving_triangles", path=shape.path)
    elif isinstance(geometry, Mesh) and _has_parts(shape.path, geometry):
        yield Requirement(feature="mesh_decomposition", path=shape.path)


def _has_parts(path: str, mesh: Mesh) -> bool:
    return mesh.approximation == "convexDecomposition" and not is_convex(path, mesh)


def _one_of_several(scene: Scene) -> set[str]:
    """Paths of the colliders whose bodies have others."""
    found: set[str] = set()
    for body in scene.bodies.values():
        colliding = [shape.path for shape in body.shapes if shape.collides]
        if len(colliding) > 1:
            found.update(colliding)
    return found
