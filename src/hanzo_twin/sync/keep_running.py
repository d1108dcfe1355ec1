"""Starting again what failed in a way that nobody foresaw, so that one broken link does not end a twin."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from hanzo_twin.clock import Clock
from hanzo_twin.errors import HanzoTwinError
from hanzo_twin.sync.events import EventLog

WAITS_S = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Before the first, second … start after a failure; the last is repeated."""

_log = logging.getLogger(__name__)


class KeepRunning:
    """Runs something that should never fail, and starts it again with growing waits when it does.

    Args:
        kind: first part of the names of its events: ``<kind>-crashed``, ``<kind>-restarted``.
        name: what it is, for people.
    """

    def __init__(self, kind: str, name: Callable[[], str], clock: Clock, events: EventLog) -> None:
        self.trouble = ""
        self._kind = kind
        self._name = name
        self._clock = clock
        self._events = events
        self._failures = 0

    async def run(self, work: Callable[[], Awaitable[None]]) -> None:
        """Await ``work()`` until it returns or this is cancelled. Errors that it raises on purpose pass through."""
        while True:
            try:
                await work()
                return
            except HanzoTwinError:
                raise
            except Exception as failure:  # noqa: BLE001  the boundary of a link: a bug in it must not end the others
                await self._wait_after(failure)

    def succeeded(self) -> None:
        """It did what it is for: what failed before is past."""
        if self.trouble:
            self.trouble = ""
            self._failures = 0
            self._events.add(f"{self._kind}-restarted", f"{self._name()} works again.")

    async def _wait_after(self, failure: Exception) -> None:
        wait = WAITS_S[min(self._failures, len(WAITS_S) - 1)]
        self._failures += 1
        self.trouble = f"{self._name()} failed: {type(failure).__name__}: {failure}"
        _log.error("%s", self.trouble, exc_info=failure)
        self._events.add(f"{self._kind}-crashed", f"{self.trouble}. It is started again in {wait:g} s.")
        await self._clock.sleep_until(self._clock.monotonic() + wait)
