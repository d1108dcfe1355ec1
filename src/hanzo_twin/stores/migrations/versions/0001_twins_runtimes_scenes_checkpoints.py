"""Twins, runtimes, scenes, checkpoints

Revision: 0001, the first.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "scenes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("organization", sa.Text(), nullable=False),
        sa.Column("latest_version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="scenes_pk"),
        sa.UniqueConstraint("organization", "name", name="scenes_organization_name_key"),
    )
    op.create_table(
        "twins",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("organization", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("engine", sa.Text(), nullable=False),
        sa.Column("definition", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("definition_version", sa.Integer(), nullable=False),
        sa.Column("desired", sa.Text(), nullable=False),
        sa.Column("phase", sa.Text(), nullable=False),
        sa.Column("phase_detail", sa.Text(), nullable=False),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
        sa.Column("ephemeral", sa.Boolean(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tags", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("metadata", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.CheckConstraint("desired IN ('running', 'stopped')", name="desired"),
        sa.CheckConstraint(
            "phase IN ('created', 'starting', 'running', 'degraded', 'failed', 'stopping', 'stopped')", name="phase"
        ),
        sa.ForeignKeyConstraint(["parent_id"], ["twins.id"], name="twins_parent_id_fk", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name="twins_pk"),
        sa.UniqueConstraint("organization", "name", name="twins_organization_name_key"),
    )
    op.create_index("twins_created_at_id_index", "twins", ["created_at", "id"], unique=False)
    op.create_index("twins_parent_id_index", "twins", ["parent_id"], unique=False)
    op.create_index("twins_tags_index", "twins", ["tags"], unique=False, postgresql_using="gin")
    op.create_table(
        "checkpoints",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("twin_id", sa.Uuid(), nullable=False),
        sa.Column("time", sa.Double(), nullable=False),
        sa.Column("object_key", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["twin_id"], ["twins.id"], name="checkpoints_twin_id_fk", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="checkpoints_pk"),
    )
    op.create_index("checkpoints_twin_id_created_at_index", "checkpoints", ["twin_id", "created_at"], unique=False)
    op.create_table(
        "runtimes",
        sa.Column("twin_id", sa.Uuid(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("heartbeat_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("restarts", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["twin_id"], ["twins.id"], name="runtimes_twin_id_fk", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("twin_id", name="runtimes_pk"),
    )
    op.create_table(
        "scene_versions",
        sa.Column("scene_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("object_key", sa.Text(), nullable=False),
        sa.Column("root_file", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("summary", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("diagnoses", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["scene_id"], ["scenes.id"], name="scene_versions_scene_id_fk", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("scene_id", "version", name="scene_versions_pk"),
    )
    op.create_index("scene_versions_sha256_index", "scene_versions", ["sha256"], unique=False)


def downgrade() -> None:
    op.drop_index("scene_versions_sha256_index", table_name="scene_versions")
    op.drop_table("scene_versions")
    op.drop_table("runtimes")
    op.drop_index("checkpoints_twin_id_created_at_index", table_name="checkpoints")
    op.drop_table("checkpoints")
    op.drop_index("twins_tags_index", table_name="twins", postgresql_using="gin")
    op.drop_index("twins_parent_id_index", table_name="twins")
    op.drop_index("twins_created_at_id_index", table_name="twins")
    op.drop_table("twins")
    op.drop_table("scenes")
