"""Checkpoints of a training run: whole or not at all, the newest few kept, and known to be whole when they are read."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hanzo_twin.errors import InvalidInputError, OutputError
from hanzo_twin.rl.training.reasons import reason

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

    def latest(self, say: Callable[[str], None]) -> Checkpoint | None:
        """The newest one whose files are what was written; None where there are none. ``say`` hears of damaged ones.

        Raises:
            InvalidInputError: all there are, are damaged.
        """
        found = self._all()
        for folder in reversed(found):
            state = _read(folder)
            if isinstance(state, dict):
                return Checkpoint(folder=folder, steps=state["steps"], state=state)
            say(f"The checkpoint '{folder}' is damaged ({state}) and is left out.")
        if found:
            raise InvalidInputError(
                f"None of the checkpoints in '{self._folder}' is whole.",
                hint="Delete the folder of the run, or choose another, to begin anew; its policy can still be used.",
            )
        return None

    def write(self, model: Any, moments: Any, *, steps: int, state: dict[str, Any]) -> Path:
        """Save all that training goes on from; older ones beyond ``keep_last`` are deleted.

        Raises:
            OutputError: the disk is full; the checkpoints before are untouched.
        """
        target = self._folder / f"{steps:012d}"
        partial = self._folder / ".partial"
        shutil.rmtree(partial, ignore_errors=True)
        try:
            partial.mkdir(parents=True)
            model.save(partial / "model.zip")
            if moments is not None:
                moments.save(str(partial / "moments.pkl"))
            if getattr(model, "replay_buffer", None) is not None:
                model.save_replay_buffer(str(partial / "replay.pkl"))
            files = {path.name: _digest(path) for path in sorted(partial.iterdir())}
            (partial / _STATE).write_text(json.dumps({**state, "steps": steps, "files": files}), encoding="utf-8")
            shutil.rmtree(target, ignore_errors=True)
            partial.rename(target)
        except (OSError, RuntimeError) as failed:  # PyTorch's writer turns the system's errors into RuntimeError
            shutil.rmtree(partial, ignore_errors=True)
            raise OutputError(
                f"The checkpoint at {steps:,} steps cannot be written to '{self._folder}': {reason(failed)}.",
                hint="Make room there. What was saved before is untouched; the same command goes on from it.",
            ) from failed
        for old in self._all()[: -self._keep]:
            shutil.rmtree(old, ignore_errors=True)
        return target

    def _all(self) -> list[Path]:
        return sorted(path.parent for path in self._folder.glob(f"[0-9]*/{_STATE}"))


def _read(folder: Path) -> dict[str, Any] | str:
    """The state of a checkpoint, or the name of the file that is damaged."""
    try:
        state: dict[str, Any] = json.loads((folder / _STATE).read_bytes())
        files: dict[str, str] = dict(state["files"])
    except (OSError, ValueError, KeyError, TypeError):
        return _STATE
    for name, digest in files.items():
        try:
            if _digest(folder / name) != digest:
                return name
        except OSError:
            return name
    return state


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
