"""A line on stderr that says how far a long command is; nothing where nobody watches."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

    from hanzo_twin.sync.calibration.plan import Progress


class Bar:
    """Shows the stage of a calibration; its length is not known beforehand, so the bar only moves."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._shown: RichProgress | None = None

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

            columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
            self._shown = Progress(*columns, console=Console(stderr=True), transient=True)
            self._shown.start()
            self._task = self._shown.add_task(self._title, total=None)
        return self

    def update(self, progress: Progress) -> None:
        """Show where it stands."""
        if self._shown is not None:
            text = f"{self._title}: {progress.stage}, {progress.evaluations} tried, error {progress.error:.4g}"
            self._shown.update(self._task, description=text)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shown is not None:
            self._shown.stop()
