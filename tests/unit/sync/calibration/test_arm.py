"""An arm with six joints, driven by targets: the payload and two frictions that its twin does not know."""

from __future__ import annotations

import numpy as np
import pytest

from hanzo_twin.engines.port import EngineConfig, JointCommand, load_engine
from hanzo_twin.scene.model import Scene
from hanzo_twin.sync.calibration import CalibrationPlan, calibrate, prediction_error
from hanzo_twin.testing.scenes import ARM, PAYLOAD, arm6
from hanzo_twin.twin.recording import Recording, Track

TRUTH = {f"{PAYLOAD}.mass": 1.3, f"{ARM}/joint_2.friction": 2.0, f"{ARM}/joint_4.friction": 0.4}
CONFIG = EngineConfig(step_hz=240, substeps=1)


def record(scene: Scene, *, rate_hz: float = 60.0, seconds: float = 6.0) -> Recording:
    simulation = load_engine("mujoco").load_scene(scene, CONFIG)
    for address, value in TRUTH.items():
        simulation.set_parameter(address, value)
    joints = scene.articulations[ARM].joints
    start = np.array([scene.joints[joint].initial_position for joint in joints])
    phase = np.arange(6.0)
    rng = np.random.default_rng(3)
    times, positions, targets = [], [], []
    for step in range(int(seconds * CONFIG.step_hz)):
        time = step * CONFIG.step_seconds
        if step % round(CONFIG.step_hz / rate_hz) == 0:
            target = start + 0.5 * (np.sin((1.5 + 0.6 * phase) * time + phase) - np.sin(phase))
            times.append(time)
            targets.append(target)
            positions.append(simulation.get_observation(ARM)["positions"] + 5e-4 * rng.normal(size=6))
            simulation.set_joint_command(ARM, JointCommand(positions=target))
        simulation.step()
    simulation.close()
    measured, commanded = np.array(positions).T, np.array(targets).T
    stamps = np.array(times)
    return Recording(
        name="arm",
        measurements={f"{joint}.position": Track(times=stamps, values=measured[i]) for i, joint in enumerate(joints)},
        inputs={
            f"{joint}.targetPosition": Track(times=stamps, values=commanded[i], interpolation="hold")
            for i, joint in enumerate(joints)
        },
    )


@pytest.fixture(scope="module")
def arm() -> Scene:
    return arm6(payload=0.5)


@pytest.fixture(scope="module")
def log(arm: Scene) -> Recording:
    return record(arm)


def test_payload_and_frictions_of_an_arm_are_found(arm: Scene, log: Recording) -> None:
    found = calibrate(arm, "mujoco", CONFIG, [log], CalibrationPlan(parameters=tuple(TRUTH), max_windows=60))
    assert found.accepted, found.reason
    for address, true in TRUTH.items():
        item = found.parameters[address]
        assert item.low is not None
        assert item.high is not None
        assert item.low <= true <= item.high, f"{address}: {true} not in {item.low} … {item.high}"
        assert item.high - item.low < 0.6 * true


def test_prediction_error_falls_with_the_true_parameters(arm: Scene, log: Recording) -> None:
    before = prediction_error(arm, "mujoco", CONFIG, log, 0.3, max_starts=60)
    after = prediction_error(arm, "mujoco", CONFIG, log, 0.3, TRUTH, max_starts=60)
    assert set(before) == {f"{joint}.position" for joint in arm.articulations[ARM].joints}
    assert after[f"{ARM}/joint_4.position"] < 0.3 * before[f"{ARM}/joint_4.position"]
    assert max(after.values()) < 0.004
