"""What a twin says to its sinks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson
import pytest

from hanzo_twin.clock import ManualClock
from hanzo_twin.definition.target import Target
from hanzo_twin.engines.port import EngineConfig
from hanzo_twin.sync.port import LinkStatus
from hanzo_twin.sync.publisher import Publisher
from hanzo_twin.sync.signals import SignalTable
from hanzo_twin.testing.scenes import pendulum
from hanzo_twin.twin.twin import Twin

HINGE = "/World/pendulum/hinge"
POSITION, VELOCITY, EFFORT = (f"{HINGE}.{name}" for name in ("position", "velocity", "effort"))
TEMPERATURE = "/World/pendulum/bob.temperature"


class Listener:
    """A sink that keeps what it is given."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, dict[str, Any]]] = []

    async def run(self) -> None: ...

    def publish(self, payload: bytes, *, channel: str = "") -> None:
        self.heard.append((channel, orjson.loads(payload)))

    def status(self) -> LinkStatus:
        return LinkStatus(name="listener", state="connected")


class SlowClock(ManualClock):
    """Time passes whenever somebody looks."""

    def monotonic(self) -> float:
        self.advance(0.05)
        return super().monotonic()


def publisher(horizons: Sequence[float], clock: ManualClock) -> tuple[Twin, Publisher, Listener]:
    twin = Twin.load(pendulum(), engine="mujoco", config=EngineConfig(step_hz=500.0, substeps=1), epoch=50.0)
    table = SignalTable(twin.scene)
    for address in (POSITION, VELOCITY, EFFORT, TEMPERATURE):
        table.resolve(Target.model_validate({"to": address}))
    listener = Listener()
    made = Publisher("swing", twin, table, [listener], horizons_s=horizons, period_s=1 / 30, clock=clock)
    return twin, made, listener


def test_a_prediction_has_what_is_measured_and_null_for_what_is_not_known() -> None:
    twin, made, listener = publisher([0.0], ManualClock())
    twin.assimilate({POSITION: 0.5})
    made.publish()
    twin.set_attribute(TEMPERATURE, 21.5, time=50.0, origin="measured")
    made.publish()
    (_, first), (_, second) = listener.heard
    assert first == {"twin": "swing", "time": 50.0, "values": {POSITION: 0.5, VELOCITY: 0.0, TEMPERATURE: None}}
    assert second["values"][TEMPERATURE] == 21.5
    assert made.published == 2


def test_ahead_is_what_the_twin_would_do_and_it_is_not_moved_by_looking() -> None:
    twin, made, listener = publisher([0.2, 0.0, 0.1], ManualClock())
    twin.assimilate({POSITION: 1.0})
    before = twin.get_state().to_bytes()
    made.publish()
    assert twin.get_state().to_bytes() == before
    ahead = listener.heard[0][1]["ahead"]
    assert [item["horizon_s"] for item in ahead] == [0.1, 0.2]
    for item in ahead:
        twin.advance_to(50.0 + item["horizon_s"])
        assert item["values"][POSITION] == pytest.approx(twin.read([POSITION])[0], abs=1e-12)
        assert item["time"] == pytest.approx(twin.time)


def test_looking_ahead_is_done_less_often_when_it_costs_more_than_a_fifth_of_the_time() -> None:
    clock = SlowClock()
    _, made, listener = publisher([0.1], clock)
    for _ in range(60):
        clock.advance(1 / 30)
        made.publish()
    share = np.mean(["ahead" in message for _, message in listener.heard])
    assert 0.2 < share < 0.7


def test_a_future_that_diverges_is_left_out() -> None:
    twin, made, listener = publisher([0.1], ManualClock())
    twin.set_input(EFFORT, 1e12)
    made.publish()
    assert listener.heard[0][1].keys() == {"twin", "time", "values"}


def test_alerts_go_to_a_channel_of_their_own() -> None:
    _, made, listener = publisher([], ManualClock())
    made.alert("drift-began", "It drifts.", {"address": POSITION, "rms": math.nan})
    told = {"twin": "swing", "time": 50.0, "alert": "drift-began", "message": "It drifts."}
    assert listener.heard == [("alerts", {**told, "address": POSITION, "rms": None})]
