"""Rows of the database as frozen values. Times are aware and in UTC."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Literal, TypeVar
from uuid import UUID

Desired = Literal["running", "stopped"]
Phase = Literal["created", "starting", "running", "degraded", "failed", "stopping", "stopped"]
JobState = Literal["queued", "running", "succeeded", "failed", "cancelled"]
JsonObject = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class TwinRecord:
    """A twin.

    Args:
        kind: of the definition (robot, building …).
        engine: name of the engine in the definition.
        definition_version: 1, then one more with every change of the definition.
        desired: what the user wants.
        phase / phase_detail: what is, and why.
        parent_id: the twin it was forked from, while that exists.
        ephemeral / expires_at: removed after that time.
        revision: one more with every change that a user makes; changes of the phase do not count.
    """

    id: UUID
    name: str
    organization: str
    kind: str
    engine: str
    definition: JsonObject
    definition_version: int
    desired: Desired
    phase: Phase
    phase_detail: str
    parent_id: UUID | None
    ephemeral: bool
    expires_at: datetime | None
    tags: tuple[str, ...]
    metadata: JsonObject
    created_at: datetime
    updated_at: datetime
    revision: int


@dataclass(frozen=True, kw_only=True)
class RuntimeRecord:
    """The process that runs a twin: where it answers, and when it was last heard of."""

    twin_id: UUID
    pid: int
    host: str
    address: str
    token: str
    started_at: datetime
    heartbeat_at: datetime
    restarts: int


@dataclass(frozen=True, kw_only=True)
class SceneRecord:
    """A named scene; its content is in its versions."""

    id: UUID
    name: str
    organization: str
    latest_version: int
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class SceneVersionRecord:
    """One version of a scene; it never changes.

    Args:
        object_key: of the upload in the object store; ``root_file`` is the file in it to load.
        fingerprint: of the scene as loaded; ``sha256`` and ``size`` [B] are of the upload.
        summary / diagnoses: as shown to users.
    """

    scene_id: UUID
    version: int
    object_key: str
    root_file: str
    fingerprint: str
    size: int
    sha256: str
    summary: JsonObject
    diagnoses: Sequence[JsonObject]
    created_at: datetime


_Record = TypeVar("_Record")


@dataclass(frozen=True, kw_only=True)
class Page(Generic[_Record]):
    """Part of a list; ``next_cursor`` asks for the following part and is empty at the end."""

    items: tuple[_Record, ...]
    next_cursor: str = ""


@dataclass(frozen=True, kw_only=True)
class JobRecord:
    """Long work.

    Args:
        kind / spec: what shall be done, with all defaults.
        progress: 0…1.
        message / metrics: what it last said.
        result: what came of it; of a cancelled job, what it had so far.
        error: ``{code, message, hint}`` of a failed one.
        attempts: how often its process was started.
        deaths: how often that process, or its worker, died.
        worker: ``host:pid`` of who runs it, or ran it last.
    """

    id: UUID
    organization: str
    kind: str
    spec: JsonObject
    state: JobState
    progress: float
    message: str
    metrics: JsonObject
    result: JsonObject | None
    error: JsonObject | None
    attempts: int
    deaths: int
    cancel_requested: bool
    worker: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @property
    def finished(self) -> bool:
        return self.state in ("succeeded", "failed", "cancelled")


@dataclass(frozen=True, kw_only=True)
class JobLine:
    """A line of a job's log; ``number`` counts from 1 without gaps."""

    number: int
    time: datetime
    text: str


@dataclass(frozen=True, kw_only=True)
class GymSessionRecord:
    """An environment that a process of its own serves.

    Args:
        environment: the arguments of `hanzo_twin.make_vec` as they were asked for.
        idle_seconds: it ends when it was not used for so long.
        host / pid / started_ticks: its process. address / token: where it answers.
        ended / ended_at: why and when it ended; empty while it may live.
    """

    id: UUID
    organization: str
    environment: JsonObject
    num_envs: int
    idle_seconds: float
    host: str
    pid: int
    started_ticks: int
    address: str
    token: str
    created_at: datetime
    ended: str
    ended_at: datetime | None
