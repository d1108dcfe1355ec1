"""The modes of a twin: recorded data at their pace and as fast as they come, and no data at all."""

from __future__ import annotations

import asyncio
import csv
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.live.runtimes import PENDULUM
from tests.live.sync_rig import EFFORT, FRICTION, POSITION, STEPS, VELOCITY

from hanzo_twin.clock import WallClock
from hanzo_twin.definition.models import require_physical
from hanzo_twin.definition.yaml_source import parse_definition_object
from hanzo_twin.engines.port import EngineConfig
from hanzo_twin.errors import ConflictError, UnsupportedError
from hanzo_twin.scene.load import load_scene
from hanzo_twin.stores.history.batch import Kind
from hanzo_twin.stores.history.reader import HistoryReader
from hanzo_twin.stores.history.writer import HistoryWriter
from hanzo_twin.sync.live import LiveTwin
from hanzo_twin.sync.status import SyncStatus
from hanzo_twin.twin.twin import Twin

pytestmark = pytest.mark.live

THRESHOLDS = {"position_rad": 0.02, "velocity_radps": 0.2}


def record(path: Path, seconds: float, *, friction: float = 0.8, gap_after: float = math.inf) -> Path:
    """A log of a pendulum with more friction than the scene's, at 100 Hz; a pause of an hour where asked."""
    twin = Twin.load(load_scene(str(PENDULUM)), engine="mujoco", config=EngineConfig(step_hz=500.0, substeps=1))
    twin.assimilate({POSITION: 1.2})
    twin.set_parameter(FRICTION, friction)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["time", "position", "velocity", "effort"])
        for row in range(round(seconds * 100)):
            now = row * 0.01
            effort = 1.5 * math.sin(4.0 * now)
            twin.set_input(EFFORT, effort, time=now)
            position, velocity = twin.read([POSITION, VELOCITY]).tolist()
            writer.writerow([now + (3600.0 if now > gap_after else 0.0), position, velocity, effort])
            twin.advance_to(now + 0.01)
    return path


def definition(mode: str, log: Path | None, **changes: Any) -> dict[str, Any]:
    mapping = {"position": POSITION, "velocity": VELOCITY, "effort": EFFORT}
    fields: dict[str, Any] = {name: changes.pop(name) for name in ("speed", "loop") if name in changes}
    source: dict[str, Any] = {"type": "file", "path": str(log), "mapping": mapping, **fields}
    sources = [] if log is None else [source]
    drift = {"window_seconds": 2.0, "threshold": THRESHOLDS, "response": "alert"}
    sync = {"mode": mode, "sources": sources, "drift_detection": drift, "buffer_size": 200, **changes}
    return {"name": "pendulum", "scene": {"uri": str(PENDULUM)}, "engine": STEPS, "sync": sync}


class Run:
    """One twin from opening to end: its last status, its events, its history."""

    def __init__(self, folder: Path, content: dict[str, Any]) -> None:
        folder.mkdir(exist_ok=True)
        self._folder = folder
        self._definition = require_physical(parse_definition_object(content, "test"))
        self.status: SyncStatus
        self.live: LiveTwin

    async def __aenter__(self) -> Run:
        self._history = HistoryWriter(self._folder / "history")
        self.live = await LiveTwin.open(
            self._definition, base_directory=self._folder, history=self._history, clock=WallClock()
        )
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.status = self.live.status()
        await self.live.close()
        self._history.close()

    @property
    def reader(self) -> HistoryReader:
        return HistoryReader(self._folder / "history")

    @property
    def kinds(self) -> list[str]:
        return [event.kind for event in self.live.events(1000)]

    def rows(self, kind: Kind, address: str) -> tuple[np.ndarray, np.ndarray]:
        """Times and values."""
        table = self.reader.read(kinds=[kind], addresses=[address])
        times = np.array([each.timestamp() for each in table.column("time").to_pylist()])
        return times, table.column("value").to_numpy()


async def to_the_end(folder: Path, content: dict[str, Any], within_s: float = 30.0) -> Run:
    async with Run(folder, content) as run, asyncio.timeout(within_s):
        await run.live.run()
    return run


async def test_replay_takes_its_time_and_ends_by_itself(tmp_path: Path) -> None:
    log = record(tmp_path / "log.csv", 5.0)
    begin = time.monotonic()
    run = await to_the_end(tmp_path / "replay", definition("replay", log))
    assert 4.5 < time.monotonic() - begin < 10.0
    assert run.status.health == "finished"
    assert run.kinds[0] == "opened"
    assert run.kinds[-1] == "finished"
    assert {"source-connected", "synchronized", "source-finished", "drift-began"} <= set(run.kinds)
    times, _ = run.rows(Kind.READING, POSITION)
    np.testing.assert_allclose(times, np.arange(500) * 0.01, atol=1e-6)
    predicted, _ = run.rows(Kind.PREDICTION, POSITION)
    assert len(predicted) > 400
    drifts = run.reader.read(kinds=[Kind.DRIFT], addresses=[POSITION])
    assert drifts.column("value").to_pylist()[0] > THRESHOLDS["position_rad"]
    assert drifts.column("time").to_pylist()[0].timestamp() < 3.0


