"""Metrics of a run: lines of JSON and a picture in its folder, and an MLflow server where one is named."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from hanzo_twin.errors import OutputError
from hanzo_twin.figures import new_figure, write_figure
from hanzo_twin.rl.training.mlflow_run import MlflowRun
from hanzo_twin.rl.training.reasons import reason

METRICS, CURVES = "metrics.jsonl", "curves.png"
_RATE = "success rate"
_PANELS = (
    ("return", ("rollout/return_mean", "evaluation/return_mean")),
    (_RATE, ("rollout/success_rate", "evaluation/success_rate")),
    ("episode length [steps]", ("rollout/length_mean", "evaluation/length_mean")),
    ("steps per second", ("time/steps_per_s",)),
)


class Tracker:
    """Writes down metrics by the number of steps.

    Args:
        folder: of the run; what a run before this one wrote there is kept.
        steps: where this run begins: what was written of later steps is dropped, since it comes again.

        say: is told when the server of ``tracking_uri`` goes and comes; training goes on without it.

    Raises:
        NotInstalledError: a tracking URI is given and MLflow is missing. InvalidInputError: it cannot be used.
        OutputError: the folder cannot be written.
    """

    def __init__(
        self,
        folder: Path,
        *,
        steps: int,
        tracking_uri: str | None,
        name: str,
        parameters: Mapping[str, Any],
        say: Callable[[str], None],
    ) -> None:
        self._path = folder / METRICS
        self._curves = folder / CURVES
        rows = [row for row in read_metrics(self._path) if row["steps"] <= steps]
        try:
            partial = self._path.with_suffix(".partial")
            partial.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
            partial.replace(self._path)
        except OSError as failed:
            raise OutputError(f"The metrics cannot be kept in '{folder}': {reason(failed)}.") from failed
        self._say = say
        self._unwritten: list[dict[str, float]] = []
        self._mlflow = None
        if tracking_uri is not None:
            self._mlflow = MlflowRun(tracking_uri, folder, name=name, parameters=parameters, rows=rows)

    def log(self, steps: int, metrics: Mapping[str, float]) -> None:
        """Add metrics; numbers that are not finite are left out."""
        row = {"steps": steps} | {name: float(value) for name, value in metrics.items() if math.isfinite(value)}
        self._unwritten.append(row)
        self._write()
        if self._mlflow is not None:
            self._pass_on(self._mlflow.add(row))

    def draw(self, title: str) -> Path | None:
        """Draw the curves; None where matplotlib is not installed, or the disk is full."""
        try:
            return draw_curves(read_metrics(self._path), self._curves, title)
        except (OSError, OutputError):  # a picture is no reason to end a run
            return None

    def close(self, *, succeeded: bool) -> None:
        """End the run at the server, too."""
        if self._mlflow is not None:
            self._pass_on(self._mlflow.close(succeeded=succeeded))

    def _write(self) -> None:
        """Append what is new; what a full disk does not take is kept for the next time."""
        size = self._path.stat().st_size
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.writelines(json.dumps(row) + "\n" for row in self._unwritten)
        except OSError as failed:
            os.truncate(self._path, size)
            if len(self._unwritten) == 1:
                self._say(f"'{self._path}' cannot be written: {reason(failed)}. Training goes on; the rows are kept.")
        else:
            self._unwritten.clear()

    def _pass_on(self, lines: Iterable[str]) -> None:
        for line in lines:
            self._say(line)


def read_metrics(path: Path) -> list[dict[str, float]]:
    """All rows; a line that is damaged is left out."""
    rows = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else ():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict) and isinstance(row.get("steps"), int):
            rows.append(row)
    return rows


def draw_curves(rows: list[dict[str, float]], path: Path, title: str) -> Path | None:
    """Return, success, length and speed over steps as one picture; None without matplotlib, or without a curve."""
    if find_spec("matplotlib") is None:
        return None
    panels = [panel for panel in _PANELS if any(name in row for row in rows for name in panel[1])]
    if not panels:
        return None
    figure = new_figure(width=8.0, height=2.1 * len(panels) + 0.6)
    axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for (label, names), axis in zip(panels, axes, strict=True):
        for name in names:
            judged = name.startswith("evaluation")
            points = np.array([(row["steps"], row[name]) for row in rows if name in row]).reshape(-1, 2)
            if len(points):
                axis.plot(
                    points[:, 0],
                    points[:, 1],
                    label="held-out episodes" if judged else "training",
                    color="tab:red" if judged else "tab:blue",
                    marker="o" if judged else "",
                    markersize=4,
                    linewidth=1.4,
                )
        axis.set_ylabel(label)
        if label == _RATE:
            axis.set_ylim(-0.03, 1.03)
        axis.grid(alpha=0.3)
    axes[0].legend(loc="best", fontsize="small")
    axes[0].set_title(title)
    axes[-1].set_xlabel("steps of all worlds")
    write_figure(figure, path)
    return path
