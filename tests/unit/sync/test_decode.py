"""From payloads to readings."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from hanzo_twin.definition.target import Target
from hanzo_twin.definition.topics import bind
from hanzo_twin.errors import AddressError
from hanzo_twin.sync.decode import Decoder, Readings
from hanzo_twin.sync.port import Message
from hanzo_twin.sync.signals import SignalTable
from hanzo_twin.testing.scenes import arm6


def decode(mapping: dict[str, Any], topic: str, payload: bytes) -> tuple[SignalTable, Readings, list[str], Decoder]:
    scene = arm6()
    table = SignalTable(scene)
    targets = {
        key: Target.model_validate({"to": value} if isinstance(value, str) else value) for key, value in mapping.items()
    }
    decoder = Decoder(bind(("m/#",), targets), table)
    readings = Readings()
    rejections = decoder.decode([Message(channel=topic, payload=payload, received=7.0)], readings)
    return table, readings, [rejection.reason for rejection in rejections], decoder


JOINTS = [path for articulation in arm6().articulations.values() for path in articulation.joints]
POSITION = f"{JOINTS[0]}.position"


@pytest.mark.parametrize(
    ("payload", "value", "time"),
    [
        (b"1.5", 1.5, math.nan),
        (b'{"value": 2, "timestamp": 12.25}', 2.0, 12.25),
        (b'{"value": 2, "time": 3}', 2.0, 3.0),
        (b'{"value": 2, "timestamp": "1970-01-01T00:01:00Z"}', 2.0, 60.0),
    ],
)
def test_payload_forms(payload: bytes, value: float, time: float) -> None:
    _, readings, rejected, _ = decode({"j1": POSITION}, "m/j1", payload)
    assert not rejected
    assert readings.values == [value]
    assert readings.times == [pytest.approx(time, nan_ok=True)]
    assert readings.received == [7.0]


def test_fields_units_scale_and_time_stamp_field() -> None:
    mapping = {"state#q.1": {"to": POSITION, "unit": "deg", "scale": 2.0, "timestamp_field": "header.t"}}
    _, readings, rejected, _ = decode(mapping, "m/state", json.dumps({"q": [0, 45], "header": {"t": 9}}).encode())
    assert not rejected
    assert readings.values == [pytest.approx(math.pi / 2)]
    assert readings.times == [9.0]


def test_a_vector_of_joint_positions() -> None:
    root = next(iter(arm6().articulations))
    numbers = [0.1 * index for index in range(len(JOINTS))]
    table, readings, rejected, _ = decode(
        {"joints": f"{root}/joints"}, "m/joints", json.dumps({"position": numbers}).encode()
    )
    assert not rejected
    assert readings.values == numbers
    assert [table.signals[column].address for column in readings.columns] == [f"{joint}.position" for joint in JOINTS]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"\x80\x81", "not valid UTF-8"),
        (b"{", "unexpected"),
        (b'"warm"', "must be a number, got 'warm'"),
        (b"true", "must be a number, got True"),
        (b"NaN", "unexpected"),
        (b'{"value": null}', "must be a number, got None"),
        (b"[1, 2]", "needs 1 number, got an array of 2"),
        (b'{"value": 1, "timestamp": "yesterday"}', "neither seconds nor ISO 8601"),
        (b'{"value": 1, "timestamp": "2026-01-01T00:00:00"}', "has no time zone"),
        (b'{"value": 1e999}', ""),
        (b'{"value": 1e300}', "is 1e+300, which nothing can be"),
    ],
)
def test_garbage_is_rejected_with_a_reason_and_nothing_is_read(payload: bytes, reason: str) -> None:
    _, readings, rejected, decoder = decode({"j1": POSITION}, "m/j1", payload)
    assert len(readings) == 0
    assert len(rejected) == 1
    assert reason in rejected[0]
    assert decoder.rejected == 1


def test_one_bad_field_does_not_spoil_the_readings_before_it() -> None:
    mapping = {"s#a": POSITION, "s#b": f"{JOINTS[1]}.position"}
    _, readings, rejected, _ = decode(mapping, "m/s", b'{"a": 1, "b": "x"}')
    assert readings.values == [1.0]
    assert len(rejected) == 1


def test_topics_that_nothing_maps_are_counted() -> None:
    _, readings, rejected, decoder = decode({"j1": POSITION}, "m/other", b"1")
    assert len(readings) == 0
    assert not rejected
    assert decoder.unmapped == {"m/other": 1}


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ({"to": "/World/nothing.temperature"}, "the scene has no prim '/World/nothing'"),
        ({"to": f"{JOINTS[0]}.damping"}, "is a parameter"),
        ({"to": POSITION, "role": "input"}, "is a state"),
        ({"to": f"{JOINTS[0]}.targetPosition", "role": "measurement"}, "is a command"),
        ({"to": "/World/nothing/joints"}, "names no articulation's joints"),
    ],
)
def test_a_mapping_that_the_scene_cannot_serve_is_refused(target: dict[str, Any], message: str) -> None:
    with pytest.raises(AddressError, match=message):
        decode({"j1": target}, "m/j1", b"1")


def test_one_bad_field_does_not_spoil_the_readings_after_it() -> None:
    mapping = {"s#a": POSITION, "s#b": f"{JOINTS[1]}.position"}
    _, readings, rejected, _ = decode(mapping, "m/s", b'{"a": "x", "b": 2}')
    assert readings.values == [2.0]
    assert rejected == ["'s#a' must be a number, got 'x'"]


def test_a_bad_time_stamp_is_one_rejection_for_all_that_share_it() -> None:
    mapping = {"s#a": POSITION, "s#b": {"to": f"{JOINTS[1]}.position"}}
    mapping["s#c"] = {"to": f"{JOINTS[2]}.position", "timestamp_field": "t"}
    _, readings, rejected, _ = decode(mapping, "m/s", b'{"a": 1, "b": 2, "c": 3, "timestamp": 1e300, "t": 5}')
    assert (readings.values, readings.times) == ([3.0], [5.0])
    assert rejected == ["the time stamp 1e+300 s is beyond ±8e+09 s; were milliseconds sent?"]


@pytest.mark.parametrize("stamp", ["1790000000123", '"9999-12-31T00:00:00Z"', '"0001-01-01T00:00:00+23:59"', "-1e10"])
def test_a_time_stamp_that_no_clock_of_ours_shows_is_refused(stamp: str) -> None:
    _, readings, rejected, _ = decode({"j1": POSITION}, "m/j1", f'{{"value": 1, "timestamp": {stamp}}}'.encode())
    assert len(readings) == 0
    assert "is beyond" in rejected[0]


def test_names_of_unknown_topics_are_remembered_up_to_a_number_and_all_are_counted() -> None:
    decoder = Decoder(bind(("m/#",), {"j1": Target.model_validate({"to": POSITION})}), SignalTable(arm6()))
    messages = [Message(channel=f"m/{number}", payload=b"", received=0.0) for number in range(5000)]
    decoder.decode(messages, Readings())
    assert len(decoder.unmapped) == 1000
    assert decoder.unmapped_total == 5000
