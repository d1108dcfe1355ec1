"""The live twin as a whole, without peers: what it does with links that fail, time that passes, and disks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from hanzo_twin.clock import ManualClock
from hanzo_twin.definition.models import require_physical
from hanzo_twin.definition.yaml_source import parse_definition_object
from hanzo_twin.errors import ConflictError, StateError
from hanzo_twin.sync.live import LiveTwin
from hanzo_twin.testing.scenes import arm6
from hanzo_twin.twin.twin import Twin

PENDULUM = Path(__file__).parents[3] / "examples" / "pendulum" / "pendulum.usda"
HINGE = "/World/pendulum/hinge"


def content(mode: str = "standalone", **sync: Any) -> dict[str, Any]:
    engine = {"type": "mujoco", "config": {"step_hz": 500, "substeps": 1}}
    return {"name": "p", "scene": {"uri": str(PENDULUM)}, "engine": engine, "sync": {"mode": mode, **sync}}


class Bench:
    """A live twin on a clock that is moved by hand."""

    def __init__(self, live: LiveTwin, clock: ManualClock) -> None:
        self.live, self.clock = live, clock

    async def pass_time(self, seconds: float) -> None:
        for _ in range(round(seconds * 100)):
            self.clock.advance(0.01)
            for _ in range(8):
                await asyncio.sleep(0)

    def kinds(self) -> list[str]:
        return [event.kind for event in self.live.events()]


@asynccontextmanager
async def running(definition: dict[str, Any]) -> AsyncIterator[Bench]:
    clock = ManualClock(1000.0)
    live = await LiveTwin.open(
        require_physical(parse_definition_object(definition)), base_directory=Path(), history=None, clock=clock
    )
    task = asyncio.create_task(live.run())
    await asyncio.sleep(0)
    yield Bench(live, clock)
    live.stop()
    clock.advance(1.0)
    async with asyncio.timeout(10):
        await task
    await live.close()


async def test_standalone_keeps_pace_with_the_clock() -> None:
    async with running(content(rate_hz=50)) as b:
        await b.pass_time(2.0)
        status = b.live.status()
        assert status.simulated_s == pytest.approx(2.0, abs=0.05)
        assert status.ticks == pytest.approx(100, abs=5)
        assert status.health == "synchronized"
        assert status.overruns == 0
    assert b.kinds()[-1] == "stopped"


async def test_ticks_that_were_missed_are_counted_and_not_repeated() -> None:
    async with running(content(rate_hz=50)) as b:
        await b.pass_time(1.0)
        ticks = b.live.status().ticks
        b.clock.advance(2.0)
        await b.pass_time(0.1)
        status = b.live.status()
        assert status.overruns == pytest.approx(100, abs=3)
        assert status.ticks - ticks < 10
        assert status.simulated_s == pytest.approx(3.1, abs=0.1)


async def test_what_was_slept_through_is_passed_over() -> None:
    async with running(content(rate_hz=50)) as b:
        await b.pass_time(1.0)
        b.clock.advance(3600.0)
        await b.pass_time(0.5)
        status = b.live.status()
        assert status.device_time == pytest.approx(3601.5, abs=0.1)
        assert status.simulated_s < 3.0
        assert "gap" in b.kinds()


async def test_a_pause_stops_the_twin_and_not_the_clock() -> None:
    async with running(content()) as b:
        await b.pass_time(0.5)
        b.live.pause()
        await b.pass_time(5.0)
        assert b.live.twin.time == pytest.approx(0.5, abs=0.05)
        b.live.twin.advance_to(1.0)
        b.live.resume()
        await b.pass_time(0.5)
        assert b.live.twin.time == pytest.approx(1.5, abs=0.05)
        assert "gap" not in b.kinds()


async def test_a_twin_of_a_machine_cannot_be_paused() -> None:
    source = {"type": "file", "path": "absent.csv", "mapping": {"q": f"{HINGE}.position"}}
    async with running(content("replay", sources=[source])) as b:
        with pytest.raises(ConflictError, match="Twin 'p' is in mode replay and cannot be paused"):
            b.live.pause()


async def test_a_state_of_another_scene_changes_nothing() -> None:
    async with running(content()) as b:
        await b.pass_time(0.5)
        before = b.live.twin.get_state().to_bytes()
        other = Twin.load(arm6(), engine="mujoco", config=b.live.twin.simulation.config)
        with pytest.raises(StateError):
            b.live.set_state(other.get_state())
        assert b.live.twin.get_state().to_bytes() == before
        assert "state-set" not in b.kinds()


async def test_a_twin_whose_numbers_diverge_is_set_back_and_says_so_once() -> None:
    async with running(content()) as b:
        await b.pass_time(1.0)
        b.live.set_input(f"{HINGE}.effort", 1e11)
        await b.pass_time(1.0)
        status = b.live.status()
        assert status.health == "degraded"
        assert "diverged" in status.trouble[0]
        assert b.kinds().count("simulation-diverged") == 1
        b.live.set_input(f"{HINGE}.effort", 0.0)
        await b.pass_time(12.0)
        status = b.live.status()
        assert (status.health, status.trouble) == ("synchronized", ())
        assert status.device_time == pytest.approx(14.0, abs=0.1)


async def test_a_sink_that_cannot_work_is_told_of_and_the_twin_goes_on() -> None:
    sink = {"type": "mqtt", "broker": "mqtt://127.0.0.1:1", "topic": "t", "username": "u", "password": "${ABSENT_9}"}
    async with running(content(publish=[sink])) as b:
        for _ in range(5):
            await b.pass_time(0.1)
        status = b.live.status()
        assert status.health == "degraded"
        assert "ABSENT_9" in status.trouble[0]
        assert status.ticks > 5
        assert b.kinds().count("sink-failed") == 1
