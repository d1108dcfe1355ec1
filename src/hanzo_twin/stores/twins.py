"""Twins in the database."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, Row, delete, insert, select, tuple_, update

from hanzo_twin.clock import Clock, WallClock
from hanzo_twin.errors import ConflictError, InvalidInputError, NotFoundError, nearest
from hanzo_twin.stores.cursor import make_cursor, parse_cursor
from hanzo_twin.stores.database import Database
from hanzo_twin.stores.records import Desired, JsonObject, Page, Phase, TwinRecord
from hanzo_twin.stores.tables import twins

PAGE_MAX = 1000


class TwinRepository:
    """Twins. ``organization`` scopes every look-up; None is for the controller, which sees all organizations."""

    def __init__(self, database: Database, clock: Clock | None = None) -> None:
        self._database = database
        self._clock = clock or WallClock()

    async def create(
        self,
        *,
        name: str,
        organization: str,
        kind: str,
        engine: str,
        definition: JsonObject,
        tags: Sequence[str] = (),
        metadata: JsonObject | None = None,
        parent_id: UUID | None = None,
        ephemeral: bool = False,
        expires_at: datetime | None = None,
        twin_id: UUID | None = None,
    ) -> TwinRecord:
        """Add a twin in phase ``created``, desired ``stopped``.

        Raises:
            ConflictError: the organization has a twin of that name.
        """
        now = self._now()
        values = {
            "id": twin_id or uuid4(),
            "name": name,
            "organization": organization,
            "kind": kind,
            "engine": engine,
            "definition": definition,
            "definition_version": 1,
            "desired": "stopped",
            "phase": "created",
            "phase_detail": "",
            "parent_id": parent_id,
            "ephemeral": ephemeral,
            "expires_at": expires_at,
            "tags": list(tags),
            "metadata": metadata or {},
            "created_at": now,
            "updated_at": now,
            "revision": 1,
        }
        async with self._database.transaction() as connection:
            return _record((await connection.execute(insert(twins).values(values).returning(twins))).one())

    async def get(self, twin_id: UUID, *, organization: str | None) -> TwinRecord:
        """The twin with that id.

        Raises:
            NotFoundError: there is none in that organization.
        """
        async with self._database.transaction() as connection:
            row = (await connection.execute(select(twins).where(_is(twin_id, organization)))).one_or_none()
        if row is None:
            raise _missing(twin_id)
        return _record(row)

    async def find(self, name: str, *, organization: str) -> TwinRecord:
        """The twin of that name.

        Raises:
            NotFoundError: there is none; the hint lists names that exist.
        """
        async with self._database.transaction() as connection:
            ours = twins.c.organization == organization
            row = (await connection.execute(select(twins).where(ours, twins.c.name == name))).one_or_none()
            if row is not None:
                return _record(row)
            names = (await connection.scalars(select(twins.c.name).where(ours).limit(PAGE_MAX))).all()
        raise NotFoundError(f"No twin is named '{name}'.", hint=nearest(name, names))

    async def list(
        self,
        *,
        organization: str | None,
        tags: Sequence[str] = (),
        engine: str | None = None,
        kind: str | None = None,
        name: str | None = None,
        desired: Desired | None = None,
        phases: Collection[Phase] = (),
        limit: int = 100,
        cursor: str = "",
    ) -> Page[TwinRecord]:
        """Twins by age, oldest first.

        Args:
            tags: all of these.
            name: part of the name, whatever the case.
            phases: one of these.
            limit: at most so many, 1 to 1000.
            cursor: ``next_cursor`` of the page before.

        Raises:
            InvalidInputError: the limit or the cursor is wrong.
        """
        if not 1 <= limit <= PAGE_MAX:
            raise InvalidInputError(f"A page of {limit} twins was asked for.", hint=f"Allowed: 1 to {PAGE_MAX}.")
        columns = {"organization": organization, "engine": engine, "kind": kind, "desired": desired}
        wanted = [twins.c[column] == value for column, value in columns.items() if value is not None]
        wanted += [twins.c.tags.contains(list(tags))] if tags else []
        wanted += [twins.c.name.icontains(name, autoescape=True)] if name else []
        wanted += [twins.c.phase.in_(phases)] if phases else []
        wanted += [tuple_(twins.c.created_at, twins.c.id) > tuple_(*parse_cursor(cursor))] if cursor else []
        query = select(twins).where(*wanted).order_by(twins.c.created_at, twins.c.id).limit(limit + 1)
        async with self._database.transaction() as connection:
            rows = (await connection.execute(query)).all()
        items = tuple(_record(row) for row in rows[:limit])
        return Page(
            items=items, next_cursor=make_cursor(items[-1].created_at, items[-1].id) if len(rows) > limit else ""
        )

    async def every(self, *, phases: Collection[Phase] = ()) -> Sequence[TwinRecord]:
        """Twins of all organizations, oldest first, in one of ``phases``, or in any."""
        found: list[TwinRecord] = []
        cursor = ""
        while True:
            page = await self.list(organization=None, phases=phases, limit=PAGE_MAX, cursor=cursor)
            found += page.items
            cursor = page.next_cursor
            if not cursor:
                return found

    async def update(
        self,
        twin_id: UUID,
        *,
        organization: str | None,
        revision: int | None = None,
        name: str | None = None,
        kind: str | None = None,
        engine: str | None = None,
        definition: JsonObject | None = None,
        tags: Sequence[str] | None = None,
        metadata: JsonObject | None = None,
    ) -> TwinRecord:
        """Change what is given; a change of the definition gives it the next version.

        Args:
            revision: change only if the twin still has this revision.

        Raises:
            NotFoundError: no such twin.
            ConflictError: it was changed meanwhile, or the name is taken.
        """
        columns = {"name": name, "kind": kind, "engine": engine, "definition": definition, "metadata": metadata}
        changes: dict[str, Any] = {column: value for column, value in columns.items() if value is not None}
        if definition is not None:
            changes["definition_version"] = twins.c.definition_version + 1
        if tags is not None:
            changes["tags"] = list(tags)
        return await self._change(twin_id, organization, revision, changes)

    async def set_desired(self, twin_id: UUID, desired: Desired, *, organization: str | None) -> TwinRecord:
        """Say what the user wants. Raises NotFoundError."""
        return await self._change(twin_id, organization, None, {"desired": desired})

    async def _change(
        self, twin_id: UUID, organization: str | None, revision: int | None, changes: Mapping[str, Any]
    ) -> TwinRecord:
        same = [] if revision is None else [twins.c.revision == revision]
        values = {**changes, "updated_at": self._now(), "revision": twins.c.revision + 1}
        statement = update(twins).where(_is(twin_id, organization), *same).values(values).returning(twins)
        async with self._database.transaction() as connection:
            row = (await connection.execute(statement)).one_or_none()
            if row is not None:
                return _record(row)
            now = await connection.scalar(select(twins.c.revision).where(_is(twin_id, organization)))
        if now is None:
            raise _missing(twin_id)
        raise ConflictError(
            f"Twin {twin_id} was changed meanwhile: it has revision {now}, not {revision}.", hint="Read it again."
        )

    async def set_phase(self, twin_id: UUID, phase: Phase, detail: str = "") -> TwinRecord:
        """Say what is; for the controller. The revision stays. Raises NotFoundError."""
        statement = update(twins).where(_is(twin_id, None)).values(phase=phase, phase_detail=detail)
        async with self._database.transaction() as connection:
            row = (await connection.execute(statement.returning(twins))).one_or_none()
        if row is None:
            raise _missing(twin_id)
        return _record(row)

    async def delete(self, twin_id: UUID, *, organization: str | None) -> None:
        """Remove the twin with its runtime row; its forks stay, without a parent.

        Raises:
            NotFoundError: no such twin.
        """
        async with self._database.transaction() as connection:
            done = await connection.execute(delete(twins).where(_is(twin_id, organization)))
        if not done.rowcount:
            raise _missing(twin_id)

    async def expired(self) -> Sequence[TwinRecord]:
        """Ephemeral twins whose time is over."""
        over = twins.c.ephemeral & (twins.c.expires_at <= self._now())
        async with self._database.transaction() as connection:
            return [_record(row) for row in await connection.execute(select(twins).where(over))]

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now(), UTC)


def _is(twin_id: UUID, organization: str | None) -> ColumnElement[bool]:
    same: ColumnElement[bool] = twins.c.id == twin_id
    return same if organization is None else same & (twins.c.organization == organization)


def _missing(twin_id: UUID) -> NotFoundError:
    return NotFoundError(f"There is no twin {twin_id}.", hint="List those that exist with: hanzo-twin list")


def _record(row: Row[Any]) -> TwinRecord:
    fields = row._asdict()
    return TwinRecord(**(fields | {"tags": tuple(fields["tags"])}))
