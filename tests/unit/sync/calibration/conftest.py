"""Recordings of a simulated machine whose parameters are known."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest

from hanzo_twin.engines.port import EngineConfig, JointCommand, load_engine
from hanzo_twin.scene.model import Scene
from hanzo_twin.spatial import FloatArray
from hanzo_twin.testing.scenes import pendulum
from hanzo_twin.twin.recording import Recording, Track

ENGINE = "mujoco"
HINGE = "/World/pendulum/hinge"
BOB = "/World/pendulum/bob"
CONFIG = EngineConfig(step_hz=250, substeps=1)

Effort = Callable[[float], float]


def swing(time: float) -> float:
    """An effort with several frequencies, N·m."""
    return float(6.0 * np.sin(2.1 * time) + 4.0 * np.sin(5.3 * time + 1.0) + 2.0 * np.sin(11.0 * time))


def record(
    scene: Scene,
    truth: Mapping[str, float],
    *,
    effort: Effort = swing,
    seconds: float = 8.0,
    noise: float = 0.001,
    seed: int = 100,
    delay: float = 0.0,
    velocity: bool = True,
    name: str = "log.csv",
) -> Recording:
    """Drive the pendulum with ``truth`` by ``effort`` and measure it at every other step, with sensor noise."""
    simulation = load_engine(ENGINE).load_scene(scene, CONFIG)
    for address, value in truth.items():
        simulation.set_parameter(address, value)
    rows = []
    for step in range(int(seconds * CONFIG.step_hz)):
        time = step * CONFIG.step_seconds
        seen = simulation.get_observation("/World/pendulum")
        rows.append((time, seen["positions"][0], seen["velocities"][0], effort(time)))
        acting = effort(time - delay)
        simulation.set_joint_command("/World/pendulum", JointCommand(efforts=np.array([acting])))
        simulation.step()
    simulation.close()
    times, positions, velocities, efforts = np.array(rows).T
    rng = np.random.default_rng(seed)
    positions = positions + noise * rng.normal(size=len(times))
    velocities = velocities + 10 * noise * rng.normal(size=len(times))
    measurements = {f"{HINGE}.position": Track(times=times[::2], values=positions[::2])}
    if velocity:
        measurements[f"{HINGE}.velocity"] = Track(times=times[::2], values=velocities[::2])
    inputs = {f"{HINGE}.effort": Track(times=times, values=efforts, interpolation="hold")}
    return Recording(name=name, measurements=measurements, inputs=inputs)


def altered(
    recording: Recording,
    *,
    position: Callable[[FloatArray], FloatArray] | None = None,
    velocity: Callable[[FloatArray], FloatArray] | None = None,
    effort: Callable[[FloatArray], FloatArray] | None = None,
) -> Recording:
    """``recording`` with the values of some tracks replaced."""
    changes = {"position": position, "velocity": velocity, "effort": effort}

    def change(address: str, track: Track) -> Track:
        function = changes[address.rpartition(".")[2]]
        values = track.values if function is None else function(track.values)
        return Track(times=track.times, values=values, interpolation=track.interpolation)

    return Recording(
        name=recording.name,
        measurements={address: change(address, track) for address, track in recording.measurements.items()},
        inputs={address: change(address, track) for address, track in recording.inputs.items()},
    )


@pytest.fixture(scope="session")
def scene() -> Scene:
    """The pendulum as its maker says: 1 kg at 1 m, no friction."""
    return pendulum(length=1.0, mass=1.0, initial_position=0.3)


TRUTH = {f"{BOB}.mass": 1.4, f"{HINGE}.friction": 0.4, f"{HINGE}.damping": 0.15}


@pytest.fixture(scope="session")
def log(scene: Scene) -> Recording:
    """The pendulum as it is."""
    return record(scene, TRUTH)
