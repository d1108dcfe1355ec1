"""Checkpoints of a training run: whole or not at all, the newest few kept."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_STATE = "state.json"


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """One that is complete: ``folder`` holds model.zip, moments.pkl and, off-policy, replay.pkl."""

    folder: Path
    steps: int
    state: dict[str, Any]


class Checkpoints:
    """In one folder, each named by its number of steps."""

    def __init__(self, folder: Path, *, keep_last: int) -> None:
        self._folder = folder
        self._keep = keep_last

    def latest(self) -> Checkpoint | None:
        """The newest complete one."""
        found = self._all()
        if not found:
            return None
        state = json.loads((found[-1] / _STATE).read_text(encoding="utf-8"))
        return Checkpoint(folder=found[-1], steps=state["steps"], state=state)

    def write(self, model: Any, moments: Any, *, steps: int, state: dict[str, Any]) -> Path:
        """Save all that training goes on from; older ones beyond ``keep_last`` are deleted.

        Raises:
            OSError: the disk is full; the checkpoints before are untouched.
        """
        target = self._folder / f"{steps:012d}"
        partial = self._folder / ".partial"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        model.save(partial / "model.zip")
        if moments is not None:
            moments.save(str(partial / "moments.pkl"))
        if getattr(model, "replay_buffer", None) is not None:
            model.save_replay_buffer(str(partial / "replay.pkl"))
        (partial / _STATE).write_text(json.dumps({**state, "steps": steps}), encoding="utf-8")
        shutil.rmtree(target, ignore_errors=True)
        partial.rename(target)
        for old in self._all()[: -self._keep]:
            shutil.rmtree(old, ignore_errors=True)
        return target

    def _all(self) -> list[Path]:
        return sorted(path.parent for path in self._folder.glob(f"[0-9]*/{_STATE}"))
