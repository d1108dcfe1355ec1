"""How far apart two runs of one scene are, and where they part first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from hanzo_twin.comparison.run import Run, joint_paths
from hanzo_twin.errors import InvalidInputError
from hanzo_twin.scene.model import Scene
from hanzo_twin.spatial import FloatArray

Measure = Literal["joint", "body_position", "body_rotation"]


@dataclass(frozen=True, kw_only=True)
class Tolerance:
    """What counts as the same. Joints in rad or m, bodies' positions in m, rotations in rad."""

    joint: float = 1e-3
    body_position: float = 1e-3
    body_rotation: float = 1e-2

    def limits(self) -> Mapping[Measure, float]:
        return {"joint": self.joint, "body_position": self.body_position, "body_rotation": self.body_rotation}

    @classmethod
    def of(cls, size: float) -> Tolerance:
        """``size`` rad and m; bodies may turn by ten times as much, as those of the default may.

        Raises:
            InvalidInputError: not positive, or not finite.
        """
        if not 0.0 < size < float("inf"):
            raise InvalidInputError(f"The tolerance must be positive, got {size:g}.")
        return cls(joint=size, body_position=size, body_rotation=10 * size)


def moved(run: Run, tolerance: Tolerance) -> bool:
    """Whether a joint or body of ``run`` went farther from its start than ``tolerance``."""
    start = run.body_poses[0]
    turned = rotation_angles(run.body_poses[:, :, 3:], np.broadcast_to(start[:, 3:], run.body_poses[:, :, 3:].shape))
    gone = {
        "joint": np.abs(run.joint_positions - run.joint_positions[0]),
        "body_position": np.linalg.norm(run.body_poses[:, :, :3] - start[:, :3], axis=2),
        "body_rotation": turned,
    }
    return any(float(gone[name].max(initial=0.0)) > limit for name, limit in tolerance.limits().items())


@dataclass(frozen=True, kw_only=True, eq=False)
class Differences:
    """Sizes of the differences at each common time.

    Args:
        times: [n] s.
        joints: [n, joints], rad or m.
        positions / rotations: of bodies [n, bodies], m and rad.
    """

    times: FloatArray
    joints: FloatArray
    positions: FloatArray
    rotations: FloatArray

    def of(self, measure: Measure) -> FloatArray:
        return {"joint": self.joints, "body_position": self.positions, "body_rotation": self.rotations}[measure]


@dataclass(frozen=True, kw_only=True)
class Parting:
    """Where two runs first differ by more than is allowed: ``size`` of ``measure`` of ``path`` at sample ``index``."""

    index: int
    measure: Measure
    column: int
    path: str
    size: float


def differences(one: Run, other: Run) -> Differences:
    """As long as both last."""
    n = min(len(one), len(other))
    return Differences(
        times=one.times[:n],
        joints=np.abs(other.joint_positions[:n] - one.joint_positions[:n]),
        positions=np.linalg.norm(other.body_poses[:n, :, :3] - one.body_poses[:n, :, :3], axis=-1),
        rotations=rotation_angles(one.body_poses[:n, :, 3:], other.body_poses[:n, :, 3:]),
    )


def rotation_angles(one: FloatArray, other: FloatArray) -> FloatArray:
    """Angles between orientations [..., 4], rad; exact for small ones, where an arc cosine is not."""
    sine = np.linalg.norm(other - one * np.sign(_dot(one, other))[..., np.newaxis], axis=-1) / 2
    # |q − p| = 2 sin(θ/4) for unit quaternions on one half of the sphere.
    angles: FloatArray = 4 * np.arcsin(np.clip(sine, 0.0, 1.0))
    return angles


def _dot(one: FloatArray, other: FloatArray) -> FloatArray:
    dot: FloatArray = np.sum(one * other, axis=-1)
    return np.where(dot == 0.0, 1.0, dot)


def times_tolerance(found: Differences, tolerance: Tolerance) -> FloatArray:
    """At each time [n], the worst difference as a multiple of what is allowed."""
    worst = np.zeros(len(found.times))
    for measure, limit in tolerance.limits().items():
        worst = np.maximum(worst, found.of(measure).max(axis=1, initial=0.0) / limit)
    return worst


def first_parting(scene: Scene, found: Differences, tolerance: Tolerance) -> Parting | None:
    """The first time anything is beyond ``tolerance``, and what is most so then; joints before bodies.

    A link's body differs because a joint above it does, so a joint that differs is named rather than bodies.
    """
    limits = tolerance.limits()
    beyond = times_tolerance(found, tolerance) > 1.0
    if not beyond.any():
        return None
    index = int(np.argmax(beyond))
    joints, bodies = joint_paths(scene), tuple(scene.bodies)
    worst: list[tuple[bool, float, Parting]] = []
    for measure, limit in limits.items():
        row = found.of(measure)[index]
        if row.size and row.max() > limit:
            column = int(np.argmax(row))
            path = joints[column] if measure == "joint" else bodies[column]
            parting = Parting(index=index, measure=measure, column=column, path=path, size=float(row[column]))
            worst.append((measure == "joint", float(row[column]) / limit, parting))
    return max(worst, key=lambda each: each[:2])[2]
