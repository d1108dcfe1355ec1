"""A machine that is not as the scene says: drift, and what follows."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from tests.live.conftest import MakeBroker
from tests.live.sync_rig import FRICTION, MASS, POSITION, VELOCITY, Machine, Rig, rig
from tests.live.waiting import until_async

from hanzo_twin.stores.history.batch import Kind

pytestmark = pytest.mark.live

TRUE = {MASS: 1.4, FRICTION: 0.25}
LIMITS = {"position_rad": 0.03, "velocity_radps": 0.5}


def drift(response: str, **changes: Any) -> dict[str, Any]:
    return {"window_seconds": 3.0, "threshold": LIMITS, "response": response, **changes}


def fitted(*parameters: str, **changes: Any) -> dict[str, Any]:
    return {"parameters": list(parameters), "window_seconds": 4.0, "cooldown_s": 2.0, "max_evaluations": 400, **changes}


async def test_a_wrong_model_drifts_is_recalibrated_and_is_back_in_step(
    tmp_path: Path, make_mosquitto: MakeBroker
) -> None:
    broker = make_mosquitto()
    sync = {"drift_detection": drift("auto_recalibrate"), "recalibration": fitted(MASS, FRICTION)}
    async with rig(tmp_path, broker, **sync) as twin, Machine(broker.url, rate_hz=100.0, parameters=TRUE):
        await twin.until_sync("it follows", lambda s: s["device_time"] is not None)
        began = await twin.event("drift-began")
        placed = await twin.event("synchronized")
        assert began.time - placed.time < 3.0
        await twin.event("recalibration-started")
        done = await twin.event("recalibrated", within_s=40.0)
        assert "Parameters fitted: " in done.message
        for address, true in TRUE.items():
            assert await twin.client.get_parameter(address) == pytest.approx(true, rel=0.1)
        await twin.event("drift-ceased", within_s=20.0)
        status = await twin.synchronized()
        assert status["recalibration"]["count"] == 1
        rms = {item["address"]: item["rms"] for item in status["drift"]}
        assert rms[POSITION] < 0.5 * LIMITS["position_rad"]
        ticks = status["tick_ms"]
    changes = twin.history.read(kinds=[Kind.PARAMETER])
    assert sorted(changes.column("address").to_pylist()) == sorted(TRUE)
    assert {json.loads(text)["cause"] for text in changes.column("detail").to_pylist()} == {"recalibration"}
    states = [json.loads(text)["drifting"] for text in of(twin, Kind.DRIFT, POSITION)]
    assert states == [True, False]
    assert ticks["p50"] < 30.0


def of(twin: Rig, kind: Kind, address: str) -> list[str]:
    details: list[str] = twin.history.read(kinds=[kind], addresses=[address]).column("detail").to_pylist()
    return details


class Still(Machine):
    """The machine hangs, its motor is off, and its sensor is a little off: a log that says nothing about friction."""

    def _read(self, now: float) -> tuple[float, dict[str, float]]:
        stamp, reading = super()._read(now)
        return stamp, {**reading, "position": 0.2, "velocity": 0.0, "effort": 0.0}


async def test_a_window_without_information_is_refused_and_changes_nothing(
    tmp_path: Path, make_mosquitto: MakeBroker
) -> None:
    broker = make_mosquitto()
    sync = {"drift_detection": drift("auto_recalibrate"), "recalibration": fitted(MASS, FRICTION)}
    async with rig(tmp_path, broker, **sync) as twin, Still(broker.url):
        refused = await twin.event("recalibration-refused", within_s=40.0)
        assert refused.detail["code"] == "not-identifiable"
        assert MASS in refused.message
        assert FRICTION in refused.message
        assert await twin.client.get_parameter(MASS) == 1.0
        assert await twin.client.get_parameter(FRICTION) == 0.0
        status = await twin.sync()
        assert status["health"] == "drifting"
        assert status["recalibration"]["last"]["accepted"] is False
        assert (await twin.kinds()).count("recalibration-refused") == 1
    assert len(twin.history.read(kinds=[Kind.PARAMETER])) == 0


async def test_an_alert_goes_to_the_broker_and_into_the_history(tmp_path: Path, make_mosquitto: MakeBroker) -> None:
    broker = make_mosquitto()
    sync = {"drift_detection": drift("alert"), "publish": [{"type": "mqtt", "topic": "twin/predictions"}]}
    sync["prediction"] = {"horizon_s": [0, 0.2]}
    async with aiomqtt.Client("127.0.0.1", broker.port) as listener:
        await listener.subscribe("twin/#", qos=1)
        async with rig(tmp_path, broker, **sync) as twin, Machine(broker.url, parameters=TRUE):
            heard = await hear(listener, "twin/predictions/alerts")
            assert heard["alert"] == "drift-began"
            assert heard["address"] in (POSITION, VELOCITY)
            assert "RMS prediction error" in heard["message"]
            prediction = await hear(listener, "twin/predictions")
            assert set(prediction["values"]) == {POSITION, VELOCITY}
            assert await twin.client.get_parameter(MASS) == 1.0
            assert "recalibration-started" not in await twin.kinds()
            began = await twin.event("drift-began")
            assert of(twin, Kind.LIFECYCLE, "drift-began")[0] == json.dumps({"message": began.message, **began.detail})


async def hear(listener: aiomqtt.Client, topic: str) -> dict[str, Any]:
    """The next message on ``topic``."""
    async with asyncio.timeout(30):
        async for message in listener.messages:
            if message.topic.value == topic and isinstance(message.payload, bytes):
                heard: dict[str, Any] = json.loads(message.payload)
                return heard
    raise AssertionError("the listener's messages do not end")


async def test_predictions_look_ahead(tmp_path: Path, make_mosquitto: MakeBroker) -> None:
    broker = make_mosquitto()
    sync = {"prediction": {"horizon_s": [0, 0.2]}, "publish": [{"type": "mqtt", "topic": "twin/predictions"}]}
    async with aiomqtt.Client("127.0.0.1", broker.port) as listener:
        await listener.subscribe("twin/#", qos=1)
        async with rig(tmp_path, broker, **sync), Machine(broker.url):
            while "ahead" not in (prediction := await hear(listener, "twin/predictions")):
                pass
    (ahead,) = prediction["ahead"]
    assert ahead["time"] == pytest.approx(prediction["time"] + 0.2, abs=0.003)
    assert ahead["values"].keys() == prediction["values"].keys()


async def test_a_hard_reset_puts_the_state_where_the_readings_are_again_and_again(
    tmp_path: Path, make_mosquitto: MakeBroker
) -> None:
    broker = make_mosquitto()
    sync = {"drift_detection": drift("hard_reset"), "assimilation": "none"}
    async with rig(tmp_path, broker, **sync) as twin, Machine(broker.url, parameters=TRUE):
        await twin.event("hard-reset")

        async def resets() -> bool:
            return (await twin.kinds()).count("hard-reset") >= 3

        await until_async("three resets", resets)
        assert await twin.client.get_parameter(MASS) == 1.0
    assert len(of(twin, Kind.LIFECYCLE, "hard-reset")) >= 3
