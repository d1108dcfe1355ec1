"""A scene as a compiled MuJoCo model.

Body frames, joint frames and inertias are taken as the scene says them. A drive is an affine actuator of gain 1:
``force = clip(ctrl − stiffness·q − damping·q̇, ±max_effort)``, ``ctrl = stiffness·target + damping·target_velocity``.
Two choices keep the next state a function of positions, velocities, commands and parameters alone:

* the constraint solver starts cold at each step (no warm start), so nothing hidden is carried over, and a world in a
  batch, whose hidden state MuJoCo's rollout does not give back, stays bit-equal to a world alone;
* mass matrices are never taken to be diagonal, as MuJoCo does for bodies whose centre of mass is their origin, so
  that a changed parameter gives what a scene built with it gives.

Contact friction has one coefficient (the dynamic one) and an elliptic cone; see `contacts` for what holds between two
materials. A mesh collides as its convex hull or its convex parts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import mujoco
import numpy as np

from hanzo_twin.engines.hulls import colliders, shape_of
from hanzo_twin.engines.mujoco.attributes import has_touch, write_joint, write_options, write_touch
from hanzo_twin.engines.mujoco.contacts import Collider, add_pairs, collision_bits, everything, separated
from hanzo_twin.engines.mujoco.geometry import add_geom
from hanzo_twin.engines.mujoco.integration import asks_explicit, choose_integrator, diagnose_integrator
from hanzo_twin.engines.mujoco.loops import add_loop_closure
from hanzo_twin.engines.parameters import drive_limit
from hanzo_twin.engines.port import EngineConfig
from hanzo_twin.errors import SceneError, UnsupportedError
from hanzo_twin.scene.diagnostics import Diagnosis
from hanzo_twin.scene.model import Axis, Body, Drive, Joint, Scene, Shape
from hanzo_twin.spatial import rotation_matrix

UNLIMITED = 1e10
_JOINT = mujoco.mjtJoint
_AXES = {"x": (1.0, 0.0, 0.0), "y": (0.0, 1.0, 0.0), "z": (0.0, 0.0, 1.0)}


def build_model(scene: Scene, config: EngineConfig, customize: Callable[[Any], None] | None = None) -> Any:
    """The compiled ``MjModel`` of ``scene``, customized last; elements are named by prim path.

    Raises:
        UnsupportedError: something that MuJoCo cannot honour; names the prim.
        SceneError: MuJoCo's compiler refuses the numbers of the scene.
    """
    spec = build_spec(scene, config)
    if customize is not None:
        customize(spec)
    model = _compile(spec)
    choose_integrator(model, scene)
    return model


def diagnose_model(scene: Scene, config: EngineConfig) -> Iterator[Diagnosis]:
    """What the model does otherwise than ``scene`` asks; nothing of a scene that `build_model` refuses."""
    if not asks_explicit(scene):
        return
    try:
        model = _compile(build_spec(scene, config))
    except (SceneError, UnsupportedError):
        return
    yield from diagnose_integrator(scene, choose_integrator(model, scene))


def _compile(spec: Any) -> Any:
    try:
        return spec.compile()
    except ValueError as refused:
        raise SceneError(f"Engine 'mujoco' cannot build the scene: {refused}") from refused


def build_spec(scene: Scene, config: EngineConfig) -> Any:
    """The ``MjSpec`` of ``scene``."""
    spec = mujoco.MjSpec()
    _set_options(spec, scene, config)
    option_seconds = config.step_seconds / config.substeps
    bodies = {"": spec.worldbody}
    for body in scene.bodies.values():
        bodies[body.path] = _add_body(spec, bodies, scene, body)
    _add_colliders(spec, bodies, scene, option_seconds)
    for joint in actuated_joints(scene):
        _add_drive(spec, joint)
    for joint in scene.joints.values():
        if joint.closes_loop:
            add_loop_closure(spec, bodies, joint)
        elif joint.kind == "d6":
            _add_axis_drives(spec, joint)
        elif joint.mimic is not None:
            _add_mimic(spec, joint)
    return spec


def _add_colliders(spec: Any, bodies: dict[str, Any], scene: Scene, step_seconds: float) -> None:
    """Geoms, who collides with whom, and how."""
    bits = collision_bits(scene)
    filtered = {path for pair in scene.filtered_pairs for path in pair}
    members: dict[str, set[str]] = {path: {path} for path in scene.bodies}
    found: list[Collider] = []

    def add(holder: Any, path: str, collider: Shape) -> None:
        material = scene.materials.get(collider.material)
        geom = add_geom(spec, holder, collider, material, bits.get(path, everything()))
        shape = shape_of(collider.path)
        write_touch(geom, scene, shape, collider.material)
        found.append(Collider(name=collider.path, holder=path, shape=collider, own_rules=has_touch(scene, shape)))

    for body in scene.bodies.values():
        solid = colliders(body.shapes)
        several = len({shape_of(one.path) for one in solid}) > 1
        for collider in solid:
            path, holder = shape_of(collider.path), bodies[body.path]
            members[path] = {body.path}
            if several and path in filtered:
                # MuJoCo filters bodies: the shape is one, welded to its own.
                holder, members[path] = _holder(spec, holder, path), {path}
                members[body.path].add(path)
            add(holder, body.path, collider)
    for shape in colliders(scene.static_shapes.values()):
        path = shape_of(shape.path)
        members[path] = {path}
        # A body of its own, so that a filtered pair can name it.
        add(_holder(spec, spec.worldbody, path), path, shape)
    _add_filtered_pairs(spec, scene, members)
    add_pairs(spec, scene, found, bits, step_seconds)


def _holder(spec: Any, parent: Any, path: str) -> Any:
    """The body ``path`` without mass, which is made where there is none."""
    known = spec.body(path)
    if known is not None:
        return known
    holder = parent.add_body(name=path)
    holder.explicitinertial = True
    return holder


def actuated_joints(scene: Scene) -> tuple[Joint, ...]:
    """Joints in the order of the model's actuators: those of articulations first, then what is left of one freedom."""
    articulated = [path for articulation in scene.articulations.values() for path in articulation.joints]
    rest = [
        joint.path
        for joint in scene.joints.values()
        if joint.kind in ("revolute", "prismatic") and not joint.closes_loop and joint.path not in set(articulated)
    ]
    return tuple(scene.joints[path] for path in [*articulated, *rest])


