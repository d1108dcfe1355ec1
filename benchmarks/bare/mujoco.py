"""MuJoCo: ``mj_step`` and nothing else.

The targets stay as they are and nobody reads the joints, so this loop does less than the contract's command, step and
read: the ratio is harsher than one against a loop that also writes ``ctrl`` and copies ``qpos``. Everything else is
equal: actuators, contacts, dry friction and effort limits are in the model.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import mujoco
import numpy as np
from mujoco.rollout import Rollout

from bare import Loop
from hanzo_twin.engines.port import Simulation
from hanzo_twin.spatial import FloatArray


@contextmanager
def step_loop(simulation: Simulation, articulation: str, targets: FloatArray) -> Iterator[Loop]:
    """As the module says; ``simulation`` already has its command."""
    model, data = simulation.native

    def loop(count: int) -> None:
        for _ in range(count):
            mujoco.mj_step(model, data)

    yield loop


@contextmanager
def batch_loop(simulation: Simulation, num_envs: int, threads: int) -> Iterator[Loop]:
    """``mujoco.rollout`` of one step at a time, in ``num_envs`` worlds that start as ``simulation``, by one pool.

    Controls are handed over at each step as the contract's are, but they are the same numbers; the states are those
    that the rollout returned, so nothing is copied but what it copies itself.
    """
    model, data = simulation.native
    part = mujoco.mjtState.mjSTATE_FULLPHYSICS
    start = np.empty(mujoco.mj_stateSize(model, part))
    mujoco.mj_getState(model, data, start, part)
    states, controls = np.tile(start, (num_envs, 1)), np.tile(data.ctrl, (num_envs, 1, 1))
    datas = [mujoco.MjData(model) for _ in range(threads)]
    with Rollout(nthread=threads if threads > 1 else 0) as pool:

        def loop(count: int) -> None:
            nonlocal states
            for _ in range(count):
                after, _ = pool.rollout(model, datas, states, controls)
                states = after[:, -1]

        yield loop
