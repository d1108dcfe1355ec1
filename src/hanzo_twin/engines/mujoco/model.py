"""A scene as a compiled MuJoCo model.

Body frames, joint frames and inertias are taken as the scene says them. A drive is an affine actuator of gain 1:
``force = clip(ctrl − stiffness·q − damping·q̇, ±max_effort)``, ``ctrl = stiffness·target + damping·target_velocity``.
Two choices keep the next state a function of positions, velocities, commands and parameters alone:

* the constraint solver starts cold at each step (no warm start), so nothing hidden is carried over, and a world in a
  batch, whose hidden state MuJoCo's rollout does not give back, stays bit-equal to a world alone;
* mass matrices are never taken to be diagonal, as MuJoCo does for bodies whose centre of mass is their origin, so
  that a changed parameter gives what a scene built with it gives.

Contact friction is MuJoCo's: one coefficient (the dynamic one), the larger of the two materials, an elliptic cone.
"""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np

from hanzo_twin.engines.mujoco.geometry import add_shape
from hanzo_twin.engines.mujoco.loops import add_loop_closure
from hanzo_twin.engines.parameters import drive_limit
from hanzo_twin.engines.port import EngineConfig
from hanzo_twin.errors import SceneError, UnsupportedError
from hanzo_twin.scene.model import Body, Joint, Scene
from hanzo_twin.spatial import rotation_matrix

MAX_ARTICULATIONS = 30
_EVERYTHING = (1 << (MAX_ARTICULATIONS + 1)) - 1
UNLIMITED = 1e10
_JOINT = mujoco.mjtJoint
_AXES = {"x": (1.0, 0.0, 0.0), "y": (0.0, 1.0, 0.0), "z": (0.0, 0.0, 1.0)}


def build_model(scene: Scene, config: EngineConfig) -> Any:
    """The compiled ``MjModel`` of ``scene``; elements are named by prim path.

    Raises:
        UnsupportedError: something that MuJoCo cannot honour; names the prim.
        SceneError: MuJoCo's compiler refuses the numbers of the scene.
    """
    spec = build_spec(scene, config)
    try:
        return spec.compile()
    except ValueError as refused:
        raise SceneError(f"Engine 'mujoco' cannot build the scene: {refused}") from refused


def build_spec(scene: Scene, config: EngineConfig) -> Any:
    """The ``MjSpec`` of ``scene``."""
    spec = mujoco.MjSpec()
    _set_options(spec, scene, config)
    collision_bits = _collision_bits(scene)
    bodies = {"": spec.worldbody}
    for body in scene.bodies.values():
        bodies[body.path] = _add_body(spec, bodies, scene, body, collision_bits[body.path])
    for shape in scene.static_shapes.values():
        if shape.collides:
            # A body of its own, so that a filtered pair can name it.
            holder = spec.worldbody.add_body(name=shape.path)
            add_shape(spec, holder, shape, scene.materials, (1, _EVERYTHING))
    for joint in actuated_joints(scene):
        _add_drive(spec, joint)
    for joint in scene.joints.values():
        if joint.closes_loop:
            add_loop_closure(spec, bodies, joint)
        elif joint.mimic is not None:
            _add_mimic(spec, joint)
    _add_filtered_pairs(spec, scene)
    return spec


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
    if config.solver_iterations is not None:
        option.iterations = config.solver_iterations
    spec.compiler.degree = False
    spec.compiler.autolimits = False


def _collision_bits(scene: Scene) -> dict[str, tuple[int, int]]:
    """(contype, conaffinity) by body: bodies of one articulation do not collide with each other."""
    if len(scene.articulations) > MAX_ARTICULATIONS:
        raise UnsupportedError(
            f"Engine 'mujoco' takes at most {MAX_ARTICULATIONS} articulations, the scene has "
            f"{len(scene.articulations)}.",
            hint="Split the scene.",
        )
    bits = dict.fromkeys(scene.bodies, (1, _EVERYTHING))
    for index, articulation in enumerate(scene.articulations.values(), start=1):
        own = 1 << index
        bits.update(dict.fromkeys(articulation.bodies, (own, _EVERYTHING & ~own)))
    return bits


def _add_body(spec: Any, bodies: dict[str, Any], scene: Scene, body: Body, collision_bits: tuple[int, int]) -> Any:
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
        _make_kinematic(added, body, joint)
    elif joint is None:
        added.add_freejoint(name=f"{body.path}/free")
    else:
        _add_joint(added, joint)
    for shape in body.shapes:
        if shape.collides:
            add_shape(spec, added, shape, scene.materials, collision_bits)
    return added


