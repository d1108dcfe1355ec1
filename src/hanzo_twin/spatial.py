"""Poses and quaternions. Quaternions are ``(w, x, y, z)``, unit length; frames are right-handed, metres, Z up.

A pose named ``pose_a_b`` places frame b in frame a: a point ``p`` given in b is ``pose_a_b.apply(p)`` in a.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


def frozen_array(values: ArrayLike, shape: tuple[int, ...] | None = None) -> FloatArray:
    """A read-only float64 copy of ``values``.

    Raises:
        ValueError: the shape is not ``shape``, or a value is not finite.
    """
    array = np.array(values, dtype=np.float64)
    if shape is not None and array.shape != shape:
        raise ValueError(f"expected an array of shape {shape}, got {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError("expected finite numbers")
    array.flags.writeable = False
    return array


def quaternion_multiply(a: FloatArray, b: FloatArray) -> FloatArray:
    """Hamilton product of two quaternions [4]."""
    aw, ax, ay, az = a
    bw, bx, by, bz = b
    return np.array(
        [
            aw * bw - ax * bx - ay * by - az * bz,
            aw * bx + ax * bw + ay * bz - az * by,
            aw * by - ax * bz + ay * bw + az * bx,
            aw * bz + ax * by - ay * bx + az * bw,
        ]
    )


def quaternion_conjugate(q: FloatArray) -> FloatArray:
    """Inverse of a unit quaternion [4]."""
    conjugate: FloatArray = q * np.array([1.0, -1.0, -1.0, -1.0])
    return conjugate


def rotation_matrix(q: FloatArray) -> FloatArray:
    """Rotation matrix [3, 3] of a unit quaternion [4]."""
    w, x, y, z = q
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def rotate_vectors(orientations: FloatArray, vectors: FloatArray) -> FloatArray:
    """``vectors`` v [n, 3] turned by unit quaternions (w, u) [n, 4]: v + w t + u × t with t = 2 u × v."""
    if len(vectors) == 1:
        # The same sums on single numbers, which is several times faster than on arrays of one.
        return np.array([_rotate(*orientations[0].tolist(), *vectors[0].tolist())])
    return np.stack(_rotate(*orientations.T, *vectors.T), axis=1)


def _rotate(w: Any, x: Any, y: Any, z: Any, a: Any, b: Any, c: Any) -> tuple[Any, Any, Any]:
    t0, t1, t2 = 2.0 * (y * c - z * b), 2.0 * (z * a - x * c), 2.0 * (x * b - y * a)
    return a + w * t0 + (y * t2 - z * t1), b + w * t1 + (z * t0 - x * t2), c + w * t2 + (x * t1 - y * t0)


def quaternion_from_axis_angle(axis: ArrayLike, angle: float) -> FloatArray:
    """Quaternion [4] of a turn by ``angle`` [rad] about ``axis`` [3] (any length but zero)."""
    direction = np.asarray(axis, dtype=np.float64)
    direction = direction / np.linalg.norm(direction)
    return np.array([np.cos(angle / 2), *(np.sin(angle / 2) * direction)])


def rotation_vector(q: FloatArray) -> FloatArray:
    """Axis times angle [3], at most π long, of a unit quaternion [4]."""
    w, axis = (q[0], q[1:]) if q[0] >= 0.0 else (-q[0], -q[1:])
    sine = float(np.linalg.norm(axis))
    # Below the square root of a rounding error 2 asin(s) / s is 2 to the last digit.
    vector: FloatArray = axis * (2.0 * np.arctan2(sine, w) / sine if sine > 1e-8 else 2.0)
    return vector


@dataclass(frozen=True, kw_only=True, eq=False)
class Pose:
    """A rigid transform.

    Args:
        position: translation [3], m.
        orientation: unit quaternion (w, x, y, z) [4]; normalized here.
    """

    position: FloatArray
    orientation: FloatArray

    def __post_init__(self) -> None:
        object.__setattr__(self, "position", frozen_array(self.position, (3,)))
        orientation = np.array(self.orientation, dtype=np.float64)
        length = float(np.linalg.norm(orientation))
        if orientation.shape != (4,) or not np.isfinite(length) or length < 1e-9:
            raise ValueError(f"expected a quaternion (w, x, y, z) that is not zero, got {self.orientation!r}")
        object.__setattr__(self, "orientation", frozen_array(orientation / length))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Pose):
            return NotImplemented
        return bool(
            np.array_equal(self.position, other.position) and np.array_equal(self.orientation, other.orientation)
        )

    def __hash__(self) -> int:
        return hash((self.position.tobytes(), self.orientation.tobytes()))

    @classmethod
    def identity(cls) -> Pose:
        return cls(position=np.zeros(3), orientation=np.array([1.0, 0.0, 0.0, 0.0]))

    @classmethod
    def of(
        cls, position: Sequence[float] | FloatArray, orientation: Sequence[float] | FloatArray = (1, 0, 0, 0)
    ) -> Pose:
        """A pose from any sequences of 3 and 4 numbers."""
        return cls(
            position=np.asarray(position, dtype=np.float64), orientation=np.asarray(orientation, dtype=np.float64)
        )

    def __matmul__(self, other: Pose) -> Pose:
        """``pose_a_b @ pose_b_c`` is ``pose_a_c``."""
        return Pose(
            position=self.apply(other.position),
            orientation=quaternion_multiply(self.orientation, other.orientation),
        )

    def inverse(self) -> Pose:
        """``pose_a_b.inverse()`` is ``pose_b_a``."""
        orientation = quaternion_conjugate(self.orientation)
        return Pose(position=-(rotation_matrix(orientation) @ self.position), orientation=orientation)

    def apply(self, points: FloatArray) -> FloatArray:
        """Points [3] or [n, 3] given in the inner frame, in the outer frame."""
        rotated: FloatArray = points @ rotation_matrix(self.orientation).T + self.position
        return rotated

    def as_array(self) -> FloatArray:
        """Position then quaternion (x, y, z, qw, qx, qy, qz) [7]."""
        return np.concatenate([self.position, self.orientation])
