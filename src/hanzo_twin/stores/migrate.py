"""Bring a database to the tables of this version."""

from __future__ import annotations

from importlib.resources import as_file, files

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, text

from hanzo_twin.errors import ConflictError
from hanzo_twin.stores.database import Database

_LOCK = 0x7477_696E  # any constant: processes that migrate at the same time take turns


async def upgrade(url: str) -> None:
    """Create or migrate all tables; safe when several processes do so at once, and when nothing is to be done.

    Raises:
        StoreUnavailableError: the database does not answer.
        ConflictError: the database was made by a newer version of this package.
    """
    async with Database(url, transaction_timeout_s=300.0) as database, database.transaction() as connection:
        await connection.run_sync(_upgrade)


def _upgrade(connection: Connection) -> None:
    connection.execute(text("SELECT set_config('lock_timeout', '0', true)"))
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    with as_file(files("hanzo_twin.stores") / "migrations") as folder:
        config = Config()
        config.set_main_option("script_location", str(folder).replace("%", "%%"))
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise ConflictError(
                f"The database cannot be brought to this version: {error}.",
                hint="It was made by a newer version of hanzo-twin: install that one, or use another database.",
            ) from error
