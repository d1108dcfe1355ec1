"""The wrench that follows from motion is the one that MuJoCo's own sensor gives, in motion and in contact."""

from __future__ import annotations

from dataclasses import replace

import mujoco
import numpy as np
import pytest

from hanzo_twin.engines.mujoco.model import build_spec
from hanzo_twin.engines.port import EngineConfig, JointCommand, load_engine
from hanzo_twin.errors import UnsupportedError
from hanzo_twin.scene.model import Joint, Scene, Sensor
from hanzo_twin.spatial import Pose
from hanzo_twin.testing import scenes

CONFIG = EngineConfig(step_hz=16000.0)
WELD = f"{scenes.ARM}/payload_weld"


def with_sensor(scene: Scene, path: str, body: str, pose: Pose) -> Scene:
    sensor = Sensor(path=path, kind="force_torque", body=body, pose_body_sensor=pose)
    return replace(scene, sensors={path: sensor})


def test_it_is_what_the_engine_measures_itself() -> None:
    side = Pose.of((0.01, 0.02, -0.03), (0.8, 0.2, 0.4, -0.4))
    scene = with_sensor(scenes.arm6(payload=2.0), f"{scenes.PAYLOAD}/wrist", scenes.PAYLOAD, side)
    simulation = load_engine("mujoco").load_scene(scene, CONFIG)
    spec = build_spec(scene, CONFIG)
    spec.body(scenes.PAYLOAD).add_site(name="wrist", pos=side.position, quat=side.orientation)
    for kind in (mujoco.mjtSensor.mjSENS_FORCE, mujoco.mjtSensor.mjSENS_TORQUE):
        spec.add_sensor(type=kind, objtype=mujoco.mjtObj.mjOBJ_SITE, objname="wrist")
    model = spec.compile()
    data = mujoco.MjData(model)
    simulation.set_joint_command(scenes.ARM, JointCommand(positions=np.array([1.0, 0.5, -0.5, 0.6, 1.0, -1.0])))
    largest = 0.0
    for _ in range(6):
        simulation.step(200)
        data.qpos[:], data.qvel[:] = simulation.native[1].qpos, simulation.native[1].qvel
        data.ctrl[:] = simulation.native[1].ctrl
        mujoco.mj_forward(model, data)
        simulation.step()
        seen = simulation.get_observation(f"{scenes.PAYLOAD}/wrist")
        # MuJoCo's sensors give what the child does to the parent.
        native = data.sensordata.copy()
        scale = float(np.abs(native[:3]).max())
        assert seen["force"] == pytest.approx(native[:3], abs=0.02 * scale)
        assert seen["torque"] == pytest.approx(native[3:], abs=0.02 * scale * 0.1)
        largest = max(largest, scale)
    assert largest > 25.0


def test_contacts_of_what_hangs_on_the_joint_count() -> None:
    beam = scenes.falling_box(height=0.1)
    box = beam.bodies["/World/box"]
    slide = Joint(
        path="/World/slide",
        kind="prismatic",
        parent="",
        child=box.path,
        pose_parent_joint=box.pose_world_body,
        pose_child_joint=Pose.identity(),
    )
    scene = with_sensor(replace(beam, joints={slide.path: slide}), slide.path, "", Pose.identity())
    simulation = load_engine("mujoco").load_scene(scene, EngineConfig(step_hz=500.0))
    simulation.step(1000)

    # The ground bears the box: the slide, which is free along Z, gives nothing.
    seen = simulation.get_observation(slide.path)

    assert seen["force"] == pytest.approx([0, 0, 0], abs=0.02)


def test_a_joint_of_a_loop_is_refused() -> None:
    chain = scenes.double_pendulum()
    path = "/World/double_pendulum"
    lower = chain.bodies[f"{path}/lower"]
    closing = Joint(
        path=f"{path}/closing",
        kind="spherical",
        parent="",
        child=lower.path,
        pose_parent_joint=lower.pose_world_body @ Pose.of((0, 0, -1.0)),
        pose_child_joint=Pose.of((0, 0, -1.0)),
        closes_loop=True,
    )
    looped = replace(chain, joints={**chain.joints, closing.path: closing})
    scene = with_sensor(looped, f"{path}/elbow", "", Pose.identity())
    simulation = load_engine("mujoco").load_scene(scene, EngineConfig())
    simulation.step(3)

    with pytest.raises(UnsupportedError, match="part of the loop that '/World/double_pendulum/closing' closes"):
        simulation.get_observation(f"{path}/elbow")
