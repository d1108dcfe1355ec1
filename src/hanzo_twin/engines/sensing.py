"""Sensors as part of a simulation: what all engines do alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from weakref import proxy

from hanzo_twin.engines.port import EngineConfig, Observation
from hanzo_twin.errors import NotFoundError, UnsupportedError, nearest
from hanzo_twin.scene.model import Camera, Scene
from hanzo_twin.sensors.camera import RenderParams
from hanzo_twin.sensors.plan import Plan
from hanzo_twin.sensors.port import MotionSource
from hanzo_twin.sensors.suite import SensorSuite


def make_sensors(
    scene: Scene, source: MotionSource, config: EngineConfig, engine: str, plan: Plan | None = None
) -> SensorSuite:
    """The sensors of a simulation, ``source``; ``plan`` is that of another one of the same scene.

    They hold the simulation by a proxy: one that nobody holds any more is then freed at once, not when Python next
    looks for cycles, which it does by the number of its own objects and not by the size of the engine's.

    Raises:
        SceneError: the attributes of a sensor make none.
    """
    return SensorSuite(
        scene, proxy(source), engine=engine, step_seconds=config.step_seconds, substeps=config.substeps, plan=plan
    )


def observe_sensor(sensors: SensorSuite, path: str, others: Mapping[str, object]) -> Observation:
    """Read the sensor or camera at ``path``.

    Args:
        others: what else can be observed, by path, for the hint.

    Raises:
        NotFoundError: nothing can be observed there. UnsupportedError: the engine lacks that sensor.
    """
    if path not in sensors.plan.specs:
        raise NotFoundError(
            f"There is nothing to observe at '{path}'.", hint=nearest(path, [*others, *sensors.plan.specs])
        )
    reading = sensors.read(path)
    return Observation(path=path, time=reading.time, data=reading.data, about=reading.about)


def render(sensors: SensorSuite, camera: str | Camera, params: RenderParams) -> Observation:
    """A picture, as `Simulation.render` promises."""
    reading = sensors.render(camera, params)
    return Observation(path=reading.path, time=reading.time, data=reading.data, about=reading.about)


def joint_reading(scene: Scene, observe: Callable[[str], Observation], joint: str) -> tuple[float, float, float]:
    """Position, velocity and effort of a joint, of the observation of its articulation.

    Raises:
        UnsupportedError: it belongs to no articulation.
    """
    for articulation in scene.articulations.values():
        if joint in articulation.joints:
            column, seen = articulation.joints.index(joint), observe(articulation.path)
            return tuple(float(seen[name][column]) for name in ("positions", "velocities", "efforts"))  # type: ignore[return-value]
    raise UnsupportedError(
        f"Joint '{joint}' belongs to no articulation, so its state cannot be read.",
        hint="Apply PhysicsArticulationRootAPI above it.",
    )
