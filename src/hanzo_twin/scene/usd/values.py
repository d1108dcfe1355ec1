"""Numbers, transforms and units as USD stores them, turned into SI once and for all."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from pxr import Gf, Sdf, Usd, UsdGeom, UsdPhysics

from hanzo_twin.scene.findings import Findings, Refusal
from hanzo_twin.spatial import FloatArray, Pose, rotation_matrix

LARGEST = 1e30
"""A magnitude beyond this stands for "no limit": exporters write inf, FLT_MAX and 1e38 alike."""

FARTHEST = 1e15
"""A length [m] or speed beyond this is no measurement; refusing it keeps squares of squares finite."""

Vector = tuple[float, float, float]

_NOT_FINITE = f"Its transform has numbers that are not finite, or beyond {FARTHEST:g} m."


def decimal(value: float) -> float:
    """The decimal that a single-precision number was written as: 0.67531 for the float32 nearest to 0.67531.

    USD keeps physics attributes in single precision; the shortest decimal that gives the same float32 is what the
    author wrote, up to seven digits.
    """
    return float(str(np.float32(value)))


def number(prim: Usd.Prim, name: str) -> float | None:
    """Value of a scalar attribute, None where it is not authored.

    Raises:
        Refusal: it is not a number, or NaN.
    """
    attribute = prim.GetAttribute(name)
    if not attribute or not attribute.HasAuthoredValue():
        return None
    value = attribute.Get()
    if value is None:
        return None
    if not isinstance(value, (int, float)):
        raise Refusal("wrong-type", f"{name} must be one number, it is {value!r}.", "Author a number.")
    if math.isnan(value):
        raise Refusal("not-finite", f"{name} is {value}.", "Author a finite number.")
    return decimal(value) if attribute.GetTypeName() in (Sdf.ValueTypeNames.Float, Sdf.ValueTypeNames.Half) else value


def bounded(value: float) -> float:
    """``value``, with anything beyond `LARGEST` read as infinite."""
    return math.copysign(math.inf, value) if abs(value) >= LARGEST else value


def measurable(values: FloatArray) -> bool:
    """True when all ``values`` (lengths or speeds) are finite and within `FARTHEST`."""
    return bool(np.isfinite(values).all() and np.abs(values).max(initial=0.0) <= FARTHEST)


def typed(prim: Usd.Prim, name: str, kinds: type | tuple[type, ...], wanted: str) -> Any:
    """Value of an attribute (its schema's default where none is authored), None where it has none.

    Raises:
        Refusal: it is of another type than ``kinds``: a file may give an attribute any type it likes.
    """
    attribute = prim.GetAttribute(name)
    value = attribute.Get() if attribute else None
    if value is not None and not isinstance(value, kinds):
        found = f"a {type(value).__name__}"
        raise Refusal("wrong-type", f"{name} must be {wanted}, it is {found}.", f"Author {wanted}.")
    return value


def vector(prim: Usd.Prim, name: str) -> FloatArray | None:
    """A vector [3], None where there is none; single precision is read as the decimals it was written as."""
    value = typed(prim, name, (Gf.Vec3f, Gf.Vec3d, Gf.Vec3h), "three numbers")
    if value is None:
        return None
    return np.array([component if isinstance(value, Gf.Vec3d) else decimal(component) for component in value])


def quaternion(prim: Usd.Prim, name: str) -> FloatArray | None:
    """A quaternion (w, x, y, z), not normalized; None where there is none."""
    value = typed(prim, name, (Gf.Quatf, Gf.Quatd, Gf.Quath), "a quaternion")
    return None if value is None else components(value)


def components(value: Gf.Quatf | Gf.Quatd) -> FloatArray:
    """A USD quaternion as (w, x, y, z)."""
    imaginary = value.GetImaginary()
    return np.array([value.GetReal(), imaginary[0], imaginary[1], imaginary[2]], dtype=np.float64)


def axis_of(prim: Usd.Prim) -> str:
    """The ``axis`` token of a gprim.

    Raises:
        Refusal: it is not X, Y or Z.
    """
    value = typed(prim, "axis", str, "X, Y or Z")
    if value not in ("X", "Y", "Z"):
        raise Refusal("wrong-type", f"axis is '{value}'.", "Author X, Y or Z.")
    return str(value)


def triple(values: FloatArray) -> Vector:
    """Three plain floats."""
    return float(values[0]), float(values[1]), float(values[2])


def make_pose(position: FloatArray, orientation: FloatArray) -> Pose:
    """A pose with w ≥ 0, so that equal rotations are equal values.

    Raises:
        Refusal: a number is not finite, or the quaternion is zero.
    """
    if not (measurable(position) and measurable(orientation)):
        raise Refusal("not-finite", _NOT_FINITE, "Author finite numbers.")
    length = float(np.linalg.norm(orientation))
    if length < 1e-9:
        raise Refusal("bad-quaternion", "Its orientation is the zero quaternion.", "Author a unit quaternion.")
    unit = orientation / length
    # Adding zero turns -0.0 into 0.0, which would make equal poses differ in their bytes.
    return Pose(position=position + 0.0, orientation=(-unit if unit[0] < 0 else unit) + 0.0)


@dataclass(frozen=True, kw_only=True)
class Units:
    """Stage units in SI and the rotation that turns the stage's up axis to Z.

    Args:
        length: m per unit. mass: kg per unit.
        up: orientation [4] of the stage's axes in the world.
    """

    length: float
    mass: float
    up: FloatArray

    @classmethod
    def of(cls, stage: Usd.Stage) -> Units:
        """The units that ``stage`` declares (USD's defaults: centimetres, kilograms, Y up).

        Raises:
            Refusal: a unit that is not a positive number.
        """
        length = float(UsdGeom.GetStageMetersPerUnit(stage))
        mass = float(UsdPhysics.GetStageKilogramsPerUnit(stage))
        for name, value in (("metersPerUnit", length), ("kilogramsPerUnit", mass)):
            if not 1e-12 <= value <= 1e12:
                raise Refusal("bad-units", f"{name} is {value}.", "Author a positive number, such as 1 or 0.01.")
        half = math.sqrt(0.5)
        turn = [half, half, 0, 0] if UsdGeom.GetStageUpAxis(stage) == UsdGeom.Tokens.y else [1, 0, 0, 0]
        return cls(length=length, mass=mass, up=np.array(turn, dtype=np.float64))

    def world(self, pose: Pose) -> Pose:
        """A pose given in the stage's world (already in metres), in ours."""
        if self.up[0] == 1.0:
            return pose
        turned = Pose(position=np.zeros(3), orientation=self.up) @ pose
        return make_pose(turned.position, turned.orientation)

    def local(self, pose: Pose) -> Pose:
        """A rigid motion given in our axes, in the stage's (still in metres)."""
        turn = Pose(position=np.zeros(3), orientation=self.up)
        moved = turn.inverse() @ pose @ turn
        return make_pose(moved.position, moved.orientation)

    def direction(self, values: FloatArray) -> FloatArray:
        """A direction or gravity [3] given in the stage's world, in ours; length is kept."""
        turned: FloatArray = rotation_matrix(self.up) @ values
        return turned


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Where a prim is, in the stage's world: rigid part in metres, and the scale left over.

    Args:
        pose: rigid part; position in m, stage axes.
        scale: factors along the prim's axes [3], positive.
        matrix: linear map from the prim's units to metres in the stage's world [3, 3] (columns are its axes).
    """

    pose: Pose
    scale: FloatArray
    matrix: FloatArray

    def apply(self, points: FloatArray) -> FloatArray:
        """Points [3] or [n, 3] in the prim's units, in the stage's world in metres."""
        moved: FloatArray = points @ self.matrix.T + self.pose.position
        return moved


class Placements:
    """World transforms of prims at the default time, computed once each."""

    def __init__(self, units: Units, findings: Findings) -> None:
        self._cache = UsdGeom.XformCache(Usd.TimeCode.Default())
        self._known: dict[str, Placement] = {}
        self._units = units
        self._findings = findings

    def of(self, prim: Usd.Prim) -> Placement:
        """Where ``prim`` is.

        Raises:
            Refusal: its transform is not finite or is degenerate.
        """
        path = str(prim.GetPath())
        if path not in self._known:
            matrix = np.array(self._cache.GetLocalToWorldTransform(prim), dtype=np.float64)
            self._known[path] = self._split(path, matrix)
        return self._known[path]

    def _split(self, path: str, matrix: FloatArray) -> Placement:
        if not measurable(matrix * self._units.length):
            raise Refusal("not-finite", _NOT_FINITE, "Author finite numbers.")
        axes = matrix[:3, :3].T
        scale = np.linalg.norm(axes, axis=0)
        if scale.min() < 1e-12:
            raise Refusal("degenerate-scale", f"Its scale is {triple(scale)}.", "Author a scale that is not zero.")
        rotation = axes / scale
        if np.linalg.det(rotation) < 0:
            rotation = rotation * np.array([1.0, 1.0, -1.0])
        if np.abs(rotation.T @ rotation - np.eye(3)).max() > 1e-5:
            self._findings.warning(
                "sheared",
                path,
                "Its transform shears; only meshes keep that, other shapes and frames take the nearest rotation.",
                "Do not scale unevenly above a rotated prim.",
            )
            left, _, right = np.linalg.svd(rotation)
            rotation = left @ np.diag([1.0, 1.0, np.linalg.det(left @ right)]) @ right
        rows = Gf.Matrix3d(*rotation.T.ravel().tolist()).GetOrthonormalized()
        quat = Gf.Matrix4d(rows, Gf.Vec3d(0)).ExtractRotationQuat()
        pose = make_pose(matrix[3, :3] * self._units.length, components(quat))
        # Scales are authored in single precision, and quaternions that are not quite unit scale by 1 ± 1e-7.
        scale = np.array([decimal(factor) for factor in scale])
        scale = np.where(np.abs(scale - 1.0) < 1e-6, 1.0, scale)
        return Placement(pose=pose, scale=scale, matrix=axes * self._units.length)
