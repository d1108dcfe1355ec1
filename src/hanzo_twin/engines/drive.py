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

A robot has a dozen joints, and this runs at every step: what goes joint by joint is plain Python, which for so few is
several times faster than numpy.
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
Values = FloatArray | list[float]
# Of one joint, slope, offset and limit of its drive and of its friction: clip(offset − slope · a, ± limit) each.
_Element = tuple[float, float, float, float, float, float]


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
        h = seconds
        drive_slope = h * dynamics.drive_damping + h * h * dynamics.drive_stiffness
        inertia = dynamics.armature + h * dynamics.damping + h * h * dynamics.stiffness
        self._inertia: list[float] = inertia.tolist()
        columns = (
            dynamics.drive_stiffness,
            dynamics.drive_damping,
            h * dynamics.drive_stiffness + dynamics.drive_damping,
            drive_slope,
            dynamics.max_effort,
            dynamics.stiffness,
            dynamics.stiffness * dynamics.rest_position,
            h * dynamics.stiffness + dynamics.damping,
            inertia,
            dynamics.friction,
        )
        self._constants = np.stack(columns, axis=1)
        self._rows = [tuple(row) for row in self._constants.tolist()]
        self._accelerates = bool(dynamics.acceleration.any())
        # The pieces of the step before. They only decide what is tried first: the solution is one and the same.
        self._drives = [0] * len(self._rows)
        self._stops = [0] * len(self._rows)
        #: Nothing acts but commanded efforts: they can be applied as they are.
        self.idle = not any(array.any() for array in (drive_slope, inertia, dynamics.friction))

    def efforts(
        self,
        mass_matrix: FloatArray,
        bias: Values,
        positions: Values,
        velocities: Values,
        *,
        targets: Values,
        target_velocities: Values,
        efforts: Values,
    ) -> FloatArray:
        """Efforts [n] that the engine is to apply in its joints for the next step.

        Args:
            mass_matrix: M [base + n, base + n], without armatures.
            bias: b [base + n]; for a floating tree with that of the base first.
            positions / velocities: q, v of the joints [n].
            targets / target_velocities / efforts: what is commanded, of the joints [n].
        """
        commanded = _floats(efforts)
        if self.idle:
            return np.array(commanded)
        base, per_step = self._base, 1.0 / self._seconds
        matrix = mass_matrix.copy()
        diagonal = _joint_diagonal(matrix, base)
        forces = _floats(bias)
        right = [-value for value in forces[:base]]
        stiff: list[float] = []
        explicit: list[float] = []
        elements: list[_Element] = []
        append = elements.append
        for (
            k,
            d,
            rate,
            slope,
            limit,
            spring,
            rest,
            loss,
            inertia,
            friction,
        ), q, v, target, target_v, effort, own, force, drive, stop in zip(
            self._scaled_rows(matrix) if self._accelerates else self._rows,
            _floats(positions),
            _floats(velocities),
            _floats(targets),
            _floats(target_velocities),
            commanded,
            diagonal.tolist(),
            forces[base:] if base else forces,
            self._drives,
            self._stops,
            strict=True,
        ):
            total = own + inertia
            offset = k * (target - q) + d * target_v - rate * v
            hold = _STICK * total if friction else 0.0
            hold_offset = -hold * v * per_step
            given = effort + rest - spring * q - loss * v
            append((slope, offset, limit, hold, hold_offset, friction))
            explicit.append(given)
            given -= force
            if drive:
                given += limit * drive
            else:
                given += offset
                total += slope
            if stop:
                given += friction * stop
            else:
                given += hold_offset
                total += hold
            right.append(given)
            stiff.append(total)
        diagonal[:] = stiff
        acceleration = dposv(matrix, right)[1].tolist()
        applied = self._confirmed(elements, explicit, acceleration[base:] if base else acceleration)
        if applied is None:
            matrix = mass_matrix.copy()
            applied = self._searched(matrix, forces, explicit, elements)
        return np.array(applied)

    def _confirmed(
        self, elements: list[_Element], explicit: list[float], acceleration: list[float]
    ) -> list[float] | None:
        """The efforts for these accelerations, None where they contradict the pieces that they were solved with."""
        applied: list[float] = []
        for (slope, offset, limit, hold, hold_offset, friction), effort, inertia, a, drive, stop in zip(
            elements, explicit, self._inertia, acceleration, self._drives, self._stops, strict=True
        ):
            push, brake = offset - slope * a, hold_offset - hold * a
            if push > limit:
                push, drive_piece = limit, 1
            elif push < -limit:
                push, drive_piece = -limit, -1
            else:
                drive_piece = 0
            if brake > friction:
                brake, stop_piece = friction, 1
            elif brake < -friction:
                brake, stop_piece = -friction, -1
            else:
                stop_piece = 0
            if drive_piece != drive or stop_piece != stop:
                return None
            applied.append(effort + (push + brake) - inertia * a)
        return applied

    def _searched(
        self, matrix: FloatArray, forces: list[float], explicit: list[float], elements: list[_Element]
    ) -> list[float]:
        """The efforts from the solution that is searched for, whatever the pieces of the step before were.

        Args:
            matrix: M, which is written.
            forces: b.
        """
        base = self._base
        diagonal = _joint_diagonal(matrix, base)
        smooth = [own + inertia for own, inertia in zip(diagonal.tolist(), self._inertia, strict=True)]
        given = [-value for value in forces]
        for index, effort in enumerate(explicit, start=base):
            given[index] += effort
        acceleration = self._solve(matrix, diagonal, smooth, given, elements)
        return [
            effort + _clipped(element, a) - inertia * a
            for effort, element, inertia, a in zip(explicit, elements, self._inertia, acceleration, strict=True)
        ]

    def _scaled_rows(self, matrix: FloatArray) -> list[tuple[float, ...]]:
        """The constants of the joints, with gains of mode ``acceleration`` as they are in these positions."""
        rows = self._constants.copy()
        rows[:, :4] *= self._gains(matrix)[:, None]
        return [tuple(row) for row in rows.tolist()]

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
            wanted *= self._gains(mass_matrix)
        total: FloatArray = np.clip(wanted, -dynamics.max_effort, dynamics.max_effort) + efforts
        return total

    @property
    def needs_mass_matrix(self) -> bool:
        """True when `present` needs one."""
        return self._accelerates

    def _gains(self, matrix: FloatArray) -> FloatArray:
        """Effective inertia of the joints whose drives are of mode ``acceleration``, 1 for the others."""
        full = matrix.copy()
        _joint_diagonal(full, self._base)[:] += self.dynamics.armature
        effective = 1.0 / _joint_diagonal(np.asarray(np.linalg.inv(full), dtype=np.float64), self._base)
        return np.where(self.dynamics.acceleration > 0.0, effective, 1.0)

    def _solve(
        self,
        matrix: FloatArray,
        diagonal: FloatArray,
        smooth: list[float],
        given: list[float],
        elements: list[_Element],
    ) -> list[float]:
        """Accelerations [n] of the joints: ``matrix a = given + clipped elements``.

        Args:
            diagonal: a view of the joints' part of the diagonal of ``matrix``, which is ``smooth`` but for the pieces.
        """
        base = self._base
        # Which piece comes first is a guess: drives within their limits, joints that would not stop alone slipping.
        drives = [0] * len(elements)
        stops = [_piece(offset / _STICK, limit) for _, _, _, _, offset, limit in elements]
        before: FloatArray | None = None
        acceleration: list[float] = []
        self._drives, self._stops = drives, stops
        for iteration in range(_MAX_ITERATIONS):
            right, stiff = given.copy(), smooth.copy()
            for index, (slope, offset, limit, stop, stop_offset, friction) in enumerate(elements):
                if drives[index] == 0:
                    stiff[index] += slope
                    right[base + index] += offset
                else:
                    right[base + index] += limit * drives[index]
                if stops[index] == 0:
                    stiff[index] += stop
                    right[base + index] += stop_offset
                else:
                    right[base + index] += friction * stops[index]
            diagonal[:] = stiff
            solution: FloatArray = dposv(matrix, right)[1]
            acceleration = solution.tolist()[base:]
            if not _update(drives, stops, elements, acceleration):
                break
            if before is not None and iteration >= _PLAIN_ITERATIONS:
                diagonal[:] = smooth
                solution = self._between(before, solution, matrix, given, elements)
                acceleration = solution.tolist()[base:]
                _update(drives, stops, elements, acceleration)
            before = solution
        return acceleration

    def _between(
        self, start: FloatArray, end: FloatArray, matrix: FloatArray, given: list[float], elements: list[_Element]
    ) -> FloatArray:
        """The point on the way from ``start`` to ``end`` where the convex function is least, by halving."""
        direction = end - start

        def climbs(point: FloatArray) -> bool:
            gradient = matrix @ point - given
            joints = point.tolist()[self._base :]
            gradient[self._base :] -= [_clipped(element, a) for element, a in zip(elements, joints, strict=True)]
            return bool(direction @ gradient > 0.0)

        if not climbs(end):
            return end
        low, high = 0.0, 1.0
        for _ in range(40):
            middle = (low + high) / 2
            low, high = (low, middle) if climbs(start + middle * direction) else (middle, high)
        return start + (low if low > 0.0 else high) * direction


