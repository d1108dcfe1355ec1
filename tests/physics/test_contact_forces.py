"""The forces that contacts tell, against what they must hold up and stop."""

from __future__ import annotations

import numpy as np
import pytest
from tests.physics import worlds
from tests.physics.measures import HZ, G, H, load, rounding, velocity

from hanzo_twin.engines.port import Engine, Simulation
from hanzo_twin.sensors.port import FeelsContacts
from hanzo_twin.spatial import FloatArray

BLOCK = "/World/block"


def force_on(simulation: Simulation, body: str) -> FloatArray:
    """Sum of the forces on the shapes of ``body`` [3], N."""
    assert isinstance(simulation, FeelsContacts)
    found = simulation.contacts()
    own = np.array([(one.startswith(body), other.startswith(body)) for one, other in found.shapes], dtype=np.float64)
    total: FloatArray = ((own[:, 0] - own[:, 1])[:, np.newaxis] * found.forces).sum(axis=0) if len(own) else np.zeros(3)
    return total


@pytest.fixture(autouse=True)
def contacts(engine: Engine) -> None:
    if not engine.capabilities().contacts:
        pytest.skip("no contacts")


@pytest.mark.parametrize("slope", [0.0, 0.3])
def test_what_rests_is_held_by_its_weight(engine: Engine, slope: float) -> None:
    simulation = load(engine, worlds.block(slope=slope, friction=0.5))
    simulation.step(round(HZ))
    # Nothing moves, so the forces of all points add up to the weight; what still settles is below a millionth of it.
    # In single precision what rests trembles on at some 1e-5 m/s, which in a step of 1 ms take 1e-3 of the weight.
    assert force_on(simulation, BLOCK) == pytest.approx([0.0, 0.0, G], abs=(1e-6 + 10 * rounding(engine)) * G)


def test_what_slides_is_braked_by_friction(engine: Engine) -> None:
    friction = 0.5
    simulation = load(engine, worlds.block(slope=0.0, friction=friction, speed=3.0))
    simulation.step(100)
    mean = np.zeros(3)
    for _ in range(200):
        simulation.step()
        mean += force_on(simulation, BLOCK) / 200
    # Coulomb: μ of what presses, against the motion.
    assert mean[:2] == pytest.approx([-friction * mean[2], 0.0], abs=1e-3 * G)
    # That is the weight but for what it hops: 0.2 m/s up or down in 0.2 s.
    assert mean[2] == pytest.approx(G, abs=0.2 / 0.2)


def test_forces_are_what_changes_the_momentum(engine: Engine) -> None:
    simulation = load(engine, worlds.ball(height=worlds.RADIUS + 0.05, velocity=(0.5, 0.0, 0.0)))
    impulse = np.zeros(3)
    for _ in range(round(0.3 * HZ)):
        simulation.step()
        impulse += H * (force_on(simulation, worlds.BALL) - np.array([0.0, 0.0, G]))
    change = velocity(simulation, worlds.BALL) - np.array([0.5, 0.0, 0.0])
    assert change[2] == pytest.approx(0.0, abs=1e-2)
    assert impulse[2] + G * 0.3 > 0.9 * G * 0.3
    # Newton's second law holds in each step, whatever the contact does. Sums of 300 steps, rounded.
    assert impulse == pytest.approx(change, abs=100 * rounding(engine))
