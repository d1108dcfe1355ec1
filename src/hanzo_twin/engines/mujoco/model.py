"""A scene as a compiled MuJoCo model.

Body frames, joint frames and inertias are taken as the scene says them. A drive is an affine actuator of gain 1:
``force = clip(ctrl − stiffness·q − damping·q̇, ±max_effort)``, ``ctrl = stiffness·target + damping·target_velocity``.
Two choices keep the next state a function of positions, velocities, commands and parameters alone:

* the constraint solver starts cold at each step (no warm start), so nothing hidden is carried over, and a world in a
  batch, whose hidden state MuJoCo's rollout does not give back, stays bit-equal to a world alone;
* mass matrices are never taken to be diagonal, as MuJoCo does for bodies whose centre of mass is their origin, so
  that a changed parameter gives what a scene built with it gives.

Contact friction has one coefficient (the dynamic one) and an elliptic cone; see `contacts` for what holds between two
materials. A mesh collides as its convex hull or its convex parts; one that stands also as its triangles, see `plates`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import mujoco

from hanzo_twin.engines.mujoco.attributes import write_joint, write_options
from hanzo_twin.engines.mujoco.colliders import Colliders
from hanzo_twin.engines.mujoco.integration import asks_explicit, choose_integrator, diagnose_integrator
from hanzo_twin.engines.mujoco.joint_elements import add_axis_drives, add_cone, add_drive, add_joint, add_mimic
from hanzo_twin.engines.mujoco.loops import add_loop_closure
from hanzo_twin.engines.port import EngineConfig
from hanzo_twin.errors import SceneError, UnsupportedError
from hanzo_twin.scene.diagnostics import Diagnosis
from hanzo_twin.scene.model import Body, Joint, Scene


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


def build_spec(scene: Scene, config: EngineConfig, *, geoms: bool = True) -> Any:
    """The ``MjSpec`` of ``scene``; without ``geoms`` nothing collides, and all else is the same."""
    spec = mujoco.MjSpec()
    _set_options(spec, scene, config)
    bodies = {"": spec.worldbody}
    for body in scene.bodies.values():
        bodies[body.path] = _add_body(spec, bodies, scene, body)
    Colliders(spec, bodies, scene, config.step_seconds / config.substeps, geoms=geoms).add()
    for joint in actuated_joints(scene):
        add_drive(spec, joint)
    for joint in scene.joints.values():
        if joint.closes_loop:
            add_loop_closure(spec, bodies, joint)
        elif joint.kind == "d6":
            add_axis_drives(spec, joint)
        elif joint.kind == "spherical":
            add_cone(spec, bodies, joint)
        elif joint.mimic is not None:
            add_mimic(spec, joint)
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
        add_joint(added, joint)
        for made in added.joints:
            write_joint(made, scene, joint.path)
    return added
