"""``hanzo-twin serve``: the whole platform on one machine, kept up until Ctrl-C or SIGTERM.

Then the API and the controller end, the runtimes leave a checkpoint each, and the database shuts down; twins that were
to run start again with the next `serve`. Killed outright, it takes API and controller with it; the runtimes go on and
the next `serve` finds them.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import signal
import socket

import httpx
from rich.console import Console
from rich.logging import RichHandler
from rich.table import Table

from hanzo_twin.clock import WallClock
from hanzo_twin.definition.settings import Settings
from hanzo_twin.errors import ConflictError, HanzoTwinError, StoreUnavailableError
from hanzo_twin.runtime.directory import DirectoryLock
from hanzo_twin.runtime.effective_settings import database_url, environment_with, with_database, write_settings
from hanzo_twin.runtime.launcher import LocalLauncher
from hanzo_twin.runtime.places import (
    logs_directory,
    postgres_directory,
    run_directory,
    runtimes_directory,
    sessions_directory,
)
from hanzo_twin.runtime.sessions import stop_sessions
from hanzo_twin.runtime.supervisor import Child, Supervisor
from hanzo_twin.stores.embedded_postgres import EmbeddedPostgres
from hanzo_twin.stores.migrate import upgrade

_READY_S = 60.0
_RUNTIME_STOP_S = 15.0
_DATABASE_CHECK_S = 1.0
_BACKLOG = 2048

log = logging.getLogger(__name__)


def serve(settings: Settings) -> None:
    """Bring the platform up and keep it up; returns after Ctrl-C or SIGTERM, when all has ended.

    Raises:
        ConflictError: a port is taken, or another `serve` has the data directory.
        StoreUnavailableError: the database cannot be reached or started, or the disk cannot be written.
        SettingsError: a process of the platform cannot run with these settings.
    """
    asyncio.run(LocalPlatform(settings, console=Console()).run())


class LocalPlatform:
    """Database, API, controller and runtimes of one data directory."""

    def __init__(self, settings: Settings, *, console: Console) -> None:
        self._settings = settings
        self._console = console
        self._data = settings.data_dir
        self._run_directory = run_directory(settings)
        self._logs = logs_directory(settings)
        self._stopping = asyncio.Event()
        count = settings.server.workers
        self._apis = ("api",) if count == 1 else tuple(f"api-{number}" for number in range(1, count + 1))

    async def run(self) -> None:
        """As `serve`."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        lock = DirectoryLock(
            self._run_directory / "serve.lock",
            taken=f"Another 'hanzo-twin serve' already runs on {self._data}.",
            hint="Stop it, or give this one another data_dir (HANZO_TWIN_DATA_DIR).",
        )
        try:
            with listen(self._settings) as listening:
                self._prepare()
                async with contextlib.AsyncExitStack() as ending:
                    settings = await self._open_database(ending)
                    ending.push_async_callback(self._stop_runtimes)
                    await self._run_children(settings, listening)
        finally:
            lock.release()

    def _prepare(self) -> None:
        self._logs.mkdir(parents=True, exist_ok=True)
        logging.basicConfig(
            level=logging.WARNING,
            format="%(message)s",
            handlers=[RichHandler(console=self._console, show_path=False)],
            force=True,
        )
        shutil.rmtree(self._run_directory / "metrics", ignore_errors=True)
        (self._run_directory / "metrics").mkdir()

    async def _open_database(self, ending: contextlib.AsyncExitStack) -> Settings:
        """The settings with a database that answers and has the newest tables."""
        settings = self._settings
        if settings.database.url is None:
            postgres = EmbeddedPostgres(postgres_directory(settings))
            settings = with_database(settings, await asyncio.to_thread(postgres.start))
            ending.push_async_callback(asyncio.to_thread, postgres.stop)
            keeping = asyncio.create_task(keep_database(postgres))
            ending.callback(keeping.cancel)
        await upgrade(database_url(settings))
        return settings

    async def _run_children(self, settings: Settings, listening: socket.socket) -> None:
        path = self._run_directory / "settings.json"
        write_settings(settings, path)
        environment = environment_with(path) | {"PROMETHEUS_MULTIPROC_DIR": str(self._run_directory / "metrics")}
        shared = listening.fileno()
        supervisor = Supervisor(
            [
                Child(
                    name=name,
                    module="hanzo_twin.runtime.child",
                    output=self._logs / f"{name}.out",
                    arguments=(name, str(os.getpid()), *(map(str, sockets))),
                    environment=environment,
                    sockets=sockets,
                )
                for name, sockets in [*((api, (shared,)) for api in self._apis), ("controller", ()), ("worker", ())]
            ],
            WallClock(),
        )
        running = asyncio.create_task(supervisor.run())
        announcing = asyncio.create_task(self._announce())
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not running.done():
                self._console.print("Stopping; twins that run leave a checkpoint each …")
        finally:
            announcing.cancel()
            stopping.cancel()
            listening.close()  # who comes now is refused, and does not wait for an answer that never comes
            supervisor.stop()
            await running

    async def _announce(self) -> None:
        """Say what runs where, once the API says that it is ready."""
        url = api_url(self._settings)
        if not await wait_ready(url, timeout_s=_READY_S):
            log.warning("The API is not ready after %g s; its log is %s", _READY_S, self._logs / f"{self._apis[0]}.log")
            return
        table = Table(box=None, show_header=False)
        table.add_row("API", f"{url}/v1")
        table.add_row("documentation", f"{url}/docs")
        if self._settings.metrics.enabled:
            host, metrics = self._settings.server.host, self._settings.metrics
            table.add_row("metrics", f"http://{_bracketed(host)}:{metrics.port}{metrics.path}")
        table.add_row("database", "embedded" if self._settings.database.url is None else "as configured")
        table.add_row("data, logs", f"{self._data}, {self._logs}")
        self._console.print("Hanzo Twin is ready; Ctrl-C stops it.", table)

    async def _stop_runtimes(self) -> None:
        await stop_sessions(sessions_directory(self._settings))
        await stop_runtimes(LocalLauncher(runtimes_directory(self._settings)))


