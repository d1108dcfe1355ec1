"""Poses of all bodies of all worlds of a batch, by the batch's own threads.

MuJoCo's rollout reports sensors as they were before its step. So one step of a copy of the model without forces or
contacts, whose sensors are the frames of all bodies, gives the poses of the states it starts from.
"""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np

from hanzo_twin.engines.mujoco.model import build_spec
from hanzo_twin.engines.mujoco.native_state import INPUTS, PHYSICS
from hanzo_twin.engines.port import EngineConfig
from hanzo_twin.scene.model import Scene
from hanzo_twin.spatial import FloatArray

_OFF = mujoco.mjtDisableBit


class BatchPoses:
    """Reads body poses of many worlds of ``scene``."""

    def __init__(self, scene: Scene, config: EngineConfig, threads: int) -> None:
        spec = build_spec(scene, config)
        spec.option.disableflags |= int(_OFF.mjDSBL_CONTACT) | int(_OFF.mjDSBL_CONSTRAINT) | int(_OFF.mjDSBL_ACTUATION)
        for path in scene.bodies:
            for kind in (mujoco.mjtSensor.mjSENS_FRAMEPOS, mujoco.mjtSensor.mjSENS_FRAMEQUAT):
                spec.add_sensor(type=kind, objtype=mujoco.mjtObj.mjOBJ_XBODY, objname=path)
        self._model = spec.compile()
        self._datas = [mujoco.MjData(self._model) for _ in range(threads)]
        self._bodies = len(scene.bodies)

    def read(self, pool: Any, physics: FloatArray, inputs: FloatArray) -> FloatArray:
        """Poses [n, n_bodies, 7] in the states ``physics`` [n, …] with ``inputs`` [n, …]."""
        count = len(physics)
        sensors = np.empty((count, 1, 7 * self._bodies))
        pool.rollout(
            [self._model] * count,
            self._datas,
            physics,
            inputs[:, None],
            control_spec=INPUTS,
            skip_checks=True,
            nstep=1,
            state=np.empty((count, 1, mujoco.mj_stateSize(self._model, PHYSICS))),
            sensordata=sensors,
        )
        return sensors.reshape(count, self._bodies, 7)
