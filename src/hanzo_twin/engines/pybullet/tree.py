"""One multibody with joints while it runs: its readings, and the efforts of the drive law in it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pybullet
from pybullet import (
    TORQUE_CONTROL,
    calculateInverseDynamics,
    calculateMassMatrix,
    getJointStates,
    setJointMotorControlArray,
)

from hanzo_twin.engines.drive import DriveLaw, JointDynamics
from hanzo_twin.engines.pybullet.world import TreePlan
from hanzo_twin.scene.model import Scene
from hanzo_twin.spatial import FloatArray, IntArray

# Bullet takes the twist of a floating base as angular, linear, both in the base's frame, and gives the wrench on it
# the other way round; mass matrices are ordered as twists.
_TWIST_ORDER = np.array([3, 4, 5, 0, 1, 2])
_SOMEWHERE = [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0]


class Tree:
    """A multibody of ``client`` as ``plan`` says, in steps of ``seconds``; `follow` a scene before it is stepped.

    ``columns`` [n] are the places of its joints of one freedom in arrays of all joints.
    """

    law: DriveLaw

    def __init__(self, client: int, plan: TreePlan, columns: IntArray, seconds: float) -> None:
        self.client = client
        self.plan = plan
        self.columns = columns
        self.seconds = seconds
        self._links = list(plan.links)
        self._zeros = [0.0] * (len(plan.links) + (6 if plan.floating else 0))
        self._order = np.concatenate([_TWIST_ORDER, np.arange(6, len(self._zeros))]) if plan.floating else None
        self.positions: list[float] = []
        self.velocities: list[float] = []
        self.read()

    def follow(self, scene: Scene) -> None:
        """Take what acts in its joints from ``scene``, in which D6 joints are chains."""
        joints = [scene.joints[path] for path in self.plan.joints]
        self.law = DriveLaw(JointDynamics.of(joints), self.seconds, base=6 if self.plan.floating else 0)

    def start(self, scene: Scene) -> None:
        """Turn spherical joints as ``scene`` says that they start."""

    def read(self) -> None:
        """Take positions and velocities from Bullet."""
        states = getJointStates(self.plan.uid, self._links, self.client)
        self.positions = [state[0] for state in states]
        self.velocities = [state[1] for state in states]

    def state(self) -> tuple[FloatArray, FloatArray]:
        """Positions and velocities of its joints [n], new arrays."""
        return np.array(self.positions), np.array(self.velocities)

    def rates(self) -> list[tuple[str, float]]:
        """Joints and their velocities."""
        return list(zip(self.plan.joints, self.velocities, strict=True))

    def square_speed(self) -> float:
        """Sum of the squares of its joints' velocities; NaN where one is not a number."""
        return sum([velocity * velocity for velocity in self.velocities])

    def mass_matrix(self) -> FloatArray:
        """M [n, n], with the base's six freedoms first where it floats; in the present positions."""
        return np.array(calculateMassMatrix(self.plan.uid, self.positions, physicsClientId=self.client))

    def apply(
        self,
        targets: FloatArray,
        target_velocities: FloatArray,
        efforts: FloatArray,
        pushes: Sequence[tuple[int, FloatArray]],
    ) -> None:
        """Give Bullet the efforts of the next step.

        Args:
            targets / target_velocities / efforts: what is commanded, of all joints of the scene.
            pushes: wrenches [6] (force, torque; world frame) at the centres of mass of links.
        """
        columns = self.columns
        if self.law.idle:
            applied = efforts[columns]
        else:
            applied = self.law.efforts(
                self.mass_matrix(),
                self._bias(pushes),
                self.positions,
                self.velocities,
                targets=targets[columns],
                target_velocities=target_velocities[columns],
                efforts=efforts[columns],
            )
        setJointMotorControlArray(
            self.plan.uid, self._links, TORQUE_CONTROL, forces=applied.tolist(), physicsClientId=self.client
        )

    def _bias(self, pushes: Sequence[tuple[int, FloatArray]]) -> FloatArray | list[float]:
        """Gravity, Coriolis and centrifugal efforts, less those of ``pushes``.

        Of a floating tree, up to a uniform acceleration of the whole, which does not reach its joints: where it is,
        how it lies and how fast it moves is left out.
        """
        uid = self.plan.uid
        if self._order is None:
            efforts = calculateInverseDynamics(
                uid, self.positions, self.velocities, self._zeros, physicsClientId=self.client
            )
            if not pushes:
                return list(efforts)
            bias = np.array(efforts)
        else:
            spin = self._base_rotation().T @ pybullet.getBaseVelocity(uid, physicsClientId=self.client)[1]
            twist = [*spin.tolist(), 0.0, 0.0, 0.0, *self.velocities]
            place = [*_SOMEWHERE, *self.positions]
            wrench = calculateInverseDynamics(uid, place, twist, self._zeros, physicsClientId=self.client)
            bias = np.array(wrench)[self._order]
        for link, push in pushes:
            bias -= self._generalized(link, push)
        return bias

    def _base_rotation(self) -> FloatArray:
        _, orientation = pybullet.getBasePositionAndOrientation(self.plan.uid, physicsClientId=self.client)
        return np.array(pybullet.getMatrixFromQuaternion(orientation)).reshape(3, 3)

    def _generalized(self, link: int, push: FloatArray) -> FloatArray:
        """The efforts of a wrench at the centre of mass of ``link``, ordered as the mass matrix."""
        if link < 0:
            rotation = self._base_rotation()
            none = np.zeros(len(self._links))
            return np.concatenate([rotation.T @ push[3:], rotation.T @ push[:3], none])
        zeros = [0.0] * len(self._links)
        state = pybullet.getLinkState(self.plan.uid, link, physicsClientId=self.client)
        # Where the centre of mass is from the joint, in the link's principal frame: that is how Bullet takes points.
        turn = np.array(pybullet.getMatrixFromQuaternion(state[3])).reshape(3, 3)
        center = (turn.T @ state[2]).tolist()
        linear, angular = pybullet.calculateJacobian(
            self.plan.uid, link, center, self.positions, zeros, zeros, physicsClientId=self.client
        )
        force, torque = push[:3], push[3:]
        if self._order is not None:
            # Bullet takes the base as standing at the origin: what it gives is in the base's frame.
            rotation = self._base_rotation()
            force, torque = rotation.T @ force, rotation.T @ torque
        efforts: FloatArray = np.array(linear).T @ force + np.array(angular).T @ torque
        return efforts
