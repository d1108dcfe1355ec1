"""Messages that are not readings, among readings: refused with a reason, counted, and without effect on the others."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from tests.live.conftest import MakeBroker
from tests.live.runtimes import HINGE
from tests.live.sync_rig import MAPPING, POSITION, TOPIC, Rig, rig

from hanzo_twin.stores.history.batch import Kind

pytestmark = pytest.mark.live

GARBAGE: dict[str, tuple[bytes, str]] = {
    "cut short": (b'{"position": 1.', "no JSON: "),
    "empty": (b"", "no JSON: "),
    "no UTF-8": (b'{"position": "\xff\xfe"}', "no JSON: "),
    "nested too deeply": (b"[" * 100_000 + b"]" * 100_000, "no JSON: "),
    "NaN": (b'{"position": NaN}', "no JSON: "),
    "infinite": (b'{"position": 1e999}', "no JSON: "),
    "a truth value": (b'{"position": true}', f"'{TOPIC}#position' must be a number, got True"),
    "a text": (b'{"position": "1.0"}', f"'{TOPIC}#position' must be a number, got '1.0'"),
    "nothing": (b'{"position": null}', f"'{TOPIC}#position' must be a number, got None"),
    "an object": (b'{"position": {"x": 1}}', f"'{TOPIC}#position' must be a number, got {{'x': 1}}"),
    "an array": (b'{"position": [1, 2]}', f"'{TOPIC}#position' needs 1 number, got an array of 2"),
    "without the field": (b'{"angle": 1}', "the payload has no field 'position'"),
    "a bare number": (b"1.5", "the payload has no field 'position'"),
    "huge time": (b'{"position": 1, "timestamp": 1e300}', "the time stamp 1e+300 s is beyond ±8e+09 s"),
    "year 9999": (b'{"position": 1, "timestamp": "9999-12-31T00:00:00Z"}', "were milliseconds sent?"),
    "milliseconds": (b'{"position": 1, "timestamp": 1790000000123}', "were milliseconds sent?"),
    "time as text": (b'{"position": 1, "timestamp": "noon"}', "the time stamp 'noon' is neither seconds nor ISO 8601"),
    "time without a zone": (b'{"position": 1, "timestamp": "2026-01-01T00:00:00"}', "has no time zone"),
}


def good(number: int) -> dict[str, Any]:
    """A reading whose value tells which one it is."""
    stamp = round(time.time(), 6)
    return {"position": number * 1e-3, "velocity": 0.0, "effort": 0.0, "timestamp": stamp}


async def publish_paced(twin: Rig, payloads: list[bytes]) -> list[float]:
    """Each of ``payloads`` between two readings; returns the stamps of the readings."""
    stamps = []
    for number, payload in enumerate(payloads):
        before, after = good(2 * number), good(2 * number + 1)
        await twin.publish([before, payload, after])
        stamps += [before["timestamp"], after["timestamp"]]
    return stamps


async def test_garbage_is_refused_with_a_reason_and_the_rest_is_used(
    tmp_path: Path, make_mosquitto: MakeBroker
) -> None:
    broker = make_mosquitto()
    only_position = {f"{TOPIC}#position": POSITION}  # at most 20 rejections a second are written
    async with rig(tmp_path, broker, sources=[source(broker.url, only_position)]) as twin:
        await twin.until_sync("connected", lambda s: s["links"][0]["state"] == "connected")
        stamps = await publish_paced(twin, [payload for payload, _ in GARBAGE.values()])
        await twin.until_stored(stamps)
        status = await twin.synchronized()
        assert status["readings"]["rejected"] == len(GARBAGE)
        assert status["clock_jumps"] == 0
        assert status["lag_s"] < 1.0
        assert "source-crashed" not in await twin.kinds()
        details = twin.history.read(kinds=[Kind.LIFECYCLE], addresses=["reading-rejected"]).column("detail")
        reasons = [json.loads(text) for text in details.to_pylist()]
    for name, (payload, reason) in GARBAGE.items():
        told = payload[:200].decode("utf-8", "replace")
        mine = [each["reason"] for each in reasons if each["payload"] == told]
        assert any(reason in each for each in mine), (name, mine)
    assert len(twin.stored_stamps()) == len(stamps)


async def test_a_payload_of_ten_megabytes_is_refused(tmp_path: Path, make_mosquitto: MakeBroker) -> None:
    broker = make_mosquitto()
    async with rig(tmp_path, broker) as twin:
        await twin.until_sync("connected", lambda s: s["links"][0]["state"] == "connected")
        stamps = await publish_paced(twin, [b"[" + b"1," * 5_000_000 + b"1]"])
        await twin.until_stored(stamps)
        link = (await twin.synchronized())["links"][0]
    assert link["dropped"] == 1
    assert "of 10000003 bytes" in link["last_error"]


async def test_unknown_topics_by_the_thousand_are_counted_and_take_no_memory(
    tmp_path: Path, make_mosquitto: MakeBroker
) -> None:
    broker = make_mosquitto()
    async with rig(tmp_path, broker) as twin:
        await twin.until_sync("connected", lambda s: s["links"][0]["state"] == "connected")
        await twin.publish([good(0)])
        await twin.synchronized()
        await flood(twin, 0, 3000)
        before = resident_bytes(twin.pid)
        await flood(twin, 3000, 9000)
        await twin.publish([good(1)])
        await twin.until_sync("readings", lambda s: s["readings"]["received"] == 6)
        assert (await twin.sync())["readings"]["unmapped"] == 9002  # two of them ended the floods
        assert resident_bytes(twin.pid) - before < 20e6


async def flood(twin: Rig, first: int, last: int) -> None:
    """One message of 1,000 bytes on each of so many topics."""
    async with aiomqtt.Client("127.0.0.1", twin.broker.port) as client:
        for number in range(first, last):
            await client.publish(f"pendulum/unknown-{number}-{'x' * 100}", b"x" * 1000, qos=0)
        await client.publish("pendulum/unknown", b"", qos=1)
    await twin.until_sync("all counted", lambda s: s["readings"]["unmapped"] >= last)


def resident_bytes(pid: int) -> int:
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.partition("VmRSS:")[2].split()[0]) * 1024


async def test_absurd_numbers_do_not_end_the_twin(tmp_path: Path, make_mosquitto: MakeBroker) -> None:
    broker = make_mosquitto()
    async with rig(tmp_path, broker) as twin:
        await twin.until_sync("connected", lambda s: s["links"][0]["state"] == "connected")
        for number in range(30):
            await twin.publish([good(number)])
        await twin.synchronized()
        for number in range(30):
            await twin.publish([good(number) | {"position": 1e300, "velocity": -1e300, "effort": 1e11}])
        diverged = await twin.event("simulation-diverged")
        assert "It was set back to its last good state." in diverged.message
        status = await twin.sync()
        assert status["health"] == "degraded"
        last = good(31)
        for number in range(30):
            last = good(number)
            await twin.publish([last])
        await twin.until_stored([last["timestamp"]])
        await twin.until_sync("it follows again", lambda s: s["device_time"] > last["timestamp"])
        _, (position,) = await twin.client.read([POSITION])
        assert math.isfinite(position)
        assert abs(position) < 1.0
        assert twin.launcher.observe("t1").pid == twin.pid
        assert (await twin.kinds()).count("simulation-diverged") == 1


async def test_arrays_of_the_wrong_length(tmp_path: Path, make_mosquitto: MakeBroker) -> None:
    broker = make_mosquitto()
    mapping = {**MAPPING, "pendulum/joints": "/World/pendulum/joints"}
    async with rig(tmp_path, broker, sources=[source(broker.url, mapping)]) as twin:
        await twin.until_sync("connected", lambda s: s["links"][0]["state"] == "connected")
        await twin.publish([b"[1.0, 2.0]", b"[]", b"[0.5]"], topic="pendulum/joints")
        await twin.until_sync("one reading", lambda s: s["readings"]["received"] == 1)
        assert (await twin.sync())["readings"]["rejected"] == 2
    table = twin.history.read(kinds=[Kind.LIFECYCLE], addresses=["reading-rejected"])
    reasons = [json.loads(text)["reason"] for text in table.column("detail").to_pylist()]
    assert reasons == [f"'pendulum/joints' needs 1 number, got an array of {count}" for count in (2, 0)]
    stored = twin.history.read(kinds=[Kind.READING])
    assert stored.column("address").to_pylist() == [f"{HINGE}.position"]


def source(url: str, mapping: dict[str, str]) -> dict[str, Any]:
    return {"type": "mqtt", "broker": url, "topic": "pendulum/#", "mapping": mapping}
