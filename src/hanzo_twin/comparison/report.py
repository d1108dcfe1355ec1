"""What a comparison found, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from hanzo_twin.comparison.differences import Differences, Measure, Tolerance
from hanzo_twin.comparison.run import Run, joint_paths
from hanzo_twin.scene.model import Scene

CauseKind = Literal[
    "no_dynamics",
    "start",
    "limit",
    "saturation",
    "contact",
    "friction_rule",
    "joint_friction",
    "integrator",
    "chaos",
    "unknown",
]


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """Both engines once more with one thing changed, until the time of the divergence.

    Args:
        change: what was changed, such as ``nothing collides``.
        remaining: the difference then, as a fraction of what it was without the change.
    """

    change: str
    remaining: float


@dataclass(frozen=True, kw_only=True)
class Cause:
    """The likely cause of a divergence: its kind, a sentence for people, and the experiments that speak for it."""

    kind: CauseKind
    text: str
    experiments: tuple[Experiment, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Divergence:
    """Where an engine first differs from the reference by more than the tolerance.

    Args:
        time_s: since the start.
        path: prim path of the joint or body.
        quantity: what of it differs: ``position`` of a joint, ``position`` or ``orientation`` of a body.
        size / unit: how much, then; in rad or m.
        tolerance: what was allowed, in that unit.
    """

    time_s: float
    path: str
    measure: Measure
    size: float
    unit: str
    tolerance: float
    cause: Cause

    @property
    def quantity(self) -> str:
        return "orientation" if self.measure == "body_rotation" else "position"

    def to_dict(self) -> dict[str, Any]:
        found = asdict(self)
        found["kind"] = "joint" if found.pop("measure") == "joint" else "body"
        return {**found, "quantity": self.quantity}


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """Largest and root mean square difference of one joint or body over the run, and its unit."""

    largest: float
    rms: float
    unit: str


@dataclass(frozen=True, kw_only=True, eq=False)
class EngineReport:
    """One engine against the reference.

    Args:
        refused: why it did not run the scene, "" where it did. The rest is then empty.
        run: what moved.
        differences: from the reference, None of one that refused.
        not_compared: what this comparison says nothing of, in sentences; of the reference nothing.
        joints / positions / rotations: by prim path, of joints, of bodies (m) and of their orientations (rad).
    """

    name: str
    version: str
    refused: str = ""
    run: Run | None = None
    differences: Differences | None = None
    joints: Mapping[str, Agreement]
    positions: Mapping[str, Agreement]
    rotations: Mapping[str, Agreement]
    first_divergence: Divergence | None = None
    not_compared: tuple[str, ...] = ()

    @property
    def failure(self) -> str:
        """Why it stopped before the end, "" where it did not."""
        return self.run.failure if self.run is not None else ""

    @property
    def max_joint_error_rad(self) -> float:
        """Of revolute joints."""
        return _largest(self.joints, "rad")

    @property
    def max_slide_error_m(self) -> float:
        """Of prismatic joints."""
        return _largest(self.joints, "m")

    @property
    def max_body_error_m(self) -> float:
        return _largest(self.positions, "m")

    @property
    def max_body_rotation_rad(self) -> float:
        return _largest(self.rotations, "rad")

    def to_dict(self) -> dict[str, Any]:
        """Plain data; numbers are None for an engine that refused."""
        ran = self.run is not None
        return {
            "max_joint_error_rad": self.max_joint_error_rad if ran else None,
            "max_body_error_m": self.max_body_error_m if ran else None,
            "first_divergence": self.first_divergence.to_dict() if self.first_divergence else None,
            "max_slide_error_m": self.max_slide_error_m if ran else None,
            "max_body_rotation_rad": self.max_body_rotation_rad if ran else None,
            "not_compared": list(self.not_compared),
            "version": self.version,
            "refused": self.refused or None,
            "failure": self.failure or None,
            "joints": {path: asdict(found) for path, found in self.joints.items()},
            "bodies": {
                path: {"position": asdict(found), "orientation": asdict(self.rotations[path])}
                for path, found in self.positions.items()
            },
        }


@dataclass(frozen=True, kw_only=True, eq=False)
class Comparison:
    """One scene under one controller on several engines.

    Args:
        reference: the engine that the others are measured against.
        step_s / seconds: as run.
        engines: by name, in the order asked for; the reference among them.
    """

    scene: Scene
    reference: str
    step_s: float
    seconds: float
    tolerance: Tolerance
    engines: Mapping[str, EngineReport]

    @property
    def others(self) -> tuple[EngineReport, ...]:
        """The engines that ran, without the reference."""
        return tuple(each for each in self.engines.values() if each.run and each.name != self.reference)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as ``--json`` prints it."""
        return {
            "reference": self.reference,
            "step_s": self.step_s,
            "seconds": self.seconds,
            "engines": {name: report.to_dict() for name, report in self.engines.items()},
        }


def agreements(
    scene: Scene, found: Differences
) -> tuple[dict[str, Agreement], dict[str, Agreement], dict[str, Agreement]]:
    """Of joints, of bodies' positions and of their orientations, by prim path."""
    joints = {
        path: _agreement(found, "joint", column, "rad" if scene.joints[path].kind == "revolute" else "m")
        for column, path in enumerate(joint_paths(scene))
    }
    positions = {path: _agreement(found, "body_position", row, "m") for row, path in enumerate(scene.bodies)}
    rotations = {path: _agreement(found, "body_rotation", row, "rad") for row, path in enumerate(scene.bodies)}
    return joints, positions, rotations


def _agreement(found: Differences, measure: Measure, column: int, unit: str) -> Agreement:
    values = found.of(measure)[:, column]
    return Agreement(largest=float(values.max()), rms=float(np.sqrt(np.mean(values**2))), unit=unit)


def _largest(agreements: Mapping[str, Agreement], unit: str) -> float:
    return max((each.largest for each in agreements.values() if each.unit == unit), default=0.0)
