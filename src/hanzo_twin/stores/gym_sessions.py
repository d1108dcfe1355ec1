"""Sessions of environments in the database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, delete, insert, select, update

from hanzo_twin.clock import Clock, WallClock
from hanzo_twin.errors import NotFoundError
from hanzo_twin.stores.database import Database
from hanzo_twin.stores.records import GymSessionRecord
from hanzo_twin.stores.tables import gym_sessions

KEPT = timedelta(days=1)
"""How long it is remembered why a session ended."""


class GymSessionRepository:
    """Sessions, those that ended lately included."""

    def __init__(self, database: Database, clock: Clock | None = None) -> None:
        self._database = database
        self._clock = clock or WallClock()

    async def add(self, **values: Any) -> GymSessionRecord:
        """Add a session that serves; sessions that ended long ago are forgotten."""
        now = self._now()
        row = {**values, "created_at": now, "ended": ""}
        async with self._database.transaction() as connection:
            await connection.execute(delete(gym_sessions).where(gym_sessions.c.ended_at < now - KEPT))
            added = await connection.execute(insert(gym_sessions).values(row).returning(gym_sessions))
            return GymSessionRecord(**added.one()._mapping)

    async def get(self, session_id: UUID) -> GymSessionRecord:
        """Raises NotFoundError: there is none, and none of that id ended lately."""
        async with self._database.transaction() as connection:
            query = select(gym_sessions).where(gym_sessions.c.id == session_id)
            row = (await connection.execute(query)).one_or_none()
        if row is None:
            raise NotFoundError(
                f"There is no environment {session_id}.", hint="Create one with POST /v1/gym/envs, or list them."
            )
        return GymSessionRecord(**row._mapping)

    async def living(self, *, organization: str | None = None) -> Sequence[GymSessionRecord]:
        """Those that are not known to have ended, oldest first."""
        wanted: ColumnElement[bool] = gym_sessions.c.ended_at.is_(None)
        if organization is not None:
            wanted &= gym_sessions.c.organization == organization
        query = select(gym_sessions).where(wanted).order_by(gym_sessions.c.created_at, gym_sessions.c.id)
        async with self._database.transaction() as connection:
            return [GymSessionRecord(**row._mapping) for row in await connection.execute(query)]

    async def end(self, session_id: UUID, why: str) -> None:
        """Write down that a session ended; the first reason stays."""
        first = (gym_sessions.c.id == session_id) & gym_sessions.c.ended_at.is_(None)
        async with self._database.transaction() as connection:
            await connection.execute(update(gym_sessions).where(first).values(ended=why, ended_at=self._now()))

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now(), UTC)
