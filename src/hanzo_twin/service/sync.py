"""The link between a twin and its machine, and what happened."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from hanzo_twin.errors import ConflictError, RuntimeUnavailableError
from hanzo_twin.runtime.client import RuntimeClient
from hanzo_twin.service import history
from hanzo_twin.service.context import Platform
from hanzo_twin.service.lookup import find_twin, runtime_of
from hanzo_twin.service.views import EventView, RecordsView, SyncStatusView

EVENT_KINDS = ("drift", "parameter", "command", "state", "lifecycle")
_EVENT_ID = re.compile(r"(?P<run>[0-9a-f]{1,16})-(?P<number>[0-9]{1,15})")
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


async def open_events(platform: Platform, twin: str, *, after: str | None = None) -> AsyncIterator[EventView]:
    """What happens to a running twin: the latest 100 events, then those to come until its process ends.

    Args:
        after: id of an event; instead of the latest, what came after it. What is no longer kept by the process, or
            was told by one before it, is passed over, which is told by an event ``missed``.

    Raises:
        NotFoundError: no such twin. ConflictError: it does not run. RuntimeUnavailableError: its process is gone
            (also while the events are followed).
    """
    record = await find_twin(platform, twin)
    async with AsyncExitStack() as stack:
        runtime = await stack.enter_async_context(runtime_of(platform, record))
        status = await runtime.status()
        run = f"{int(status['started'] * 1000):x}"
        return _follow(runtime, run, _Seen.parse(after), stack.pop_all())


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """The last event that somebody saw: the run of the twin's process that told it, and its number there."""

    run: str
    number: int

    @classmethod
    def parse(cls, text: str | None) -> _Seen | None:
        """From the id of an event; None for anything else."""
        match = _EVENT_ID.fullmatch(text or "")
        return cls(run=match["run"], number=int(match["number"])) if match else None


async def _follow(
    runtime: RuntimeClient, run: str, seen: _Seen | None, stack: AsyncExitStack
) -> AsyncIterator[EventView]:
    number = None if seen is None else seen.number if seen.run == run else 0
    async with stack:
        if seen is not None and seen.run != run:
            yield _missed("The process of the twin was started again; what its last one told is in the history.")
        async for event in runtime.events(after=number, follow=True):
            if number is not None and event.number > number + 1:
                yield _missed(f"{event.number - number - 1} events are no longer kept; the history has what matters.")
            number = event.number
            time = event.time if event.time == event.time else None
            yield EventView(
                id=f"{run}-{number}", time=time, kind=event.kind, message=event.message, detail=dict(event.detail)
            )


def _missed(message: str) -> EventView:
    return EventView(time=None, kind="missed", message=message)
