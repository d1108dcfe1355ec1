"""Drives of mode ``acceleration``: their gains are per unit of inertia, those of MuJoCo's actuators are not.

The gain of such a drive times its joint's effective inertia 1 / (M⁻¹)ᵢᵢ (armatures included: what it takes to move
joint i while all others follow freely, as in `hanzo_twin.engines.drive`) is that of an actuator. It changes as joints
move, so actuators get theirs anew for each engine step, once MuJoCo has the masses of that step. Scenes without such
drives step as if this module did not exist.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import mujoco
import numpy as np
from mujoco import mj_solveM, mj_step1, mj_step2

from hanzo_twin.engines.mujoco.joint_elements import axis_name
from hanzo_twin.scene.model import Scene
from hanzo_twin.spatial import FloatArray


def accelerated(scene: Scene) -> tuple[str, ...]:
    """Names of the model's joints, and of their actuators, whose drives are of mode ``acceleration``."""
    return tuple(_named(scene))


def _named(scene: Scene) -> Iterator[str]:
    for joint in scene.joints.values():
        if joint.closes_loop:
            continue
        if joint.drive is not None and joint.drive.mode == "acceleration":
            yield joint.path
        for axis in joint.free_axes:
            if axis.drive is not None and axis.drive.mode == "acceleration":
                yield axis_name(joint, axis)


class AccelerationDrives:
    """The drives ``names`` of a world.

    Args:
        model: has their gains per unit of inertia; it is not written.
    """

    def __init__(self, names: tuple[str, ...], model: Any) -> None:
        self._actuators = np.array([model.actuator(name).id for name in names], dtype=np.int64)
        self._dofs = np.array([model.joint(name).dofadr[0] for name in names], dtype=np.int64)
        self._rows = np.arange(len(names))
        self._gain = model.actuator_gainprm[self._actuators, 0].copy()
        self._bias = model.actuator_biasprm[self._actuators, :3].copy()
        self._units = np.zeros((len(names), model.nv))
        self._units[self._rows, self._dofs] = 1.0
        self._moved = np.empty_like(self._units)
        #: What steps: a copy of the model whose gains are those of its last step.
        self.model = copy.copy(model)
        self._model_gain, self._model_bias = self.model.actuator_gainprm, self.model.actuator_biasprm

    def step(self, data: Any, count: int) -> None:
        """Advance ``data`` by so many engine steps."""
        model, actuators = self.model, self._actuators
        for _ in range(count):
            mj_step1(model, data)
            inertia = self._inertia(data)
            self._model_gain[actuators, 0] = self._gain * inertia
            self._model_bias[actuators, :3] = self._bias * inertia[:, None]
            mj_step2(model, data)

    def scales(self, data: Any) -> FloatArray:
        """What to multiply gains of actuators with where ``data`` stands now, whose bodies are placed [nu]."""
        mujoco.mj_makeM(self.model, data)
        mujoco.mj_factorM(self.model, data)
        scales = np.ones(self.model.nu)
        scales[self._actuators] = self._inertia(data)
        return scales

    def _inertia(self, data: Any) -> FloatArray:
        mj_solveM(self.model, data, self._moved, self._units)
        return 1.0 / self._moved[self._rows, self._dofs]
