"""Noticing that a source which is connected says nothing any more."""

from __future__ import annotations

import math
from typing import Literal

SHORTEST_S = 2.0
INTERVALS = 10.0
_LEARNT = 0.1


class Silence:
    """Judges pauses by what is usual for this source: silent is one quiet for ten intervals, at least 2 s."""

    def __init__(self) -> None:
        self._last = math.nan
        self._usual = math.nan
        self._now = math.nan
        self._lasted = 0.0
        self._silent = False

    @property
    def seconds(self) -> float:
        """How long it has been silent; 0 while it is not."""
        return self._now - self._last if self._silent else 0.0

    def heard(self, monotonic: float) -> None:
        """Something came."""
        interval = monotonic - self._last
        if self._silent:
            self._lasted = max(self._lasted, interval)
        elif not math.isnan(interval):
            known = not math.isnan(self._usual)
            self._usual = self._usual + _LEARNT * (interval - self._usual) if known else interval
        self._last = self._now = monotonic

    def check(self, monotonic: float, *, listening: bool) -> Literal["", "silent", "heard"]:
        """What has changed since the last check; without a connection there is nothing to hear."""
        self._now = monotonic
        known = not math.isnan(self._usual)
        silent = known and listening and monotonic - self._last > max(SHORTEST_S, INTERVALS * self._usual)
        if silent == self._silent:
            return ""
        self._silent = silent
        if silent:
            self._lasted = 0.0
        return "silent" if silent else "heard"

    def describe(self, change: str) -> str:
        """``change`` in words."""
        if change == "silent":
            return (
                f"has said nothing for {self._now - self._last:.1f} s; until then {1 / self._usual:.3g} times a second"
            )
        return f"was silent for {self._lasted:.1f} s"
