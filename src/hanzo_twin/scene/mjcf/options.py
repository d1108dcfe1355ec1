"""Options of the whole model, kept for engines that know them; what has no place at all."""

from __future__ import annotations

import mujoco
import numpy as np

from hanzo_twin.errors import counted
from hanzo_twin.scene.mjcf.draft import PHYSICS_SCENE, Draft
from hanzo_twin.scene.model import EngineValue

_INTEGRATORS = ("euler", "rk4", "implicit", "implicitfast", "discrete")
_CONES = ("pyramidal", "elliptic")
_SOLVERS = ("pgs", "cg", "newton")
_JACOBIANS = ("dense", "sparse", "auto")
_NUMBERS = ("impratio", "tolerance", "ls_tolerance", "noslip_tolerance", "ccd_tolerance", "density", "viscosity")
_COUNTS = ("iterations", "ls_iterations", "noslip_iterations", "ccd_iterations")
_FLAGS = {
    "constraint", "equality", "frictionloss", "limit", "contact", "spring", "damper", "gravity", "clampctrl",
    "warmstart", "filterparent", "actuation", "refsafe", "sensor", "midphase", "eulerdamp", "autoreset", "nativeccd",
    "island", "multiccd",
}  # fmt: skip


def read(draft: Draft) -> None:
    """Add what the options say to ``draft``; they stand on the physics scene."""
    draft.prims.append(PHYSICS_SCENE)
    for name, value in _options(draft).items():
        draft.engine_attributes[f"{PHYSICS_SCENE}.mjc:{name}"] = value
    for index, path in draft.joint_paths.items():
        _keep_limit_solver(draft, index, path)
    _report(draft)


def _options(draft: Draft) -> dict[str, EngineValue]:
    option = draft.model.opt
    found: dict[str, EngineValue] = {
        "option:integrator": _INTEGRATORS[int(option.integrator)],
        "option:cone": _CONES[int(option.cone)],
        "option:solver": _SOLVERS[int(option.solver)],
        "option:jacobian": _JACOBIANS[int(option.jacobian)],
    }
    found |= {f"option:{name}": float(getattr(option, name)) for name in _NUMBERS}
    found |= {f"option:{name}": int(getattr(option, name)) for name in _COUNTS}
    found["option:wind"] = tuple(float(value) for value in option.wind)
    off = int(option.disableflags)
    for name in sorted(_FLAGS):
        if off & int(getattr(mujoco.mjtDisableBit, f"mjDSBL_{name.upper()}")):
            found[f"flag:{name}"] = False
    return found


def _keep_limit_solver(draft: Draft, index: int, path: str) -> None:
    """Softness of the joint's limit and of its dry friction."""
    model, dof = draft.model, int(draft.model.jnt_dofadr[index])
    values = {
        "solreflimit": (model.jnt_solref[index], (0.02, 1.0)),
        "solimplimit": (model.jnt_solimp[index], (0.9, 0.95, 0.001, 0.5, 2.0)),
        "solreffriction": (model.dof_solref[dof], (0.02, 1.0)),
        "solimpfriction": (model.dof_solimp[dof], (0.9, 0.95, 0.001, 0.5, 2.0)),
    }
    for name, (value, default) in values.items():
        plain = tuple(float(part) for part in np.asarray(value))
        if plain != default:
            draft.engine_attributes[f"{path}.mjc:{name}"] = plain
    if float(model.jnt_margin[index]):
        draft.engine_attributes[f"{path}.mjc:margin"] = float(model.jnt_margin[index])


def _report(draft: Draft) -> None:
    model, findings, root = draft.model, draft.findings, draft.root
    if model.opt.density or model.opt.viscosity or np.any(model.opt.wind):
        findings.warning(
            "fluid-lost",
            PHYSICS_SCENE,
            f"The medium (density {model.opt.density:g} kg/m³, viscosity {model.opt.viscosity:g} Pa·s) is kept as "
            "attributes that only some engines honour.",
            "Add damping to the joints where it matters.",
        )
    if model.nflex:
        findings.warning(
            "flex-lost", root, f"{counted(model.nflex, 'flexible body', 'flexible bodies')} lost.", "Use rigid bodies."
        )
    if model.nplugin:
        findings.warning("plugin-lost", root, f"{counted(model.nplugin, 'plugin')} lost.", "Do without them.")
    # MuJoCo fills keyframes that the file announces and does not give with the reference configuration.
    keys = [
        draft.called("KEY", index)
        for index in range(model.nkey)
        if index != draft.start.key and not np.array_equal(model.key_qpos[index], model.qpos0)
    ]
    if draft.start.key is not None:
        findings.info("keyframe-used", root, "The scene starts as the keyframe 'home' says.")
    if keys:
        findings.info("keyframe-lost", root, f"{counted(len(keys), 'keyframe')} lost: {', '.join(keys[:5])}.")
    custom = [draft.called("NUMERIC", index) for index in range(model.nnumeric)]
    if custom:
        findings.info("custom-lost", root, f"Custom numbers are lost: {', '.join(custom[:5])}.")
