"""USD files are opened as they are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hanzo_twin.scene.findings import Findings, Refusal

if TYPE_CHECKING:
    from hanzo_twin.scene.load import LoadOptions

DEEPEST = 2000
"""Brackets within brackets of a text file: USD reads each within the other, and crashes where they are many."""

_TEXT = b"#usda"
_CHUNK = 4 * 2**20
_STEPS = np.zeros(256, dtype=np.int8)
_STEPS[list(b"([{")], _STEPS[list(b")]}")] = 1, -1


def prepare(path: Path, folder: Path, options: LoadOptions, findings: Findings) -> Path:
    """``path`` itself.

    Raises:
        Refusal: it is text that is nested too deep for USD.
    """
    if _nesting(path) > DEEPEST:
        raise Refusal(
            "too-deep", f"Its brackets are nested more than {DEEPEST} deep.", "Flatten it, or export it again."
        )
    return path


def _nesting(path: Path) -> int:
    """How deep brackets stand in each other in a text file, those in its strings and comments included."""
    level = lowest = deepest = 0
    with path.open("rb") as file:
        if file.read(len(_TEXT)) != _TEXT:
            return 0
        while chunk := file.read(_CHUNK):
            levels = level + np.cumsum(_STEPS[np.frombuffer(chunk, dtype=np.uint8)], dtype=np.int64)
            # From the lowest level so far, so that brackets that close nothing hide none that open.
            floors = np.minimum(lowest, np.minimum.accumulate(levels))
            deepest = max(deepest, int((levels - floors).max()))
            level, lowest = int(levels[-1]), int(floors[-1])
    return deepest
