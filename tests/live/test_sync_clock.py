"""Time under a live twin: clocks that are set, stamps that are wrong, late, double or out of order, and silence."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from tests.live.conftest import MakeBroker
from tests.live.sync_rig import EFFORT, MAPPING, POSITION, Machine, Rig, rig

from hanzo_twin.stores.history.batch import Kind

pytestmark = pytest.mark.live


def at(stamp: float, position: float = 0.0) -> dict[str, Any]:
    return {"position": position, "velocity": 0.0, "effort": 0.0, "timestamp": stamp}


@pytest.mark.parametrize("seconds", [3600.0, -3600.0])
async def test_the_devices_clock_is_set(tmp_path: Path, make_mosquitto: MakeBroker, seconds: float) -> None:
    broker = make_mosquitto()
    async with rig(tmp_path, broker) as twin, Machine(broker.url) as device:
        await twin.synchronized()
        await device.sent(50)
        before = await twin.sync()
        device.clock_offset = seconds
        jumped = await twin.event("clock-jumped")
        assert jumped.detail["seconds"] == pytest.approx(seconds, abs=1.0)
        assert "the twin goes on from its present state" in jumped.message
        await device.sent(50)
        after = await twin.synchronized()
        assert after["clock_jumps"] == 1
        assert after["device_time"] - before["device_time"] == pytest.approx(seconds, abs=20.0)
        assert 0.0 < after["simulated_s"] - before["simulated_s"] < 20.0
        assert abs(after["lag_s"]) < 1.0
        assert [kind for kind in await twin.kinds() if kind in ("gap", "simulation-diverged")] == []
        await twin.until_stored(list(device.confirmed))


async def test_single_absurd_stamps_do_not_move_the_twin(tmp_path: Path, make_mosquitto: MakeBroker) -> None:
    broker = make_mosquitto()
    async with rig(tmp_path, broker) as twin, Machine(broker.url) as device:
        await twin.synchronized()
        await device.sent(60)
        before = await twin.sync()
        absurd = [round(time.time() + 3600.0, 6), 7.9e9, round(time.time() - 1e6, 6), -7.9e9]
        for stamp in absurd:
            await twin.publish([at(stamp, position=3.0)])
            await device.sent(30)
        after = await twin.sync()
        assert after["clock_jumps"] == 0
        assert after["readings"]["ahead"] == 2 * 3
        assert after["readings"]["late"] >= before["readings"]["late"] + 2 * 3
        assert after["device_time"] - before["device_time"] < 20.0
        assert after["simulated_s"] - before["simulated_s"] < 20.0
        ahead = await twin.event("readings-ahead")
        assert "3 readings set aside, stamped 3" in ahead.message
        assert "If all that follow agree, the device's clock was set" in ahead.message
        await twin.until_stored([*absurd, *device.confirmed])


async def test_duplicates_and_readings_out_of_order_are_used_once_and_in_order(
    tmp_path: Path, make_mosquitto: MakeBroker
) -> None:
    broker = make_mosquitto()
    batch = {"latency_budget_ms": 500}
    async with rig(tmp_path, broker, **batch) as twin:
        await twin.until_sync("connected", lambda s: s["links"][0]["state"] == "connected")
        start = round(time.time(), 6)
        stamps = [round(start + 0.001 * number, 6) for number in range(20)]
        order = [0, 2, 1, 3, 3, 5, 4, 0, *range(6, 20), 19, 19]
        await twin.publish([at(stamps[number], position=0.01 * number) for number in order])
        await twin.synchronized()
        lasts: list[float] = []
        for _ in range(20):  # on a busy machine a single reading may come late, which is not the point
            late = (await twin.sync())["readings"]["late"]
            lasts.append(round(time.time(), 6))
            await twin.publish([at(lasts[-1], position=0.5)])
            expected = (len(order) + len(lasts)) * 3
            await twin.until_sync("all were taken", lambda s, expected=expected: s["readings"]["received"] == expected)  # type: ignore[misc]
            await twin.until_sync("the last was due", lambda s, last=lasts[-1]: s["device_time"] > last)  # type: ignore[misc]
            if (await twin.sync())["readings"]["late"] == late:
                break
        status = await twin.sync()
        assert status["readings"]["duplicate"] == 4 * 3
        assert status["readings"]["out_of_order"] >= 2 * 3
        _, (position,) = await twin.client.read([POSITION])
        assert position == pytest.approx(0.5, abs=0.2)
        assert not twin.missing([*stamps, *lasts])
        assert twin.stored_stamps() == pytest.approx([*(stamps[number] for number in order), *lasts], abs=1e-9)


async def test_a_source_that_falls_silent_and_comes_back(tmp_path: Path, make_mosquitto: MakeBroker) -> None:
    broker = make_mosquitto()
    checked = {"window_seconds": 5.0, "threshold": {"position_rad": 0.05, "velocity_radps": 0.5}, "response": "alert"}
    async with rig(tmp_path, broker, drift_detection=checked) as twin, Machine(broker.url) as device:
        await twin.synchronized()
        await device.sent(100)
        device.silent = True
        status = await twin.until_sync("degraded", lambda s: s["health"] == "degraded")
        assert "has been silent for" in status["trouble"][0]
        silent = await twin.event("source-silent")
        assert "has said nothing for 2." in silent.message
        ticks = status["ticks"]
        await twin.until_sync("it ticks on", lambda s: s["ticks"] > ticks + 90)
        device.silent = False
        heard = await twin.event("source-heard")
        assert 4.5 < float(heard.message.rpartition(" was silent for ")[2].removesuffix(" s.")) < 15.0
        await device.sent(100)
        assert (await twin.synchronized())["trouble"] == []
        assert "drift-began" not in await twin.kinds()
        await twin.until_stored(list(device.confirmed))


async def test_a_slow_sensor_beside_fast_ones(tmp_path: Path, make_mosquitto: MakeBroker) -> None:
    broker = make_mosquitto()
    fields = {"type": "mqtt", "broker": broker.url, "topic": "pendulum/#"}
    fast = {key: value for key, value in MAPPING.items() if value != POSITION}
    sources = [{**fields, "mapping": {**fast, "pendulum/slow": POSITION}}]
    async with rig(tmp_path, broker, sources=sources) as twin, Machine(broker.url) as device:
        await twin.synchronized()
        slow = []
        for _ in range(4):
            await device.sent(50)
            slow.append(round(time.time(), 6))
            await twin.publish([json.dumps({"value": 0.25, "timestamp": slow[-1]}).encode()], topic="pendulum/slow")
        await twin.until_sync("used", lambda s: s["device_time"] > slow[-1])
        status = await twin.sync()
        assert status["health"] == "synchronized"
        assert status["readings"]["late"] < 0.1 * status["readings"]["received"]
        assert twin.stored_stamps() == pytest.approx(slow, abs=1e-9)
        predicted = twin.history.read(kinds=[Kind.PREDICTION], addresses=[POSITION])
        assert len(predicted) >= len(slow) - 1


async def test_inputs_are_kept_as_commands(tmp_path: Path, make_mosquitto: MakeBroker) -> None:
    broker = make_mosquitto()
    async with rig(tmp_path, broker) as twin, Machine(broker.url) as device:
        await twin.synchronized()
        await device.sent(30)
        await twin.until_stored(list(device.confirmed))
    assert commands(twin) >= 30


def commands(twin: Rig) -> int:
    return len(twin.history.read(kinds=[Kind.COMMAND], addresses=[EFFORT]))
