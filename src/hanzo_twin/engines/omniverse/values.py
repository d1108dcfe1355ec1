"""Where everything is and how fast it moves: what a world can be built in.

Positions and velocities of a joint, poses and velocities of a body: what is written is read back to the bit until the
world moves, though PhysX keeps 32 bits of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hanzo_twin.errors import StateError
from hanzo_twin.spatial import FloatArray


@dataclass(frozen=True, kw_only=True, eq=False)
class Values:
    """Arrays are never written once they are in here.

    Args:
        positions / velocities: of all degrees of freedom of all trees [n_dofs], in PhysX's order.
        poses: of the bodies [n_bodies, 7], world frame; a row of NaN where joints say where the body is, and nobody
            has asked PhysX yet.
        twists: of the bodies [n_bodies, 6], linear then angular, of the body frame's origin, world frame.
    """

    positions: FloatArray
    velocities: FloatArray
    poses: FloatArray
    twists: FloatArray

    def to_bytes(self) -> bytes:
        return b"".join(part.tobytes() for part in (self.positions, self.velocities, self.poses, self.twists))

    @staticmethod
    def size(freedoms: int, bodies: int) -> int:
        """Bytes of the values of so many degrees of freedom and bodies."""
        return 8 * (2 * freedoms + 13 * bodies)

    @classmethod
    def from_bytes(cls, data: bytes, freedoms: int, bodies: int) -> Values:
        """Read what `to_bytes` wrote.

        Raises:
            StateError: numbers that are not finite.
        """
        numbers = np.frombuffer(data, dtype=np.float64)
        if not np.isfinite(numbers).all():
            raise StateError("The native part of the state has numbers that are not finite.")
        positions, velocities, poses, twists = np.split(numbers, [freedoms, 2 * freedoms, 2 * freedoms + 7 * bodies])
        return cls(positions=positions, velocities=velocities, poses=poses.reshape(-1, 7), twists=twists.reshape(-1, 6))
