"""A scene on the engine that somebody asked for, or on the first that takes it."""

from __future__ import annotations

from contextlib import suppress

from hanzo_twin import plugins
from hanzo_twin.engines.port import EngineConfig, Simulation, load_engine
from hanzo_twin.errors import UnsupportedError
from hanzo_twin.scene.model import Scene

FIRST = "kinematic"
"""Takes the least time, and what is seen at the start needs no forces."""


def load_on(scene: Scene, engine: str | None, config: EngineConfig) -> Simulation:
    """``scene`` on ``engine``; None takes `FIRST`, or any other engine that takes the scene where that does not.

    Raises:
        UnsupportedError: the engine refuses the scene, or all do (then with the reason of `FIRST`).
    """
    if engine is not None:
        return load_engine(engine).load_scene(scene, config)
    try:
        return load_engine(FIRST).load_scene(scene, config)
    except UnsupportedError:
        for name in plugins.names(plugins.ENGINES):
            with suppress(UnsupportedError):
                return load_engine(name).load_scene(scene, config)
        raise
