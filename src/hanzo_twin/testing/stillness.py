"""Whether a scene stands, or hangs, still on an engine: the first thing to know about a robot."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hanzo_twin.engines.port import Engine, EngineConfig
from hanzo_twin.scene.model import Scene

CONFIG = EngineConfig(step_hz=240.0, substeps=4)


@dataclass(frozen=True, kw_only=True)
class Stillness:
    """How far bodies went from where they started.

    Args:
        moved: the farthest that a body's origin went, m.
        speed: the fastest that one is at the end, m/s.
        worst: path of the body that went farthest, "" where there is none.
    """

    moved: float
    speed: float
    worst: str


def stillness(
    scene: Scene, engine: Engine, *, seconds: float = 2.0, settling: float = 0.0, config: EngineConfig = CONFIG
) -> Stillness:
    """Run ``scene`` for ``seconds`` with nothing but its own drives, after it had ``settling`` seconds to come to rest.

    Raises:
        UnsupportedError, SceneError: the engine refuses the scene. SimulationError: it diverges.
    """
    simulation = engine.load_scene(scene, config)
    try:
        if settling:
            simulation.step(round(settling * config.step_hz))
        start = simulation.get_state().body_poses
        simulation.step(round(seconds * config.step_hz))
        state = simulation.get_state()
    finally:
        simulation.close()
    if not scene.bodies:
        return Stillness(moved=0.0, speed=0.0, worst="")
    distances = np.linalg.norm(state.body_poses[:, :3] - start[:, :3], axis=1)
    return Stillness(
        moved=float(distances.max()),
        speed=float(np.linalg.norm(state.body_velocities[:, :3], axis=1).max()),
        worst=list(scene.bodies)[int(distances.argmax())],
    )
