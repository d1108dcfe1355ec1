"""Free bodies and gyroscopes against closed form. Engines integrate to first order in the step H."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ellipk
from tests.physics import worlds
from tests.physics.measures import HZ, G, H, body_spin, energy, load, momenta, position, rounding, velocity

from hanzo_twin.engines.port import Engine

SPINNER = "/World/spinner"


def test_projectile(engine: Engine) -> None:
    start, t = np.array([3.0, 1.0, 4.0]), 1.0
    simulation = load(engine, worlds.ball(height=10.0, slope=None, velocity=(3.0, 1.0, 4.0)))
    simulation.step(round(t * HZ))
    fall = np.array([0.0, 0.0, -G])
    assert velocity(simulation, worlds.BALL) == pytest.approx(start + fall * t, abs=10 * rounding(engine))
    # Velocity is exact; a step moves with the velocity of its end (or start), so heights are off by H·g·t/2 at most.
    exact = np.array([0.0, 0.0, 10.0]) + start * t + fall * t**2 / 2
    error = np.abs(position(simulation, worlds.BALL) - exact)
    assert error[:2].max() < 10 * rounding(engine)
    assert error[2] < 0.5 * H * G * t + 10 * rounding(engine)


def test_a_symmetric_body_precesses(engine: Engine) -> None:
    across, axial, spin = 2.0, 1.0, 6.0
    simulation = load(engine, worlds.spinning_body(inertia=(across, across, axial), spin=(0.5, 0.0, spin)))
    simulation.step(round(HZ))
    # Euler's equations: what is across the axis turns in the body by (I₃ − I₁)/I₁ · ω₃.
    turn = (axial - across) / across * spin * 1.0
    exact = np.array([0.5 * np.cos(turn), 0.5 * np.sin(turn), spin])
    # Euler's step lengthens (or shortens) what turns at a rate Ω by (ΩH)²/2 a step, Ω²H/2 in a second; its phase and
    # the axis follow to first order as well.
    assert body_spin(simulation, SPINNER) == pytest.approx(exact, abs=0.5 * turn**2 * H + 10 * rounding(engine))


def test_the_intermediate_axis_flips(engine: Engine) -> None:
    inertia, spin = (1.0, 2.0, 3.0), (1e-2, 5.0, 0.0)
    exact = first_flip(inertia, spin)
    errors, drifts = [], []
    for hz in (HZ, 4 * HZ):
        simulation = load(engine, worlds.spinning_body(inertia=inertia, spin=spin), hz)
        start, (_, momentum) = energy(simulation), momenta(simulation)
        step, before, flip = 1.0 / hz, spin[1], 0.0
        while not flip and simulation.time < 2 * exact:
            simulation.step()
            now = float(body_spin(simulation, SPINNER)[1])
            flip = simulation.time - step * now / (now - before) if now <= 0.0 < before else 0.0
            before = now
        errors.append(abs(flip - exact))
        drifts.append(abs(energy(simulation) - start) / start)
        assert np.abs(momenta(simulation)[1] - momentum).max() < 5 * step * np.linalg.norm(momentum)
    # Rates of a few rad/s in steps of H: 5 H of the energy and of the time, and first order.
    assert max(errors[0] / exact, drifts[0]) < 5 * H
    assert errors[1] < 0.35 * errors[0] + 100 * rounding(engine)
    assert drifts[1] < 0.35 * drifts[0] + 100 * rounding(engine)


def first_flip(inertia: tuple[float, float, float], spin: tuple[float, float, float]) -> float:
    """When ω₂ first passes zero: a quarter period of Jacobi's elliptic functions (Landau, Lifshitz, Mechanics, §37)."""
    first, second, third = inertia
    double_energy = first * spin[0] ** 2 + second * spin[1] ** 2 + third * spin[2] ** 2
    momentum = (first * spin[0]) ** 2 + (second * spin[1]) ** 2 + (third * spin[2]) ** 2
    if momentum < double_energy * second:
        first, third = third, first
    rate = np.sqrt((third - second) * (momentum - double_energy * first) / (first * second * third))
    modulus = (second - first) * (double_energy * third - momentum)
    modulus /= (third - second) * (momentum - double_energy * first)
    # It starts at the top of ω₂, a quarter period from zero.
    return float(ellipk(modulus) / rate)


def test_a_gyroscope_precesses(engine: Engine) -> None:
    mass, arm, axial, across, spin = 1.0, 0.2, 0.02, 0.015, 100.0
    # Level, the weight's torque m·g·l turns the angular momentum I·ω about the vertical.
    precession = mass * G * arm / (axial * spin)
    top = worlds.top(spin=spin, precession=precession, axial=axial, across=across, arm=arm, mass=mass)
    simulation = load(engine, top)
    simulation.step(round(2 * HZ))
    yaw, pitch, _ = simulation.get_observation(worlds.TOP)["positions"]
    # A late step of precession, and a nutation of the size that such a step excites.
    assert yaw == pytest.approx(2 * precession, abs=H * precession + rounding(engine) * spin)
    assert abs(pitch) < H * precession + rounding(engine) * spin


def test_a_gyroscope_that_is_let_go_nutates(engine: Engine) -> None:
    mass, arm, axial, across, spin, seconds, hz = 1.0, 0.2, 0.02, 0.015, 100.0, 0.5, 4 * HZ
    top = worlds.top(spin=spin, precession=0.0, axial=axial, across=across, arm=arm, mass=mass)
    simulation = load(engine, top, hz)
    pitches = []
    for _ in range(round(seconds * hz)):
        simulation.step()
        pitches.append(float(simulation.get_observation(worlds.TOP)["positions"][1]))
    # It dips by 2·m·g·l·I'/(I·ω)², I' about the pivot, and comes back: a fast top's cycloid.
    about_pivot = across + mass * arm**2
    dip = 2 * mass * G * arm * about_pivot / (axial * spin) ** 2
    # Euler's step lets what turns at a rate ν grow or shrink by (νh)²/2 a step at most: ν²·h·t/2 in all.
    nutation = axial * spin / about_pivot
    drift = nutation**2 * seconds / hz / 2
    assert max(pitches) == pytest.approx(dip, rel=drift)
    assert min(pitches) > -drift * dip
