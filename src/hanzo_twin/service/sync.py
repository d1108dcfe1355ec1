"""The link between a twin and its machine, and what happened."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from typing import Any

from hanzo_twin.errors import ConflictError, RuntimeUnavailableError
from hanzo_twin.runtime.client import RuntimeClient
from hanzo_twin.service import history
from hanzo_twin.service.context import Platform
from hanzo_twin.service.lookup import find_twin, runtime_of
from hanzo_twin.service.views import EventView, RecordsView, SyncStatusView

EVENT_KINDS = ("drift", "parameter", "command", "state", "lifecycle")
_SHOWN = frozenset(SyncStatusView.model_fields)


async def get_sync_status(platform: Platform, twin: str) -> SyncStatusView:
    """Health of the link; also of a twin that does not run, whose ``health`` is ``down``. Raises NotFoundError."""
    record = await find_twin(platform, twin)
    try:
        async with runtime_of(platform, record) as runtime:
            status = await runtime.status()
    except (ConflictError, RuntimeUnavailableError) as error:
        trouble = [error.message] if record.desired == "running" else []
        return SyncStatusView(twin=record.id, phase=record.phase, health="down", trouble=trouble)
    sync: dict[str, Any] = {name: value for name, value in status["sync"].items() if name in _SHOWN}
    return SyncStatusView(twin=record.id, phase=record.phase, **sync)


async def get_sync_history(
    platform: Platform, twin: str, *, kinds: Sequence[str] = (), limit: int = 100
) -> RecordsView:
    """The newest records but readings and predictions, newest first.

    Raises:
        NotFoundError: no such twin. InvalidInputError: no such kind.
    """
    return await history.newest_records(platform, twin, kinds=kinds or EVENT_KINDS, limit=limit)


async def open_events(platform: Platform, twin: str) -> AsyncIterator[EventView]:
    """What happens to a running twin: the latest 100 events, then those to come until its process ends.

    Raises:
        NotFoundError: no such twin. ConflictError: it does not run. RuntimeUnavailableError: its process is gone
            (also while the events are followed).
    """
    record = await find_twin(platform, twin)
    async with AsyncExitStack() as stack:
        runtime = await stack.enter_async_context(runtime_of(platform, record))
        await runtime.status()
        return _follow(runtime, stack.pop_all())


async def _follow(runtime: RuntimeClient, stack: AsyncExitStack) -> AsyncIterator[EventView]:
    async with stack:
        async for event in runtime.events(follow=True):
            time = event.time if event.time == event.time else None
            yield EventView(time=time, kind=event.kind, message=event.message, detail=dict(event.detail))
