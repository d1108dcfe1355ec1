"""The folder of a training run on this machine: which run it holds, and that only one process works in it."""

from __future__ import annotations

import fcntl
import json
from pathlib import Path
from types import TracebackType
from typing import Self

from hanzo_twin.errors import ConflictError, InvalidInputError, OutputError
from hanzo_twin.rl.training.spec import TrainingSpec

_SPEC = "spec.json"
_CHANGEABLE = ("total_steps", "checkpoint_every", "keep_last", "stop_at_success", "stop_at_return", "tracking_uri")
"""What may differ when a run goes on: how long, and what is kept and told of it."""


class RunFolder:
    """Held while a run works in it.

    Raises:
        OutputError: it cannot be written. ConflictError: it holds another run, or one that is under way.
    """

    def __init__(self, folder: Path, spec: TrainingSpec) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = (folder / "lock").open("w")
        except OSError as error:
            raise OutputError(f"The run cannot be kept in '{folder}': {error.strerror}.") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.close()
            raise ConflictError(
                f"Another process trains in '{folder}'.", hint="Wait for it, or choose another --output."
            ) from None
        self._check_same(folder / _SPEC, spec)
        try:
            partial = folder / f".{_SPEC}"
            partial.write_text(spec.model_dump_json(indent=2), encoding="utf-8")
            partial.replace(folder / _SPEC)
        except OSError as error:
            self._lock.close()
            raise OutputError(f"The run cannot be kept in '{folder}': {error.strerror}.") from error

    def _check_same(self, path: Path, spec: TrainingSpec) -> None:
        begun = any((path.parent / "checkpoints").glob("[0-9]*")) or (path.parent / "policy").exists()
        if not path.exists() or not begun:  # what failed before its first checkpoint may be given anew, put right
            return
        try:
            before, now = dict(json.loads(path.read_bytes())), json.loads(spec.model_dump_json())
        except (ValueError, TypeError):
            self._lock.close()
            raise InvalidInputError(
                f"'{path}', which says what is trained there, is damaged.",
                hint="Put it right, or choose another --output.",
            ) from None
        differ = [name for name in now if name not in _CHANGEABLE and before.get(name) != now[name]]
        if differ:
            told = ", ".join(f"{name} {before.get(name)!r}, now {now[name]!r}" for name in differ)
            self._lock.close()
            raise ConflictError(
                f"'{path.parent}' holds another run: {told}.",
                hint="Choose another --output, or delete the folder to begin anew.",
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.close()
