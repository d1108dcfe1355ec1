"""Finding a twin by name or id, and the process that runs it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from hanzo_twin.errors import ConflictError, NotFoundError, RuntimeUnavailableError
from hanzo_twin.runtime.client import RuntimeClient
from hanzo_twin.service.context import Platform
from hanzo_twin.stores.records import Phase, TwinRecord

RUNNING: tuple[Phase, ...] = ("running", "degraded")
DEFAULT_ORGANIZATION = "default"


def parse_id(text: str) -> UUID | None:
    """``text`` as an id, None if it is a name: names cannot have the form of an id."""
    try:
        return UUID(text)
    except ValueError:
        return None


async def find_twin(platform: Platform, twin: str) -> TwinRecord:
    """The twin with that id or name.

    Raises:
        NotFoundError: there is none; the hint has the nearest names.
        ConflictError: several organizations have one of that name.
    """
    twin_id = parse_id(twin)
    if twin_id is not None:
        return await platform.twins.get(twin_id, organization=None)
    page = await platform.twins.list(organization=None, name=twin, limit=1000)
    found = [each for each in page.items if each.name == twin]
    if len(found) > 1:
        owners = ", ".join(f"{each.organization} ({each.id})" for each in found)
        raise ConflictError(f"{len(found)} twins are named '{twin}'.", hint=f"Name one by its id: {owners}.")
    return found[0] if found else await platform.twins.find(twin, organization=DEFAULT_ORGANIZATION)


@asynccontextmanager
async def runtime_of(platform: Platform, twin: TwinRecord) -> AsyncIterator[RuntimeClient]:
    """The process that runs a twin.

    Raises:
        ConflictError: it does not run. RuntimeUnavailableError: it should, but no process answers.
    """
    if twin.phase not in RUNNING:
        why = f" ({twin.phase_detail})" if twin.phase_detail else ""
        if twin.desired == "running" and twin.phase == "starting":
            raise RuntimeUnavailableError(f"Twin '{twin.name}' is starting{why}.", hint="Try again.")
        raise ConflictError(
            f"Twin '{twin.name}' is {twin.phase}, not running{why}.",
            hint=f"Start it with: hanzo-twin start {twin.name}",
        )
    try:
        runtime = await platform.runtimes.get(twin.id)
    except NotFoundError as error:
        raise RuntimeUnavailableError(
            f"No process runs twin '{twin.name}' at this moment.", hint="Try again."
        ) from error
    async with RuntimeClient(runtime.address, runtime.token) as client:
        yield client
