"""MuJoCo's own attributes of a scene (``mjc:…``), as `Scene.engine_attributes` has them, written into the model.

Of shapes they say how contacts feel; a shape that has one of those is combined with others by MuJoCo's own rules. Of
joints they say how limits and dry friction feel, and of the physics scene how MuJoCo solves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import mujoco

from hanzo_twin.errors import UnsupportedError
from hanzo_twin.scene.model import EngineValue, Scene

OWNER = "mjc:"
_TOUCH = {"solref": "solref", "solimp": "solimp", "condim": "condim", "priority": "priority", "margin": "margin"}
_TOUCH |= {"gap": "gap", "solmix": "solmix"}
_FRICTIONS = {"torsionalfriction": 1, "rollingfriction": 2}
_JOINT = {
    "solreflimit": "solref_limit",
    "solimplimit": "solimp_limit",
    "solreffriction": "solref_friction",
    "solimpfriction": "solimp_friction",
    "margin": "margin",
}
_OPTION_NUMBERS = (
    "impratio",
    "tolerance",
    "ls_tolerance",
    "noslip_tolerance",
    "ccd_tolerance",
    "density",
    "viscosity",
    "wind",
    "iterations",
    "ls_iterations",
    "noslip_iterations",
    "ccd_iterations",
)
_OPTION_NAMES: Mapping[str, Mapping[str, Any]] = {
    "integrator": {
        "euler": mujoco.mjtIntegrator.mjINT_EULER,
        "rk4": mujoco.mjtIntegrator.mjINT_RK4,
        "implicit": mujoco.mjtIntegrator.mjINT_IMPLICIT,
        "implicitfast": mujoco.mjtIntegrator.mjINT_IMPLICITFAST,
    },
    "cone": {"pyramidal": mujoco.mjtCone.mjCONE_PYRAMIDAL, "elliptic": mujoco.mjtCone.mjCONE_ELLIPTIC},
    "solver": {
        "pgs": mujoco.mjtSolver.mjSOL_PGS,
        "cg": mujoco.mjtSolver.mjSOL_CG,
        "newton": mujoco.mjtSolver.mjSOL_NEWTON,
    },
}


def honoured(scene: Scene) -> set[str]:
    """Those addresses of ``scene.engine_attributes`` that reach the model."""
    shapes = {shape.path for shape in scene.static_shapes.values() if shape.collides}
    shapes |= {shape.path for body in scene.bodies.values() for shape in body.shapes if shape.collides}
    joints = {path for path, joint in scene.joints.items() if not joint.closes_loop and joint.kind != "fixed"}
    found = set()
    for address, path, name in _own(scene):
        option = name.removeprefix("option:") if name.startswith("option:") else ""
        if (
            (path in shapes and (name in _TOUCH or name in _FRICTIONS))
            or (path in scene.materials and name in _FRICTIONS)
            or (path in joints and name in _JOINT)
            or (path == scene.gravity_path and (option in _OPTION_NUMBERS or option in _OPTION_NAMES))
        ):
            found.add(address)
    return found


def has_touch(scene: Scene, shape: str) -> bool:
    """True when an attribute says how contacts of ``shape`` feel."""
    return any(f"{shape}.{OWNER}{name}" in scene.engine_attributes for name in (*_TOUCH, *_FRICTIONS))


def write_touch(geom: Any, scene: Scene, shape: str, material: str) -> None:
    """Give ``geom`` what the attributes of ``material`` and of ``shape``, which has the last word, say."""
    for name, field in _TOUCH.items():
        _assign(geom, field, scene, f"{shape}.{OWNER}{name}")
    for name, index in _FRICTIONS.items():
        for owner in (material, shape):
            value = scene.engine_attributes.get(f"{owner}.{OWNER}{name}")
            if isinstance(value, (int, float)):
                geom.friction[index] = value


def write_joint(added: Any, scene: Scene, joint: str) -> None:
    """Give MuJoCo's joint what the attributes of ``joint`` say."""
    for name, field in _JOINT.items():
        _assign(added, field, scene, f"{joint}.{OWNER}{name}")


def write_options(option: Any, scene: Scene) -> None:
    """Give ``option`` what the attributes of the physics scene say.

    Raises:
        UnsupportedError: a name that MuJoCo does not know.
    """
    for name in _OPTION_NUMBERS:
        _assign(option, name, scene, f"{scene.gravity_path}.{OWNER}option:{name}")
    for name, known in _OPTION_NAMES.items():
        address = f"{scene.gravity_path}.{OWNER}option:{name}"
        value = scene.engine_attributes.get(address)
        if value is None:
            continue
        if str(value) not in known:
            raise UnsupportedError(
                f"Engine 'mujoco' has no {name} '{value}', which '{address}' asks for.",
                hint=f"Allowed: {', '.join(known)}.",
            )
        setattr(option, name, known[str(value)])


def _assign(target: Any, field: str, scene: Scene, address: str) -> None:
    value: EngineValue | None = scene.engine_attributes.get(address)
    if value is None:
        return
    if isinstance(value, tuple):
        array = getattr(target, field)
        array[: len(value)] = value[: len(array)]
    else:
        convert: Callable[[Any], Any] = int if isinstance(getattr(target, field), int) else float
        setattr(target, field, convert(value))


def _own(scene: Scene) -> Iterator[tuple[str, str, str]]:
    """Address, prim path and name without owner of MuJoCo's attributes."""
    for address in scene.engine_attributes:
        path, _, name = address.partition(".")
        if name.startswith(OWNER):
            yield address, path, name.removeprefix(OWNER)
