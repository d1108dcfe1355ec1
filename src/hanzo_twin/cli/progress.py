"""A line on stderr that says how far a long command is; nothing where nobody watches."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

    from hanzo_twin.sync.calibration.plan import Progress


class _Line:
    """The line itself; ``total`` is None where its length is not known beforehand, and the bar then only moves."""

    def __init__(self, title: str, total: float | None) -> None:
        self._title = title
        self._total = total
        self._shown: RichProgress | None = None

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

            columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
            self._shown = Progress(*columns, console=Console(stderr=True), transient=True)
            self._shown.start()
            self._task = self._shown.add_task(self._title, total=self._total)
        return self

    def _show(self, text: str, completed: float | None = None) -> None:
        if self._shown is not None:
            self._shown.update(self._task, description=text, completed=completed)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shown is not None:
            self._shown.stop()


class Bar(_Line):
    """Shows the stage of a calibration."""

    def __init__(self, title: str) -> None:
        super().__init__(title, None)

    def update(self, progress: Progress) -> None:
        """Show where it stands."""
        self._show(f"{self._title}: {progress.stage}, {progress.evaluations} tried, error {progress.error:.4g}")


class FractionBar(_Line):
    """Shows how much of a stage is done, one stage after the other."""

    def __init__(self, title: str) -> None:
        super().__init__(title, 1.0)

    def update(self, stage: str, fraction: float) -> None:
        """Show that ``fraction`` of ``stage`` is done."""
        self._show(f"{self._title}: {stage}", fraction)
