"""The law of the kinematic engine against its closed form."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from hanzo_twin.engines.kinematic import KinematicEngine
from hanzo_twin.engines.port import EngineConfig, JointCommand
from hanzo_twin.errors import StateError, UnsupportedError
from hanzo_twin.scene.model import Drive, Mimic, Scene
from hanzo_twin.testing import scenes

CONFIG = EngineConfig(step_hz=1000.0)
CART = "/World/cart"
SLIDE = "/World/cart/slide"


def load(scene: Scene, config: EngineConfig = CONFIG) -> Any:
    return KinematicEngine().load_scene(scene, config)


def position(simulation: Any, articulation: str = CART) -> float:
    return float(simulation.get_observation(articulation)["positions"][0])


def with_joint(scene: Scene, path: str, **changes: Any) -> Scene:
    return replace(scene, joints={**scene.joints, path: replace(scene.joints[path], **changes)})


def test_a_drive_settles_as_a_damped_oscillator() -> None:
    stiffness, damping, armature = 100.0, 6.0, 0.5
    scene = with_joint(scenes.cart(stiffness=stiffness, damping=damping), SLIDE, armature=armature)
    simulation = load(scene)
    simulation.set_joint_command(CART, JointCommand(positions=np.array([1.0])))
    inertia = 1.0 + armature
    decay = damping / (2 * inertia)
    omega = np.sqrt(stiffness / inertia - decay**2)
    worst = 0.0
    for _ in range(1000):
        simulation.step()
        t = simulation.time
        exact = 1 - np.exp(-decay * t) * (np.cos(omega * t) + decay / omega * np.sin(omega * t))
        worst = max(worst, abs(position(simulation) - exact))
    # First order: the velocity is off by about h·a/2 with a = k/I, for a decay time of 1/decay.
    assert worst < 0.5 * 1e-3 * stiffness / inertia / decay
    assert worst < 0.02


def test_any_gain_is_stable() -> None:
    simulation = load(scenes.cart(stiffness=1e9, damping=1e6), EngineConfig(step_hz=60.0))
    simulation.set_joint_command(CART, JointCommand(positions=np.array([1.0])))
    simulation.step(600)
    assert position(simulation) == pytest.approx(1.0, abs=1e-3)


def test_a_limited_drive_accelerates_by_its_limit() -> None:
    simulation = load(scenes.cart(stiffness=1e6, max_effort=2.0))
    simulation.set_joint_command(CART, JointCommand(positions=np.array([100.0])))
    simulation.step(1000)
    assert position(simulation) == pytest.approx(0.5 * 2.0 * 1.0**2, rel=2e-3)


def test_friction_holds_and_brakes() -> None:
    scene = with_joint(scenes.cart(), SLIDE, friction=2.0)
    simulation = load(scene)
    simulation.set_joint_command(CART, JointCommand(efforts=np.array([1.9])))
    simulation.step(100)
    assert position(simulation) == 0.0
    simulation.set_joint_command(CART, JointCommand(efforts=np.array([0.0])))
    simulation.set_joint_state(CART, np.array([0.0]), np.array([1.0]))
    simulation.step(1000)
    # v²/2a with a = friction/inertia.
    assert position(simulation) == pytest.approx(0.25, rel=5e-3)
    assert simulation.get_observation(CART)["velocities"].tolist() == [0.0]


def test_limits_stop() -> None:
    simulation = load(with_joint(scenes.cart(), SLIDE, upper=0.1))
    simulation.set_joint_command(CART, JointCommand(efforts=np.array([5.0])))
    simulation.step(1000)
    seen = simulation.get_observation(CART)
    assert (seen["positions"][0], seen["velocities"][0]) == (0.1, 0.0)


def test_an_acceleration_drive_does_not_feel_the_armature() -> None:
    runs = []
    for armature in (0.0, 5.0):
        drive = Drive(stiffness=50.0, damping=5.0, mode="acceleration")
        simulation = load(with_joint(scenes.cart(), SLIDE, armature=armature, drive=drive))
        simulation.set_joint_command(CART, JointCommand(positions=np.array([1.0])))
        simulation.step(100)
        runs.append(position(simulation))
    assert runs[0] == pytest.approx(runs[1], rel=1e-12)


def test_a_mimic_joint_is_where_its_leader_says() -> None:
    path = "/World/double_pendulum"
    mimic = Mimic(joint=f"{path}/shoulder", multiplier=-2.0, offset=0.3)
    simulation = load(with_joint(scenes.double_pendulum(), f"{path}/elbow", mimic=mimic))
    simulation.set_joint_command(path, JointCommand(efforts=np.array([3.0, 0.0])))
    simulation.step(100)
    shoulder, elbow = simulation.get_observation(path)["positions"]
    assert shoulder > 1.0
    assert elbow == -2.0 * shoulder + 0.3


def test_a_free_body_keeps_its_velocity() -> None:
    simulation = load(scenes.floating_body(spin=(0.0, 0.0, np.pi / 2)))
    simulation.step(1000)
    seen = simulation.get_observation("/World/brick")
    assert seen["position"] == pytest.approx([0.5, 0.0, 0.0], abs=1e-9)
    assert seen["orientation"] == pytest.approx([np.cos(np.pi / 4), 0, 0, np.sin(np.pi / 4)], abs=1e-9)


def test_what_it_cannot_do_is_refused() -> None:
    arm = scenes.arm6()
    joint = f"{scenes.ARM}/joint_2"
    with pytest.raises(UnsupportedError, match=f"'kinematic' has no spherical joints; '{joint}' is one"):
        load(with_joint(arm, joint, kind="spherical"))
    with pytest.raises(UnsupportedError, match=f"cannot close loops of joints; '{joint}' does"):
        load(with_joint(arm, joint, closes_loop=True))
    with pytest.raises(UnsupportedError, match=f"'{scenes.ARM}/joint_1' is in none"):
        load(replace(arm, articulations={}))
    simulation = load(arm)
    pushed = replace(simulation.get_state(), engine="other", applied_wrenches=np.ones((7, 6)))
    with pytest.raises(StateError, match="applied wrenches"):
        simulation.set_state(pushed)


def test_who_follows_a_follower_is_up_to_date() -> None:
    """The joint at the hand follows the next one, which follows the one after that."""
    scene = scenes.floating_chain(links=4)
    first, second, third = scene.articulations["/World/chain"].joints
    scene = with_joint(scene, first, mimic=Mimic(joint=second, multiplier=2.0))
    scene = with_joint(scene, second, mimic=Mimic(joint=third, multiplier=-1.0, offset=0.1))
    simulation = load(scene)
    simulation.set_joint_state("/World/chain", np.array([0.0, 0.0, 0.4]), np.array([0.0, 0.0, 1.0]))
    simulation.step()
    positions = simulation.get_observation("/World/chain")["positions"]
    assert positions == pytest.approx([2 * (0.1 - positions[2]), 0.1 - positions[2], 0.401], abs=1e-12)
