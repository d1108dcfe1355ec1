"""Recalibration of a running twin: when it begins, and what its outcome changes."""

from __future__ import annotations

import asyncio
import math
import sys
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest

from hanzo_twin.clock import ManualClock
from hanzo_twin.definition.drift import DriftDetection, Recalibration
from hanzo_twin.definition.target import Target
from hanzo_twin.engines.port import EngineConfig
from hanzo_twin.sync import recalibration
from hanzo_twin.sync.decode import Readings
from hanzo_twin.sync.events import EventLog
from hanzo_twin.sync.recalibration import Recalibrator
from hanzo_twin.sync.signals import SignalTable
from hanzo_twin.sync.synchronizer import Synchronizer
from hanzo_twin.testing.scenes import pendulum
from hanzo_twin.twin.twin import ParameterChange, Twin

CONFIG = EngineConfig(step_hz=500.0, substeps=1)
HINGE = "/World/pendulum/hinge"
POSITION, VELOCITY, EFFORT, DAMPING = (f"{HINGE}.{name}" for name in ("position", "velocity", "effort", "damping"))


class Bench:
    """A twin that follows a machine with more damping (0.5), and its recalibrator with a window of 3 s."""

    def __init__(self, **policy: Any) -> None:
        self.clock = ManualClock()
        self.events = EventLog(self.clock)
        self.machine = Twin.load(pendulum(), engine="mujoco", config=CONFIG)
        self.machine.set_parameter(DAMPING, 0.5)
        self.twin = Twin.load(pendulum(), engine="mujoco", config=CONFIG)
        table = SignalTable(pendulum())
        self.columns = [table.resolve(Target.model_validate({"to": each}))[0] for each in (POSITION, VELOCITY, EFFORT)]
        self.synchronizer = Synchronizer(
            self.twin, table, drift=DriftDetection(), gain=1.0, horizon_s=0.3, window_s=3.0
        )
        rules = Recalibration.model_validate({"parameters": [DAMPING], "max_evaluations": 100, **policy})
        self.recalibrator = Recalibrator(self.synchronizer, rules, 3.0, self.clock, self.events)

    def follow(self, seconds: float, *, moving: bool = True) -> None:
        for _ in range(round(seconds * 50)):
            time = self.machine.time
            effort = 4.0 * math.sin(5.0 * time) if moving else 0.0
            self.machine.set_input(EFFORT, effort)
            values = [*self.machine.read([POSITION, VELOCITY]).tolist(), effort]
            self.synchronizer.accept(
                Readings(columns=list(self.columns), values=values, times=[time] * 3, received=[0.0] * 3)
            )
            if self.synchronizer.started:
                self.synchronizer.tick(time)
            else:
                self.synchronizer.start(time)
            self.machine.advance_to(time + 0.02)

    def kinds(self) -> list[str]:
        return [event.kind for event in self.events.newest()]

    async def outcome(self) -> list[ParameterChange]:
        """Tick until the fit has ended."""
        changes: list[ParameterChange] = []
        async with asyncio.timeout(30):
            while self.recalibrator.running:
                changes += self.recalibrator.tick(wanted=True)
                await asyncio.sleep(0.01)
        return changes


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    yield made
    await made.recalibrator.close()
    made.synchronizer.close()


async def test_it_begins_when_wanted_and_the_window_is_full(bench: Bench) -> None:
    bench.follow(2.0)
    assert bench.recalibrator.tick(wanted=True) == []
    assert not bench.recalibrator.status()["running"]
    bench.follow(1.5)
    bench.recalibrator.tick(wanted=False)
    assert not bench.recalibrator.status()["running"]
    bench.recalibrator.tick(wanted=True)
    assert bench.recalibrator.status()["running"]
    assert bench.kinds() == ["recalibration-started"]


async def test_an_accepted_fit_is_written_and_told(bench: Bench) -> None:
    bench.follow(4.0)
    bench.recalibrator.tick(wanted=True)
    (change,) = await bench.outcome()
    assert (change.address, change.before, change.cause) == (DAMPING, 0.0, "recalibration")
    assert bench.twin.get_parameter(DAMPING) == change.after == pytest.approx(0.5, rel=0.05)
    assert bench.kinds() == ["recalibration-started", "recalibrated"]
    assert bench.recalibrator.status()["count"] == 1


async def test_the_next_waits_for_the_end_of_the_cool_down(bench: Bench) -> None:
    bench.follow(4.0)
    bench.recalibrator.tick(wanted=True)
    await bench.outcome()
    bench.recalibrator.tick(wanted=True)
    bench.clock.advance(9.9)
    bench.recalibrator.tick(wanted=True)
    assert not bench.recalibrator.status()["running"]
    bench.clock.advance(0.2)
    bench.recalibrator.tick(wanted=True)
    assert bench.recalibrator.status()["running"]


async def test_a_window_without_information_is_refused_once_and_changes_nothing(bench: Bench) -> None:
    bench.follow(4.0, moving=False)
    bench.recalibrator.tick(wanted=True)
    assert await bench.outcome() == []
    for _ in range(30):
        bench.recalibrator.tick(wanted=True)
    assert bench.kinds() == ["recalibration-started", "recalibration-refused"]
    refused = bench.events.newest()[-1]
    assert refused.detail["code"] == "not-identifiable"
    assert DAMPING in refused.message
    assert bench.twin.get_parameter(DAMPING) == 0.0
    assert bench.recalibrator.status()["last"]["accepted"] is False


async def test_a_parameter_that_the_engine_does_not_have_is_refused_once() -> None:
    bench = Bench(parameters=["/World/pendulum/nothing.damping"])
    bench.follow(4.0)
    for _ in range(30):
        bench.recalibrator.tick(wanted=True)
    assert bench.kinds() == ["recalibration-refused"]
    assert "/World/pendulum/nothing" in bench.events.newest()[-1].message
    bench.synchronizer.close()


async def test_a_fit_that_fails_in_a_way_nobody_foresaw_does_not_end_the_twin(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(task: object) -> None:
        raise np.linalg.LinAlgError("Singular matrix")

    monkeypatch.setattr(recalibration, "fit_apart", fail)
    bench.follow(4.0)
    bench.recalibrator.tick(wanted=True)
    assert await bench.outcome() == []
    assert bench.events.newest()[-1].kind == "recalibration-refused"
    assert bench.events.newest()[-1].message == "The fit failed: LinAlgError: Singular matrix"


async def test_a_fit_whose_process_dies_changes_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    bench.follow(4.0)
    bench.recalibrator.tick(wanted=True)
    assert await bench.outcome() == []
    assert bench.events.newest()[-1].message.startswith("The process of the fit ended with code 1: ")
    assert bench.twin.changes == []


async def test_what_else_is_in_force_is_part_of_the_fit(bench: Bench) -> None:
    for twin in (bench.machine, bench.twin):
        twin.set_parameter("/World/pendulum/bob.mass", 2.0)
        twin.set_parameter(f"{HINGE}.actuatorDelay", 0.04)
    bench.synchronizer.parameters_changed()
    bench.follow(4.0)
    bench.recalibrator.tick(wanted=True)
    (change,) = await bench.outcome()
    assert change.after == pytest.approx(0.5, rel=0.1)
    assert bench.twin.get_parameter("/World/pendulum/bob.mass") == 2.0
