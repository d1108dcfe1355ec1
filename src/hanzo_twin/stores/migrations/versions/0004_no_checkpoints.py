"""Checkpoints are files of the runtimes; their table was never written

Revision: 0004.
"""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_table("checkpoints")
