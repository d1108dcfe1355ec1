"""What time it is on the device, estimated from the stamps of its messages.

A message stamped s (device clock) that arrives at r (our monotonic clock) was under way for r − s − offset ≥ 0. The
offset is therefore the smallest r − s seen lately; the least delayed messages define it, and the delays of all others
are relative to them. Clocks drift apart slowly, so old minima are forgotten.
"""

from __future__ import annotations

import math
from collections import deque

import numpy as np

WINDOW_S = 30.0
JUMP_S = 1.0
CONFIRM_S = 1.0
STEADY_S = 0.25


class DeviceClock:
    """Estimates the device's time; one for all sources of a twin, which must share a clock (NTP, PTP, one device).

    A stamp more than a second ahead of the estimate means that the device's clock was set forward. Stamps that stay
    behind by a steady amount for a second mean that it was set back; stamps that are behind but catch up are a backlog
    and are only late.
    """

    def __init__(self) -> None:
        self._minima: deque[tuple[float, float]] = deque()
        self._behind: list[tuple[float, float]] = []
        self._delays: deque[float] = deque(maxlen=512)
        self.jumps = 0

    @property
    def known(self) -> bool:
        """Whether any stamp was seen."""
        return bool(self._minima)

    def now(self, monotonic: float) -> float:
        """Device time at our monotonic time; NaN before the first stamp."""
        return monotonic - self._minima[0][1] if self._minima else math.nan

    def observe(self, stamp: float, monotonic: float) -> float:
        """Learn from a message stamped ``stamp`` that arrived at ``monotonic``.

        Returns the seconds by which the device's clock was found to have jumped, 0.0 mostly.
        """
        offset = monotonic - stamp
        if not self._minima:
            self._minima.append((monotonic, offset))
            return 0.0
        delay = offset - self._minima[0][1]
        if delay < -JUMP_S:
            return self._jump(monotonic, offset)
        if delay > JUMP_S:
            return self._check_set_back(monotonic, offset)
        self._behind.clear()
        self._delays.append(max(0.0, delay))
        self._remember(monotonic, offset)
        return 0.0

    def delay_quantile(self, q: float) -> float:
        """Quantile of the recent relative delays, s; 0 before any."""
        return float(np.quantile(self._delays, q)) if self._delays else 0.0

    def _remember(self, monotonic: float, offset: float) -> None:
        """Sliding-window minimum: keep candidates with increasing offsets, the front is the minimum."""
        while self._minima and self._minima[-1][1] >= offset:
            self._minima.pop()
        self._minima.append((monotonic, offset))
        while self._minima[0][0] < monotonic - WINDOW_S:
            self._minima.popleft()

    def _check_set_back(self, monotonic: float, offset: float) -> float:
        self._behind.append((monotonic, offset))
        offsets = [item for _, item in self._behind]
        if max(offsets) - min(offsets) > STEADY_S:
            self._behind = self._behind[-1:]
            return 0.0
        if monotonic - self._behind[0][0] < CONFIRM_S:
            return 0.0
        return self._jump(monotonic, min(offsets))

    def _jump(self, monotonic: float, offset: float) -> float:
        """Start anew from ``offset``; a jump forward is positive."""
        seconds = self._minima[0][1] - offset
        self._minima.clear()
        self._minima.append((monotonic, offset))
        self._behind.clear()
        self._delays.clear()
        self.jumps += 1
        return seconds


class DataClock(DeviceClock):
    """For recorded data that are played as fast as they can be: the newest stamp is the present."""

    def __init__(self) -> None:
        super().__init__()
        self._newest = math.nan

    @property
    def known(self) -> bool:
        return not math.isnan(self._newest)

    def now(self, monotonic: float) -> float:
        return self._newest

    def observe(self, stamp: float, monotonic: float) -> float:
        self._newest = stamp if math.isnan(self._newest) else max(self._newest, stamp)
        return 0.0
