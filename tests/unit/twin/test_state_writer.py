"""Writing many states at once."""

from __future__ import annotations

import numpy as np
import pytest

from hanzo_twin.engines.port import EngineConfig
from hanzo_twin.testing.scenes import arm6_with_boxes
from hanzo_twin.twin.probe import Probe
from hanzo_twin.twin.state_writer import StateWriter
from hanzo_twin.twin.twin import Twin


@pytest.fixture
def twin() -> Twin:
    return Twin.load(arm6_with_boxes(), engine="mujoco", config=EngineConfig(step_hz=500.0, substeps=1))


def test_what_is_written_is_what_a_probe_reads(twin: Twin) -> None:
    joints = twin.inputs.joints
    addresses = [
        f"{joints[3]}.velocity",
        "/World/box_1.xformOp:translate.y",
        f"{joints[0]}.position",
        "/World/box_0.linearVelocity.z",
        f"{joints[3]}.position",
    ]
    values = np.array([0.5, 0.25, -0.3, 1.5, 0.7])
    StateWriter(twin.scene, addresses).write(twin.simulation, values)
    np.testing.assert_allclose(Probe(twin.scene, addresses).read(twin.simulation), values, atol=1e-12)


def test_nan_leaves_a_state_and_a_gain_moves_it_part_of_the_way(twin: Twin) -> None:
    joints = twin.inputs.joints
    addresses = [f"{joint}.position" for joint in joints]
    probe = Probe(twin.scene, addresses)
    before = probe.read(twin.simulation)
    wanted = np.full(len(joints), np.nan)
    wanted[2] = before[2] + 1.0
    StateWriter(twin.scene, addresses).write(twin.simulation, wanted, gain=0.25)
    np.testing.assert_allclose(probe.read(twin.simulation) - before, [0, 0, 0.25, 0, 0, 0], atol=1e-12)


def test_what_follows_from_the_rest_is_left_alone(twin: Twin) -> None:
    held = next(path for path in twin.scene.bodies if path in twin.scene.child_joint)
    before = twin.get_state().to_bytes()
    addresses = [f"{held}.xformOp:translate.x", f"{twin.inputs.joints[0]}.effort"]
    StateWriter(twin.scene, addresses).write(twin.simulation, np.array([9.0, 9.0]))
    assert twin.get_state().to_bytes() == before


def test_an_orientation_stays_a_rotation(twin: Twin) -> None:
    addresses = [f"/World/box_2.xformOp:orient.{letter}" for letter in "wxyz"]
    StateWriter(twin.scene, addresses).write(twin.simulation, np.array([1.0, 1.0, 0.0, 0.0]))
    written = Probe(twin.scene, addresses).read(twin.simulation)
    np.testing.assert_allclose(np.abs(written), [np.sqrt(0.5), np.sqrt(0.5), 0, 0], atol=1e-9)
