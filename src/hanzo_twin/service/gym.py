"""Environments for learners elsewhere: create, reset, step, close.

Each is a process on this machine. One that ended is never revived: its calls say that it ended, and why.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from hanzo_twin.definition.models import require_physical
from hanzo_twin.definition.yaml_source import parse_definition_object
from hanzo_twin.errors import ConflictError, InvalidInputError, NotFoundError, SessionLostError
from hanzo_twin.gym.client import SessionCalls
from hanzo_twin.gym.launch import end, launch, lives, why_it_ended
from hanzo_twin.gym.spec import SessionSpec
from hanzo_twin.gym.wire import from_array, from_observations, jsonable
from hanzo_twin.runtime.places import sessions_directory
from hanzo_twin.runtime.twin_files import StoredTwinFiles
from hanzo_twin.service.context import Platform
from hanzo_twin.service.lookup import find_twin
from hanzo_twin.service.requests import GymRequest, GymResetRequest, GymStepRequest
from hanzo_twin.service.views import GymEnvView, GymResetView, GymStepView
from hanzo_twin.stores.records import GymSessionRecord

_CONNECTIONS = 256


async def create_env(platform: Platform, request: GymRequest) -> GymEnvView:
    """Make an environment in a process of its own, and wait until it serves.

    Raises:
        NotFoundError: no such twin. ConflictError: the organization has as many as it may.
        InvalidInputError: the environment cannot be made so; what the process said.
    """
    limits = platform.settings.gym
    if request.num_envs > limits.max_envs:
        raise InvalidInputError(
            f"{request.num_envs} worlds were asked for, and at most {limits.max_envs} are allowed.",
            hint="Raise gym.max_envs.",
        )
    living = await _living(platform, organization=request.organization)
    if len(living) >= limits.max_sessions:
        raise ConflictError(
            f"Organization '{request.organization}' has {len(living)} environments, as many as are allowed.",
            hint="Close one with DELETE /v1/gym/envs/{id}, or raise gym.max_sessions.",
        )
    asked = request.model_dump(exclude_unset=True, exclude={"organization"})
    session_id = uuid4()
    directory = sessions_directory(platform.settings) / str(session_id)
    spec = SessionSpec(
        environment=_arguments(request), definition=await _definition(platform, request), idle_s=limits.idle_seconds
    )
    ready = await asyncio.to_thread(launch, directory, spec)
    record = await platform.gym_sessions.add(
        id=session_id,
        organization=request.organization,
        environment=asked,
        num_envs=request.num_envs,
        idle_seconds=limits.idle_seconds,
        host=socket.gethostname(),
        **ready.model_dump(),
    )
    return await _view(platform, record)


def _arguments(request: GymRequest) -> dict[str, Any]:
    """The arguments of `make_vec`; the caller of one world resets it, as of any environment."""
    arguments = request.model_dump(exclude_none=True, exclude={"organization", "twin_id"})
    return {**arguments, "autoreset_mode": "Disabled" if request.num_envs == 1 else "NextStep"}


async def _definition(platform: Platform, request: GymRequest) -> dict[str, Any] | None:
    """Of the twin that is asked for, with its stored scenes as files of this machine."""
    if request.twin_id is None:
        return None
    record = await find_twin(platform, request.twin_id)
    require_physical(parse_definition_object(dict(record.definition), f"twin '{record.name}'"))
    return await StoredTwinFiles(platform.buckets, platform.scene_files).localize(record.definition)


async def list_envs(platform: Platform, *, organization: str | None = None) -> list[GymEnvView]:
    """Environments that serve, oldest first."""
    views = []
    for record in await _living(platform, organization=organization):
        with contextlib.suppress(SessionLostError):  # It stopped serving, and its process is about to end.
            views.append(await _view(platform, record))
    return views


async def get_env(platform: Platform, env: str) -> GymEnvView:
    """Raises NotFoundError: there is none. SessionLostError: it ended."""
    return await _view(platform, await _find(platform, env))


async def reset_env(platform: Platform, env: str, request: GymResetRequest) -> GymResetView:
    """Begin an episode in each world.

    Raises:
        NotFoundError: there is none. SessionLostError: it ended. InvalidInputError: an option does not fit.
    """
    record = await _find(platform, env)
    calls = _calls(record.address, record.token)
    reply = await _call(platform, record, lambda: calls.reset(seed=request.seed, options=request.options))
    return GymResetView(observation=_first(record, _observation(reply)), info=_first(record, _info(reply)))


async def step_env(platform: Platform, env: str, request: GymStepRequest) -> GymStepView:
    """Step each world.

    Raises:
        NotFoundError: there is none. SessionLostError: it ended. ConflictError: it was not reset.
        CommandError: the action does not fit; nothing moved.
    """
    record = await _find(platform, env)
    one_row = not isinstance(request.action[0], list)
    if one_row and record.num_envs > 1:
        raise InvalidInputError(
            f"The action has one row, but the environment has {record.num_envs} worlds.", hint="Give one row each."
        )
    calls = _calls(record.address, record.token)
    actions = [request.action] if one_row else request.action
    reply = await _call(platform, record, lambda: calls.step(_rectangular(actions)))
    terminated, truncated = from_array(reply.terminated), from_array(reply.truncated)
    told = {
        "observation": _observation(reply),
        "reward": jsonable(from_array(reply.rewards)),
        "done": jsonable(terminated | truncated),
        "terminated": jsonable(terminated),
        "truncated": jsonable(truncated),
        "info": _info(reply),
    }
    return GymStepView(**{name: _first(record, value) for name, value in told.items()})


async def close_env(platform: Platform, env: str) -> None:
    """End an environment. Raises NotFoundError; one that ended already is no error."""
    record = await platform.gym_sessions.get(_id(env))
    await asyncio.to_thread(end, _directory(platform, record), record.pid, record.started_ticks)
    await platform.gym_sessions.end(record.id, "it was closed")


async def _living(platform: Platform, *, organization: str | None) -> list[GymSessionRecord]:
    """Those whose process runs; for the others it is written down that they ended."""
    found = []
    for record in await platform.gym_sessions.living(organization=organization):
        if lives(record.pid, record.started_ticks):
            found.append(record)
        else:
            await _note_end(platform, record)
    return found


async def _find(platform: Platform, env: str) -> GymSessionRecord:
    record = await platform.gym_sessions.get(_id(env))
    if not record.ended and not lives(record.pid, record.started_ticks):
        await _note_end(platform, record)
        record = await platform.gym_sessions.get(record.id)
    if record.ended:
        raise SessionLostError(
            f"Environment {record.id} has ended: {record.ended}.",
            hint="Its state is gone; create another one with POST /v1/gym/envs.",
        )
    return record


async def _note_end(platform: Platform, record: GymSessionRecord) -> None:
    directory = _directory(platform, record)
    await platform.gym_sessions.end(record.id, why_it_ended(directory, record.idle_seconds))
    await asyncio.to_thread(end, directory, record.pid, record.started_ticks)


async def _call(platform: Platform, record: GymSessionRecord, call: Any) -> Any:
    try:
        return await asyncio.to_thread(call)
    except SessionLostError:
        await _find(platform, str(record.id))  # raises with the reason, if the process has ended
        raise


async def _view(platform: Platform, record: GymSessionRecord) -> GymEnvView:
    described = await _call(platform, record, _calls(record.address, record.token).describe)
    kept = {name: getattr(record, name) for name in GymEnvView.model_fields if hasattr(record, name)}
    return GymEnvView(
        **kept,
        observation_space=json.loads(described.observation_space),
        action_space=json.loads(described.action_space),
        autoreset=described.autoreset,
    )


@lru_cache(maxsize=_CONNECTIONS)
def _calls(address: str, token: str) -> SessionCalls:
    return SessionCalls(address, token)


def _observation(reply: Any) -> Any:
    return jsonable(from_observations(reply.observations))


def _info(reply: Any) -> dict[str, Any]:
    arrays = {name: jsonable(from_array(array)) for name, array in reply.arrays.items()}
    info: dict[str, Any] = {**json.loads(reply.infos or "{}"), **arrays}
    return info


def _first(record: GymSessionRecord, value: Any) -> Any:
    """Of an environment with one world: that world's value."""
    if record.num_envs > 1:
        return value
    if isinstance(value, dict):
        named = {name: each for name, each in value.items() if not name.startswith("_")}
        return {name: _first(record, each) for name, each in named.items()}
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _rectangular(rows: Any) -> Any:
    if len({len(row) for row in rows}) != 1:
        raise InvalidInputError("The rows of the action differ in length.", hint="One row of equal length each.")
    return [[float(value) for value in row] for row in rows]


def _directory(platform: Platform, record: GymSessionRecord) -> Path:
    return sessions_directory(platform.settings) / str(record.id)


def _id(env: str) -> UUID:
    try:
        return UUID(env)
    except ValueError:
        raise NotFoundError(f"There is no environment '{env[:80]}'.", hint="List them with GET /v1/gym/envs.") from None
