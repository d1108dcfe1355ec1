"""Twins: list, create, get, update, delete, start, stop."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from hanzo_twin.definition.models import AnyDefinition, TwinDefinition
from hanzo_twin.definition.yaml_source import definition_object, parse_definition_object
from hanzo_twin.errors import ConflictError, InvalidInputError, NotFoundError
from hanzo_twin.scene import library
from hanzo_twin.service.context import Platform
from hanzo_twin.service.definition_check import check_definition
from hanzo_twin.service.lookup import find_twin
from hanzo_twin.service.merge_patch import merge_patch
from hanzo_twin.service.startable import check_startable
from hanzo_twin.service.views import Page, TwinSummary, TwinView
from hanzo_twin.stores.records import Desired, Phase, TwinRecord

_POLL_S = 0.1
_PATCHED = "patched definition"
_OF_THE_SCENE = ("scene", "engine", "sync")
_FIXED = ("id", "organization", "created_at", "updated_at")


async def list_twins(
    platform: Platform,
    *,
    organization: str | None = None,
    tags: Sequence[str] = (),
    engine: str | None = None,
    name: str | None = None,
    limit: int = 100,
    cursor: str | None = None,
) -> Page[TwinSummary]:
    """Twins, oldest first, that pass every filter; ``name`` is a part of it, whatever the case.

    Raises:
        InvalidInputError: the cursor is none.
    """
    page = await platform.twins.list(
        organization=organization, tags=tags, engine=engine, name=name, limit=limit, cursor=cursor or ""
    )
    items = [TwinSummary(**_summary(record)) for record in page.items]
    return Page(items=items, next_cursor=page.next_cursor or None)


async def create_twin(platform: Platform, definition: AnyDefinition, *, scene_later: bool = False) -> TwinView:
    """Store a new twin, stopped.

    Args:
        scene_later: do not look at its scene, which comes later; it is looked at when the twin starts.

    Raises:
        ConflictError: its name or id is taken. InvalidInputError: a path in it is relative.
        DefinitionError: its scene cannot be loaded, or has not what it names.
    """
    _refuse_relative_paths(definition)
    if isinstance(definition, TwinDefinition) and not scene_later:
        await check_definition(platform, definition, "body")
    record = await platform.twins.create(
        **_columns(definition), twin_id=definition.id, organization=definition.organization
    )
    return await view(platform, record)


async def get_twin(platform: Platform, twin: str) -> TwinView:
    """A twin by name or id. Raises NotFoundError."""
    return await view(platform, await find_twin(platform, twin))


async def update_twin(
    platform: Platform,
    twin: str,
    patch: Mapping[str, Any],
    *,
    revision: int | None = None,
    scene_later: bool = False,
) -> TwinView:
    """Change the definition by a JSON merge patch.

    Args:
        revision: change only what still has this revision. Without it, a change that comes in between is not lost
            either: this one is refused.
        scene_later: as for `create_twin`. A patch that changes nothing about the scene does not look at it either.

    Raises:
        NotFoundError, ConflictError: no such twin, it was changed meanwhile, or the name is taken.
        DefinitionError: the result is not a definition, or does not fit its scene.
        InvalidInputError: the patch changes what cannot be changed.
    """
    record = await find_twin(platform, twin)
    before = dict(record.definition)
    merged = merge_patch(before, patch)
    for name in _FIXED:
        if name in patch and merged.get(name) != before.get(name):
            raise InvalidInputError(f"'{name}' of a twin cannot be changed.", hint="Create another twin instead.")
    definition = parse_definition_object(merged, _PATCHED)
    _refuse_relative_paths(definition)
    touched = any(merged.get(name) != before.get(name) for name in _OF_THE_SCENE)
    if isinstance(definition, TwinDefinition) and touched and not scene_later:
        await check_definition(platform, definition, _PATCHED)
    changed = await platform.twins.update(
        record.id,
        organization=None,
        revision=record.revision if revision is None else revision,
        **_columns(definition),
    )
    return await view(platform, changed)


async def delete_twin(platform: Platform, twin: str) -> None:
    """Delete a twin; the controller ends its process and removes its files. Raises NotFoundError."""
    record = await find_twin(platform, twin)
    await platform.twins.delete(record.id, organization=None)


async def start_twin(platform: Platform, twin: str, *, wait_seconds: float = 0.0) -> TwinView:
    """Ask for a twin to run, and wait up to ``wait_seconds`` until it does.

    Raises:
        NotFoundError: no such twin. UnsupportedError: its engine, a source or a sink is not installed.
        ConflictError: its engine has no free instance, or it failed while it was waited for.
    """
    record = await find_twin(platform, twin)
    await check_startable(platform, record)
    if record.desired != "running" or record.phase == "failed":
        # The revision that this makes tells the controller to try again what it had given up.
        record = await platform.twins.set_desired(record.id, "running", organization=None)
    if record.phase == "failed":
        record = await platform.twins.set_phase(record.id, "starting")
    if wait_seconds:
        record = await _wait(platform, record, ("running", "degraded", "failed"), wait_seconds, "running")
        if record.phase == "failed":
            raise ConflictError(f"Twin '{record.name}' cannot run. {record.phase_detail}")
    return await view(platform, record)


async def stop_twin(platform: Platform, twin: str, *, wait_seconds: float = 0.0) -> TwinView:
    """Ask for a twin to stop, and wait up to ``wait_seconds`` until it has. Raises NotFoundError."""
    record = await find_twin(platform, twin)
    if record.desired != "stopped":
        record = await platform.twins.set_desired(record.id, "stopped", organization=None)
    if wait_seconds:
        record = await _wait(platform, record, ("stopped", "created"), wait_seconds, "stopped")
    return await view(platform, record)


async def _wait(
    platform: Platform, record: TwinRecord, phases: Collection[Phase], seconds: float, desired: Desired
) -> TwinRecord:
    """The twin once it is in one of ``phases``, or as it is when time is up or somebody else wants otherwise."""
    deadline = platform.clock.monotonic() + seconds
    while record.phase not in phases and record.desired == desired and platform.clock.monotonic() < deadline:
        await asyncio.sleep(_POLL_S)
        record = await platform.twins.get(record.id, organization=None)
    return record


async def view(platform: Platform, record: TwinRecord) -> TwinView:
    """A record as it is shown."""
    started, restarts = None, 0
    try:
        runtime = await platform.runtimes.get(record.id)
        started, restarts = runtime.started_at, runtime.restarts
    except NotFoundError:
        pass
    return TwinView(
        **_summary(record),
        metadata=dict(record.metadata),
        started_at=started,
        restarts=restarts,
        definition=dict(record.definition),
    )


def _summary(record: TwinRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "name": record.name,
        "organization": record.organization,
        "tags": list(record.tags),
        "type": record.kind,
        "engine": record.engine or None,
        "desired": record.desired,
        "phase": record.phase,
        "message": record.phase_detail,
        "parent": record.parent_id,
        "expires_at": record.expires_at,
        "revision": record.revision,
        "created_at": record.created_at,
        "updated_at": record.updated_at,
    }


def _columns(definition: AnyDefinition) -> dict[str, Any]:
    data = definition_object(definition)
    return {
        "name": definition.name,
        "kind": definition.type,
        "engine": definition.engine.type if isinstance(definition, TwinDefinition) else "",
        "definition": data,
        "tags": definition.tags,
        "metadata": data.get("metadata", {}),
    }


def _refuse_relative_paths(definition: AnyDefinition) -> None:
    """A server has no folder from which a path in a request could be meant."""
    if not isinstance(definition, TwinDefinition):
        return
    places = [("scene.uri", definition.scene.uri)]
    places += [(f"scene.composition[{n}].ref", each.ref) for n, each in enumerate(definition.scene.composition)]
    for name, uri in places:
        if not uri.startswith(("/", "s3://", "file:/", library.SCHEME)):
            raise InvalidInputError(
                f"{name} is the relative path '{uri}', which means nothing to the server.",
                hint="Give an absolute path, or upload the scene and give its uri.",
            )
