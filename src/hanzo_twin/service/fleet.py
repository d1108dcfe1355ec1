"""All running twins at once, for metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hanzo_twin.errors import HanzoTwinError
from hanzo_twin.runtime.client import RuntimeClient
from hanzo_twin.service.context import Platform
from hanzo_twin.service.lookup import RUNNING
from hanzo_twin.stores.records import RuntimeRecord, TwinRecord

_TIMEOUT_S = 1.0
_AT_ONCE = 32


@dataclass(frozen=True, kw_only=True)
class RunningTwin:
    """A twin whose runtime answered, and what it said."""

    name: str
    organization: str
    engine: str
    status: Mapping[str, Any]


async def running_twins(platform: Platform) -> list[RunningTwin]:
    """Twins that run, asked side by side; one that does not answer within a second is left out.

    Raises:
        StoreUnavailableError: the database does not answer.
    """
    runtimes = {each.twin_id: each for each in await platform.runtimes.list()}
    gate = asyncio.Semaphore(_AT_ONCE)
    found = await platform.twins.every(phases=RUNNING)
    asked = [_ask(twin, runtimes[twin.id], gate) for twin in found if twin.id in runtimes]
    return [each for each in await asyncio.gather(*asked) if each is not None]


async def _ask(twin: TwinRecord, runtime: RuntimeRecord, gate: asyncio.Semaphore) -> RunningTwin | None:
    try:
        async with gate, RuntimeClient(runtime.address, runtime.token, timeout_s=_TIMEOUT_S) as client:
            status = await client.status()
    except HanzoTwinError:
        return None
    return RunningTwin(name=twin.name, organization=twin.organization, engine=twin.engine, status=status)
