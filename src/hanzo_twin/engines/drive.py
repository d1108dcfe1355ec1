"""The drive law of engines that have none of their own, implicit in the step (stable proportional-derivative control).

For a step of h seconds the joints' accelerations a solve

    (M + A) a + b = drive + friction + spring + efforts,        v' = v + h a,  q' = q + h v'

* M, b: mass matrix, and gravity, Coriolis and other given forces (to the left), as the engine has them; A: armatures;
* drive = clip(k (q_t − q') + d (v_t − v'), ± max_effort): the law of `scene.model.Drive` where the step ends;
* friction = clip(−∞ · v', ± friction): what stops the joint within the step, if the coefficient allows;
* spring = −k_s (q' − rest) − d_s v'.

The engine is to apply ``(efforts, drive, friction, spring) − A a``, which gives its joints the acceleration a, armature
included. The law is explicit with respect to contacts and joint limits: those act on M alone, and a step later on this.

In mode ``acceleration`` k, d are per unit of the joint's effective inertia 1 / ((M + A)⁻¹)ᵢᵢ, what it takes to move
joint i while all others follow freely (max_effort remains an effort).

All terms are monotone in a, so a is the one minimum of a strictly convex, piecewise quadratic function. Newton's method
finds it after finitely many pieces (each joint's drive and friction is below, within or above its limits); a line
search, needed only when pieces alternate, makes that certain. Stable proportional-derivative control: Tan, Liu, Turk,
"Stable Proportional-Derivative Controllers", IEEE CG&A 31 (2011).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from scipy.linalg.lapack import dposv

from hanzo_twin.engines.parameters import drive_limit
from hanzo_twin.scene.model import Joint
from hanzo_twin.spatial import FloatArray

# Friction's slope over that which would just stop the joint alone: a sticking joint creeps with a millionth of the
# speed that the forces on it would give it in a step.
_STICK = 1e6
_PLAIN_ITERATIONS = 4
_MAX_ITERATIONS = 50


@dataclass(frozen=True, kw_only=True, eq=False)
class JointDynamics:
    """What acts in joints of one freedom; arrays [n], units as in `Joint` and `Drive`."""

    drive_stiffness: FloatArray
    drive_damping: FloatArray
    max_effort: FloatArray
    acceleration: FloatArray
    armature: FloatArray
    damping: FloatArray
    friction: FloatArray
    stiffness: FloatArray
    rest_position: FloatArray

    @classmethod
    def of(cls, joints: Sequence[Joint]) -> JointDynamics:
        """As the scene says; ``acceleration`` is 1 where the drive's gains are per unit of inertia, else 0."""
        rows = [
            (
                joint.drive.stiffness if joint.drive else 0.0,
                joint.drive.damping if joint.drive else 0.0,
                drive_limit(joint),
                float(joint.drive is not None and joint.drive.mode == "acceleration"),
                joint.armature,
                joint.damping,
                joint.friction,
                joint.stiffness,
                joint.rest_position,
            )
            for joint in joints
        ]
        columns = np.array(rows, dtype=np.float64).reshape(-1, len(fields(cls))).T.copy()
        return cls(**{item.name: column for item, column in zip(fields(cls), columns, strict=True)})


