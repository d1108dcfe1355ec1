"""Parameters as dimensionless coordinates in which the fit searches.

A coordinate z is 0 at the value in force. Where that value is positive and must stay so (a mass, a gain) the
coordinate is logarithmic, value = initial·exp(z), so that one unit is a factor of e. All others are linear,
value = initial + scale·z. The scale of a parameter that may be zero (friction, damping, armature, and often is in CAD
files) is not taken from its value but from what would matter in the machine, with I the inertia that the joint moves,
T the prediction horizon and v the RMS velocity in the recordings:

=========  ==========  ===========================================================
armature   I           doubles what has to be accelerated
damping    I / T       takes the factor e of the velocity within the horizon
friction   I·v / T     stops the typical motion within the horizon
=========  ==========  ===========================================================
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hanzo_twin.errors import CalibrationError
from hanzo_twin.scene.addresses import Address, describe
from hanzo_twin.scene.model import Body, Joint, Scene
from hanzo_twin.spatial import FloatArray, rotation_matrix

LOG_RANGE = 10.0
LINEAR_RANGE = 20.0
NOMINAL = 0.1
_SCALES = {"centerOfMass": 0.05, "gravity": 1.0, "actuatorDelay": 0.01, "dynamicFriction": 0.5}
_RANGES = {"centerOfMass": (-0.5, 0.5), "gravity": (-2.0, 2.0), "actuatorDelay": (-0.05, 0.1)}
_SIGNED = frozenset(_RANGES)
_RATIOS = frozenset({"mass", "inertiaScale", "driveStiffness", "driveDamping", "maxEffort"})


@dataclass(frozen=True, kw_only=True)
class Coordinate:
    """One parameter as a coordinate; values are SI, coordinates dimensionless.

    Args:
        initial: value in force, where the coordinate is 0.
        lower / upper: lowest and highest value.
        scale: change of the value that one unit of a linear coordinate stands for.
        logarithmic: one unit is a factor of e instead.
        nominal: a typical value, at which sensitivities are judged where the initial one is zero.
    """

    address: str
    initial: float
    lower: float
    upper: float
    scale: float
    logarithmic: bool
    nominal: float

    def value(self, z: float) -> float:
        """The value at z, or the bound that lies before it."""
        low, high = self.range
        if not low < z < high:
            return self.lower if z <= low else self.upper
        return self.initial * math.exp(z) if self.logarithmic else self.initial + self.scale * z

    def at(self, value: float) -> float:
        """The coordinate of ``value``."""
        return math.log(value / self.initial) if self.logarithmic else (value - self.initial) / self.scale

    @property
    def range(self) -> tuple[float, float]:
        """Lowest and highest coordinate."""
        return self.at(self.lower), self.at(self.upper)

    @property
    def relative_unit(self) -> float:
        """Units of z that change the nominal value by the factor e (to first order); 1 for signed parameters."""
        if self.logarithmic or self.lower < 0.0:
            return 1.0
        return self.nominal / self.scale

    def on_bound(self, value: float) -> str:
        """``lower`` or ``upper`` when ``value`` is there, else ""."""
        margin = 1e-3 * self.scale if not self.logarithmic else 1e-3 * value
        if value <= self.lower + margin:
            return "lower"
        return "upper" if value >= self.upper - margin else ""


def coordinate(
    scene: Scene,
    address: str,
    initial: float,
    *,
    horizon: float,
    speeds: Mapping[str, float],
    bounds: tuple[float, float] | None,
) -> Coordinate:
    """The coordinate of the parameter at ``address``.

    Args:
        initial: value in force.
        speeds: RMS velocity in the recordings by joint path, rad/s or m/s.
        bounds: (lowest, highest) value, None for the default: a tenth to ten times of what is on a logarithmic
            scale, 0 to initial + 20 scales of what cannot be negative, a fixed range of what can.

    Raises:
        CalibrationError: the value in force is outside the bounds.
    """
    parsed = Address.parse(address)
    describe(scene, parsed)
    kind = parsed.attribute
    if not math.isfinite(initial):
        raise CalibrationError(
            f"'{address}' is unlimited, so there is nothing to begin a fit from.", hint="Author a finite value first."
        )
    logarithmic = kind in _RATIOS and initial > 0.0
    scale = (
        initial if logarithmic else max(abs(initial) * (kind not in _SIGNED), _scale(scene, parsed, horizon, speeds))
    )
    if bounds is not None:
        lower, upper = bounds
    elif logarithmic:
        lower, upper = initial / LOG_RANGE, initial * LOG_RANGE
    elif kind in _SIGNED:
        lower, upper = initial + _RANGES[kind][0], initial + _RANGES[kind][1]
    else:
        lower, upper = 0.0, initial + LINEAR_RANGE * scale
    if not lower <= initial <= upper:
        raise CalibrationError(
            f"'{address}' is {initial:g}, outside its bounds {lower:g} … {upper:g}.", hint="Widen the bounds."
        )
    if logarithmic and lower <= 0.0:
        raise CalibrationError(f"The lower bound of '{address}' must be greater than 0, got {lower:g}.")
    return Coordinate(
        address=address,
        initial=initial,
        lower=lower,
        upper=upper,
        scale=scale,
        logarithmic=logarithmic,
        nominal=initial if logarithmic else max(initial, NOMINAL * scale),
    )


def _scale(scene: Scene, address: Address, horizon: float, speeds: Mapping[str, float]) -> float:
    if address.attribute in _SCALES:
        return _SCALES[address.attribute]
    joint = scene.joints.get(address.path)
    if joint is None:
        return 1.0
    inertia = moved_inertia(scene, joint)
    match address.attribute:
        case "armature":
            return inertia
        case "damping" | "driveDamping":
            return inertia / horizon
        case "driveStiffness":
            return inertia / horizon**2
        case _:
            return inertia * max(speeds.get(joint.path, 0.0), 0.1) / horizon


def moved_inertia(scene: Scene, joint: Joint) -> float:
    """Inertia about (or mass along) ``joint`` of all that hangs on it where the scene starts, kg·m² or kg."""
    carried = [body for path, body in scene.bodies.items() if _hangs_on(scene, path, joint)]
    if joint.kind == "prismatic":
        return joint.armature + sum(body.mass for body in carried)
    frame = scene.bodies[joint.child].pose_world_body @ joint.pose_child_joint
    axis = rotation_matrix(frame.orientation) @ np.asarray(joint.axis, dtype=np.float64)
    return joint.armature + sum(_inertia_about(body, frame.position, axis) for body in carried)


def _hangs_on(scene: Scene, body: str, joint: Joint) -> bool:
    path = body
    for _ in range(len(scene.bodies)):
        if path == joint.child:
            return True
        holder = scene.child_joint.get(path)
        if holder is None or not holder.parent:
            return False
        path = holder.parent
    return False


def _inertia_about(body: Body, point: FloatArray, axis: FloatArray) -> float:
    """Parallel axis theorem: aᵀ·R·diag(I)·Rᵀ·a + m·|a × (c − p)|²."""
    pose = body.pose_world_body
    principal = rotation_matrix(pose.orientation) @ rotation_matrix(np.asarray(body.principal_axes, dtype=np.float64))
    center = pose.apply(np.asarray(body.center_of_mass, dtype=np.float64))
    local = principal.T @ axis
    arm = np.cross(axis, center - point)
    return float(local @ (np.asarray(body.diagonal_inertia) * local) + body.mass * (arm @ arm))
