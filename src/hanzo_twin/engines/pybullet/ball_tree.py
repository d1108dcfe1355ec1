"""One multibody that has spherical joints.

Bullet moves them, but its mass matrix and inverse dynamics do not know them: here these come from
`hanzo_twin.engines.tree_dynamics`. The drive law acts on the three rates of a spherical joint about the axes of its
frame on the child as on those of three others; its position is the vector of its rotation. Bullet has both in the
principal frame of the child. Where nothing acts in any joint of the multibody nothing of this is needed, or done.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pybullet

from hanzo_twin.engines.drive import DriveLaw, JointDynamics
from hanzo_twin.engines.pybullet.placement import raw_state
from hanzo_twin.engines.pybullet.tree import Tree
from hanzo_twin.engines.pybullet.world import TreePlan, World
from hanzo_twin.engines.tree_dynamics import Placed, TreeDynamics
from hanzo_twin.scene.model import Joint, Scene
from hanzo_twin.scene.starting import start_of
from hanzo_twin.spatial import FloatArray, IntArray, quaternion_multiply, rotation_matrix, rotation_vector

_CONJUGATE = np.array([1.0, -1.0, -1.0, -1.0])


class BallTree(Tree):
    """A `Tree` with spherical joints, of ``world``. Freedoms are those of its base, of these, then of the others."""

    def __init__(self, world: World, plan: TreePlan, columns: IntArray, seconds: float) -> None:
        self._world = world
        self._row = {world.bodies[path].link: row for row, path in enumerate(plan.bodies)}
        # By spherical joint, the principal frame of its child in its own.
        self._principal = [np.eye(3)] * len(plan.balls)
        super().__init__(world.client, plan, columns, seconds)

    def follow(self, scene: Scene) -> None:
        """As `Tree.follow`."""
        base = 6 if self.plan.floating else 0
        self._principal = [_principal(scene.joints[path], scene) for path in self.plan.balls]
        balls = [replace(scene.joints[path], drive=None) for path in self.plan.balls]
        joints = [scene.joints[path] for path in self.plan.joints]
        self.law = DriveLaw(JointDynamics.of(joints), self.seconds, base=base + 3 * len(balls))
        rows = [ball for ball in balls for _ in range(3)]
        self._whole = DriveLaw(JointDynamics.of([*rows, *joints]), self.seconds, base=base)
        order = [*self.plan.balls, *self.plan.joints]
        self._dynamics = TreeDynamics(scene, self.plan.bodies, order, floats=self.plan.floating)

    def start(self, scene: Scene) -> None:
        """As `Tree.start`."""
        for path, link, own in zip(self.plan.balls, self.plan.ball_links, self._principal, strict=True):
            turn = start_of(scene, scene.joints[path])
            quaternion = [*(own.T @ turn[1:]).tolist(), float(turn[0])]
            pybullet.resetJointStateMultiDof(self.plan.uid, link, quaternion, [0, 0, 0], physicsClientId=self.client)
        self.read()

    def read(self) -> None:
        """As `Tree.read`."""
        if self.plan.links:
            super().read()
        states = pybullet.getJointStatesMultiDof(self.plan.uid, self.plan.ball_links, physicsClientId=self.client)
        self._turns = [(state[0][3], *state[0][:3]) for state in states]
        self._spins: list[float] = [rate for state in states for rate in state[1]]

    def rates(self) -> list[tuple[str, float]]:
        """As `Tree.rates`; of a spherical joint there are three."""
        balls = [path for path in self.plan.balls for _ in range(3)]
        return [*zip(balls, self._spins, strict=True), *super().rates()]

    def square_speed(self) -> float:
        """As `Tree.square_speed`, spherical joints included."""
        return sum([rate * rate for _, rate in self.rates()])

    def mass_matrix(self) -> FloatArray:
        """M in the order of the freedoms."""
        return self._solve(())[0]

    def apply(
        self,
        targets: FloatArray,
        target_velocities: FloatArray,
        efforts: FloatArray,
        pushes: Sequence[tuple[int, FloatArray]],
    ) -> None:
        """As `Tree.apply`."""
        columns, spins = self.columns, len(self._spins)
        if self._whole.idle:
            applied = np.concatenate([np.zeros(spins), efforts[columns]])
        else:
            still = [0.0] * spins
            turned = self._in_joints([rotation_vector(np.array(turn)) for turn in self._turns])
            matrix, bias = self._solve(pushes)
            applied = self._whole.efforts(
                matrix,
                bias,
                [*turned, *self.positions],
                [*self._joint_spins(), *self.velocities],
                targets=[*still, *targets[columns].tolist()],
                target_velocities=[*still, *target_velocities[columns].tolist()],
                efforts=[*still, *efforts[columns].tolist()],
            )
        for index, link in enumerate(self.plan.ball_links):
            torque = (applied[3 * index : 3 * index + 3] @ self._principal[index]).tolist()
            pybullet.setJointMotorControlMultiDof(
                self.plan.uid, link, pybullet.TORQUE_CONTROL, force=torque, physicsClientId=self.client
            )
        if self.plan.links:
            pybullet.setJointMotorControlArray(
                self.plan.uid,
                self.plan.links,
                pybullet.TORQUE_CONTROL,
                forces=applied[spins:].tolist(),
                physicsClientId=self.client,
            )

    def _joint_spins(self) -> list[float]:
        """Rates of the spherical joints in their own frames."""
        return self._in_joints([np.array(self._spins[first : first + 3]) for first in range(0, len(self._spins), 3)])

    def _in_joints(self, vectors: Sequence[FloatArray]) -> list[float]:
        """Components of one vector [3] in each principal frame, in the frames of the joints."""
        pairs = zip(self._principal, vectors, strict=True)
        return [component for turn, vector in pairs for component in (turn @ vector).tolist()]

    def _solve(self, pushes: Sequence[tuple[int, FloatArray]]) -> tuple[FloatArray, FloatArray]:
        wrenches = {self._row[link]: push for link, push in pushes}
        rates = np.array([*([0.0] * 6 if self.plan.floating else []), *self._joint_spins(), *self.velocities])
        return self._dynamics.solve([self._placed(path) for path in self.plan.bodies], rates, wrenches)

    def _placed(self, path: str) -> Placed:
        raw = np.array(raw_state(self._world, path))
        principal = self._world.inertial_arrays[path][3:]
        turn = quaternion_multiply(raw[[6, 3, 4, 5]], principal * _CONJUGATE)
        return Placed(center=raw[:3], turn=rotation_matrix(turn), angular=raw[10:])


def _principal(joint: Joint, scene: Scene) -> FloatArray:
    axes = rotation_matrix(np.array(scene.bodies[joint.child].principal_axes))
    turned: FloatArray = rotation_matrix(joint.pose_child_joint.orientation).T @ axes
    return turned
