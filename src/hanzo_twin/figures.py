"""Plots as files, by matplotlib and without a display."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from hanzo_twin.errors import InvalidInputError, NotInstalledError, OutputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = (".png", ".svg", ".pdf")
_DOTS_PER_INCH = 120


def check_plot(path: Path) -> None:
    """Refuse what `write_figure` could not write, before anything has run.

    Raises:
        NotInstalledError: matplotlib is missing. InvalidInputError: of no known format. OutputError: there is no such
            folder.
    """
    if find_spec("matplotlib") is None:
        raise NotInstalledError(
            "Plots need the package 'matplotlib', which is not installed.",
            hint="Install it with: pip install 'hanzo-twin[plot]'",
        )
    if path.suffix.lower() not in FORMATS:
        raise InvalidInputError(f"'{path}' has no known format.", hint=f"Allowed: {', '.join(FORMATS)}.")
    if not path.parent.is_dir():
        raise OutputError(f"The plot cannot be written to '{path}': there is no folder '{path.parent}'.")


def new_figure(*, width: float, height: float) -> Figure:
    """An empty figure of this size in inches; matplotlib must be there, see `check_plot`."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def write_figure(figure: Figure, path: Path) -> None:
    """Write ``figure`` in the format that the suffix of ``path`` says.

    Raises:
        OutputError: the file cannot be written.
    """
    try:
        figure.savefig(path, dpi=_DOTS_PER_INCH)
    except OSError as failure:
        raise OutputError(f"The plot cannot be written to '{path}': {failure.strerror}.") from failure
