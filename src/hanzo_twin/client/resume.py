"""Going on with a stream of events after its connection broke: from where, and after which wait."""

from __future__ import annotations

from collections.abc import Sequence

from hanzo_twin.client.stream import StreamEvent
from hanzo_twin.clock import Clock
from hanzo_twin.errors import HanzoTwinError, UnavailableError

WAITS_S: Sequence[float] = (0.1, 0.5, 1.0, 2.0, *(5.0,) * 12)
"""Before each attempt after the stream broke, s: a server that is started again has a good minute for it."""

HELD_S = 5.0
"""A connection that lasted so long was a good one: what follows it counts anew."""

READ_TIMEOUT_S = 60.0
"""A stream that is silent for so long is dead: a server sends something every 15 s."""


class Resumption:
    """Where a stream is, and whether it is worth another attempt.

    Args:
        last: id of the event after which to begin; "" for the beginning that the server chooses.
    """

    def __init__(self, waits_s: Sequence[float], clock: Clock, last: str = "") -> None:
        self._waits_s = waits_s
        self._clock = clock
        self._last = last
        self._ever = False
        self._since: float | None = None
        self._failed = 0

    @property
    def headers(self) -> dict[str, str]:
        """What a request must say to be answered from where the stream broke off."""
        return {"last-event-id": self._last} if self._last else {}

    def began(self) -> None:
        """The server answers."""
        self._ever = True
        self._since = self._clock.monotonic()

    def took(self, event: StreamEvent) -> None:
        """An event arrived."""
        self._last = event.id or self._last

    def wait_s(self, error: HanzoTwinError) -> float:
        """How long to wait before the next attempt, after ``error`` ended the last one.

        Raises:
            HanzoTwinError: ``error``: it was the first attempt, there were too many, or another would end the same way.
        """
        if not self._ever or not isinstance(error, UnavailableError):
            raise error
        if self._since is not None and self._clock.monotonic() - self._since > HELD_S:
            self._failed = 0
        self._since = None
        if self._failed >= len(self._waits_s):
            raise error
        self._failed += 1
        return self._waits_s[self._failed - 1]
