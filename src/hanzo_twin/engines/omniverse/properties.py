"""What joints are made of, as PhysX takes it: gains, armatures, friction, limits of efforts.

PhysX has no passive springs: a spring is added to the drive's stiffness and moves its target,

    k (q_t − q) + k_s (rest − q) = (k + k_s) (q_t' − q),   q_t' = (k q_t + k_s rest) / (k + k_s),

which says the same unless the drive's effort is limited. PhysX limits drive and commanded effort together; so where
nothing drives, nothing is limited, and elsewhere `pushes` adds commanded efforts to what the drive may do.
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
        pull / shift: the target that PhysX gets is ``pull`` · target + ``shift``.
        limited: True where PhysX would limit a commanded effort with the drive's.
    """

    stiffness: FloatArray
    damping: FloatArray
    max_effort: FloatArray
    armature: FloatArray
    friction: FloatArray
    pull: FloatArray
    shift: FloatArray
    limited: list[bool]

    @classmethod
    def of(cls, joints: Sequence[Joint]) -> JointProperties:
        """As the scene says."""
        dynamics = JointDynamics.of(joints)
        stiffness = dynamics.drive_stiffness + dynamics.stiffness
        driven = (stiffness > 0.0) | (dynamics.drive_damping > 0.0)
        total = np.where(stiffness > 0.0, stiffness, 1.0)
        sprung = dynamics.stiffness > 0.0
        limited = driven & np.isfinite(dynamics.max_effort)
        # A spring that stands alone is no drive, and has no limit.
        limited &= (dynamics.drive_stiffness > 0.0) | (dynamics.drive_damping > 0.0)
        return cls(
            stiffness=stiffness,
            damping=dynamics.drive_damping,
            max_effort=np.where(limited, np.minimum(dynamics.max_effort, LARGEST), LARGEST),
            armature=dynamics.armature,
            friction=np.stack([dynamics.friction, dynamics.friction, dynamics.damping], axis=1),
            pull=np.where(sprung, dynamics.drive_stiffness / total, 1.0),
            shift=np.where(sprung, dynamics.stiffness * dynamics.rest_position / total, 0.0),
            limited=limited.tolist(),
        )
