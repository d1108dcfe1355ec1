"""Figures for files, without a display."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from hanzo_twin.errors import NotInstalledError


def new_figure(*, width: float, height: float) -> Any:
    """A matplotlib figure of this size in inches.

    Raises:
        NotInstalledError: matplotlib is missing.
    """
    if find_spec("matplotlib") is None:
        raise NotInstalledError(
            "Drawing needs the package 'matplotlib', which is not installed.",
            hint="Install it with: pip install 'hanzo-twin[plot]'",
        )
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure
