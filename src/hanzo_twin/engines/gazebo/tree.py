"""One multibody with joints while it runs: its readings, and the efforts of the drive law in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hanzo_twin.engines.drive import DriveLaw
from hanzo_twin.engines.gazebo.couplings import Couplings
from hanzo_twin.spatial import FloatArray, IntArray


class Tree:
    """A skeleton of DART's and the law of its joints of one freedom.

    Args:
        joints: paths of these joints; ``columns`` [n] their places in arrays of all joints, ``freedoms`` [n] in
            arrays of the skeleton.
        damping: of the skeleton's other freedoms, by freedom; DART's own.
    """

    def __init__(
        self, skeleton: Any, joints: Sequence[str], columns: IntArray, freedoms: IntArray, damping: FloatArray
    ) -> None:
        self.skeleton = skeleton
        self.joints = tuple(joints)
        self.columns: IntArray | slice = _compact(columns)
        self.freedoms: IntArray | slice = _compact(freedoms)
        self.law: DriveLaw
        self.couplings: Couplings
        count = skeleton.getNumDofs()
        others = np.setdiff1d(np.arange(count), freedoms)
        #: Freedoms that the law does not act on; it takes them first.
        self.others = len(others)
        order = np.concatenate([others, freedoms])
        self._order = None if (order == np.arange(count)).all() else order
        self._damping = damping if damping.any() else None
        self._applied = np.zeros(count)

    def state(self) -> tuple[FloatArray, FloatArray]:
        """Positions and velocities of its joints [n], new arrays."""
        return self.positions(), self.velocities()

    def positions(self) -> FloatArray:
        """Of its joints [n]."""
        values: FloatArray = self.skeleton.getPositions()[self.freedoms]
        return values

    def velocities(self) -> FloatArray:
        """Of its joints [n]."""
        values: FloatArray = self.skeleton.getVelocities()[self.freedoms]
        return values

    def mass_matrix(self) -> FloatArray:
        """M, with the freedoms that the law does not act on first."""
        skeleton = self.skeleton
        matrix: FloatArray = skeleton.getMassMatrix() if self._damping is None else skeleton.getAugMassMatrix()
        return matrix if self._order is None else matrix[np.ix_(self._order, self._order)]

    def apply(self, targets: FloatArray, target_velocities: FloatArray, efforts: FloatArray, *, pushed: bool) -> None:
        """Give DART the efforts of the next step.

        Args:
            targets / target_velocities / efforts: what is commanded, of all joints of the scene.
            pushed: bodies of the tree have external forces on them.
        """
        law, columns = self.law, self.columns
        if law.idle and not self.couplings.any:
            applied = efforts[columns]
        else:
            all_velocities = self.skeleton.getVelocities()
            matrix, bias = self.mass_matrix(), self._bias(all_velocities, pushed)
            positions, velocities = self.positions(), all_velocities[self.freedoms]
            applied = law.efforts(
                matrix,
                bias,
                positions,
                velocities,
                targets=targets[columns],
                target_velocities=target_velocities[columns],
                efforts=efforts[columns],
            )
            if self.couplings.any:
                # What is out of range is found after the step, by name; numpy need not warn.
                with np.errstate(all="ignore"):
                    applied = applied + self.couplings.efforts(matrix, bias, positions, velocities, applied)
        self._applied[self.freedoms] = applied
        self.skeleton.setForces(self._applied)

    def _bias(self, velocities: FloatArray, pushed: bool) -> FloatArray:
        """Gravity, Coriolis and centrifugal efforts, less those of external forces and damping."""
        bias: FloatArray = self.skeleton.getCoriolisAndGravityForces()
        if pushed:
            bias = bias - self.skeleton.getExternalForces()
        if self._damping is not None:
            bias = bias + self._damping * velocities
        return bias if self._order is None else bias[self._order]


def _compact(indices: IntArray) -> IntArray | slice:
    """A slice where the indices are consecutive, which is faster to read with."""
    if len(indices) and (np.diff(indices) == 1).all():
        return slice(int(indices[0]), int(indices[-1]) + 1)
    return indices
