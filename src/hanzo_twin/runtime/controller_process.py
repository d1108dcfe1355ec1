"""The process of the controller."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal

from hanzo_twin.clock import WallClock
from hanzo_twin.definition.settings import Settings
from hanzo_twin.runtime.controller import Controller
from hanzo_twin.runtime.directory import DirectoryLock
from hanzo_twin.runtime.effective_settings import database_url
from hanzo_twin.runtime.launcher import LocalLauncher
from hanzo_twin.runtime.places import run_directory, runtimes_directory, scene_cache_directory
from hanzo_twin.runtime.registry import DatabaseRegistry
from hanzo_twin.runtime.supervision import SupervisionLimits
from hanzo_twin.runtime.twin_files import StoredTwinFiles
from hanzo_twin.stores.buckets import open_buckets
from hanzo_twin.stores.database import Database
from hanzo_twin.stores.scene_files import SceneFiles
from hanzo_twin.stores.scenes import SceneRepository

log = logging.getLogger(__name__)


async def run_controller(settings: Settings) -> None:
    """Keep the runtimes of this machine as the database wants them until SIGTERM; they go on after it.

    Raises:
        SettingsError: no database is set. ConflictError: another controller has the data directory.
    """
    lock = DirectoryLock(
        run_directory(settings) / "controller.lock",
        taken=f"Another controller already runs on {settings.data_dir}.",
        hint="There is one for each data directory.",
    )
    try:
        async with Database(database_url(settings), pool_size=2) as database:
            buckets = await asyncio.to_thread(open_buckets, settings)
            scenes = SceneFiles(SceneRepository(database), buckets.scenes, scene_cache_directory(settings))
            controller = Controller(
                DatabaseRegistry(database, StoredTwinFiles(buckets, scenes), settings),
                LocalLauncher(runtimes_directory(settings)),
                WallClock(),
                limits=SupervisionLimits(start_s=settings.runtime.start_timeout_seconds),
            )
            await _until_told(controller)
    finally:
        lock.release()


async def _until_told(controller: Controller) -> None:
    loop = asyncio.get_running_loop()
    running = asyncio.create_task(controller.run())
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, running.cancel)
    log.info("The controller runs")
    with contextlib.suppress(asyncio.CancelledError):
        await running
    log.info("The controller ended; the runtimes go on")
