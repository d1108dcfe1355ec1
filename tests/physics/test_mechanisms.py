"""Joints that follow others and chains that are closed, against closed form."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ellipk
from tests.physics import worlds
from tests.physics.measures import HZ, G, H, falling_crossings, load, rounding

from hanzo_twin.engines.port import Engine


def test_weights_on_a_pulley(engine: Engine) -> None:
    mass, other_mass, t = 3.0, 2.0, 0.5
    simulation = load(engine, worlds.atwood(mass=mass, other_mass=other_mass))
    simulation.step(round(t * HZ))
    seen = simulation.get_observation(worlds.ATWOOD)
    acceleration = -G * (mass - other_mass) / (mass + other_mass)
    # Each follows to a thousandth of the way: a mimic may be a stiff spring. Positions are off by a step, a·t·H.
    off = abs(acceleration) * t * H + 1e-3 * abs(acceleration) * t**2
    assert seen["velocities"] == pytest.approx([acceleration * t, -acceleration * t], rel=1e-3)
    assert seen["positions"] == pytest.approx([acceleration * t**2 / 2, -acceleration * t**2 / 2], abs=off)
    assert abs(seen["positions"].sum()) < 2.5e-3 * abs(seen["positions"][0])


@pytest.mark.parametrize("angle", [0.3, 1.0])
def test_a_parallelogram_swings_as_one_pendulum(engine: Engine, angle: float) -> None:
    crank, crank_mass, bar_mass = 0.5, 0.6, 1.0
    scene = worlds.four_bar(crank=crank, crank_mass=crank_mass, bar_mass=bar_mass, angle=angle)
    simulation = load(engine, scene)
    inertia = 2 * crank_mass * crank**2 / 3 + bar_mass * crank**2
    weight = (2 * crank_mass * crank / 2 + bar_mass * crank) * G
    omega = np.sqrt(weight / inertia)
    exact = 4 * ellipk(np.sin(angle / 2) ** 2) / omega
    measured = falling_crossings(simulation, f"{worlds.FOUR_BAR}/chain", 2.2 * exact)
    # The loop may be closed by a stiff spring, a thousandth; the step shifts the period by (ωH)²/24.
    assert np.diff(measured) == pytest.approx(exact, rel=1e-3 + (omega * H) ** 2 + rounding(engine))
    left, elbow = simulation.get_observation(f"{worlds.FOUR_BAR}/chain")["positions"]
    right = simulation.get_observation(f"{worlds.FOUR_BAR}/support")["positions"][0]
    # It stays a parallelogram: both cranks at one angle, the bar level.
    assert left == pytest.approx(right, abs=2e-3)
    assert left == pytest.approx(-elbow, abs=2e-3)
