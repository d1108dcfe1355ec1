"""One scene on one engine from its start, recorded step by step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hanzo_twin.engines.port import Engine, EngineConfig, Simulation
from hanzo_twin.errors import SimulationError
from hanzo_twin.scene.model import Scene
from hanzo_twin.spatial import FloatArray

Controller = Callable[[Simulation], None]
"""Called before each step; may read and command the simulation. What it does must depend on that alone."""

Advanced = Callable[[int], None]
"""Told how many steps were taken since it was last called."""

Progress = Callable[[str, float], None]
"""Told what is going on and which fraction of it is done."""

_TELL_EVERY = 100


@dataclass(frozen=True, kw_only=True, eq=False)
class Run:
    """What moved, at the start and after each step.

    Args:
        times: [n] s since the start.
        joint_positions / joint_velocities / joint_efforts: [n, joints of all articulations], rad or m, N·m or N.
        body_poses: [n, bodies, 7] position and quaternion (w, x, y, z), world frame.
        failure: why the engine stopped before the end, "" where it did not.
    """

    times: FloatArray
    joint_positions: FloatArray
    joint_velocities: FloatArray
    joint_efforts: FloatArray
    body_poses: FloatArray
    failure: str = ""

    def __len__(self) -> int:
        return len(self.times)


def joint_paths(scene: Scene) -> tuple[str, ...]:
    """The columns of the joint arrays of a `Run`."""
    return tuple(path for articulation in scene.articulations.values() for path in articulation.joints)


def run(
    engine: Engine,
    scene: Scene,
    config: EngineConfig,
    steps: int,
    controller: Controller | None = None,
    *,
    prepare: Controller | None = None,
    advanced: Advanced | None = None,
) -> Run:
    """Load ``scene`` and take ``steps``.

    Args:
        prepare: called once, before the first step.

    Raises:
        UnsupportedError and others of `Engine.load_scene`; CommandError and others of the controller.
    """
    simulation = engine.load_scene(scene, config)
    try:
        return _record(simulation, steps, controller, prepare, advanced)
    finally:
        simulation.close()


def _record(
    simulation: Simulation,
    steps: int,
    controller: Controller | None,
    prepare: Controller | None,
    advanced: Advanced | None,
) -> Run:
    scene, seconds = simulation.scene, simulation.config.step_seconds
    joints = np.zeros((3, steps + 1, len(joint_paths(scene))))
    poses = np.zeros((steps + 1, len(scene.bodies), 7))
    if prepare is not None:
        prepare(simulation)
    _sample(simulation, joints[:, 0], poses[0])
    done, failure = 0, ""
    try:
        for number in range(1, steps + 1):
            if controller is not None:
                controller(simulation)
            simulation.step()
            _sample(simulation, joints[:, number], poses[number])
            if not (np.isfinite(joints[:2, number]).all() and np.isfinite(poses[number]).all()):
                raise SimulationError(f"The numbers are not finite at {simulation.time:g} s.")
            done = number
            if advanced is not None and number % _TELL_EVERY == 0:
                advanced(_TELL_EVERY)
    except SimulationError as diverged:
        failure = diverged.message
    if advanced is not None:
        advanced(steps - (done - done % _TELL_EVERY))
    return Run(
        times=np.arange(done + 1, dtype=np.float64) * np.float64(seconds),
        joint_positions=joints[0, : done + 1],
        joint_velocities=joints[1, : done + 1],
        joint_efforts=joints[2, : done + 1],
        body_poses=poses[: done + 1],
        failure=failure,
    )


def _sample(simulation: Simulation, joints: FloatArray, poses: FloatArray) -> None:
    """Read into ``joints`` [3, n_joints] and ``poses`` [n_bodies, 7]."""
    first = 0
    for path, articulation in simulation.scene.articulations.items():
        if articulation.joints:
            part = slice(first, first + len(articulation.joints))
            seen = simulation.get_observation(path)
            joints[0, part], joints[1, part], joints[2, part] = seen["positions"], seen["velocities"], seen["efforts"]
            first = part.stop
    for row, path in enumerate(simulation.scene.bodies):
        seen = simulation.get_observation(path)
        poses[row, :3], poses[row, 3:] = seen["position"], seen["orientation"]
