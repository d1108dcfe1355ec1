"""Motion against closed form. All engines here integrate to first order in the step h, and tolerances say so."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ellipk
from tests.physics.measures import HZ, G, H, energy, falling_crossings, load, momenta, rounding

from hanzo_twin.engines.port import Engine, JointCommand
from hanzo_twin.scene.model import Scene
from hanzo_twin.testing import scenes


def test_free_fall(engine: Engine) -> None:
    simulation = load(engine, scenes.falling_sphere(height=100.0))
    simulation.step(1000)
    ball = simulation.get_observation("/World/ball")
    # Velocity is exact for a constant acceleration; position is off by at most h·g·t/2.
    assert ball["linear_velocity"][2] == pytest.approx(-G, rel=rounding(engine))
    assert ball["position"][2] == pytest.approx(100.0 - G / 2, abs=0.51 * H * G)


@pytest.mark.parametrize("amplitude", [0.05, 1.0, 2.5])
def test_pendulum_period(engine: Engine, amplitude: float) -> None:
    simulation = load(engine, scenes.pendulum(initial_position=amplitude))
    omega = np.sqrt(G / (1.0 + 1e-6))
    exact = 4 * ellipk(np.sin(amplitude / 2) ** 2) / omega
    measured = falling_crossings(simulation, "/World/pendulum", 2.2 * exact)
    # A symplectic step shifts the period by (ωh)²/24 of itself; the crossings are interpolated to second order.
    assert np.diff(measured) == pytest.approx(exact, rel=2 * (omega * H) ** 2 + rounding(engine))


def test_drive_is_a_spring_and_damper(engine: Engine) -> None:
    mass, stiffness, damping = 2.0, 200.0, 8.0
    simulation = load(engine, scenes.cart(mass=mass, stiffness=stiffness, damping=damping))
    simulation.set_joint_command("/World/cart", JointCommand(positions=np.array([1.0])))
    decay = damping / (2 * mass)
    omega = np.sqrt(stiffness / mass - decay**2)
    worst = 0.0
    for _ in range(1000):
        simulation.step()
        t = simulation.time
        exact = 1 - np.exp(-decay * t) * (np.cos(omega * t) + decay / omega * np.sin(omega * t))
        worst = max(worst, abs(float(simulation.get_observation("/World/cart")["positions"][0]) - exact))
    # A step late at the greatest speed, which is below ω times the amplitude of 1 m.
    assert worst < H * omega


def test_limited_drive_pushes_with_its_limit(engine: Engine) -> None:
    simulation = load(engine, scenes.cart(mass=2.0, stiffness=1e5, max_effort=3.0))
    simulation.set_joint_command("/World/cart", JointCommand(positions=np.array([100.0])))
    simulation.step(1000)
    speed = simulation.get_observation("/World/cart")["velocities"][0]
    assert speed == pytest.approx(3.0 / 2.0 * 1.0, rel=1e-6 + rounding(engine))


def test_joint_damping_and_friction(engine: Engine) -> None:
    damping = 0.5
    simulation = load(engine, scenes.pendulum(damping=damping))
    simulation.set_parameter("/World/physics.gravity.z", 0.0)
    simulation.set_joint_state("/World/pendulum", np.array([0.0]), np.array([2.0]))
    simulation.step(1000)
    # dv/dt = −d v/I; a step is off by (d h/I)²/2 of v, so a second by d²h/2.
    speed = simulation.get_observation("/World/pendulum")["velocities"][0]
    assert speed == pytest.approx(2.0 * np.exp(-damping), rel=damping**2 * H)
    simulation = load(engine, scenes.pendulum(friction=1.0))
    simulation.set_parameter("/World/physics.gravity.z", 0.0)
    simulation.set_joint_state("/World/pendulum", np.array([0.0]), np.array([2.0]))
    simulation.step(1000)
    # dv/dt = −f/I with f = 1; engines that soften friction (MuJoCo's impedance) lose up to a tenth of it.
    assert simulation.get_observation("/World/pendulum")["velocities"][0] == pytest.approx(1.0, abs=0.1)


def test_friction_cone(engine: Engine) -> None:
    if not engine.capabilities().contacts:
        pytest.skip("no contacts")
    friction = 0.5
    below, above = np.arctan(friction) - 0.1, np.arctan(friction) + 0.15
    held = load(engine, scenes.incline(angle=below, friction=friction))
    held.step(200)
    settled = held.get_observation("/World/block")["position"]
    held.step(1000)
    # Soft contacts creep under load; a millimetre a second is not sliding.
    assert np.linalg.norm(held.get_observation("/World/block")["position"] - settled) < 1e-3
    sliding = load(engine, scenes.incline(angle=above, friction=friction))
    sliding.step(200)
    early = np.linalg.norm(sliding.get_observation("/World/block")["linear_velocity"])
    sliding.step(500)
    late = np.linalg.norm(sliding.get_observation("/World/block")["linear_velocity"])
    exact = G * (np.sin(above) - friction * np.cos(above))
    assert (late - early) / 0.5 == pytest.approx(exact, rel=0.02)


def test_sliding_friction_is_the_same_in_all_directions(engine: Engine) -> None:
    if not engine.capabilities().contacts:
        pytest.skip("no contacts")
    losses = []
    for direction in (0.0, np.pi / 8, np.pi / 4):
        simulation = load(engine, scenes.incline(angle=0.0, friction=0.5))
        simulation.step(100)
        block = simulation.get_observation("/World/block")
        velocity = 2.0 * np.array([np.cos(direction), np.sin(direction), 0.0])
        simulation.set_body_state(block.path, block["position"], block["orientation"], velocity, np.zeros(3))
        simulation.step(200)
        losses.append(2.0 - np.linalg.norm(simulation.get_observation("/World/block")["linear_velocity"][:2]))
    assert losses == pytest.approx([0.5 * G * 0.2] * 3, rel=0.02)


def test_a_box_comes_to_rest_on_the_ground(engine: Engine) -> None:
    if not engine.capabilities().contacts:
        pytest.skip("no contacts")
    simulation = load(engine, scenes.falling_box(height=0.3))
    simulation.step(2000)
    box = simulation.get_observation("/World/box")
    # Soft contacts sink in by a fraction of a millimetre, hard ones keep a margin of about one.
    assert box["position"][2] == pytest.approx(0.1, abs=1.5e-3)
    assert np.abs(box["linear_velocity"]).max() < 1e-3


@pytest.mark.parametrize("scene", [scenes.floating_chain(), scenes.floating_body()], ids=["chain", "brick"])
def test_momentum_is_conserved(engine: Engine, scene: Scene) -> None:
    drifts = []
    for hz in (HZ, 4 * HZ):
        simulation = load(engine, scene, hz)
        linear, angular = momenta(simulation)
        simulation.step(int(hz))
        later_linear, later_angular = momenta(simulation)
        scale = np.linalg.norm(angular) + np.linalg.norm(linear)
        drifts.append(max(np.linalg.norm(later_linear - linear), np.linalg.norm(later_angular - angular)) / scale)
    # First order in h: rates of a few rad/s turn by ωh in a step; a quarter of the step leaves a quarter of the drift.
    assert drifts[0] < 10 * H
    assert drifts[1] < 0.35 * drifts[0] + rounding(engine)


def test_energy_is_conserved(engine: Engine) -> None:
    drifts = []
    for hz in (HZ, 4 * HZ):
        simulation = load(engine, scenes.double_pendulum(), hz)
        start = energy(simulation)
        drift = 0.0
        for _ in range(200):
            simulation.step(int(hz / 100))
            drift = max(drift, abs(energy(simulation) - start))
        drifts.append(drift)
    # First order in h, against a turnover of some 10 J at some 5 rad/s.
    assert drifts[0] < 10 * 5 * H
    assert drifts[1] < 0.35 * drifts[0] + 10 * rounding(engine)
