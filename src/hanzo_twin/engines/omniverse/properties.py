"""What joints are made of, as PhysX takes it: gains, armatures, friction, limits of efforts.

PhysX limits drive and commanded effort together; so where nothing drives, nothing is limited, and elsewhere `pushes`
adds commanded efforts to what the drive may do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hanzo_twin.engines.drive import JointDynamics
from hanzo_twin.scene.model import Joint
from hanzo_twin.spatial import FloatArray

LARGEST = 3.0e38


@dataclass(frozen=True, kw_only=True, eq=False)
class JointProperties:
    """Arrays [n] of joints of one freedom; ``friction`` [n, 3] static, dynamic, viscous.

    Args:
        limited: True where PhysX would limit a commanded effort with the drive's.
    """

    stiffness: FloatArray
    damping: FloatArray
    max_effort: FloatArray
    armature: FloatArray
    friction: FloatArray
    limited: list[bool]

    @classmethod
    def of(cls, joints: Sequence[Joint]) -> JointProperties:
        """As the scene says."""
        dynamics = JointDynamics.of(joints)
        driven = (dynamics.drive_stiffness > 0.0) | (dynamics.drive_damping > 0.0)
        limited = driven & np.isfinite(dynamics.max_effort)
        return cls(
            stiffness=dynamics.drive_stiffness,
            damping=dynamics.drive_damping,
            max_effort=np.where(limited, np.minimum(dynamics.max_effort, LARGEST), LARGEST),
            armature=dynamics.armature,
            friction=np.stack([dynamics.friction, dynamics.friction, dynamics.damping], axis=1),
            limited=limited.tolist(),
        )
