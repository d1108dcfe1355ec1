"""The connection to PostgreSQL: a pool, transactions, and errors in the words of this package."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from hanzo_twin.errors import (
    ConflictError,
    HanzoTwinError,
    InvalidInputError,
    SettingsError,
    StoreUnavailableError,
)

CONNECT_TIMEOUT_S = 3
TRANSACTION_TIMEOUT_S = 10.0


class Database:
    """A pool of connections to the database at ``url`` (``postgresql+psycopg://user:password@host:port/name``).

    Connections that died, because the server was restarted say, are replaced without an error. Make one for a process
    and close it.

    Args:
        pool_size: connections that are kept; twice as many are opened under load.
        transaction_timeout_s: a transaction that takes longer is rolled back [s]; when the server hangs, giving up
            the connection takes the driver up to ten seconds more.

    Raises:
        SettingsError: the URL is malformed or of another kind of database.
    """

    def __init__(self, url: str, *, pool_size: int = 10, transaction_timeout_s: float = TRANSACTION_TIMEOUT_S) -> None:
        self.engine = _engine(url, pool_size)
        self.place = self.engine.url.render_as_string(hide_password=True)
        self._timeout_s = transaction_timeout_s

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """A connection in a transaction, committed at the end unless an exception leaves the block.

        Raises:
            StoreUnavailableError: the database does not answer, or not in time.
            ConflictError: a row of that name exists, or rows that refer to it do.
            InvalidInputError: a value that PostgreSQL cannot hold, such as a NUL character.
        """
        try:
            async with asyncio.timeout(self._timeout_s), self.engine.begin() as connection:
                yield connection
        except (TimeoutError, PoolTimeoutError) as error:
            raise StoreUnavailableError(
                f"The database {self.place} did not answer within {self._timeout_s:g} s."
            ) from error
        except (StatementError, OSError, UnicodeError) as error:
            raise translate(error, self.place) from error

    async def ping(self) -> None:
        """Return if the database answers.

        Raises:
            StoreUnavailableError: it does not.
        """
        async with self.transaction() as connection:
            await connection.exec_driver_sql("SELECT 1")

    async def close(self) -> None:
        """Close all connections."""
        await self.engine.dispose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def _engine(url: str, pool_size: int) -> AsyncEngine:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise SettingsError("The database URL is malformed.", hint=_URL_HINT) from None
    if parsed.get_backend_name() != "postgresql":
        raise SettingsError(f"The database URL names '{parsed.get_backend_name()}'.", hint=_URL_HINT)
    return create_async_engine(
        parsed.set(drivername="postgresql+psycopg"),
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=CONNECT_TIMEOUT_S,
        pool_pre_ping=True,
        json_serializer=_to_json,
        connect_args={
            "connect_timeout": CONNECT_TIMEOUT_S,
            "tcp_user_timeout": 5000,  # milliseconds: a peer that vanished without a word
            "application_name": "hanzo-twin",
            "options": "-c timezone=UTC -c lock_timeout=10s -c statement_timeout=60s",
        },
    )


_TAKEN = re.compile(r"\(organization, name\)=\((?P<organization>[^,]*), (?P<name>[^)]*)\) already exists")
_URL_HINT = "It has the form postgresql://user:password@host:port/name."


def _to_json(value: object) -> str:
    try:
        return json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(f"The database cannot hold this value: {error}.") from error


def translate(error: Exception, place: str) -> HanzoTwinError:
    """An error of SQLAlchemy or the driver in the words of this package."""
    reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
    if isinstance(error, IntegrityError):
        detail = getattr(getattr(error.orig, "diag", None), "message_detail", None) or reason
        taken = _TAKEN.search(detail)
        if taken is not None:
            return ConflictError(
                f"The name '{taken['name']}' is taken in organization '{taken['organization']}'.",
                hint="Choose another name, or delete what has it.",
            )
        return ConflictError(f"The database refuses this: {detail}")
    if isinstance(error, DataError | UnicodeError):
        return InvalidInputError(f"The database cannot hold this value: {reason}.")
    if isinstance(error, DBAPIError | OSError):
        return StoreUnavailableError(
            f"The database {place} does not answer: {reason}.", hint="It is tried again with every call."
        )
    return InvalidInputError(f"The database cannot hold this value: {reason}.")