def _floats(values: Values) -> list[float]:
    return values.tolist() if isinstance(values, np.ndarray) else values


def _joint_diagonal(matrix: FloatArray, base: int) -> FloatArray:
    """A view of the diagonal of ``matrix``, which is contiguous, from ``base`` on."""
    size = len(matrix)
    return matrix.reshape(-1)[base * (size + 1) :: size + 1]


def _piece(raw: float, limit: float) -> int:
    """−1, 0 or 1 where ``raw`` is below, within or above ± ``limit``."""
    return 1 if raw > limit else -1 if raw < -limit else 0


def _update(drives: list[int], stops: list[int], elements: list[_Element], acceleration: list[float]) -> bool:
    """Bring the pieces up to date with the accelerations; True when one of them changed."""
    changed = False
    for index, (slope, offset, limit, stop, stop_offset, friction) in enumerate(elements):
        a = acceleration[index]
        drive, stopped = _piece(offset - slope * a, limit), _piece(stop_offset - stop * a, friction)
        if drive != drives[index] or stopped != stops[index]:
            drives[index], stops[index] = drive, stopped
            changed = True
    return changed


def _clipped(element: _Element, acceleration: float) -> float:
    """Effort of drive and friction of one joint."""
    slope, offset, limit, stop, stop_offset, friction = element
    drive = max(-limit, min(limit, offset - slope * acceleration))
    return drive + max(-friction, min(friction, stop_offset - stop * acceleration))
