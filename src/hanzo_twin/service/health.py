"""Whether the platform can serve."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from functools import cache
from importlib.resources import as_file, files
from uuid import uuid4

from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import text

from hanzo_twin.errors import ConflictError, HanzoTwinError, StoreUnavailableError
from hanzo_twin.service.context import Platform
from hanzo_twin.service.views import ReadinessView

_TIMEOUT_S = 5.0


async def check_readiness(platform: Platform) -> ReadinessView:
    """Ask each store for what it is needed for."""
    parts = {
        "database": platform.database.ping(),
        "migrations": _check_migrations(platform),
        "objects": _check_objects(platform),
    }
    said = await asyncio.gather(*(_verdict(check) for check in parts.values()))
    checks = dict(zip(parts, said, strict=True))
    return ReadinessView(ready=all(each == "ok" for each in said), checks=checks)


async def _verdict(check: Awaitable[None]) -> str:
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            await check
    except TimeoutError:
        return f"no answer within {_TIMEOUT_S:g} s"
    except HanzoTwinError as error:
        return error.message
    return "ok"


async def _check_migrations(platform: Platform) -> None:
    async with platform.database.transaction() as connection:
        exists = await connection.scalar(text("SELECT to_regclass('alembic_version') IS NOT NULL"))
        found = await connection.scalar(text("SELECT version_num FROM alembic_version")) if exists else None
    if found != _newest_version():
        raise ConflictError(f"the database has version {found}, this program needs {_newest_version()}")


@cache
def _newest_version() -> str | None:
    with as_file(files("hanzo_twin.stores") / "migrations") as folder:
        config = Config()
        config.set_main_option("script_location", str(folder).replace("%", "%%"))
        return ScriptDirectory.from_config(config).get_current_head()


async def _check_objects(platform: Platform) -> None:
    key, content = f"readiness/{uuid4()}", b"ready"
    await platform.buckets.checkpoints.put(key, content)
    if await platform.buckets.checkpoints.get(key) != content:
        raise StoreUnavailableError("an object did not come back as it was written")
    await platform.buckets.checkpoints.delete(key)
