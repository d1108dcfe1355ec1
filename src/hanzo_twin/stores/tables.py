"""Tables of the database. A change here needs a migration; a test compares both."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pk",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "fk": "%(table_name)s_%(column_0_name)s_fk",
        "ix": "%(table_name)s_%(column_0_N_name)s_index",
        "ck": "%(table_name)s_%(constraint_name)s_check",
    }
)
_TIME = DateTime(timezone=True)

twins = Table(
    "twins",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("name", Text, nullable=False),
    Column("organization", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("engine", Text, nullable=False),
    Column("definition", JSONB, nullable=False),
    Column("definition_version", Integer, nullable=False),
    Column("desired", Text, nullable=False),
    Column("phase", Text, nullable=False),
    Column("phase_detail", Text, nullable=False),
    Column("parent_id", Uuid, ForeignKey("twins.id", ondelete="SET NULL")),
    Column("ephemeral", Boolean, nullable=False),
    Column("expires_at", _TIME),
    Column("tags", ARRAY(Text), nullable=False),
    Column("metadata", JSONB, nullable=False),
    Column("created_at", _TIME, nullable=False),
    Column("updated_at", _TIME, nullable=False),
    Column("revision", Integer, nullable=False),
    UniqueConstraint("organization", "name"),
    CheckConstraint("desired IN ('running', 'stopped')", name="desired"),
    CheckConstraint(
        "phase IN ('created', 'starting', 'running', 'degraded', 'failed', 'stopping', 'stopped')", name="phase"
    ),
    Index(None, "created_at", "id"),
    Index(None, "parent_id"),
    Index(None, "tags", postgresql_using="gin"),
)

runtimes = Table(
    "runtimes",
    metadata,
    Column("twin_id", Uuid, ForeignKey("twins.id", ondelete="CASCADE"), primary_key=True),
    Column("pid", Integer, nullable=False),
    Column("host", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("token", Text, nullable=False),
    Column("started_at", _TIME, nullable=False),
    Column("heartbeat_at", _TIME, nullable=False),
    Column("restarts", Integer, nullable=False),
)

scenes = Table(
    "scenes",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("name", Text, nullable=False),
    Column("organization", Text, nullable=False),
    Column("latest_version", Integer, nullable=False),
    Column("created_at", _TIME, nullable=False),
    UniqueConstraint("organization", "name"),
)

scene_versions = Table(
    "scene_versions",
    metadata,
    Column("scene_id", Uuid, ForeignKey("scenes.id", ondelete="CASCADE"), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("object_key", Text, nullable=False),
    Column("root_file", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("summary", JSONB, nullable=False),
    Column("diagnoses", JSONB, nullable=False),
    Column("created_at", _TIME, nullable=False),
    Index(None, "sha256"),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("organization", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("spec", JSONB, nullable=False),
    Column("state", Text, nullable=False),
    Column("progress", Double, nullable=False),
    Column("message", Text, nullable=False),
    Column("metrics", JSONB, nullable=False),
    Column("result", JSONB),
    Column("error", JSONB),
    Column("attempts", Integer, nullable=False),
    Column("deaths", Integer, nullable=False),
    Column("cancel_requested", Boolean, nullable=False),
    Column("worker", Text, nullable=False),
    Column("created_at", _TIME, nullable=False),
    Column("started_at", _TIME),
    Column("finished_at", _TIME),
    CheckConstraint("state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')", name="state"),
    Index(None, "created_at", "id"),
)

job_lines = Table(
    "job_lines",
    metadata,
    Column("job_id", Uuid, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("time", _TIME, nullable=False),
    Column("text", Text, nullable=False),
)

gym_sessions = Table(
    "gym_sessions",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("organization", Text, nullable=False),
    Column("environment", JSONB, nullable=False),
    Column("num_envs", Integer, nullable=False),
    Column("idle_seconds", Double, nullable=False),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("started_ticks", BigInteger, nullable=False),
    Column("address", Text, nullable=False),
    Column("token", Text, nullable=False),
    Column("created_at", _TIME, nullable=False),
    Column("ended", Text, nullable=False),
    Column("ended_at", _TIME),
    Index(None, "created_at", "id"),
)
