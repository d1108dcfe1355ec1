"""Runtimes for live tests: a pendulum in a process of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from tests.live.waiting import until_seen

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


async def wait_serving(launcher: Launcher, twin_id: str) -> Ready:
    """Where a runtime serves, as soon as it does; raises what it said, should it end before."""

    def serves() -> Ready | None:
        observed = launcher.observe(twin_id)
        if observed.failure is not None:
            raise observed.failure.decode()
        assert observed.state not in ("died", "absent"), describe_death(observed, launcher.files(twin_id))
        return observed.ready

    return await until_seen(f"twin '{twin_id}' is served", serves)


async def end_all(launcher: Launcher) -> None:
    """Kill what a test has left running."""
    for twin_id in launcher.known():
        launcher.kill(twin_id)
        await until_seen(f"{twin_id} is dead", lambda twin_id=twin_id: launcher.observe(twin_id).pid is None)  # type: ignore[misc]