class DriveLaw:
    """The law for joints with these ``dynamics`` and steps of ``seconds``.

    Args:
        base: degrees of freedom that precede the joints in mass matrices: 6 where the tree floats.
    """

    def __init__(self, dynamics: JointDynamics, seconds: float, *, base: int = 0) -> None:
        self.dynamics = dynamics
        self._seconds = seconds
        self._base = base
        count = len(dynamics.armature)
        self._diagonal = np.arange(count) + base
        h = seconds
        self._drive_slope = h * dynamics.drive_damping + h * h * dynamics.drive_stiffness
        self._linear_slope = h * dynamics.damping + h * h * dynamics.stiffness
        self._inertia = dynamics.armature + self._linear_slope
        self._limits = np.stack([dynamics.max_effort, dynamics.friction])
        self._sticks = np.where(dynamics.friction > 0.0, _STICK, 0.0)
        self._spring_at_zero = dynamics.stiffness * dynamics.rest_position
        self._linear_velocity = h * dynamics.stiffness + dynamics.damping
        self._accelerates = bool(dynamics.acceleration.any())
        #: Nothing acts but commanded efforts: they can be applied as they are.
        self.idle = not any(
            array.any() for array in (self._drive_slope, self._linear_slope, dynamics.armature, dynamics.friction)
        )

    def efforts(
        self,
        mass_matrix: FloatArray,
        bias: FloatArray,
        positions: FloatArray,
        velocities: FloatArray,
        *,
        targets: FloatArray,
        target_velocities: FloatArray,
        efforts: FloatArray,
    ) -> FloatArray:
        """Efforts [n] that the engine is to apply in its joints for the next step.

        Args:
            mass_matrix: M [base + n, base + n], without armatures.
            bias: b [base + n]; for a floating tree with that of the base first.
            positions / velocities: q, v of the joints [n].
            targets / target_velocities / efforts: what is commanded [n].
        """
        if self.idle:
            return efforts
        dynamics, h = self.dynamics, self._seconds
        matrix = mass_matrix.copy()
        diagonal = matrix.reshape(-1)[self._base * (len(matrix) + 1) :: len(matrix) + 1]
        gains = self._gains(matrix, diagonal) if self._accelerates else 1.0
        diagonal += self._inertia
        stop = self._sticks * diagonal
        slopes = np.stack([gains * self._drive_slope, stop])
        error = targets - positions - h * velocities
        offsets = np.stack(
            [
                gains * (dynamics.drive_stiffness * error + dynamics.drive_damping * (target_velocities - velocities)),
                stop * velocities / -h,
            ]
        )
        spring = self._spring_at_zero - dynamics.stiffness * positions - self._linear_velocity * velocities
        given = -bias
        given[self._base :] += spring + efforts
        acceleration = self._solve(matrix, diagonal, given, slopes, offsets)
        clipped = np.clip(offsets - slopes * acceleration, -self._limits, self._limits)
        applied: FloatArray = efforts + spring + clipped[0] + clipped[1] - self._inertia * acceleration
        return applied

    def present(
        self,
        positions: FloatArray,
        velocities: FloatArray,
        *,
        targets: FloatArray,
        target_velocities: FloatArray,
        efforts: FloatArray,
        mass_matrix: FloatArray | None = None,
    ) -> FloatArray:
        """Drives plus commanded efforts [n] in the present state: what an observation shows.

        Args:
            mass_matrix: as in `efforts`; needed by drives of mode ``acceleration`` only.
        """
        dynamics = self.dynamics
        wanted = dynamics.drive_stiffness * (targets - positions)
        wanted += dynamics.drive_damping * (target_velocities - velocities)
        if self._accelerates and mass_matrix is not None:
            matrix = mass_matrix.copy()
            wanted *= self._gains(matrix, matrix.reshape(-1)[self._base * (len(matrix) + 1) :: len(matrix) + 1])
        total: FloatArray = np.clip(wanted, -dynamics.max_effort, dynamics.max_effort) + efforts
        return total

    @property
    def needs_mass_matrix(self) -> bool:
        """True when `present` needs one."""
        return self._accelerates

    def _gains(self, matrix: FloatArray, diagonal: FloatArray) -> FloatArray:
        """Effective inertia of the joints whose drives are of mode ``acceleration``, 1 for the others."""
        full = matrix.copy()
        full.reshape(-1)[self._base * (len(full) + 1) :: len(full) + 1] = diagonal + self.dynamics.armature
        effective = 1.0 / np.linalg.inv(full)[self._diagonal, self._diagonal]
        return np.where(self.dynamics.acceleration > 0.0, effective, 1.0)

    def _solve(
        self, matrix: FloatArray, diagonal: FloatArray, given: FloatArray, slopes: FloatArray, offsets: FloatArray
    ) -> FloatArray:
        """Accelerations [n] of the joints: ``matrix a = given + Σ clip(offsets − slopes a, ± limits)``.

        ``diagonal`` is a view of the joints' part of the diagonal of ``matrix``.
        """
        base, limits = self._base, self._limits
        smooth = diagonal.copy()
        # Which piece comes first is a guess: drives within their limits, joints that would not stop alone slipping.
        pieces = _pieces(np.stack([np.zeros_like(smooth), offsets[1] / _STICK]), limits)
        before: FloatArray | None = None
        acceleration = np.zeros_like(given)
        for iteration in range(_MAX_ITERATIONS):
            within = pieces == 0.0
            diagonal[:] = smooth + (slopes * within).sum(axis=0)
            right = given.copy()
            right[base:] += np.where(within, offsets, np.copysign(limits, pieces)).sum(axis=0)
            acceleration = dposv(matrix, right)[1]
            raw = offsets - slopes * acceleration[base:]
            after = _pieces(raw, limits)
            if (after == pieces).all():
                break
            if before is not None and iteration >= _PLAIN_ITERATIONS:
                diagonal[:] = smooth
                acceleration = self._between(before, acceleration, matrix, given, slopes, offsets)
                after = _pieces(offsets - slopes * acceleration[base:], limits)
            pieces, before = after, acceleration
        return acceleration[base:]

    def _between(
        self,
        start: FloatArray,
        end: FloatArray,
        matrix: FloatArray,
        given: FloatArray,
        slopes: FloatArray,
        offsets: FloatArray,
    ) -> FloatArray:
        """The point on the way from ``start`` to ``end`` where the convex function is least, by halving."""
        base, direction = self._base, end - start
        low, high = 0.0, 1.0
        for step in range(40):
            middle = 1.0 if step == 0 else (low + high) / 2
            point = start + middle * direction
            gradient = matrix @ point - given
            clipped = np.clip(offsets - slopes * point[base:], -self._limits, self._limits)
            gradient[base:] -= clipped.sum(axis=0)
            if direction @ gradient <= 0.0:
                low = middle
                if step == 0:
                    break
            else:
                high = middle
        return start + low * direction if low > 0.0 else start + high * direction


def _pieces(raw: FloatArray, limits: FloatArray) -> FloatArray:
    """−1, 0 or 1 where ``raw`` is below, within or above ± ``limits``."""
    pieces: FloatArray = np.greater(raw, limits).astype(np.float64) - np.less(raw, -limits)
    return pieces
