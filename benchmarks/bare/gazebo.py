"""DART: read the joints, solve the implicit drive with numpy, apply its efforts, step, read the joints.

DART's own springs know no armature, which the scene has, so the bare loop computes the drive as well. It leaves out
what the drive law also does: dry friction, effort limits, mimic joints, loops, pushes on bodies, and looking for
numbers that diverged.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from bare import Loop
from hanzo_twin.engines.drive import JointDynamics
from hanzo_twin.engines.port import Simulation
from hanzo_twin.spatial import FloatArray


@contextmanager
def step_loop(simulation: Simulation, articulation: str, targets: FloatArray) -> Iterator[Loop]:
    """As the module says."""
    world, scene, h = simulation.native, simulation.scene, simulation.config.step_seconds
    paths = scene.articulations[articulation].joints
    joints = [scene.joints[path] for path in paths]
    skeletons = [world.getSkeleton(index) for index in range(world.getNumSkeletons())]
    arm = next(one for one in skeletons if paths[0] in [joint.getName() for joint in one.getJoints()])
    law = JointDynamics.of(joints)
    damping = law.drive_damping + law.damping
    inertia = np.diag(law.armature + h * damping + h * h * law.drive_stiffness)

    def loop(count: int) -> None:
        for _ in range(count):
            positions, velocities = arm.getPositions(), arm.getVelocities()
            mass, bias = arm.getMassMatrix(), arm.getCoriolisAndGravityForces()
            wanted = law.drive_stiffness * (targets - positions - h * velocities) - damping * velocities
            arm.setForces(mass @ np.linalg.solve(mass + inertia, wanted - bias) + bias)
            world.step(True)
            arm.getPositions()

    yield loop