def _set_options(spec: Any, scene: Scene, config: EngineConfig) -> None:
    option = spec.option
    option.timestep = config.step_seconds / config.substeps
    option.gravity = scene.gravity
    option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    option.disableflags = int(mujoco.mjtDisableBit.mjDSBL_AUTORESET) | int(mujoco.mjtDisableBit.mjDSBL_WARMSTART)
    write_options(option, scene)
    if config.solver_iterations is not None:
        option.iterations = config.solver_iterations
    spec.compiler.degree = False
    spec.compiler.autolimits = False


def _add_body(spec: Any, bodies: dict[str, Any], scene: Scene, body: Body) -> Any:
    joint = scene.child_joint.get(body.path)
    if joint is None:
        parent, pose = spec.worldbody, body.pose_world_body
    else:
        parent, pose = bodies[joint.parent], joint.pose_parent_joint @ joint.pose_child_joint.inverse()
    added = parent.add_body(name=body.path, pos=pose.position, quat=pose.orientation)
    added.mass, added.ipos, added.iquat = body.mass, body.center_of_mass, body.principal_axes
    added.inertia, added.explicitinertial = body.diagonal_inertia, True
    added.gravcomp = 0.0 if body.gravity_enabled else 1.0
    added.simple = 0
    if body.kinematic:
        added.mocap = True
    elif joint is None:
        added.add_freejoint(name=f"{body.path}/free")
    else:
        _add_joint(added, joint)
        for made in added.joints:
            write_joint(made, scene, joint.path)
    return added


def _add_joint(body: Any, joint: Joint) -> None:
    if joint.kind == "fixed":
        return
    if joint.kind in ("revolute", "prismatic"):
        limited = np.isfinite(joint.lower) or np.isfinite(joint.upper)
        body.add_joint(
            name=joint.path,
            type=_JOINT.mjJNT_HINGE if joint.kind == "revolute" else _JOINT.mjJNT_SLIDE,
            pos=joint.pose_child_joint.position,
            axis=rotation_matrix(joint.pose_child_joint.orientation) @ np.asarray(joint.axis),
            limited=limited,
            range=[max(joint.lower, -UNLIMITED), min(joint.upper, UNLIMITED)] if limited else [0, 0],
            armature=joint.armature,
            damping=[joint.damping, 0, 0],
            frictionloss=joint.friction,
            stiffness=[joint.stiffness, 0, 0],
            springref=joint.rest_position,
        )
    elif joint.kind == "spherical":
        _add_ball(body, joint)
    else:
        _add_d6(body, joint)


