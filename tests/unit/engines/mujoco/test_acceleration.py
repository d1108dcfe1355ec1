"""Drives of mode acceleration: gains that follow the masses, in worlds alone and in batches."""

from __future__ import annotations

from dataclasses import replace

import mujoco
import numpy as np
import pytest

from hanzo_twin.engines.mujoco import MujocoEngine
from hanzo_twin.engines.mujoco.model import build_model
from hanzo_twin.engines.port import EngineConfig, JointCommand
from hanzo_twin.scene.model import Axis, Drive
from hanzo_twin.testing import feature_scenes

CONFIG = EngineConfig(step_hz=1000.0)
PATH = "/World/double_pendulum"
SHOULDER = f"{PATH}/shoulder"
TARGETS = np.array([0.4, 0.2])
INTEGRATOR = "/World/physics.mjc:option:integrator"
ENGINE = MujocoEngine()


def test_a_world_in_a_batch_is_a_world_alone() -> None:
    scene = feature_scenes.accelerated_pendulum()
    alone, batch = ENGINE.load_scene(scene, CONFIG), ENGINE.load_batch(scene, CONFIG, 3)
    alone.set_joint_command(PATH, JointCommand(positions=TARGETS))
    alone.step(50)
    batch.step(50, positions=np.tile(TARGETS, (3, 1)))
    assert batch.joint_positions.tolist() == [alone.get_state().joint_positions.tolist()] * 3


def test_worlds_of_a_batch_have_their_own_gains() -> None:
    batch = ENGINE.load_batch(feature_scenes.accelerated_pendulum(), CONFIG, 2)
    batch.set_parameters(f"{SHOULDER}.driveStiffness", np.array([100.0, 400.0]))
    batch.step(10, positions=np.tile(TARGETS, (2, 1)))
    slow, fast = batch.joint_velocities[:, 0]
    assert fast == pytest.approx(4.0 * slow, rel=0.05)


def test_changed_masses_and_gains_take_effect_and_are_taken_back() -> None:
    scene = feature_scenes.accelerated_pendulum()
    simulation, other = ENGINE.load_scene(scene, CONFIG), ENGINE.load_scene(scene, CONFIG)
    for each in (simulation, other):
        each.set_joint_command(PATH, JointCommand(positions=TARGETS))
    simulation.set_parameter(f"{PATH}/lower.mass", 50.0)
    simulation.set_parameter(f"{SHOULDER}.driveStiffness", 7.0)
    simulation.set_parameter(f"{SHOULDER}.driveStiffness", 100.0)
    simulation.step()
    # The speed that a drive gives in a step depends on its gain, not on what hangs on its joint.
    assert simulation.get_observation(PATH)["velocities"][0] == pytest.approx(0.04, rel=1e-9)
    simulation.set_state(other.get_state())
    simulation.step(20)
    other.step(20)
    assert simulation.get_state() == other.get_state()


def test_limits_of_efforts_hold() -> None:
    scene = feature_scenes.accelerated_pendulum()
    drive = Drive(stiffness=1e4, max_effort=0.5, mode="acceleration")
    limited = replace(scene, joints={**scene.joints, SHOULDER: replace(scene.joints[SHOULDER], drive=drive)})
    simulation = ENGINE.load_scene(limited, CONFIG)
    simulation.set_joint_command(PATH, JointCommand(positions=TARGETS))
    assert simulation.get_observation(PATH)["efforts"].tolist() == [0.5, 0.0]


def test_an_axis_of_a_d6_joint_reaches_its_target_whatever_its_mass() -> None:
    places = []
    for mass in (1.0, 20.0):
        drive = Drive(stiffness=100.0, damping=20.0, target_position=0.3, mode="acceleration")
        scene = feature_scenes.d6(Axis(name="y", rotation=True, drive=drive))
        (bob,) = scene.bodies.values()
        heavy = replace(bob, mass=mass, diagonal_inertia=(0.01 * mass,) * 3)
        simulation = ENGINE.load_scene(replace(scene, bodies={bob.path: heavy}, gravity=(0.0, 0.0, 0.0)), CONFIG)
        simulation.step(100)
        places.append(simulation.get_observation(bob.path)["position"])
    # Critically damped: q = 0.3 (1 − (1 + ωt) e^(−ωt)) with ωt = 1.
    assert np.arctan2(-places[0][0], -places[0][2]) == pytest.approx(0.3 * (1 - 2 / np.e), rel=0.01)
    assert places[0] == pytest.approx(places[1], abs=1e-12)


def test_an_integrator_that_cannot_run_them_is_replaced_and_that_is_told() -> None:
    asking = replace(feature_scenes.accelerated_pendulum(), gravity_path="/World/physics")
    for name, kept in (("rk4", False), ("euler", True)):
        scene = replace(asking, engine_attributes={INTEGRATOR: name})
        implicit = build_model(scene, CONFIG).opt.integrator == mujoco.mjtIntegrator.mjINT_IMPLICITFAST
        told = [one for one in ENGINE.diagnose(scene, CONFIG) if one.code == "integrator-replaced"]
        assert (implicit, len(told)) == ((False, 0) if kept else (True, 1))
    rk4 = replace(asking, engine_attributes={INTEGRATOR: "rk4"})
    (told_once,) = (one for one in ENGINE.diagnose(rk4, CONFIG) if one.code == "integrator-replaced")
    assert f"rk4, which cannot run acceleration drives such as that of '{SHOULDER}'" in told_once.message
    assert "drive:type = 'force'" in told_once.remedy


def test_damping_too_stiff_for_euler_is_measured_with_the_gains_of_the_start() -> None:
    scene = replace(feature_scenes.accelerated_pendulum(), gravity_path="/World/physics")
    for damping, implicit in ((0.9, False), (1.1, True)):
        stiff = Drive(damping=damping * CONFIG.step_hz, mode="acceleration")
        asking = replace(
            scene,
            joints={**scene.joints, SHOULDER: replace(scene.joints[SHOULDER], drive=stiff)},
            engine_attributes={INTEGRATOR: "euler"},
        )
        integrator = build_model(asking, CONFIG).opt.integrator
        assert (integrator == mujoco.mjtIntegrator.mjINT_IMPLICITFAST) == implicit
