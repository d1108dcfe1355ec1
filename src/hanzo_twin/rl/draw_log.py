"""A file of everything that was drawn: one line of JSON for each episode, which can be read back and pinned.

Example::

    env = hanzo_twin.make(…, domain_randomization=True, draw_log="draws.jsonl")
    …
    env.reset(seed=entry.seed, options={"randomization": entry.values})
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hanzo_twin.errors import RecordingError
from hanzo_twin.rl.randomizer import Values
from hanzo_twin.spatial import BoolArray


@dataclass(frozen=True, kw_only=True)
class Draw:
    """What one episode of one world drew.

    Args:
        env: number of the world. episode: of that world since it was seeded, from 0.
        seed: of that world.
        values: by name, as `reset` takes them in ``options["randomization"]``.
    """

    env: int
    episode: int
    seed: int
    values: Mapping[str, Any]


class DrawLog:
    """Appends to ``path``.

    Raises:
        RecordingError: it cannot be written.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        self._append([])

    def add(self, begun: BoolArray, drawn: Values, seeds: Any, episodes: Any) -> None:
        """Note what the worlds ``begun`` [N] drew; ``seeds`` and ``episodes`` are theirs [N]."""
        lines = []
        for env in np.flatnonzero(begun).tolist():
            entry = {
                "env": env,
                "episode": int(episodes[env]),
                "seed": int(seeds[env]),
                "values": {name: values[env].tolist() for name, values in drawn.items()},
            }
            lines.append(json.dumps(entry) + "\n")
        self._append(lines)

    def _append(self, lines: Sequence[str]) -> None:
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.writelines(lines)
        except OSError as refused:
            raise RecordingError(
                f"The draws cannot be written to '{self._path}': {refused.strerror}.",
                hint="Name a file in a folder that exists, on a disk that has room.",
            ) from refused


def read_draws(path: str | os.PathLike[str]) -> Iterator[Draw]:
    """The draws in a file, in their order.

    Raises:
        RecordingError: it cannot be read, or a line is not a draw; names the line.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except OSError as refused:
        raise RecordingError(f"'{os.fspath(path)}' cannot be read: {refused.strerror}.") from refused
    for number, line in enumerate(lines, start=1):
        try:
            yield Draw(**json.loads(line))
        except (ValueError, TypeError) as wrong:
            raise RecordingError(
                f"{os.fspath(path)}:{number}: not a draw.", hint="Give a file that draw_log=… has written."
            ) from wrong
