"""The controller against a launcher whose runtimes live and die by script, on a clock moved by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import pytest

from hanzo_twin.clock import ManualClock
from hanzo_twin.errors import ConflictError, SceneError, StoreUnavailableError
from hanzo_twin.runtime.controller import Controller, WantedTwin
from hanzo_twin.runtime.directory import RuntimeFiles
from hanzo_twin.runtime.launcher import Observed
from hanzo_twin.runtime.restart import RestartPolicy
from hanzo_twin.runtime.spec import Failure, Ready, RuntimeSpec
from hanzo_twin.runtime.supervision import Phase, SupervisionLimits, Verdict, judge

POLICY = RestartPolicy(first_wait_s=1, longest_wait_s=30, window_s=300, most_crashes=3)
ABSENT = Observed(state="absent")


class ScriptedLauncher:
    """Remembers what was asked of it; what it observes is set by the test."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.seen: dict[str, Observed] = {}
        self.log: list[str] = []
        self.refusal: Exception | None = None
        self.unlucky = ""

    def files(self, twin_id: str) -> RuntimeFiles:
        return RuntimeFiles(self.root / twin_id)

    def known(self) -> list[str]:
        return sorted(self.seen)

    def observe(self, twin_id: str) -> Observed:
        if twin_id == self.unlucky:
            raise RuntimeError("a fault of the program")
        return self.seen.get(twin_id, ABSENT)

    async def launch(self, spec: RuntimeSpec) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.log.append(f"launch {spec.twin_id}")
        self.seen[spec.twin_id] = Observed(state="starting", pid=1000)

    def terminate(self, twin_id: str) -> None:
        self.log.append(f"terminate {twin_id}")

    def kill(self, twin_id: str) -> None:
        self.log.append(f"kill {twin_id}")

    def remove(self, twin_id: str) -> None:
        self.log.append(f"remove {twin_id}")
        del self.seen[twin_id]


@dataclass
class Row:
    twin: WantedTwin
    restarts: int = 0


