"""The history of a live twin: what is written, and what happens while the disk does not take it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hanzo_twin.clock import ManualClock
from hanzo_twin.definition.target import Target
from hanzo_twin.errors import StoreUnavailableError
from hanzo_twin.stores.history.batch import HistoryBatch
from hanzo_twin.stores.history.reader import HistoryReader
from hanzo_twin.stores.history.writer import HistoryWriter
from hanzo_twin.sync.decode import Readings, Rejection
from hanzo_twin.sync.events import EventLog
from hanzo_twin.sync.recorder import PENDING_BATCHES, RETRY_S, Recorder
from hanzo_twin.sync.signals import SignalTable
from hanzo_twin.testing.scenes import pendulum
from hanzo_twin.twin.twin import ParameterChange

POSITION, EFFORT = "/World/pendulum/hinge.position", "/World/pendulum/hinge.effort"


class Disk(HistoryWriter):
    """A history whose disk can be full."""

    full = False

    def append(self, batch: HistoryBatch) -> None:
        if self.full:
            raise StoreUnavailableError("The history cannot be written: No space left on device.")
        super().append(batch)


class Bench:
    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock(1000.0)
        self.events = EventLog(self.clock)
        self.disk = Disk(folder)
        self.reader = HistoryReader(folder)
        table = SignalTable(pendulum())
        for address in (POSITION, EFFORT):
            table.resolve(Target.model_validate({"to": address}))
        self.recorder = Recorder(self.disk, table, self.clock, self.events)

    def rows(self) -> list[tuple[str, str, float | None]]:
        table = self.reader.read()
        return list(zip(*(table.column(name).to_pylist() for name in ("kind", "address", "value")), strict=True))

    def details(self, address: str) -> list[dict[str, Any]]:
        return [json.loads(text) for text in self.reader.read(addresses=[address]).column("detail").to_pylist()]

    def change(self, number: int) -> None:
        change = ParameterChange(time=5.0, address=f"/p{number}.mass", before=0.0, after=float(number), cause="user")
        self.recorder.parameter(change)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.disk.full = False
    made.disk.close()


def readings(*values: float) -> Readings:
    count = len(values)
    return Readings(
        columns=[0] * count, values=list(values), times=[100.0 + i for i in range(count)], received=[1000.0] * count
    )


def rejection(reason: str) -> Rejection:
    return Rejection(channel="p", reason=reason, payload="…", received=1000.0)


async def test_readings_inputs_and_rejections(bench: Bench) -> None:
    mixed = Readings(columns=[0, 1], values=[0.5, 2.0], times=[100.0, 100.0], received=[1000.0, 1000.0])
    await bench.recorder.store_readings(mixed, [rejection("no JSON")])
    assert bench.rows() == [
        ("reading", POSITION, 0.5),
        ("command", EFFORT, 2.0),
        ("lifecycle", "reading-rejected", None),
    ]
    assert bench.details("reading-rejected") == [{"channel": "p", "reason": "no JSON", "payload": "…"}]


async def test_readings_wait_for_the_disk(bench: Bench) -> None:
    bench.disk.full = True
    storing = asyncio.create_task(bench.recorder.store_readings(readings(1.0, 2.0), []))
    for _ in range(5):
        await asyncio.sleep(0)
        bench.clock.advance(RETRY_S)
    assert not storing.done()
    assert bench.recorder.trouble == "The history cannot be written: No space left on device."
    assert [event.kind for event in bench.events.newest()] == ["history-unavailable"]
    bench.disk.full = False
    await asyncio.sleep(0)
    bench.clock.advance(RETRY_S)
    await storing
    assert bench.recorder.trouble == ""
    assert bench.rows() == [
        ("reading", POSITION, 1.0),
        ("reading", POSITION, 2.0),
        ("lifecycle", "history-unavailable", None),
        ("lifecycle", "history-available", None),
    ]


def test_what_the_twin_produces_is_written_once_and_in_order_when_the_disk_is_back(bench: Bench) -> None:
    bench.disk.full = True
    for number in range(5):
        bench.change(number)
    bench.events.add("drift-began", "It drifts.", time=5.0)
    bench.disk.full = False
    bench.change(5)
    written = [address for _, address, _ in bench.rows()]
    assert sorted(written[:2]) == ["/p0.mass", "history-unavailable"]
    assert written[2:] == [
        "/p1.mass",
        "/p2.mass",
        "/p3.mass",
        "/p4.mass",
        "drift-began",
        "/p5.mass",
        "history-available",
    ]
    assert bench.reader.verify().ok


def test_what_is_queued_is_bounded_and_losses_are_told(bench: Bench) -> None:
    bench.disk.full = True
    for number in range(PENDING_BATCHES + 9):
        bench.change(number)
    assert bench.recorder.trouble.endswith(" 10 batches of predictions and events were lost.")
    bench.disk.full = False
    assert bench.recorder.flush()
    bench.change(0)
    told = bench.events.newest()[-1]
    assert told.kind == "history-available"
    assert told.message.endswith(" 10 batches of predictions and events were lost; no reading was.")
    assert bench.recorder.lost_batches == 0


async def test_a_flood_of_garbage_does_not_fill_the_disk(bench: Bench) -> None:
    for _ in range(3):
        await bench.recorder.store_readings(Readings(), [rejection(str(number)) for number in range(15)])
    assert len(bench.details("reading-rejected")) == 20
    bench.clock.advance(1.0)
    await bench.recorder.store_readings(Readings(), [rejection("later")])
    assert bench.details("reading-rejected")[-1]["reason"] == "later"


@pytest.mark.parametrize("time", [float("nan"), float("inf"), 9e9, -1e300])
def test_an_event_without_a_time_that_can_be_kept_has_the_wall_time(bench: Bench, time: float) -> None:
    bench.events.add("opened", "It is open.", time=time, seconds=np.float64(1.5))
    (row,) = bench.reader.read(addresses=["opened"]).to_pylist()
    assert row["time"].timestamp() == 1000.0
    assert bench.details("opened") == [{"message": "It is open.", "seconds": 1.5}]
