"""The controller with a real database and real runtimes."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from tests.live.runtimes import HINGE, definition, end_all
from tests.live.waiting import until_async, until_seen

from hanzo_twin.clock import WallClock
from hanzo_twin.definition.settings import Runtime, Settings
from hanzo_twin.errors import NotFoundError
from hanzo_twin.runtime.client import RuntimeClient
from hanzo_twin.runtime.controller import Controller
from hanzo_twin.runtime.launcher import LocalLauncher
from hanzo_twin.runtime.places import history_directory, runtimes_directory
from hanzo_twin.runtime.registry import DatabaseRegistry
from hanzo_twin.runtime.restart import RestartPolicy
from hanzo_twin.runtime.spec import Ready
from hanzo_twin.stores.database import Database
from hanzo_twin.stores.embedded_postgres import EmbeddedPostgres
from hanzo_twin.stores.migrate import upgrade
from hanzo_twin.stores.records import Phase, RuntimeRecord, TwinRecord
from hanzo_twin.stores.runtimes import RuntimeRepository
from hanzo_twin.stores.twins import TwinRepository

pytestmark = pytest.mark.live


class LocalFiles:
    """Twins whose scenes are files; states of forks are set by the test."""

    def __init__(self) -> None:
        self.states: dict[UUID, bytes] = {}
        self.discarded: list[UUID] = []

    async def initial_state(self, twin_id: UUID) -> bytes:
        return self.states[twin_id]

    async def localize(self, definition: Mapping[str, Any]) -> dict[str, Any]:
        return dict(definition)

    async def discard(self, twin_id: UUID) -> None:
        self.discarded.append(twin_id)


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    made = EmbeddedPostgres(tmp_path_factory.mktemp("controller") / "postgres")
    asyncio.run(upgrade(made.start()))
    yield made
    made.stop()


@dataclass
class Platform:
    """A database, a controller that runs, and the launcher it uses."""

    settings: Settings
    launcher: LocalLauncher
    files: LocalFiles
    twins: TwinRepository
    runtimes: RuntimeRepository
    database: Database
    controlling: asyncio.Task[None] | None = None

    def control(self) -> None:
        controller = Controller(
            DatabaseRegistry(self.database, self.files, self.settings),
            LocalLauncher(runtimes_directory(self.settings)),
            WallClock(),
            policy=RestartPolicy(first_wait_s=0.2, longest_wait_s=1.0),
        )
        self.controlling = asyncio.create_task(controller.run())

    async def let_go(self) -> None:
        if self.controlling is not None:
            self.controlling.cancel()
            await asyncio.gather(self.controlling, return_exceptions=True)

    async def create(self, name: str, **fields: Any) -> TwinRecord:
        given = fields.pop("definition", definition(name=name))
        return await self.twins.create(
            name=name, organization="default", kind="physical", engine="mujoco", definition=given, **fields
        )

    async def start(self, twin: TwinRecord) -> None:
        await self.twins.set_desired(twin.id, "running", organization=None)

    async def until_phase(self, twin: TwinRecord, phase: Phase, *, within_s: float = 30.0) -> TwinRecord:
        async def look() -> TwinRecord | None:
            found = await self.twins.get(twin.id, organization=None)
            return found if found.phase == phase else None

        return await until_async(f"{twin.name} is {phase}", look, within_s=within_s)

    async def until_serving(self, twin: TwinRecord, *, beside: int | None = None) -> RuntimeRecord:
        """The runtime of the twin, of another process than ``beside``."""

        async def look() -> RuntimeRecord | None:
            try:
                found = await self.runtimes.get(twin.id)
            except NotFoundError:
                return None
            return found if found.pid != beside else None

        return await until_async(f"{twin.name} serves", look)


@pytest.fixture
async def platform(tmp_path: Path, postgres: EmbeddedPostgres) -> AsyncIterator[Platform]:
    settings = Settings(data_dir=tmp_path, runtime=Runtime(checkpoint_seconds=0.1))
    async with Database(postgres.start(), pool_size=2) as database:
        made = Platform(
            settings=settings,
            launcher=LocalLauncher(runtimes_directory(settings)),
            files=LocalFiles(),
            twins=TwinRepository(database),
            runtimes=RuntimeRepository(database),
            database=database,
        )
        made.control()
        yield made
        await made.let_go()
        await end_all(made.launcher)
        for twin in (await made.twins.list(organization=None)).items:
            await made.twins.delete(twin.id, organization=None)


async def time_of(runtime: RuntimeRecord) -> float:
    async with RuntimeClient(runtime.address, runtime.token) as client:
        return float((await client.status())["time"])


async def test_a_twin_starts_survives_a_kill_and_stops(platform: Platform) -> None:
    twin = await platform.create("arm")
    await platform.start(twin)
    await platform.until_phase(twin, "running")
    first = await platform.until_serving(twin)
    async with RuntimeClient(first.address, first.token) as client:
        await client.set_parameter(f"{HINGE}.damping", 0.5)
        await client.checkpoint()
        reached = (await client.status())["time"]
    platform.launcher.kill(str(twin.id))
    second = await platform.until_serving(twin, beside=first.pid)
    assert second.restarts == 1
    assert second.token != first.token
    async with RuntimeClient(second.address, second.token) as client:
        assert (await client.status())["time"] >= reached
        assert await client.get_parameter(f"{HINGE}.damping") == 0.5
    await platform.twins.set_desired(twin.id, "stopped", organization=None)
    await platform.until_phase(twin, "stopped")
    assert platform.launcher.observe(str(twin.id)).state == "absent"
    with pytest.raises(NotFoundError, match="has no runtime"):
        await platform.runtimes.get(twin.id)


async def test_a_controller_that_was_cut_off_is_followed_by_one_that_adopts(platform: Platform) -> None:
    twin = await platform.create("arm")
    await platform.start(twin)
    await platform.until_phase(twin, "running")
    before = await platform.until_serving(twin)
    await platform.let_go()
    began = await time_of(before)
    platform.control()

    async def heard() -> bool:
        return (await platform.runtimes.get(twin.id)).heartbeat_at > before.heartbeat_at

    await until_async("the next controller hears from the runtime", heard)
    after = await platform.runtimes.get(twin.id)
    assert (after.pid, after.token, after.restarts) == (before.pid, before.token, 0)

    async def goes_on() -> bool:
        return await time_of(after) > began

    await until_async("it goes on", goes_on)


async def test_runtimes_go_on_while_the_database_is_away(platform: Platform, postgres: EmbeddedPostgres) -> None:
    quiet, killed = await platform.create("quiet"), await platform.create("killed")
    for twin in (quiet, killed):
        await platform.start(twin)
    for twin in (quiet, killed):
        await platform.until_phase(twin, "running")
    before = {twin.id: await platform.until_serving(twin) for twin in (quiet, killed)}
    await asyncio.to_thread(postgres.stop)
    began = await time_of(before[quiet.id])
    platform.launcher.kill(str(killed.id))
    seen = await until_seen(
        "the killed one is restarted without the database",
        lambda: other_than(before[killed.id].pid, platform.launcher.observe(str(killed.id)).ready),
    )
    assert await time_of(before[quiet.id]) > began, "it went on while another was restarted"
    await asyncio.to_thread(postgres.start)
    after = await platform.until_serving(killed, beside=before[killed.id].pid)
    assert after.pid == seen.pid
    assert (await platform.runtimes.get(quiet.id)).pid == before[quiet.id].pid


def other_than(pid: int, ready: Ready | None) -> Ready | None:
    return ready if ready is not None and ready.pid != pid else None


async def test_what_cannot_start_fails_with_the_reason_until_it_is_mended(platform: Platform) -> None:
    wrong = definition(name="wrong", engine={"type": "warpdrive"})
    twin = await platform.create("wrong", definition=wrong)
    await platform.start(twin)
    failed = await platform.until_phase(twin, "failed")
    assert failed.phase_detail.startswith("No engine named 'warpdrive' is installed.\n  ")
    assert "mujoco" in failed.phase_detail
    await platform.twins.update(twin.id, organization=None, definition=definition(name="wrong"))
    assert (await platform.until_phase(twin, "running")).phase_detail == ""


async def test_a_fork_begins_from_its_state_and_goes_when_its_time_is_over(platform: Platform) -> None:
    parent = await platform.create("parent")
    await platform.start(parent)
    runtime = await platform.until_serving(parent)
    async with RuntimeClient(runtime.address, runtime.token) as client:
        await client.set_parameter(f"{HINGE}.damping", 2.5)
        state = await client.get_state()
    over = datetime.now(UTC) + timedelta(hours=1)
    fork = await platform.create("fork", parent_id=parent.id, ephemeral=True, expires_at=over)
    platform.files.states[fork.id] = state.to_bytes()
    await platform.start(fork)
    runtime = await platform.until_serving(fork)
    async with RuntimeClient(runtime.address, runtime.token) as client:
        assert await client.get_parameter(f"{HINGE}.damping") == 2.5
        status = await client.status()
    assert status["time"] >= state.simulation.time
    assert status["sync"]["mode"] == "standalone"
    past = datetime.now(UTC) - timedelta(seconds=1)
    late = await platform.create("late", parent_id=parent.id, ephemeral=True, expires_at=past)

    async def gone() -> bool:
        return late.id not in {twin.id for twin in (await platform.twins.list(organization=None)).items}

    await until_async("the fork whose time is over is deleted", gone)
    assert (await platform.twins.get(fork.id, organization=None)).phase == "running"


async def test_a_deleted_twin_leaves_nothing(platform: Platform) -> None:
    twin = await platform.create("short")
    await platform.start(twin)
    await platform.until_phase(twin, "running")
    history = history_directory(platform.settings, str(twin.id))
    assert history.is_dir()
    await platform.twins.delete(twin.id, organization=None)
    await until_seen("its directory is gone", lambda: str(twin.id) not in platform.launcher.known())
    await until_seen("its history is gone", lambda: not history.exists())
    await until_seen("what was stored of it is gone", lambda: platform.files.discarded == [twin.id])


async def test_a_runtime_without_its_files_is_started_afresh(platform: Platform) -> None:
    twin = await platform.create("arm")
    await platform.start(twin)
    await platform.until_phase(twin, "running")
    first = await platform.until_serving(twin)
    await asyncio.to_thread(shutil.rmtree, platform.launcher.files(str(twin.id)).directory)
    second = await platform.until_serving(twin, beside=first.pid)
    assert await time_of(second) >= 0.0