class MemoryRegistry:
    """The database's side, in memory; it can be away."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.rows: dict[str, Row] = {}
        self.away = False
        self.writes = 0
        self.discarded: list[str] = []
        self.spec_error: Exception | None = None

    def want(self, twin_id: str, desired: str, phase: Phase = "created", revision: int = 1) -> None:
        wanted: Literal["running", "stopped"] = "running" if desired == "running" else "stopped"
        self.rows[twin_id] = Row(WantedTwin(id=twin_id, name=twin_id, desired=wanted, phase=phase, revision=revision))

    def _check(self) -> None:
        if self.away:
            raise StoreUnavailableError("The database does not answer.")

    async def wanted(self) -> Sequence[WantedTwin]:
        self._check()
        return [row.twin for row in self.rows.values()]

    async def spec(self, twin: WantedTwin) -> RuntimeSpec:
        if self.spec_error is not None:
            raise self.spec_error
        return RuntimeSpec(
            twin_id=twin.id,
            name=twin.name,
            definition={},
            base_directory=self.root,
            directory=self.root,
            history_directory=self.root,
        )

    async def record(self, twin: WantedTwin, verdict: Verdict, *, restarts: int) -> None:
        self._check()
        self.writes += 1
        row = self.rows[twin.id]
        row.twin = replace(row.twin, phase=verdict.phase, detail=verdict.detail)
        row.restarts = restarts

    async def heartbeat(self, twin_id: str) -> None:
        self._check()

    async def discard(self, twin_id: str) -> None:
        self.discarded.append(twin_id)


class World:
    def __init__(self, root: Path) -> None:
        self.launcher = ScriptedLauncher(root)
        self.registry = MemoryRegistry(root)
        self.clock = ManualClock()
        self.limits = SupervisionLimits(start_s=30, stop_s=15, silence_s=30)
        self.controller = self.new_controller()

    def new_controller(self) -> Controller:
        return Controller(self.registry, self.launcher, self.clock, policy=POLICY, limits=self.limits)

    async def after(self, seconds: float = 0.0) -> tuple[Phase, str]:
        """Phase and detail of twin ``a`` after a pass that much later."""
        self.clock.advance(seconds)
        await self.controller.reconcile()
        twin = self.registry.rows["a"].twin
        return twin.phase, twin.detail

    def die(self, failure: Failure | None = None) -> None:
        self.launcher.seen["a"] = Observed(state="died", exit_code=-9, failure=failure)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def test_what_should_run_is_started_once(world: World) -> None:
    world.registry.want("a", "running")
    assert await world.after() == ("starting", "")
    assert await world.after(0.5) == ("starting", "")
    assert world.launcher.log == ["launch a"]
    assert world.registry.writes == 1, "what has not changed is not written again"


async def test_what_was_never_started_is_left_as_created(world: World) -> None:
    world.registry.want("a", "stopped")
    assert await world.after() == ("created", "")
    assert world.launcher.log == []


async def test_crashes_are_waited_out_ever_longer_then_given_up(world: World) -> None:
    world.registry.want("a", "running")
    await world.after()
    world.die()
    phase, detail = await world.after()
    assert phase == "starting"
    assert detail == "It died and will be restarted. It was ended by SIGKILL. It left no log."
    await world.after(0.9)
    assert world.launcher.log == ["launch a"]
    await world.after(0.2)
    assert world.launcher.log == ["launch a", "launch a"]
    assert world.registry.rows["a"].restarts == 1
    world.die()
    await world.after()
    await world.after(1.5)
    assert world.launcher.log == ["launch a"] * 2, "the second wait is twice as long"
    await world.after(1.0)
    assert world.launcher.log == ["launch a"] * 3
    world.die()
    phase, detail = await world.after()
    assert phase == "failed"
    assert detail.startswith("It died 3 times within 300 s and is not started again. It was ended by SIGKILL.")
    assert await world.after(1000.0) == (phase, detail)
    assert world.launcher.log == ["launch a"] * 3


async def test_a_failed_twin_starts_when_it_is_asked_for_again(world: World) -> None:
    world.registry.want("a", "running")
    await world.after()
    failure = Failure.of(SceneError("The scene 'x.usda' does not exist.", hint="Check the path."))
    world.die(failure)
    assert await world.after() == ("failed", "The scene 'x.usda' does not exist.\n  Check the path.")
    await world.after(100.0)
    assert world.launcher.log == ["launch a"], "the same definition would fail the same way"
    world.registry.want("a", "running", "failed", revision=2)
    assert (await world.after())[0] == "starting"
    assert world.launcher.log == ["launch a"] * 2


async def test_what_a_controller_before_gave_up_stays_so_until_it_is_asked_for(world: World) -> None:
    world.registry.want("a", "running", "failed")
    world.launcher.seen["a"] = Observed(state="died")
    await world.after()
    await world.after(10.0)
    assert world.launcher.log == []
    world.registry.want("a", "running", "failed", revision=2)
    await world.after()
    assert world.launcher.log == ["launch a"]


async def test_a_failure_that_could_not_be_written_down_stays_one(world: World) -> None:
    world.registry.want("a", "running")
    await world.after()
    world.registry.away = True
    world.die(Failure.of(SceneError("gone")))
    await world.after()
    await world.after(10.0)
    assert world.launcher.log == ["launch a"]
    world.registry.away = False
    assert await world.after() == ("failed", "gone")


async def test_a_definition_that_cannot_be_prepared_fails_at_once(world: World) -> None:
    world.registry.want("a", "running")
    world.registry.spec_error = SceneError("The scene arm/3 was deleted.")
    assert await world.after() == ("failed", "The scene arm/3 was deleted.")
    world.registry.want("b", "running")
    world.registry.spec_error = StoreUnavailableError("The object store does not answer.")
    await world.after()
    assert world.registry.rows["b"].twin.phase == "starting"
    world.registry.spec_error = None
    await world.after(2.0)
    assert world.launcher.log == ["launch b"]


async def test_what_does_not_get_ready_is_killed_and_counts_as_a_crash(world: World) -> None:
    world.registry.want("a", "running")
    await world.after()
    await world.after(29.0)
    assert world.launcher.log == ["launch a"]
    await world.after(2.0)
    assert world.launcher.log == ["launch a", "kill a"]
    world.die()
    assert "It was not ready within 30 s. It was ended by SIGKILL." in (await world.after())[1]


async def test_what_serves_but_does_not_answer_is_killed(world: World) -> None:
    world.registry.want("a", "running")
    await world.after()
    ready = Ready(pid=1000, started_ticks=1, address="127.0.0.1:1", token="t", started=0.0)
    world.launcher.seen["a"] = Observed(state="serving", pid=1000, ready=ready)
    await world.after(10.0)
    assert world.launcher.log == ["launch a"]
    await world.after(25.0)
    assert world.launcher.log == ["launch a", "kill a"]
    await world.controller.close()


async def test_stopping_asks_once_then_kills(world: World) -> None:
    world.registry.want("a", "stopped", "running")
    world.launcher.seen["a"] = Observed(state="starting", pid=1000)
    assert await world.after() == ("stopping", "")
    await world.after(10.0)
    assert world.launcher.log == ["terminate a"]
    await world.after(6.0)
    assert world.launcher.log == ["terminate a", "kill a"]
    world.launcher.seen["a"] = ABSENT
    assert await world.after() == ("stopped", "")


async def test_a_new_controller_takes_over_without_touching_what_runs(world: World) -> None:
    world.registry.want("a", "running")
    await world.after()
    world.controller = world.new_controller()
    await world.after(5.0)
    assert world.launcher.log == ["launch a"]
    world.launcher.seen["a"] = Observed(state="died")
    await world.after()
    assert world.registry.rows["a"].twin.detail == "It died and will be restarted. It disappeared. It left no log."
    await world.after(1.1)
    assert world.launcher.log == ["launch a", "launch a"]


async def test_while_the_database_is_away_crashes_are_still_mended_and_nothing_is_deleted(world: World) -> None:
    world.registry.want("a", "running")
    await world.after()
    world.registry.away = True
    world.launcher.seen["stranger"] = ABSENT
    await world.after()
    world.die()
    await world.after(5.0)
    await world.after(5.0)
    assert world.launcher.log == ["launch a", "launch a"]
    world.registry.away = False
    del world.registry.rows["a"]
    world.launcher.seen["a"] = ABSENT
    await world.controller.reconcile()
    assert sorted(world.launcher.log[2:]) == ["remove a", "remove stranger"]
    assert sorted(world.registry.discarded) == ["a", "stranger"]


async def test_a_deleted_twin_ends_before_its_directory_goes(world: World) -> None:
    world.launcher.seen["a"] = Observed(state="starting", pid=1000)
    await world.controller.reconcile()
    assert world.launcher.log == ["terminate a"]
    world.launcher.seen["a"] = ABSENT
    await world.controller.reconcile()
    assert world.launcher.log == ["terminate a", "remove a"]


async def test_one_twin_in_trouble_does_not_hold_up_the_others(world: World, caplog: pytest.LogCaptureFixture) -> None:
    for twin_id in ("a", "b"):
        world.registry.want(twin_id, "running")
    world.launcher.unlucky = "a"
    await world.controller.reconcile()
    assert world.launcher.log == ["launch b"]
    assert "Twin 'a' (a) could not be seen to" in caplog.text


async def test_a_directory_that_is_taken_is_tried_again(world: World) -> None:
    world.registry.want("a", "running")
    world.launcher.refusal = ConflictError("Another process already serves the directory.")
    assert await world.after() == ("starting", "A runtime of this twin is about to start or to end.")
    world.launcher.refusal = None
    await world.after(0.5)
    assert world.launcher.log == ["launch a"]


def test_trouble_and_drift_make_a_running_twin_degraded() -> None:
    quiet = {"phase": "running", "checkpoint": {"trouble": ""}, "sync": {"trouble": [], "drift": []}}
    assert judge(quiet) == ("running", "")
    drift = [{"address": "/World/a.position", "drifting": True}, {"address": "/World/b.position", "drifting": False}]
    sync = {"trouble": ["mqtt://h: no route"], "drift": drift}
    assert judge({**quiet, "sync": sync}) == ("degraded", "mqtt://h: no route Drifting: /World/a.position.")
    assert judge({**quiet, "checkpoint": {"trouble": "disk full"}}) == ("degraded", "disk full")
    assert judge({**quiet, "phase": "paused"}) == ("running", "Paused.")
    assert judge({**quiet, "phase": "ended"})[1].startswith("What it was to do has ended")
