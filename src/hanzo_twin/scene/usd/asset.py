"""USD files are opened as they are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hanzo_twin.scene.findings import Findings

if TYPE_CHECKING:
    from hanzo_twin.scene.load import LoadOptions


def prepare(path: Path, folder: Path, options: LoadOptions, findings: Findings) -> Path:
    """``path`` itself."""
    return path
