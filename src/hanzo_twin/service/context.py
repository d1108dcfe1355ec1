"""What every service function works on: settings, stores and a clock, opened and closed once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from hanzo_twin.clock import Clock, WallClock
from hanzo_twin.definition.settings import Settings
from hanzo_twin.errors import StoreUnavailableError
from hanzo_twin.runtime.places import postgres_directory
from hanzo_twin.stores.buckets import Buckets, open_buckets
from hanzo_twin.stores.database import Database
from hanzo_twin.stores.embedded_postgres import EmbeddedPostgres
from hanzo_twin.stores.gym_sessions import GymSessionRepository
from hanzo_twin.stores.jobs import JobRepository
from hanzo_twin.stores.migrate import upgrade
from hanzo_twin.stores.runtimes import RuntimeRepository
from hanzo_twin.stores.scene_files import SceneFiles
from hanzo_twin.stores.scenes import SceneRepository
from hanzo_twin.stores.twins import TwinRepository

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Platform:
    """The stores of one process. Make it with `Platform.open`."""

    settings: Settings
    clock: Clock
    database: Database
    twins: TwinRepository
    runtimes: RuntimeRepository
    scenes: SceneRepository
    jobs: JobRepository
    gym_sessions: GymSessionRepository
    database_url: str
    buckets: Buckets
    scene_files: SceneFiles

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: Settings, *, clock: Clock | None = None) -> AsyncIterator[Platform]:
        """The platform of ``settings``; without a database URL, the embedded database is started or joined.

        A database that does not answer now is no reason to fail: it is asked again with every call.
        """
        chosen = clock or WallClock()
        async with AsyncExitStack() as stack:
            url = await _database_url(settings, stack)
            database = await stack.enter_async_context(Database(url))
            try:
                await upgrade(url)
            except StoreUnavailableError as error:
                log.warning("%s", error)
            buckets = await asyncio.to_thread(open_buckets, settings, chosen)
            scenes = SceneRepository(database, chosen)
            yield cls(
                settings=settings,
                clock=chosen,
                database=database,
                twins=TwinRepository(database, chosen),
                runtimes=RuntimeRepository(database, chosen),
                scenes=scenes,
                jobs=JobRepository(database, chosen),
                gym_sessions=GymSessionRepository(database, chosen),
                database_url=url,
                buckets=buckets,
                scene_files=SceneFiles(scenes, buckets.scenes, settings.data_dir / "cache" / "scenes"),
            )


async def _database_url(settings: Settings, stack: AsyncExitStack) -> str:
    if settings.database.url is not None:
        return settings.database.url.get_secret_value()
    server = EmbeddedPostgres(postgres_directory(settings))
    url = await asyncio.to_thread(server.start)
    stack.push_async_callback(asyncio.to_thread, server.stop)
    return url