async def keep_database(postgres: EmbeddedPostgres) -> None:
    """Start the embedded database again whenever it is found dead, until cancelled."""
    while True:
        await asyncio.sleep(_DATABASE_CHECK_S)
        try:
            await asyncio.to_thread(lambda: postgres.url)
        except StoreUnavailableError:
            log.warning("The embedded database died; it is started again")
            try:
                await asyncio.to_thread(postgres.start)
            except HanzoTwinError as error:
                log.error("%s", error)


async def stop_runtimes(launcher: LocalLauncher) -> None:
    """Ask all runtimes to end with a checkpoint; those that have not after 15 s are killed."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _RUNTIME_STOP_S
    for twin_id in launcher.known():
        launcher.terminate(twin_id)
    while left := [twin_id for twin_id in launcher.known() if launcher.observe(twin_id).pid is not None]:
        if loop.time() > deadline:
            for twin_id in left:
                log.warning("The runtime of twin %s did not end in time and is killed", twin_id)
                launcher.kill(twin_id)
            return
        await asyncio.sleep(0.05)


def listen(settings: Settings) -> socket.socket:
    """The socket to which requests come; as long as it is open, they wait while the API is started again.

    Raises:
        ConflictError: its port, or that of the metrics, is taken; the message names the setting.
    """
    listening = _bind(settings.server.host, settings.server.port, "server.port")
    try:
        if settings.metrics.enabled:
            _bind(settings.server.host, settings.metrics.port, "metrics.port").close()
        listening.listen(_BACKLOG)
    except BaseException:
        listening.close()
        raise
    return listening


def _bind(host: str, port: int, setting: str) -> socket.socket:
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        variable = f"HANZO_TWIN_{setting.replace('.', '_').upper()}"
        raise ConflictError(
            f"Port {port} of {host} cannot be used: {error.strerror}.",
            hint=f"End the program that has it, or choose another port with {setting} ({variable}).",
        ) from None
    return bound


def api_url(settings: Settings) -> str:
    """Where the API answers, as this machine reaches it."""
    return f"http://{_bracketed(settings.server.host)}:{settings.server.port}"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


async def wait_ready(url: str, *, timeout_s: float) -> bool:
    """Whether ``url``/ready has answered 200 before ``timeout_s`` was over."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_s
    async with httpx.AsyncClient() as client:
        while loop.time() < deadline:
            with contextlib.suppress(httpx.HTTPError):
                if (await client.get(f"{url}/ready")).status_code == 200:
                    return True
            await asyncio.sleep(0.1)
    return False
