"""What time it is on the device, estimated from the stamps of its messages.

A message stamped s (device clock) that arrives at r (our monotonic clock) was under way for r − s − offset ≥ 0. The
offset is therefore the smallest r − s seen lately; the least delayed messages define it, and the delays of all others
are relative to them. Clocks drift apart slowly, so old minima are forgotten.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hanzo_twin.spatial import FloatArray

WINDOW_S = 30.0
JUMP_S = 1.0
CONFIRM_S = 1.0
CONFIRM_COUNT = 3
STEADY_S = 0.25


@dataclass
class _Suspects:
    """A run of stamps that disagree with the estimate, but agree among themselves."""

    since: float
    lowest: float
    highest: float
    count: int = 1

    def add(self, offset: float) -> bool:
        """Take in another; False if it does not agree with the others."""
        lowest, highest = min(self.lowest, offset), max(self.highest, offset)
        if highest - lowest > STEADY_S:
            return False
        self.lowest, self.highest, self.count = lowest, highest, self.count + 1
        return True


class DeviceClock:
    """Estimates the device's time; one for all sources of a twin, which must share a clock (NTP, PTP, one device).

    A stamp that is off by more than a second is believed only when it is confirmed: when at least three messages in a
    row, over at least a second, are off by the same amount (within 0.25 s). Then the device's clock was set. One wrong
    stamp changes nothing; a backlog, whose stamps catch up, is only late. Until the first second of agreement, newer
    stamps are believed at once: what a broker kept for us comes first.

    Args:
        rate: device seconds per second of ours; other than 1 when a recording is replayed faster or slower.
    """

    def __init__(self, *, rate: float = 1.0) -> None:
        self._rate = rate
        self._minima: deque[tuple[float, float]] = deque()
        self._settled_at = math.inf
        self._suspects: _Suspects | None = None
        self._delays: deque[float] = deque(maxlen=512)
        self.jumps = 0

    @property
    def known(self) -> bool:
        """Whether any stamp was seen."""
        return bool(self._minima)

    def now(self, monotonic: float) -> float:
        """Device time at our monotonic time; NaN before the first stamp."""
        return (monotonic - self._minima[0][1]) * self._rate if self._minima else math.nan

    def observe(self, stamp: float, monotonic: float) -> float:
        """Learn from a message stamped ``stamp`` that arrived at ``monotonic``.

        Returns the seconds by which the device's clock was found to have been set, 0.0 mostly.
        """
        offset = monotonic - stamp / self._rate
        if not self._minima:
            self._begin(monotonic, offset, settled_at=monotonic + CONFIRM_S)
            return 0.0
        delay = offset - self._minima[0][1]
        if delay < -JUMP_S and monotonic < self._settled_at:
            self._begin(monotonic, offset, settled_at=monotonic + CONFIRM_S)
            return 0.0
        if abs(delay) > JUMP_S:
            return self._suspect(monotonic, offset)
        self._suspects = None
        self._delays.append(max(0.0, delay))
        self._remember(monotonic, offset)
        return 0.0

    def observe_all(self, stamps: FloatArray, monotonic: float) -> tuple[float, NDArray[np.bool_]]:
        """Learn from ``stamps`` [n] that arrived together, in their order.

        Returns by how many seconds the device's clock was found to have been set; and [n], which of the stamps are more
        than a second ahead of what is now believed to be the device's time: nobody should act on those.
        """
        if not self._minima or (np.abs(self.now(monotonic) - stamps) > JUMP_S * self._rate).any():
            distinct = stamps[np.flatnonzero(np.diff(stamps, prepend=np.nan) != 0)]
            jump = sum(self.observe(float(stamp), monotonic) for stamp in distinct)
        else:
            jump = self.observe(float(stamps.max()), monotonic)
        return jump, self.ahead(stamps, monotonic)

    def ahead(self, stamps: FloatArray, monotonic: float) -> NDArray[np.bool_]:
        """Which of ``stamps`` [n] are more than a second ahead of the device's time."""
        early: NDArray[np.bool_] = stamps > self.now(monotonic) + JUMP_S * self._rate
        return early

    def delay_quantile(self, q: float) -> float:
        """Quantile of the recent relative delays, device s; 0 before any."""
        return float(np.quantile(self._delays, q)) * self._rate if self._delays else 0.0

    def _begin(self, monotonic: float, offset: float, *, settled_at: float) -> None:
        """Start anew from ``offset``."""
        self._minima.clear()
        self._minima.append((monotonic, offset))
        self._settled_at = settled_at
        self._suspects = None
        self._delays.clear()

    def _remember(self, monotonic: float, offset: float) -> None:
        """Sliding-window minimum: keep candidates with increasing offsets, the front is the minimum."""
        while self._minima and self._minima[-1][1] >= offset:
            self._minima.pop()
        self._minima.append((monotonic, offset))
        while self._minima[0][0] < monotonic - WINDOW_S:
            self._minima.popleft()

    def _suspect(self, monotonic: float, offset: float) -> float:
        if self._suspects is None or not self._suspects.add(offset):
            self._suspects = _Suspects(since=monotonic, lowest=offset, highest=offset)
        confirmed = self._suspects.count >= CONFIRM_COUNT and monotonic - self._suspects.since >= CONFIRM_S
        if not confirmed:
            return 0.0
        seconds = (self._minima[0][1] - self._suspects.lowest) * self._rate
        self._begin(monotonic, self._suspects.lowest, settled_at=monotonic)
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
