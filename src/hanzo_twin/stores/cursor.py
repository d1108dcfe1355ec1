"""Where a page of rows ended, as an opaque text: the time and the id of its last row."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from uuid import UUID

from hanzo_twin.errors import InvalidInputError


def make_cursor(created_at: datetime, row_id: UUID) -> str:
    """The cursor of the page that ended with that row."""
    return base64.urlsafe_b64encode(f"{created_at.isoformat()} {row_id}".encode()).decode()


def parse_cursor(cursor: str) -> tuple[datetime, UUID]:
    """Raises InvalidInputError for what `make_cursor` did not make."""
    try:
        created_at, _, row_id = base64.urlsafe_b64decode(cursor.encode()).decode().partition(" ")
        return datetime.fromisoformat(created_at), UUID(row_id)
    except (ValueError, binascii.Error):
        raise InvalidInputError(
            f"'{cursor}' is not a cursor.", hint="Pass on the next_cursor of the page before, unchanged."
        ) from None