async def test_batch_is_fast_and_says_the_same_as_replay(tmp_path: Path) -> None:
    log = record(tmp_path / "log.csv", 5.0)
    replay = await to_the_end(tmp_path / "replay", definition("replay", log))
    begin = time.monotonic()
    batch = await to_the_end(tmp_path / "batch", definition("batch", log))
    assert time.monotonic() - begin < 4.0
    for run in (replay, batch):
        assert run.status.readings.late < 0.1 * run.status.readings.received
    drifts = [run.rows(Kind.DRIFT, POSITION) for run in (replay, batch)]
    assert drifts[1][0][0] == pytest.approx(drifts[0][0][0], abs=0.5)
    rms = [next(item.rms for item in run.status.drift if item.address == POSITION) for run in (replay, batch)]
    assert rms[1] == pytest.approx(rms[0], rel=0.25)
    assert len(batch.rows(Kind.PREDICTION, POSITION)[0]) >= 490


async def test_batch_gives_the_same_result_every_time(tmp_path: Path) -> None:
    log = record(tmp_path / "log.csv", 3.0)
    runs = [await to_the_end(tmp_path / name, definition("batch", log)) for name in ("one", "two")]
    for kind in (Kind.PREDICTION, Kind.DRIFT):
        np.testing.assert_array_equal(runs[0].rows(kind, POSITION), runs[1].rows(kind, POSITION))
    assert runs[0].status.ticks == runs[1].status.ticks == pytest.approx(90, abs=2)


async def test_batch_passes_over_an_hour_without_data(tmp_path: Path) -> None:
    log = record(tmp_path / "log.csv", 4.0, gap_after=2.0)
    run = await to_the_end(tmp_path / "batch", definition("batch", log))
    assert "gap" in run.kinds
    assert run.status.device_time == pytest.approx(3604.0, abs=0.1)
    assert run.status.simulated_s < 20.0


async def test_batch_of_rates_beyond_the_step_ends(tmp_path: Path) -> None:
    log = record(tmp_path / "log.csv", 1.0)
    run = await to_the_end(tmp_path / "batch", definition("batch", log, rate_hz=1000))
    assert run.status.device_time == pytest.approx(0.99, abs=0.01)


@pytest.mark.parametrize("speed", [0.5, 4.0])
async def test_replay_at_another_speed(tmp_path: Path, speed: float) -> None:
    log = record(tmp_path / "log.csv", 2.0 * speed)
    begin = time.monotonic()
    run = await to_the_end(tmp_path / "replay", definition("replay", log, speed=speed))
    assert 1.5 < time.monotonic() - begin < 6.0
    assert run.status.device_time == pytest.approx(2.0 * speed, abs=0.15 * speed)
    assert run.status.readings.late < 0.2 * run.status.readings.received
    assert run.status.clock_jumps == 0


async def test_recordings_at_different_speeds_are_refused(tmp_path: Path) -> None:
    log = record(tmp_path / "log.csv", 0.1)
    content = definition("replay", log, speed=2.0)
    content["sync"]["sources"] += definition("replay", log)["sync"]["sources"]
    with pytest.raises(UnsupportedError, match=r"at different speeds: \[1.0, 2.0\]"):
        await Run(tmp_path, content).__aenter__()


async def test_a_log_that_cannot_be_used_ends_the_run_and_says_why(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text("time,position,velocity,effort\n0,1,2,3\n0.01,x,2,3\n")
    run = await to_the_end(tmp_path / "replay", definition("replay", log))
    failed = next(event for event in run.live.events() if event.kind == "source-failed")
    assert "log.csv" in failed.message
    assert "'x'" in failed.message
    assert any("log.csv" in each for each in run.status.trouble)


async def test_standalone_runs_with_the_clock_pauses_and_goes_on(tmp_path: Path) -> None:
    async with Run(tmp_path, definition("standalone", None)) as run, asyncio.timeout(30):
        running = asyncio.create_task(run.live.run())
        await reaches(run.live, 0.5)
        run.live.pause()
        await asyncio.sleep(0.1)
        stopped = run.live.twin.time
        await asyncio.sleep(0.3)
        assert run.live.twin.time == stopped
        run.live.resume()
        begin = time.monotonic()
        await reaches(run.live, stopped + 0.5)
        assert 0.3 < time.monotonic() - begin < 3.0
        run.live.stop()
        await running
    assert run.status.health == "stopped"
    assert run.status.readings.received == 0


async def test_a_twin_that_follows_a_recording_cannot_be_paused(tmp_path: Path) -> None:
    log = record(tmp_path / "log.csv", 0.1)
    async with Run(tmp_path, definition("replay", log)) as run:
        with pytest.raises(ConflictError, match="is in mode replay and cannot be paused"):
            run.live.pause()


async def reaches(live: LiveTwin, seconds: float) -> None:
    while live.twin.time < seconds:  # noqa: ASYNC110  a twin's time has no event
        await asyncio.sleep(0.01)
