"""Waiting for what comes about, never for a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


def until(what: str, found: Callable[[], T | None], *, within_s: float = 60.0) -> T:
    """The first answer that is neither None nor False; fails, naming ``what``, when none came in time."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        answer = found()
        if answer is not None and answer is not False:
            return answer
        time.sleep(0.02)
    raise AssertionError(f"{what}: not within {within_s:g} s")


async def until_async(what: str, found: Callable[[], Awaitable[T | None]], *, within_s: float = 30.0) -> T:
    """As `until`, without blocking the loop."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        answer = await found()
        if answer is not None and answer is not False:
            return answer
        await asyncio.sleep(0.02)
    raise AssertionError(f"{what}: not within {within_s:g} s")


async def until_seen(what: str, found: Callable[[], T | None], *, within_s: float = 30.0) -> T:
    """As `until_async`, for what can be seen without waiting."""

    async def look() -> T | None:
        return found()

    return await until_async(what, look, within_s=within_s)
