"""The controller's side of the database."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import select

from hanzo_twin.definition.settings import Settings
from hanzo_twin.errors import ConflictError, NotFoundError
from hanzo_twin.runtime.controller import WantedTwin
from hanzo_twin.runtime.directory import RuntimeFiles, write_atomically
from hanzo_twin.runtime.places import history_directory, runtimes_directory
from hanzo_twin.runtime.spec import RuntimeSpec
from hanzo_twin.runtime.supervision import Verdict
from hanzo_twin.stores.database import Database
from hanzo_twin.stores.runtimes import RuntimeRepository
from hanzo_twin.stores.tables import twins
from hanzo_twin.stores.twins import TwinRepository

log = logging.getLogger(__name__)


class TwinFiles(Protocol):
    """What of a twin lies in the object store."""

    async def initial_state(self, twin_id: UUID) -> bytes:
        """What a fork begins from. Raises NotFoundError, StoreUnavailableError."""
        ...

    async def localize(self, definition: Mapping[str, Any]) -> dict[str, Any]:
        """``definition`` with its stored scenes replaced by files on this machine.

        Raises:
            NotFoundError, InvalidInputError: a scene or file does not exist. StoreUnavailableError: the object store
                does not answer.
        """
        ...

    async def discard(self, twin_id: UUID) -> None:
        """Delete what was kept of a twin."""
        ...


class DatabaseRegistry:
    """Twins in PostgreSQL, runtimes on this machine."""

    def __init__(self, database: Database, files: TwinFiles, settings: Settings) -> None:
        self._database = database
        self._twins = TwinRepository(database)
        self._runtimes = RuntimeRepository(database)
        self._files = files
        self._settings = settings
        self._pids: dict[str, int] = {}

    async def wanted(self) -> Sequence[WantedTwin]:
        for over in await self._twins.expired():
            with contextlib.suppress(NotFoundError):
                await self._twins.delete(over.id, organization=None)
                log.info("The time of the fork '%s' (%s) is over; it is deleted", over.name, over.id)
        columns = (twins.c.id, twins.c.name, twins.c.desired, twins.c.phase, twins.c.phase_detail, twins.c.revision)
        async with self._database.transaction() as connection:
            rows = (await connection.execute(select(*columns))).all()
        return [
            WantedTwin(
                id=str(row.id),
                name=row.name,
                desired=row.desired,
                phase=row.phase,
                revision=row.revision,
                detail=row.phase_detail,
            )
            for row in rows
        ]

    async def spec(self, twin: WantedTwin) -> RuntimeSpec:
        record = await self._twins.get(UUID(twin.id), organization=None)
        directory = runtimes_directory(self._settings) / twin.id
        definition = await self._files.localize(record.definition)
        fork = record.parent_id is not None or record.ephemeral
        if fork:
            definition = on_its_own(definition)
        definition |= {"id": twin.id, "name": record.name}  # sources and sinks are known to brokers by them
        return RuntimeSpec(
            twin_id=twin.id,
            name=record.name,
            definition=definition,
            base_directory=self._settings.data_dir,
            directory=directory,
            history_directory=history_directory(self._settings, twin.id),
            initial_state=await self._initial_state(record.id, directory) if fork else None,
            resume=continues(definition),
            checkpoint_seconds=self._settings.runtime.checkpoint_seconds,
            memory_bytes=self._settings.runtime.memory_mib << 20,
        )

    async def _initial_state(self, fork_id: UUID, directory: Path) -> Path:
        path = RuntimeFiles(directory).initial_state
        if not path.exists():
            await asyncio.to_thread(_keep, path, await self._files.initial_state(fork_id))
        return path

    async def record(self, twin: WantedTwin, verdict: Verdict, *, restarts: int) -> None:
        key = UUID(twin.id)
        try:
            if verdict.ready is not None:
                await self._runtimes.register(
                    key,
                    pid=verdict.ready.pid,
                    host=socket.gethostname(),
                    address=verdict.ready.address,
                    token=verdict.ready.token,
                    restarts=restarts,
                )
                self._pids[twin.id] = verdict.ready.pid
            else:
                await self._runtimes.remove(key)
            await self._twins.set_phase(key, verdict.phase, verdict.detail)
        except (NotFoundError, ConflictError):
            log.info("Twin %s was deleted meanwhile", twin.id)

    async def heartbeat(self, twin_id: str) -> None:
        with contextlib.suppress(ConflictError):  # deleted meanwhile
            await self._runtimes.heartbeat(UUID(twin_id), pid=self._pids[twin_id])

    async def discard(self, twin_id: str) -> None:
        await asyncio.to_thread(shutil.rmtree, history_directory(self._settings, twin_id), ignore_errors=True)
        await self._files.discard(UUID(twin_id))


def _keep(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_atomically(path, data)


def on_its_own(definition: Mapping[str, Any]) -> dict[str, Any]:
    """A fork follows nothing and publishes nothing: two twins must not answer for one machine."""
    sync = {name: value for name, value in definition.get("sync", {}).items() if name not in ("sources", "publish")}
    return {**definition, "sync": {**sync, "mode": "standalone"}}


def continues(definition: Mapping[str, Any]) -> bool:
    """Whether a start goes on where the twin was: what plays a recording begins with the recording."""
    return definition.get("sync", {}).get("mode", "standalone") in ("realtime", "standalone")
