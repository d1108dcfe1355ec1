"""When a process that died may be started again, and when to give up."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class RestartPolicy:
    """Waits double from ``first_wait_s`` to ``longest_wait_s`` with each crash within ``window_s``.

    Args:
        most_crashes: this many within ``window_s`` and nobody tries again; None never gives up.
    """

    first_wait_s: float = 1.0
    longest_wait_s: float = 30.0
    window_s: float = 300.0
    most_crashes: int | None = 6


class CrashHistory:
    """Crashes of one process; times are monotonic seconds."""

    def __init__(self, policy: RestartPolicy) -> None:
        self._policy = policy
        self._crashes: deque[float] = deque()

    def crashed(self, now: float) -> None:
        self._crashes.append(now)
        self._forget(now)

    def count(self, now: float) -> int:
        """Crashes within the window."""
        self._forget(now)
        return len(self._crashes)

    def exhausted(self, now: float) -> bool:
        """True when it crashed so often that another start is pointless."""
        return self._policy.most_crashes is not None and self.count(now) >= self._policy.most_crashes

    def wait_s(self, now: float) -> float:
        """Seconds until the next start; 0 if it may start now."""
        crashes = self.count(now)
        if not crashes:
            return 0.0
        wait = min(self._policy.longest_wait_s, self._policy.first_wait_s * 2.0 ** (crashes - 1))
        return max(0.0, self._crashes[-1] + wait - now)

    def _forget(self, now: float) -> None:
        while self._crashes and self._crashes[0] < now - self._policy.window_s:
            self._crashes.popleft()
