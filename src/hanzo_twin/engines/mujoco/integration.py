"""Which of MuJoCo's integrators a scene gets.

`AccelerationDrives` steps in two halves, which MuJoCo's ``rk4`` cannot: scenes that have some get ``implicitfast``.

The attribute ``mjc:option:integrator`` may ask for an explicit one, ``euler`` or ``rk4``. These take a step h along a
damping D as if it were constant, which is stable only while h·λ stays small, λ being the largest eigenvalue of M⁻¹D:
below 2 for Euler's method, 2.79 for that of Runge and Kutta (Hairer, Wanner, "Solving Ordinary Differential Equations
II", IV.2). Drives of robots that hold still are often stiffer, and rattle then between their effort limits; the scene
gets ``implicitfast`` instead, which is told.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import mujoco
import numpy as np
from scipy.linalg import eigh

from hanzo_twin.engines.mujoco.acceleration import AccelerationDrives, accelerated
from hanzo_twin.engines.mujoco.attributes import OWNER
from hanzo_twin.scene.diagnostics import Diagnosis
from hanzo_twin.scene.model import Scene

MAX_DECAY = 1.0
"""Largest h·λ that an explicit integrator is given: half of what is stable, since M changes as joints move."""
_INTEGRATOR = mujoco.mjtIntegrator
_EXPLICIT = {"euler": _INTEGRATOR.mjINT_EULER, "rk4": _INTEGRATOR.mjINT_RK4}


def integrator_address(scene: Scene) -> str:
    """Address of the attribute that asks for an integrator."""
    return f"{scene.gravity_path}.{OWNER}option:integrator"


def asks_explicit(scene: Scene) -> bool:
    """True when ``scene`` asks for an explicit integrator and has drives that it may not be able to run."""
    drives = [joint.drive for joint in scene.joints.values()]
    drives += [axis.drive for joint in scene.joints.values() for axis in joint.free_axes]
    damped = any(drive is not None and drive.damping > 0 for drive in drives)
    return (damped or bool(accelerated(scene))) and str(
        scene.engine_attributes.get(integrator_address(scene))
    ) in _EXPLICIT


def choose_integrator(model: Any, scene: Scene) -> float:
    """Give ``model``, compiled from ``scene``, an implicit integrator where its own would not do.

    Returns:
        h·λ where its own would be unstable, infinity where it does not know drives of the scene, 0 otherwise.
    """
    asked = _EXPLICIT.get(str(scene.engine_attributes.get(integrator_address(scene))))
    if not asks_explicit(scene) or model.opt.integrator != asked:
        return 0.0
    drives = accelerated(scene)
    halves = not drives or asked != _INTEGRATOR.mjINT_RK4
    decay = float(model.opt.timestep) * _fastest_decay(model, drives) if halves else math.inf
    if decay <= MAX_DECAY:
        return 0.0
    model.opt.integrator = _INTEGRATOR.mjINT_IMPLICITFAST
    return decay


def diagnose_integrator(scene: Scene, decay: float) -> Iterator[Diagnosis]:
    """What is told about a ``scene`` for which `choose_integrator` returned ``decay``."""
    if decay > 0.0:
        asked = scene.engine_attributes[integrator_address(scene)]
        stiff = f"for which drives of the scene are {decay / MAX_DECAY:.3g} times too stiff at this step"
        remedy = "Lower the damping of the drives, take shorter steps"
        if math.isinf(decay):
            stiff = f"which cannot run acceleration drives such as that of '{accelerated(scene)[0]}'"
            remedy = "Author drive:type = 'force'"
        yield Diagnosis(
            severity="warning",
            code="integrator-replaced",
            path=scene.gravity_path,
            message=f"Engine 'mujoco' uses the integrator implicitfast instead of {asked}, {stiff}.",
            remedy=f"{remedy}, or author {OWNER}option:integrator = 'implicitfast'.",
        )


def _fastest_decay(model: Any, drives: tuple[str, ...]) -> float:
    """λ of the drives' damping where the model starts, 1/s; ``drives`` are those of mode ``acceleration``."""
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    mass = np.zeros((model.nv, model.nv))
    mujoco.mj_fullM(model, data, mass)
    moment = np.zeros((model.nu, model.nv))
    mujoco.mju_sparse2dense(moment, data.actuator_moment, data.moment_rownnz, data.moment_rowadr, data.moment_colind)
    gains = -model.actuator_biasprm[:, 2]
    if drives:
        gains *= AccelerationDrives(drives, model).scales(data)
    damping = moment.T @ (gains[:, None] * moment)
    return float(eigh(damping, mass, eigvals_only=True)[-1])
