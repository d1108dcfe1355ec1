"""Scenes and their versions in the database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID, uuid4

from sqlalchemy import delete, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert

from hanzo_twin.clock import Clock, WallClock
from hanzo_twin.errors import InvalidInputError, NotFoundError, nearest
from hanzo_twin.stores.database import Database
from hanzo_twin.stores.records import JsonObject, SceneRecord, SceneVersionRecord
from hanzo_twin.stores.tables import scene_versions, scenes


class SceneRepository:
    """Scenes; a version is added and never changed."""

    def __init__(self, database: Database, clock: Clock | None = None) -> None:
        self._database = database
        self._clock = clock or WallClock()

    async def add_version(
        self,
        name: str,
        *,
        organization: str,
        object_key: str,
        root_file: str,
        fingerprint: str,
        size: int,
        sha256: str,
        summary: JsonObject,
        diagnoses: Sequence[JsonObject],
    ) -> SceneVersionRecord:
        """Add the next version of the scene ``name``, which is made with its first one; ``size`` in bytes.

        Concurrent calls get different versions, without gaps.
        """
        now = datetime.fromtimestamp(self._clock.now(), UTC)
        scene = upsert(scenes).values(
            id=uuid4(), name=name, organization=organization, latest_version=1, created_at=now
        )
        scene = scene.on_conflict_do_update(
            index_elements=[scenes.c.organization, scenes.c.name],
            set_={"latest_version": scenes.c.latest_version + 1},
        )
        async with self._database.transaction() as connection:
            made = (await connection.execute(scene.returning(scenes.c.id, scenes.c.latest_version))).one()
            version = insert(scene_versions).values(
                scene_id=made.id,
                version=made.latest_version,
                object_key=object_key,
                root_file=root_file,
                fingerprint=fingerprint,
                size=size,
                sha256=sha256,
                summary=summary,
                diagnoses=list(diagnoses),
                created_at=now,
            )
            row = (await connection.execute(version.returning(scene_versions))).one()
        return SceneVersionRecord(**row._asdict())

    async def get(self, scene_id: UUID, *, organization: str | None) -> SceneRecord:
        """The scene with that id.

        Raises:
            NotFoundError: there is none in that organization.
        """
        query = select(scenes).where(scenes.c.id == scene_id)
        if organization is not None:
            query = query.where(scenes.c.organization == organization)
        async with self._database.transaction() as connection:
            row = (await connection.execute(query)).one_or_none()
        if row is None:
            raise NotFoundError(f"There is no scene {scene_id}.")
        return SceneRecord(**row._asdict())

    async def find(self, name: str, *, organization: str) -> SceneRecord:
        """The scene of that name.

        Raises:
            NotFoundError: there is none; the hint lists names that exist.
        """
        async with self._database.transaction() as connection:
            ours = scenes.c.organization == organization
            row = (await connection.execute(select(scenes).where(ours, scenes.c.name == name))).one_or_none()
            if row is not None:
                return SceneRecord(**row._asdict())
            names = (await connection.scalars(select(scenes.c.name).where(ours).limit(1000))).all()
        raise NotFoundError(f"No scene is named '{name}'.", hint=nearest(name, names))

    async def list(
        self, *, organization: str | None, name: str | None = None, limit: int = 100, offset: int = 0
    ) -> Sequence[SceneRecord]:
        """Scenes by name; ``name`` is a part of it, whatever the case.

        Raises:
            InvalidInputError: the limit or the offset is wrong.
        """
        if not 1 <= limit <= 1000 or offset < 0:
            raise InvalidInputError(f"Limit {limit}, offset {offset}.", hint="Allowed: limit 1 to 1000, offset from 0.")
        query = select(scenes).order_by(scenes.c.name, scenes.c.id).limit(limit).offset(offset)
        if organization is not None:
            query = query.where(scenes.c.organization == organization)
        if name:
            query = query.where(scenes.c.name.icontains(name, autoescape=True))
        async with self._database.transaction() as connection:
            return [SceneRecord(**row._asdict()) for row in await connection.execute(query)]

    async def version(self, scene_id: UUID, version: int | None = None) -> SceneVersionRecord:
        """A version of a scene; None for the latest.

        Raises:
            NotFoundError: there is no such version.
        """
        query = select(scene_versions).where(scene_versions.c.scene_id == scene_id)
        if version is not None:
            query = query.where(scene_versions.c.version == version)
        query = query.order_by(scene_versions.c.version.desc()).limit(1)
        async with self._database.transaction() as connection:
            row = (await connection.execute(query)).one_or_none()
        if row is None:
            raise NotFoundError(f"Scene {scene_id} has no version {'at all' if version is None else version}.")
        return SceneVersionRecord(**row._asdict())

    async def versions(self, scene_id: UUID) -> Sequence[SceneVersionRecord]:
        """All versions of a scene, the newest first."""
        query = select(scene_versions).where(scene_versions.c.scene_id == scene_id)
        query = query.order_by(scene_versions.c.version.desc())
        async with self._database.transaction() as connection:
            return [SceneVersionRecord(**row._asdict()) for row in await connection.execute(query)]

    async def delete(self, scene_id: UUID, *, organization: str | None) -> Sequence[str]:
        """Remove a scene with its versions; returns the keys of their objects, which the caller deletes.

        Raises:
            NotFoundError: there is none in that organization.
        """
        await self.get(scene_id, organization=organization)
        async with self._database.transaction() as connection:
            mine = scene_versions.c.scene_id == scene_id
            keys = (await connection.scalars(select(scene_versions.c.object_key).where(mine))).all()
            await connection.execute(delete(scenes).where(scenes.c.id == scene_id))
        return keys