def _add_ball(body: Any, joint: Joint) -> None:
    body.add_joint(
        name=joint.path,
        type=_JOINT.mjJNT_BALL,
        pos=joint.pose_child_joint.position,
        limited=False,
        armature=joint.armature,
        damping=[joint.damping, 0, 0],
        frictionloss=joint.friction,
    )


def _add_d6(body: Any, joint: Joint) -> None:
    """Joints of one freedom, translations first: MuJoCo moves a body by its joints in their order."""
    frame = rotation_matrix(joint.pose_child_joint.orientation)
    for axis in d6_axes(joint):
        limited = np.isfinite(axis.lower) or np.isfinite(axis.upper)
        body.add_joint(
            name=axis_name(joint, axis),
            type=_JOINT.mjJNT_HINGE if axis.rotation else _JOINT.mjJNT_SLIDE,
            pos=joint.pose_child_joint.position,
            axis=frame @ np.asarray(_AXES[axis.name]),
            limited=limited,
            range=[max(axis.lower, -UNLIMITED), min(axis.upper, UNLIMITED)] if limited else [0, 0],
            damping=[joint.damping, 0, 0],
            frictionloss=joint.friction,
            armature=joint.armature,
        )


def d6_axes(joint: Joint) -> list[Axis]:
    """The free axes of a D6 joint in the order in which they move it."""
    return sorted(joint.free_axes, key=lambda axis: (axis.rotation, axis.name))


def axis_name(joint: Joint, axis: Axis) -> str:
    """MuJoCo's name of one free axis of a D6 joint."""
    return f"{joint.path}/{'rotation' if axis.rotation else 'translation'}_{axis.name}"


def _add_drive(spec: Any, joint: Joint) -> None:
    """Every joint gets an actuator, if only of zero gain, so that gains are parameters of every joint."""
    actuator = _actuator(spec, joint.path, joint.drive, min(drive_limit(joint), UNLIMITED))
    actuator.gainprm[0] = 1.0


def _add_axis_drives(spec: Any, joint: Joint) -> None:
    """Drives of a D6 joint hold their authored targets; nothing commands them."""
    for axis in joint.free_axes:
        if axis.drive is not None:
            limit = min(axis.drive.max_effort, UNLIMITED)
            actuator = _actuator(spec, axis_name(joint, axis), axis.drive, limit)
            target = axis.drive.stiffness * axis.drive.target_position
            actuator.biasprm[0] = target + axis.drive.damping * axis.drive.target_velocity


def _actuator(spec: Any, joint_name: str, drive: Drive | None, limit: float) -> Any:
    actuator = spec.add_actuator(name=joint_name, target=joint_name, trntype=mujoco.mjtTrn.mjTRN_JOINT)
    actuator.gaintype, actuator.biastype = mujoco.mjtGain.mjGAIN_FIXED, mujoco.mjtBias.mjBIAS_AFFINE
    stiffness, damping = (drive.stiffness, drive.damping) if drive else (0.0, 0.0)
    actuator.gainprm[0] = 0.0
    actuator.biasprm[1], actuator.biasprm[2] = -stiffness, -damping
    actuator.forcelimited, actuator.forcerange = True, [-limit, limit]
    actuator.ctrllimited = False
    return actuator


def _add_mimic(spec: Any, joint: Joint) -> None:
    assert joint.mimic is not None
    equality = spec.add_equality(
        name=f"{joint.path}/mimic",
        type=mujoco.mjtEq.mjEQ_JOINT,
        objtype=mujoco.mjtObj.mjOBJ_JOINT,
        name1=joint.path,
        name2=joint.mimic.joint,
    )
    equality.data[:5] = [joint.mimic.offset, joint.mimic.multiplier, 0.0, 0.0, 0.0]


def _add_filtered_pairs(spec: Any, scene: Scene, members: dict[str, set[str]]) -> None:
    """``members``: by path of a body or a shape, MuJoCo's bodies that it is."""
    excluded: set[tuple[str, str]] = set()
    for first, second in separated(scene):
        for one in members.get(first, ()):
            excluded |= {(min(one, other), max(one, other)) for other in members.get(second, ()) if other != one}
    for first, second in sorted(excluded):
        spec.add_exclude(bodyname1=first, bodyname2=second)
