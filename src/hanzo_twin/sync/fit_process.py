"""A calibration in a process of its own, at low priority: the sync loop keeps its interpreter lock and its processor.

The child is ``python -m hanzo_twin.sync.fit_process``; it reads its task from stdin and writes the outcome to stdout,
both pickled. The two ends are this one program on this one machine, so pickle is safe here.
"""

from __future__ import annotations

import asyncio
import copyreg
import io
import os
import pickle
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from subprocess import PIPE
from types import MappingProxyType
from typing import Any

from hanzo_twin.engines.port import EngineConfig
from hanzo_twin.errors import CalibrationError, HanzoTwinError
from hanzo_twin.scene.model import Scene
from hanzo_twin.sync.calibration import CalibrationPlan, CalibrationResult, calibrate
from hanzo_twin.twin.recording import Recording

NICENESS = 10


@dataclass(frozen=True, kw_only=True)
class FitTask:
    """What to fit, as `calibrate` takes it."""

    scene: Scene
    engine: str
    config: EngineConfig
    recording: Recording
    plan: CalibrationPlan
    initial: Mapping[str, float]


async def fit_apart(task: FitTask) -> CalibrationResult:
    """`calibrate` in a child process; cancelling this ends the child.

    Raises:
        CalibrationError and whatever `calibrate` raises; also if the child died.
    """
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "hanzo_twin.sync.fit_process", stdin=PIPE, stdout=PIPE, stderr=PIPE
    )
    try:
        said, complained = await child.communicate(_pack(task))
    except asyncio.CancelledError:
        child.kill()
        await child.wait()
        raise
    if child.returncode != 0:
        last = complained.decode(errors="replace").strip().rpartition("\n")[2]
        raise CalibrationError(f"The process of the fit ended with code {child.returncode}: {last or 'no message'}")
    outcome = pickle.loads(said)
    if isinstance(outcome, HanzoTwinError):
        raise outcome
    if not isinstance(outcome, CalibrationResult):
        raise CalibrationError(f"The process of the fit answered with a {type(outcome).__name__}.")
    return outcome


def _read_only(content: dict[Any, Any]) -> MappingProxyType[Any, Any]:
    return MappingProxyType(content)


class _Pickler(pickle.Pickler):
    dispatch_table = copyreg.dispatch_table.copy()
    dispatch_table[MappingProxyType] = lambda proxy: (_read_only, (dict(proxy),))


def _pack(value: Any) -> bytes:
    buffer = io.BytesIO()
    _Pickler(buffer, protocol=pickle.HIGHEST_PROTOCOL).dump(value)
    return buffer.getvalue()


def main() -> None:
    """Fit what stdin says."""
    os.nice(NICENESS)
    # What a library may print must not get between the bytes of the answer.
    answer = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    task: FitTask = pickle.loads(sys.stdin.buffer.read())
    outcome: CalibrationResult | HanzoTwinError
    try:
        outcome = calibrate(
            task.scene, task.engine, task.config, [task.recording], task.plan, initial=dict(task.initial)
        )
    except HanzoTwinError as refusal:
        outcome = refusal
    answer.write(_pack(outcome))
    answer.close()


if __name__ == "__main__":
    # Under its importable name, or the task would be of a class that only this process knows.
    from hanzo_twin.sync.fit_process import main as run

    run()
