"""Joints that mimic others, as efforts: DART's own couplers let go of the joint that is mimicked, or blow up.

Row k of J says that joint m follows joint r: J q = q_m − multiplier · q_r = offset. With a₀ what the drive law alone
gives, the step ends with J v' = −β (J q − offset) / h if the joints accelerate by

    a = a₀ + W⁻¹ Jᵀ λ,   J W⁻¹ Jᵀ λ = −(J v + β (J q − offset) / h) / h − J a₀,   W = M + A + h d + h² k

where d, k are all damping and stiffness that the law takes at the end of the step. What the engine is to apply is then
Jᵀ λ − (W − M)(a − a₀), as `hanzo_twin.engines.drive` does for a₀. Drives at their limits count as if they were not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from hanzo_twin.engines.drive import JointDynamics
from hanzo_twin.scene.model import Joint
from hanzo_twin.spatial import FloatArray

# β: the part of the error in positions that a step takes back; contacts and limits, which act later, make one.
_CORRECTION = 0.2


class Couplings:
    """The mimics among the joints ``order`` of one tree, in steps of ``seconds``; ``base`` as in `DriveLaw`."""

    def __init__(
        self,
        joints: Mapping[str, Joint],
        order: Sequence[str],
        dynamics: JointDynamics,
        seconds: float,
        *,
        base: int,
    ) -> None:
        mimics = [(index, mimic) for index, path in enumerate(order) if (mimic := joints[path].mimic) is not None]
        self._rows = np.zeros((len(mimics), len(order)))
        self._offsets = np.array([mimic.offset for _, mimic in mimics])
        for row, (index, mimic) in enumerate(mimics):
            self._rows[row, index] = 1.0
            self._rows[row, order.index(mimic.joint)] = -mimic.multiplier
        h = seconds
        self._added = dynamics.armature + h * (dynamics.damping + dynamics.drive_damping)
        self._added += h * h * (dynamics.stiffness + dynamics.drive_stiffness)
        self._seconds = seconds
        self._base = base
        self.any = len(mimics) > 0

    def efforts(
        self, mass_matrix: FloatArray, bias: FloatArray, positions: FloatArray, velocities: FloatArray, law: FloatArray
    ) -> FloatArray:
        """Efforts [n] to add to those of the ``law`` [n]; other arguments as in `DriveLaw.efforts`."""
        base, h = self._base, self._seconds
        given = -bias
        given[base:] += law
        free = np.linalg.solve(mass_matrix, given)[base:]
        augmented = mass_matrix.copy()
        augmented.reshape(-1)[base * (len(augmented) + 1) :: len(augmented) + 1] += self._added
        across = np.hstack([np.zeros((len(self._rows), base)), self._rows]).T
        response = np.linalg.solve(augmented, across)[base:]
        error = self._rows @ positions - self._offsets
        wanted = -(self._rows @ velocities + _CORRECTION * error / h) / h - self._rows @ free
        pull = np.linalg.solve(self._rows @ response, wanted)
        added: FloatArray = self._rows.T @ pull - self._added * (response @ pull)
        return added
