"""One multibody with joints while it runs: its readings, and the efforts of the drive law in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from hanzo_twin.engines.drive import DriveLaw, JointDynamics
from hanzo_twin.engines.gazebo.couplings import Couplings
from hanzo_twin.scene.model import Scene
from hanzo_twin.spatial import FloatArray, IntArray


class Tree:
    """A skeleton of DART's and the law of its joints.

    Freedoms are taken in this order: those of its base, three of each spherical joint, those of its other joints. DART
    has the rotation vector and the angular velocity of a spherical joint as its positions and velocities.

    Args:
        joints: paths of the joints of one freedom; ``columns`` [n] their places in arrays of all joints, ``freedoms``
            [n] in arrays of the skeleton.
        balls: paths of the spherical joints; ``ball_freedoms`` [3 k] as ``freedoms``.
    """

    law: DriveLaw
    """Of the joints of one freedom, for readings."""

    def __init__(
        self,
        skeleton: Any,
        joints: Sequence[str],
        columns: IntArray,
        freedoms: IntArray,
        balls: Sequence[str],
        ball_freedoms: IntArray,
    ) -> None:
        self.skeleton = skeleton
        self.joints = tuple(joints)
        self.columns: IntArray | slice = _compact(columns)
        self.freedoms: IntArray | slice = _compact(freedoms)
        self._balls = tuple(balls)
        count = skeleton.getNumDofs()
        held = np.concatenate([ball_freedoms, freedoms])
        base = np.setdiff1d(np.arange(count), held)
        self._base = len(base)
        order = np.concatenate([base, held])
        self._order = None if (order == np.arange(count)).all() else order
        self._held: IntArray | slice = _compact(held)
        #: Nothing is to be picked out of the arrays of the skeleton: it has joints of one freedom only.
        self._plain = self._order is None and len(held) == count and not balls
        self._still = np.zeros(len(ball_freedoms))
        self._applied = np.zeros(count)

    def follow(self, scene: Scene, seconds: float) -> None:
        """Take what acts in its joints from ``scene``, in which D6 joints are chains, for steps of ``seconds``."""
        balls = [replace(scene.joints[path], drive=None) for path in self._balls for _ in range(3)]
        joints = [scene.joints[path] for path in self.joints]
        rows = JointDynamics.of([*balls, *joints])
        self._whole = DriveLaw(rows, seconds, base=self._base)
        self.law = self._whole
        if balls:
            self.law = DriveLaw(JointDynamics.of(joints), seconds, base=self._base + len(balls))
        order = [joint.path for joint in (*balls, *joints)]
        self._couplings = Couplings(scene.joints, order, rows, seconds, base=self._base)

    def state(self) -> tuple[FloatArray, FloatArray]:
        """Positions and velocities of its joints of one freedom [n], new arrays."""
        return self.skeleton.getPositions()[self.freedoms], self.skeleton.getVelocities()[self.freedoms]

    def mass_matrix(self) -> FloatArray:
        """M in the order of the freedoms."""
        matrix: FloatArray = self.skeleton.getMassMatrix()
        return matrix if self._order is None else matrix[np.ix_(self._order, self._order)]

    def apply(self, targets: FloatArray, target_velocities: FloatArray, efforts: FloatArray, *, pushed: bool) -> None:
        """Give DART the efforts of the next step.

        Args:
            targets / target_velocities / efforts: what is commanded, of all joints of the scene.
            pushed: bodies of the tree have external forces on them.
        """
        law, commanded = self._whole, self._of_rows(efforts)
        if law.idle and not self._couplings.any:
            applied = commanded
        else:
            skeleton, held = self.skeleton, self._held
            matrix, bias = self.mass_matrix(), self._bias(pushed)
            positions, velocities = skeleton.getPositions(), skeleton.getVelocities()
            if not self._plain:
                positions, velocities = positions[held], velocities[held]
            applied = law.efforts(
                matrix,
                bias,
                positions,
                velocities,
                targets=self._of_rows(targets),
                target_velocities=self._of_rows(target_velocities),
                efforts=commanded,
            )
            if self._couplings.any:
                # What is out of range is found after the step, by name; numpy need not warn.
                with np.errstate(all="ignore"):
                    applied = applied + self._couplings.efforts(matrix, bias, positions, velocities, applied)
        if self._plain:
            self.skeleton.setForces(applied)
            return
        self._applied[self._held] = applied
        self.skeleton.setForces(self._applied)

    def _of_rows(self, values: FloatArray) -> FloatArray:
        """Those of ``values`` that are of its joints, after zeros for spherical ones."""
        own: FloatArray = values[self.columns]
        return np.concatenate([self._still, own]) if self._balls else own

    def _bias(self, pushed: bool) -> FloatArray:
        """Gravity, Coriolis and centrifugal efforts, less those of external forces."""
        bias: FloatArray = self.skeleton.getCoriolisAndGravityForces()
        if pushed:
            bias = bias - self.skeleton.getExternalForces()
        return bias if self._order is None else bias[self._order]


def _compact(indices: IntArray) -> IntArray | slice:
    """A slice where the indices are consecutive, which is faster to read with."""
    if len(indices) and (np.diff(indices) == 1).all():
        return slice(int(indices[0]), int(indices[-1]) + 1)
    return indices
