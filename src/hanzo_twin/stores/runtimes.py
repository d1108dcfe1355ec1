"""Runtime processes of twins in the database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from hanzo_twin.clock import Clock, WallClock
from hanzo_twin.errors import ConflictError, NotFoundError
from hanzo_twin.stores.database import Database
from hanzo_twin.stores.records import RuntimeRecord
from hanzo_twin.stores.tables import runtimes


class RuntimeRepository:
    """At most one runtime for each twin."""

    def __init__(self, database: Database, clock: Clock | None = None) -> None:
        self._database = database
        self._clock = clock or WallClock()

    async def register(
        self, twin_id: UUID, *, pid: int, host: str, address: str, token: str, restarts: int = 0
    ) -> RuntimeRecord:
        """Note a runtime that has started, in place of the one before.

        Raises:
            ConflictError: the twin does not exist (any more).
        """
        now = self._now()
        values = {
            "pid": pid,
            "host": host,
            "address": address,
            "token": token,
            "started_at": now,
            "heartbeat_at": now,
            "restarts": restarts,
        }
        statement = upsert(runtimes).values(twin_id=twin_id, **values)
        statement = statement.on_conflict_do_update(index_elements=[runtimes.c.twin_id], set_=values)
        async with self._database.transaction() as connection:
            row = (await connection.execute(statement.returning(runtimes))).one()
        return RuntimeRecord(**row._asdict())

    async def heartbeat(self, twin_id: UUID, *, pid: int) -> None:
        """Note that the runtime lives.

        Raises:
            ConflictError: another process runs the twin now, or none should; this one must end.
        """
        mine = (runtimes.c.twin_id == twin_id) & (runtimes.c.pid == pid)
        async with self._database.transaction() as connection:
            done = await connection.execute(update(runtimes).where(mine).values(heartbeat_at=self._now()))
        if not done.rowcount:
            raise ConflictError(f"Process {pid} is not the runtime of twin {twin_id} any more.")

    async def get(self, twin_id: UUID) -> RuntimeRecord:
        """The runtime of a twin.

        Raises:
            NotFoundError: it has none.
        """
        async with self._database.transaction() as connection:
            row = (await connection.execute(select(runtimes).where(runtimes.c.twin_id == twin_id))).one_or_none()
        if row is None:
            raise NotFoundError(f"Twin {twin_id} has no runtime.", hint="Start it with: hanzo-twin start")
        return RuntimeRecord(**row._asdict())

    async def list(self) -> Sequence[RuntimeRecord]:
        """All runtimes, by start."""
        async with self._database.transaction() as connection:
            rows = await connection.execute(select(runtimes).order_by(runtimes.c.started_at))
        return [RuntimeRecord(**row._asdict()) for row in rows]

    async def remove(self, twin_id: UUID) -> None:
        """Forget the runtime of a twin, if it has one."""
        async with self._database.transaction() as connection:
            await connection.execute(delete(runtimes).where(runtimes.c.twin_id == twin_id))

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now(), UTC)
