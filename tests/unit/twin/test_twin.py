"""The twin: time, inputs, attributes, parameters, state, fork."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

from hanzo_twin.engines.port import EngineConfig
from hanzo_twin.errors import (
    AddressError,
    InvalidInputError,
    ParameterError,
    SimulationError,
    StateError,
    UnsupportedError,
)
from hanzo_twin.testing.scenes import arm6_with_boxes, pendulum
from hanzo_twin.twin.probe import Probe
from hanzo_twin.twin.state import TwinState
from hanzo_twin.twin.twin import Twin

CONFIG = EngineConfig(step_hz=500.0, substeps=1)


@pytest.fixture
def arm() -> Twin:
    twin = Twin.load(arm6_with_boxes(), engine="mujoco", config=CONFIG, epoch=50.0)
    for index, joint in enumerate(twin.inputs.joints):
        twin.set_input(f"{joint}.targetPosition", 0.1 * index, time=50.0)
    return twin


def test_time_is_the_devices(arm: Twin) -> None:
    arm.advance_to(50.101)
    assert arm.time == pytest.approx(50.1)
    arm.advance_to(50.05)
    assert arm.time == pytest.approx(50.1)


def test_inputs_take_effect_at_their_stamp(arm: Twin) -> None:
    joint = arm.inputs.joints[0]
    arm.set_input(f"{joint}.effort", 20.0, time=50.2)
    other = arm.fork()
    other.inputs.track(f"{joint}.effort").add(50.2, 0.0)
    for twin in (arm, other):
        twin.advance_to(50.2)
    assert arm.get_state().simulation == other.get_state().simulation
    for twin in (arm, other):
        twin.advance_to(50.21)
    assert arm.get_state().simulation != other.get_state().simulation


def test_a_restored_state_continues_to_the_bit(arm: Twin) -> None:
    joint = arm.inputs.joints[1]
    arm.set_input(f"{joint}.effort", 3.0, time=50.5)
    arm.set_parameter(f"{joint}.actuatorDelay", 0.02)
    arm.advance_to(50.25)
    saved = TwinState.from_bytes(arm.get_state().to_bytes())
    arm.advance_to(51.0)
    fresh = Twin.load(arm6_with_boxes(), engine="mujoco", config=CONFIG)
    fresh.set_state(saved)
    fresh.advance_to(51.0)
    assert fresh.get_state().to_bytes() == arm.get_state().to_bytes()


@pytest.mark.parametrize("cut", [0, 7, 40, -1])
def test_a_torn_or_altered_state_is_refused(arm: Twin, cut: int) -> None:
    data = arm.get_state().to_bytes()
    with pytest.raises(StateError):
        TwinState.from_bytes(data[:cut])
    altered = bytearray(data)
    altered[len(data) // 2] ^= 1
    with pytest.raises(StateError, match="checksum"):
        TwinState.from_bytes(bytes(altered))


def test_a_state_of_another_kind_is_named_and_with_closes_the_twin(arm: Twin) -> None:
    with arm as twin:
        state: Any = twin.simulation.get_state()
        with pytest.raises(StateError, match="must be a TwinState, got SimState") as refused:
            twin.set_state(state)
        assert "twin.simulation.set_state" in refused.value.hint
        with pytest.raises(UnsupportedError, match="A running Twin cannot be pickled or copied"):
            copy.copy(twin)
    with pytest.raises(SimulationError, match="was closed"):
        arm.advance_to(51.0)


def test_a_fork_and_its_parent_do_not_touch_each_other(arm: Twin) -> None:
    arm.advance_to(50.1)
    before = arm.get_state().to_bytes()
    fork = arm.fork()
    joint = fork.inputs.joints[0]
    fork.set_input(f"{joint}.targetPosition", 1.0)
    fork.set_parameter(f"{joint}.damping", 9.0)
    fork.advance_to(50.4)
    assert arm.get_state().to_bytes() == before
    assert [change.address for change in fork.changes] == [f"{joint}.damping"]
    assert arm.changes == []


def test_a_fork_can_be_replayed_from_where_it_parted(arm: Twin) -> None:
    arm.advance_to(50.1)
    parted = arm.get_state()
    joint = arm.inputs.joints[0]
    fork = arm.fork()
    fork.advance_to(50.15)
    fork.set_parameter(f"{joint}.damping", 9.0)
    fork.set_input(f"{joint}.targetPosition", 1.0)
    fork.advance_to(52.0)

    replay = arm.fork()
    replay.set_state(parted.with_changes_of(fork.get_state()))
    assert replay.time == pytest.approx(50.1)
    assert replay.get_parameter(f"{joint}.damping") == 9.0
    positions = [f"{each}.position" for each in arm.inputs.joints]
    assert replay.read(positions).tolist() == arm.read(positions).tolist()
    for twin in (arm, replay):
        twin.advance_to(51.0)
    assert abs(replay.read(positions)[0] - arm.read(positions)[0]) > 0.5


def test_parameter_changes_are_recorded(arm: Twin) -> None:
    joint = arm.inputs.joints[0]
    change = arm.set_parameter(f"{joint}.actuatorDelay", -0.016, cause="recalibration")
    assert (change.before, change.after, change.cause) == (0.0, -0.016, "recalibration")
    assert arm.get_parameter(f"{joint}.actuatorDelay") == -0.016
    with pytest.raises(ParameterError, match="between -1 s and 1 s"):
        arm.set_parameter(f"{joint}.actuatorDelay", 2.0)
    assert len(arm.changes) == 1


def test_reading_names_what_it_cannot_read(arm: Twin) -> None:
    with pytest.raises(AddressError, match="no prim '/World/nowhere'"):
        arm.read(["/World/nowhere.position"])
    with pytest.raises(AddressError, match="computed by the engine"):
        arm.set_attribute(f"{arm.inputs.joints[0]}.position", 1.0, time=0.0, origin="measured")
    with pytest.raises(AddressError, match="is not an input"):
        arm.set_input(f"{arm.inputs.joints[0]}.position", 1.0)
    with pytest.raises(ParameterError, match="must be finite"):
        arm.set_input(f"{arm.inputs.joints[0]}.effort", float("nan"))


def test_a_probe_traces_every_step() -> None:
    twin = Twin.load(pendulum(), engine="mujoco", config=CONFIG)
    joint = twin.inputs.joints[0]
    twin.assimilate({f"{joint}.position": 1.0})
    probe = Probe(twin.scene, [f"{joint}.velocity", f"{joint}.position"])
    trace = twin.advance_to(0.1, probe=probe)
    assert trace.values.shape == (51, 2)
    assert trace.values[0] == pytest.approx([0.0, 1.0])
    np.testing.assert_allclose(np.diff(trace.values[:, 1]) * 500, trace.values[1:, 0], atol=1e-6)


def test_assimilation_moves_by_the_gain() -> None:
    twin = Twin.load(pendulum(), engine="mujoco", config=CONFIG)
    joint = twin.inputs.joints[0]
    twin.assimilate({f"{joint}.position": 1.0}, gain=0.25)
    assert twin.read([f"{joint}.position"]) == pytest.approx([0.25])


def test_free_bodies_are_assimilated_and_held_ones_are_not(arm: Twin) -> None:
    free = next(path for path in arm.scene.bodies if path not in arm.scene.child_joint)
    held = next(path for path in arm.scene.bodies if path in arm.scene.child_joint)
    before = arm.read([f"{held}.xformOp:translate.x"])
    arm.assimilate({f"{free}.xformOp:translate.x": 1.25, f"{held}.xformOp:translate.x": 9.0})
    assert arm.read([f"{free}.xformOp:translate.x"]) == pytest.approx([1.25])
    assert arm.read([f"{held}.xformOp:translate.x"]) == before


def test_a_file_name_is_no_scene() -> None:
    with pytest.raises(InvalidInputError, match="A Scene is needed, got a str") as caught:
        Twin.load("library:arm", engine="mujoco", config=CONFIG)  # type: ignore[arg-type]
    assert caught.value.hint == "Load it first: load_scene('library:arm')."


@pytest.mark.parametrize("time", [float("nan"), float("inf")])
def test_times_that_are_never_reached(arm: Twin, time: float) -> None:
    with pytest.raises(InvalidInputError, match=f"A twin cannot advance to {time} s") as caught:
        arm.advance_to(time)
    assert caught.value.hint == "It is at 50 s now."


def test_text_is_no_number(arm: Twin) -> None:
    text: Any = "0.1"
    joint = arm.inputs.joints[0]
    with pytest.raises(ParameterError, match=f"Input '{joint}.effort' must be a number, got '0.1'"):
        arm.set_input(f"{joint}.effort", text)
    with pytest.raises(ParameterError, match=f"'{joint}.actuatorDelay' must lie between -1 s and 1 s, got '0.1'"):
        arm.set_parameter(f"{joint}.actuatorDelay", text)
    with pytest.raises(InvalidInputError, match=r"A twin cannot advance to '0\.1' s"):
        arm.advance_to(text)


def test_one_address_is_no_list(arm: Twin) -> None:
    address = f"{arm.inputs.joints[0]}.position"
    with pytest.raises(InvalidInputError, match="is not a list of addresses") as caught:
        arm.read(address)
    assert caught.value.hint == f"Write read(['{address}'])."
