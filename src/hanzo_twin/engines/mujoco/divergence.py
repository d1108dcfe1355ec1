"""Saying what went wrong when a world's numbers left the finite; keeping MuJoCo from saying it elsewhere."""

from __future__ import annotations

import logging
from typing import Any

import mujoco
import numpy as np

from hanzo_twin.engines.refusals import diverged
from hanzo_twin.errors import SimulationError

# MuJoCo itself calls a number above this bad (mjMAXVAL).
_BAD = 1e10
# Limit on the sum of squares of all velocities: one comparison also finds NaN.
DIVERGED = _BAD**2
_LOG = logging.getLogger(__name__)


def report_warnings_to_log() -> None:
    """Send MuJoCo's warnings to the log; by default it prints them and writes a file in the working directory.

    A handler that the program installed stays.
    """
    if mujoco.get_mju_user_warning() is None:
        mujoco.set_mju_user_warning(_LOG.info)


def divergence(
    model: Any, positions: np.ndarray[Any, Any], velocities: np.ndarray[Any, Any], where: str
) -> SimulationError:
    """The error for a world whose ``positions`` [nq] and ``velocities`` [nv] are no longer finite.

    Args:
        where: when, and in a batch in which world.
    """
    bad = np.flatnonzero(~(np.abs(velocities) < _BAD))
    joint = int(model.dof_jntid[bad[0]]) if len(bad) else _joint_of_bad_position(model, positions)
    if joint is None:
        return SimulationError(
            f"Engine 'mujoco' ran out of room for contacts or constraints at {where}.",
            hint="Use fewer or simpler colliding shapes.",
        )
    name = mujoco.mj_id2name(model, mujoco.mjtObj.mjOBJ_JOINT, joint)
    free = model.jnt_type[joint] == mujoco.mjtJoint.mjJNT_FREE
    subject = f"body '{name.removesuffix('/free')}'" if free else f"joint '{name}'"
    return diverged(subject, where)


def _joint_of_bad_position(model: Any, positions: np.ndarray[Any, Any]) -> int | None:
    bad = np.flatnonzero(~(np.abs(positions) < _BAD))
    if not len(bad):
        return None
    return int(np.searchsorted(model.jnt_qposadr, bad[0], side="right")) - 1