def _make_kinematic(added: Any, body: Body, joint: Joint | None) -> None:
    if joint is not None:
        raise UnsupportedError(
            f"Engine 'mujoco' cannot hang the kinematic body '{body.path}' on joint '{joint.path}'.",
            hint="Remove the joint, or make the body dynamic.",
        )
    if any(body.linear_velocity) or any(body.angular_velocity):
        raise UnsupportedError(
            f"Engine 'mujoco' cannot give the kinematic body '{body.path}' a velocity.",
            hint="Set its velocity to zero and move it with set_body_state.",
        )
    added.mocap = True


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
    if np.isfinite(joint.lower) or np.isfinite(joint.upper):
        raise UnsupportedError(
            f"Engine 'mujoco' cannot limit the cone of the spherical joint '{joint.path}'.",
            hint="Remove the limit, or replace the joint by revolute ones.",
        )
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
    """Translations first, then at most one rotation: MuJoCo's order of joints in a body gives just that."""
    rotations = [axis for axis in joint.free_axes if axis.rotation]
    if len(rotations) > 1 or any(axis.drive for axis in joint.free_axes):
        raise UnsupportedError(
            f"Engine 'mujoco' supports D6 joints with at most one free rotation and no drives; '{joint.path}' has "
            f"{len(rotations)} free rotations and {sum(axis.drive is not None for axis in joint.free_axes)} drives.",
            hint="Replace it by a chain of revolute and prismatic joints.",
        )
    frame = rotation_matrix(joint.pose_child_joint.orientation)
    for axis in [axis for axis in joint.free_axes if not axis.rotation] + rotations:
        limited = np.isfinite(axis.lower) or np.isfinite(axis.upper)
        body.add_joint(
            name=f"{joint.path}/{'rotation' if axis.rotation else 'translation'}_{axis.name}",
            type=_JOINT.mjJNT_HINGE if axis.rotation else _JOINT.mjJNT_SLIDE,
            pos=joint.pose_child_joint.position,
            axis=frame @ np.asarray(_AXES[axis.name]),
            limited=limited,
            range=[max(axis.lower, -UNLIMITED), min(axis.upper, UNLIMITED)] if limited else [0, 0],
            damping=[joint.damping, 0, 0],
            frictionloss=joint.friction,
            armature=joint.armature,
        )


def _add_drive(spec: Any, joint: Joint) -> None:
    """Every joint gets an actuator, if only of zero gain, so that gains are parameters of every joint."""
    drive = joint.drive
    if drive is not None and drive.mode == "acceleration":
        raise UnsupportedError(
            f"Engine 'mujoco' has no acceleration drives; '{joint.path}' has one.",
            hint="Author drive:type = 'force' with gains in N·m, or use the engine 'kinematic'.",
        )
    actuator = spec.add_actuator(name=joint.path, target=joint.path, trntype=mujoco.mjtTrn.mjTRN_JOINT)
    actuator.gaintype, actuator.biastype = mujoco.mjtGain.mjGAIN_FIXED, mujoco.mjtBias.mjBIAS_AFFINE
    stiffness, damping = (drive.stiffness, drive.damping) if drive else (0.0, 0.0)
    actuator.gainprm[0] = 1.0
    actuator.biasprm[1], actuator.biasprm[2] = -stiffness, -damping
    limit = min(drive_limit(joint), UNLIMITED)
    actuator.forcelimited, actuator.forcerange = True, [-limit, limit]
    actuator.ctrllimited = False


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


def _add_filtered_pairs(spec: Any, scene: Scene) -> None:
    holders = dict.fromkeys(scene.bodies, "") | dict.fromkeys(scene.static_shapes, "")
    owner = {path: path for path in holders}
    for body in scene.bodies.values():
        colliding = [shape.path for shape in body.shapes if shape.collides]
        if len(colliding) == 1:
            owner[colliding[0]] = body.path
    for first, second in scene.filtered_pairs:
        for path in (first, second):
            if path not in owner:
                raise UnsupportedError(
                    f"Engine 'mujoco' filters collisions by body; '{path}' in the filtered pair "
                    f"('{first}', '{second}') is one of several shapes of its body, or does not collide.",
                    hint="Filter the bodies, or give the shape a body of its own.",
                )
        spec.add_exclude(bodyname1=owner[first], bodyname2=owner[second])
