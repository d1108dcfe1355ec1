"""Poses and velocities of bodies of all worlds of a batch.

A free or kinematic body stands in the state itself. For others MuJoCo's rollout helps: it reports sensors as they were
before its step, so one step of a copy of the model without forces or contacts, whose sensors are the frames of the
bodies asked for, gives them in the states it starts from, on the batch's own threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mujoco
import numpy as np

from hanzo_twin.engines.mujoco.layout import Layout
from hanzo_twin.engines.mujoco.model import build_spec
from hanzo_twin.engines.mujoco.native_state import INPUTS, PHYSICS
from hanzo_twin.engines.port import EngineConfig
from hanzo_twin.errors import NotFoundError, nearest
from hanzo_twin.scene.model import Scene
from hanzo_twin.spatial import FloatArray, rotate_vectors

_OFF = mujoco.mjtDisableBit
_SENSORS = mujoco.mjtSensor
_KINDS = (_SENSORS.mjSENS_FRAMEPOS, _SENSORS.mjSENS_FRAMEQUAT, _SENSORS.mjSENS_FRAMELINVEL, _SENSORS.mjSENS_FRAMEANGVEL)
_WIDTH = 13
# What comes before the poses of kinematic bodies in the inputs.
_BEFORE_MOCAP = ("mjSTATE_CTRL", "mjSTATE_QFRC_APPLIED", "mjSTATE_XFRC_APPLIED", "mjSTATE_EQ_ACTIVE")


class BodyReader:
    """Reads ``bodies`` of many worlds of ``scene``.

    Raises:
        NotFoundError: no such body.
    """

    def __init__(
        self, scene: Scene, config: EngineConfig, layout: Layout, model: Any, bodies: Sequence[str], threads: int
    ) -> None:
        for body in bodies:
            if body not in scene.bodies:
                raise NotFoundError(f"The scene has no body '{body}'.", hint=nearest(body, scene.bodies))
        self._count = len(bodies)
        self._free = [(column, *layout.free[body]) for column, body in enumerate(bodies) if body in layout.free]
        self._mocap = [(column, layout.mocap[body]) for column, body in enumerate(bodies) if body in layout.mocap]
        self._nq, self._nmocap = model.nq, model.nmocap
        self._mocap_start = mocap_start(model)
        held = [column for column, body in enumerate(bodies) if body not in layout.free and body not in layout.mocap]
        self._held = np.array(held, dtype=np.int64)
        self._sensors = _Sensors(scene, config, [bodies[column] for column in held], threads) if held else None

    def read(self, pool: Any, physics: FloatArray, inputs: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Poses [n, n_bodies, 7] and velocities [n, n_bodies, 6] in the states ``physics`` with ``inputs`` [n, …]."""
        poses = np.empty((len(physics), self._count, 7))
        velocities = np.zeros((len(physics), self._count, 6))
        for column, position, dof in self._free:
            poses[:, column] = physics[:, 1 + position : 8 + position]
            start = 1 + self._nq + dof
            velocities[:, column, :3] = physics[:, start : start + 3]
            velocities[:, column, 3:] = rotate_vectors(poses[:, column, 3:], physics[:, start + 3 : start + 6])
        for column, row in self._mocap:
            start = self._mocap_start + 3 * row
            poses[:, column, :3] = inputs[:, start : start + 3]
            start = self._mocap_start + 3 * self._nmocap + 4 * row
            poses[:, column, 3:] = inputs[:, start : start + 4]
        if self._sensors is not None:
            read = self._sensors.read(pool, physics, inputs)
            poses[:, self._held], velocities[:, self._held] = read[:, :, :7], read[:, :, 7:]
        return poses, velocities


class _Sensors:
    """Frame sensors of bodies in a model in which nothing acts on them."""

    def __init__(self, scene: Scene, config: EngineConfig, bodies: Sequence[str], threads: int) -> None:
        spec = build_spec(scene, config, geoms=False)
        spec.option.disableflags |= int(_OFF.mjDSBL_CONTACT) | int(_OFF.mjDSBL_CONSTRAINT) | int(_OFF.mjDSBL_ACTUATION)
        for path in bodies:
            for kind in _KINDS:
                spec.add_sensor(type=kind, objtype=mujoco.mjtObj.mjOBJ_XBODY, objname=path)
        self._model = spec.compile()
        self._datas = [mujoco.MjData(self._model) for _ in range(threads)]
        self._bodies = len(bodies)

    def read(self, pool: Any, physics: FloatArray, inputs: FloatArray) -> FloatArray:
        count = len(physics)
        sensors = np.empty((count, 1, _WIDTH * self._bodies))
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
        return sensors.reshape(count, self._bodies, _WIDTH)


def mocap_start(model: Any) -> int:
    """Where the positions of kinematic bodies begin in the inputs; their quaternions come after all positions."""
    before = sum(int(getattr(mujoco.mjtState, name)) for name in _BEFORE_MOCAP)
    return int(mujoco.mj_stateSize(model, before))
