"""Alembic's entry: runs on the connection that `hanzo_twin.stores.migrate.upgrade` hands over, in its transaction."""

from __future__ import annotations

from alembic import context

from hanzo_twin.stores.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
