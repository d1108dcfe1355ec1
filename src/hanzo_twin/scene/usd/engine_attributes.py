"""Attributes that only some engines know, as authored; those that a field of the scene holds are left out."""

from __future__ import annotations

from typing import Any

import numpy as np
from pxr import Gf, Usd, Vt

from hanzo_twin.scene.model import EngineValue
from hanzo_twin.scene.usd.values import number

_OWNERS = ("mjc:", "physx", "newton:")
READ = frozenset(
    {
        "mjc:armature", "mjc:damping", "mjc:frictionloss", "mjc:stiffness", "mjc:springref", "mjc:option:timestep",
        "newton:armature", "newton:damping", "newton:friction", "newton:velocityLimit", "newton:inertia",
        "newton:mimicEnabled", "newton:mimicCoef0", "newton:mimicCoef1", "newton:selfCollisionEnabled",
        "newton:timeStepsPerSecond", "newton:gravityEnabled", "physxJoint:armature", "physxJoint:maxJointVelocity",
        "physxRigidBody:disableGravity", "physxArticulation:enabledSelfCollisions", "physxScene:timeStepsPerSecond",
        "physxMaterial:frictionCombineMode", "physxMaterial:restitutionCombineMode",
    }
)  # fmt: skip
"""Those that a field of the scene holds."""
_ARRAYS = (Vt.DoubleArray, Vt.FloatArray, Vt.IntArray, Gf.Vec2d, Gf.Vec2f, Gf.Vec3d, Gf.Vec3f, Gf.Vec4d, Gf.Vec4f)


def engine_attributes(prim: Usd.Prim) -> dict[str, EngineValue]:
    """Those of ``prim`` by address: numbers, flags, tokens and arrays of numbers.

    Raises:
        Refusal: a number is NaN.
    """
    found: dict[str, EngineValue] = {}
    for attribute in prim.GetAuthoredAttributes():
        name = attribute.GetName()
        if not name.startswith(_OWNERS) or name in READ or name.startswith("physxMimicJoint:"):
            continue
        value = _plain(prim, name, attribute.Get())
        if value is not None:
            found[f"{prim.GetPath()}.{name}"] = value
    return found


def _plain(prim: Usd.Prim, name: str, value: Any) -> EngineValue | None:
    if isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return number(prim, name)
    if isinstance(value, _ARRAYS):
        return tuple(np.array(value, dtype=np.float64).tolist())
    return None
