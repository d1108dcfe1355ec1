"""Runtimes for live tests: a pendulum in a process of its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from hanzo_twin.runtime.launcher import Launcher, describe_death
from hanzo_twin.runtime.spec import Ready, RuntimeSpec

ROOT = Path(__file__).parents[2]
PENDULUM = ROOT / "examples" / "pendulum" / "pendulum.usda"
HINGE = "/World/pendulum/hinge"

T = TypeVar("T")


def definition(**changes: Any) -> dict[str, Any]:
    return {"name": "pendulum", "scene": {"uri": str(PENDULUM)}, "engine": {"type": "mujoco"}, **changes}


def spec_in(root: Path, twin_id: str = "t1", **changes: Any) -> RuntimeSpec:
    return RuntimeSpec(
        **{
            "twin_id": twin_id,
            "name": "pendulum",
            "definition": definition(),
            "base_directory": root,
            "directory": root / "runtimes" / twin_id,
            "history_directory": root / "history" / twin_id,
            "checkpoint_seconds": 0.1,
            **changes,
        }
    )


async def until(what: str, found: Callable[[], T | None], *, within_s: float = 30.0) -> T:
    """The first answer that is neither None nor False; fails, naming ``what``, when none came in time."""

    async def ask() -> T | None:
        return found()

    return await until_async(what, ask, within_s=within_s)


async def until_async(what: str, found: Callable[[], Awaitable[T | None]], *, within_s: float = 30.0) -> T:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        answer = await found()
        if answer is not None and answer is not False:
            return answer
        await asyncio.sleep(0.02)
    raise AssertionError(f"{what}: not within {within_s:g} s")


async def wait_serving(launcher: Launcher, twin_id: str) -> Ready:
    """Where a runtime serves, as soon as it does; raises what it said, should it end before."""

    def serves() -> Ready | None:
        observed = launcher.observe(twin_id)
        if observed.failure is not None:
            raise observed.failure.decode()
        assert observed.state not in ("died", "absent"), describe_death(observed, launcher.files(twin_id))
        return observed.ready

    return await until(f"twin '{twin_id}' is served", serves)


async def end_all(launcher: Launcher) -> None:
    """Kill what a test has left running."""
    for twin_id in launcher.known():
        launcher.kill(twin_id)
        await until(f"{twin_id} is dead", lambda twin_id=twin_id: launcher.observe(twin_id).pid is None)  # type: ignore[misc]
