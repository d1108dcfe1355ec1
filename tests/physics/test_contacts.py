"""Bodies that touch, against closed form. H is the step; contacts act a step late at most."""

from __future__ import annotations

import numpy as np
import pytest
from tests.physics import worlds
from tests.physics.measures import HZ, G, H, load, momenta, position, rounding, velocity

from hanzo_twin.engines.port import Engine

FRICTION = 0.5
ANGLE = float(np.arctan(FRICTION))
BLOCK = "/World/block"


@pytest.fixture(autouse=True)
def contacts(engine: Engine) -> None:
    if not engine.capabilities().contacts:
        pytest.skip("no contacts")


@pytest.mark.parametrize("below", [0.015, 0.03])
def test_a_block_sticks_below_the_friction_angle(engine: Engine, below: float) -> None:
    simulation = load(engine, worlds.block(slope=ANGLE - below, friction=FRICTION))
    simulation.step(200)
    settled = position(simulation, BLOCK)
    simulation.step(round(HZ))
    # Soft friction creeps, by a thousandth of what the block would slide without friction.
    assert np.linalg.norm(position(simulation, BLOCK) - settled) < 1e-3 * G * np.sin(ANGLE) / 2


@pytest.mark.parametrize("above", [0.015, 0.03, 0.3])
def test_a_block_slides_above_the_friction_angle(engine: Engine, above: float) -> None:
    slope = ANGLE + above
    simulation = load(engine, worlds.block(slope=slope, friction=FRICTION))
    simulation.step(200)
    early = np.linalg.norm(velocity(simulation, BLOCK))
    simulation.step(round(HZ))
    gained = np.linalg.norm(velocity(simulation, BLOCK)) - early
    # Soft contacts breathe: what presses varies by some thousandths of the weight, friction with it.
    assert gained == pytest.approx(G * (np.sin(slope) - FRICTION * np.cos(slope)), abs=4e-3 * FRICTION * G)


@pytest.mark.parametrize("restitution", [0.3, 0.5, 0.8])
def test_restitution(engine: Engine, restitution: float) -> None:
    drop = 1.0
    simulation = load(engine, worlds.ball(height=worlds.RADIUS + drop, restitution=restitution))
    speeds = []
    for _ in range(round(0.6 * HZ)):
        simulation.step()
        speeds.append(float(velocity(simulation, worlds.BALL)[2]))
    fell = np.sqrt(2 * G * drop)
    # The fall ends within a step of the contact: g·H. The bounce: bodies that meet within a step overlap by up to v·H.
    # Engines that push that apart at a rate of 0.2/H give up to 0.2·v more; those whose contacts are springs of a few
    # steps, about half of that. A tenth of v tells 0.3 from 0.5 from 0.8.
    assert min(speeds) == pytest.approx(-fell, abs=2 * G * H)
    assert max(speeds) == pytest.approx(restitution * fell, abs=0.09 * fell)


def test_without_restitution_nothing_bounces(engine: Engine) -> None:
    simulation = load(engine, worlds.ball(height=worlds.RADIUS + 0.5))
    simulation.step(round(0.35 * HZ))
    highest = 0.0
    for _ in range(round(0.5 * HZ)):
        simulation.step()
        highest = max(highest, float(position(simulation, worlds.BALL)[2]) - worlds.RADIUS)
    # A bounce of 5 % of the speed would come up to 0.25 % of the drop.
    assert highest < 0.0025 * 0.5


def test_a_sphere_slides_until_it_rolls(engine: Engine) -> None:
    speed, friction = 2.0, 0.3
    simulation = load(engine, worlds.ball(velocity=(speed, 0.0, 0.0), friction=friction))
    until_rolling = 2 * speed / (7 * friction * G)
    simulation.step(round(0.5 * until_rolling * HZ))
    # While it slides friction is μ·g; soft contacts and a late step are a hundredth of what is lost.
    half = speed - friction * G * simulation.time
    assert velocity(simulation, worlds.BALL)[0] == pytest.approx(half, abs=0.01 * speed)
    simulation.step(round(HZ))
    # About the point of contact nothing turns it: 7/5·m·v·r = m·v₀·r.
    seen = simulation.get_observation(worlds.BALL)
    assert seen["linear_velocity"][0] == pytest.approx(5 / 7 * speed, rel=2e-3)
    assert seen["angular_velocity"][1] * worlds.RADIUS == pytest.approx(5 / 7 * speed, rel=2e-3)


def test_a_sphere_rolls_down_an_incline(engine: Engine) -> None:
    slope = 0.3
    simulation = load(engine, worlds.ball(slope=slope, friction=0.5))
    simulation.step(round(0.3 * HZ))
    early = np.linalg.norm(velocity(simulation, worlds.BALL))
    simulation.step(round(0.7 * HZ))
    gained = np.linalg.norm(velocity(simulation, worlds.BALL)) - early
    # Soft friction slips by a few thousandths.
    assert gained == pytest.approx(0.7 * 5 / 7 * G * np.sin(slope), rel=5e-3)


@pytest.mark.parametrize("offset", [0.0, 0.08])
def test_momentum_is_conserved_in_collisions(engine: Engine, offset: float) -> None:
    speed = 2.0
    simulation = load(engine, worlds.two_balls(offset=offset, mass=1.0, other_mass=2.0, speed=speed))
    linear, angular = momenta(simulation)
    simulation.step(round(0.5 * HZ))
    later_linear, later_angular = momenta(simulation)
    assert np.linalg.norm(velocity(simulation, worlds.OTHER_BALL)) > 0.2 * speed
    assert later_linear == pytest.approx(linear, abs=10 * rounding(engine) * speed)
    # Where they push each other apart they overlap by the way of a step, v·H: an arm for the impulse m·v.
    assert later_angular == pytest.approx(angular, abs=speed * H * speed)
