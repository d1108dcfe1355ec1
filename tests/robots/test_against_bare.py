"""Robots of gymnasium move, touched by the ground and by themselves, as they do in MuJoCo without this project."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest

from hanzo_twin.engines.mujoco.model import build_model
from hanzo_twin.engines.port import EngineConfig
from hanzo_twin.scene.load import load_scene
from hanzo_twin.testing.robots import ROBOTS


@pytest.mark.parametrize(
    ("name", "touches", "after_50_ms", "after_1_s"),
    [("Ant", 3, 1e-8, 1e-5), ("Humanoid", 5, 1e-6, 0.1), ("half cheetah", 1, 1e-7, 1e-4)],
)
def test_random_commands_from_a_state_in_contact(name: str, touches: int, after_50_ms: float, after_1_s: float) -> None:
    """What is left is the rounding of masses to single precision in USD, which contacts amplify."""
    robot = next(each for each in ROBOTS if each.name == name and each.package == "gymnasium")
    path = robot.locate()
    if path is None:
        pytest.skip("gymnasium is not installed")
    bare = mujoco.MjModel.from_xml_path(str(path))
    step = bare.opt.timestep
    ours = build_model(load_scene(path), EngineConfig(step_hz=1.0 / step))
    theirs_data, ours_data = mujoco.MjData(bare), mujoco.MjData(ours)
    commands = np.random.default_rng(4)
    low, high = bare.actuator_ctrlrange.T
    settled = 0
    while theirs_data.ncon < touches or theirs_data.time < 1.0:
        theirs_data.ctrl[:] = commands.uniform(low, high)
        mujoco.mj_step(bare, theirs_data)
        settled += 1
        assert settled < 3000, "it never touched the ground"
    ours_data.qpos[:], ours_data.qvel[:] = theirs_data.qpos, theirs_data.qvel
    theirs_data.qacc_warmstart[:] = 0.0
    dofs = bare.jnt_dofadr[bare.actuator_trnid[:, 0]]
    apart, contacts = [], []
    for _ in range(round(1.0 / step)):
        theirs_data.ctrl[:] = commands.uniform(low, high)
        ours_data.qfrc_applied[dofs] = bare.actuator_gear[:, 0] * theirs_data.ctrl
        mujoco.mj_step(bare, theirs_data)
        mujoco.mj_step(ours, ours_data)
        apart.append(float(np.abs(ours_data.qpos - theirs_data.qpos).max()))
        contacts.append((theirs_data.ncon, ours_data.ncon))
    early = round(0.05 / step)
    assert apart[early - 1] < after_50_ms
    assert all(bare_count == count for bare_count, count in contacts[:early])
    assert apart[-1] < after_1_s
