"""PyBullet: read the joints, solve the implicit drive with numpy, apply its efforts, step, read the joints.

Bullet's own position control is no spring and damper in N·m/rad, so a bare loop has to compute the drive as well. This
one leaves out what the drive law also does: dry friction, effort limits, spherical joints, pushes on bodies, and
looking for numbers that diverged.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pybullet

from bare import Loop
from hanzo_twin.engines.drive import JointDynamics
from hanzo_twin.engines.port import Simulation
from hanzo_twin.spatial import FloatArray


@contextmanager
def step_loop(simulation: Simulation, articulation: str, targets: FloatArray) -> Iterator[Loop]:
    """As the module says."""
    client, places = simulation.native
    scene, h = simulation.scene, simulation.config.step_seconds
    joints = [scene.joints[path] for path in scene.articulations[articulation].joints]
    uid, links = places[joints[0].child][0], [places[joint.child][1] for joint in joints]
    law, none = JointDynamics.of(joints), [0.0] * len(joints)
    damping = law.drive_damping + law.damping
    inertia = np.diag(law.armature + h * damping + h * h * law.drive_stiffness)

    def loop(count: int) -> None:
        for _ in range(count):
            states = pybullet.getJointStates(uid, links, physicsClientId=client)
            positions, velocities = [state[0] for state in states], [state[1] for state in states]
            mass = np.array(pybullet.calculateMassMatrix(uid, positions, physicsClientId=client))
            bias = np.array(pybullet.calculateInverseDynamics(uid, positions, velocities, none, physicsClientId=client))
            speed = np.array(velocities)
            wanted = law.drive_stiffness * (targets - np.array(positions) - h * speed) - damping * speed
            efforts = mass @ np.linalg.solve(mass + inertia, wanted - bias) + bias
            pybullet.setJointMotorControlArray(
                uid, links, pybullet.TORQUE_CONTROL, forces=efforts.tolist(), physicsClientId=client
            )
            pybullet.stepSimulation(physicsClientId=client)
            pybullet.getJointStates(uid, links, physicsClientId=client)

    yield loop
