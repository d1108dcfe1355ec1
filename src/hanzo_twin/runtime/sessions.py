"""Ending the environments that serve learners elsewhere, when the platform ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from pathlib import Path

from hanzo_twin.runtime.directory import process_started_ticks, read_model
from hanzo_twin.runtime.spec import ProcessRecord

STOPPED = "stopped"
"""File in a session's directory: the session was ended because the server was."""

_STOP_S = 5.0


async def stop_sessions(directory: Path) -> None:
    """Ask all sessions below ``directory`` to end; those that have not after 5 s are killed. They keep nothing."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _STOP_S
    serving = dict(_serving(directory))
    for folder, record in serving.items():
        (folder / STOPPED).touch()
        _signal(record, signal.SIGTERM)
    while serving := {folder: record for folder, record in serving.items() if _lives(record)}:
        if loop.time() > deadline:
            for record in serving.values():
                _signal(record, signal.SIGKILL)
            return
        await asyncio.sleep(0.05)


def _serving(directory: Path) -> list[tuple[Path, ProcessRecord]]:
    folders = sorted(directory.iterdir()) if directory.is_dir() else []
    found = [(folder, read_model(ProcessRecord, folder / "ready.json")) for folder in folders]
    return [(folder, record) for folder, record in found if record is not None and _lives(record)]


def _lives(record: ProcessRecord) -> bool:
    return process_started_ticks(record.pid) == record.started_ticks


def _signal(record: ProcessRecord, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(record.pid, number)
