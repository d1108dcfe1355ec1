"""D6 joints of several rotations, which PhysX turns by one rotation vector."""

from __future__ import annotations

import math
from collections.abc import Iterator

from hanzo_twin.engines.features import engines_with
from hanzo_twin.engines.omniverse.native_state import ENGINE
from hanzo_twin.scene.diagnostics import Diagnosis
from hanzo_twin.scene.model import Axis, Joint, Scene


def diagnose_rotations(scene: Scene) -> Iterator[Diagnosis]:
    """A warning for each joint of ``scene`` whose angles differ from those that it would have one after the other.

    Three rotations without limits and drives are those of a spherical joint, however they are counted.
    """
    others = ", ".join(name for name in engines_with("d6_rotations") if name != ENGINE)
    for joint in scene.joints.values():
        if _differs(joint):
            yield Diagnosis(
                severity="warning",
                code="d6-rotations-differ",
                path=joint.path,
                message=f"Engine '{ENGINE}' turns the D6 joint '{joint.path}' by one rotation vector, not by one angle "
                "after the other: angles differ by up to half their product.",
                remedy=f"Replace it by a chain of revolute joints. Engines that turn it in order: {others or 'none'}.",
            )


def _differs(joint: Joint) -> bool:
    turns = [axis for axis in joint.free_axes if axis.rotation]
    return len(turns) == 2 or (len(turns) == 3 and any(_ruled(axis) for axis in turns))


def _ruled(axis: Axis) -> bool:
    return axis.drive is not None or math.isfinite(axis.lower) or math.isfinite(axis.upper)
