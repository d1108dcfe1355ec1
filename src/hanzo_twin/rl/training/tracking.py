"""Metrics of a run: lines of JSON and a picture in its folder, and an MLflow server where one is named."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hanzo_twin.errors import InvalidInputError, NotInstalledError

METRICS, CURVES = "metrics.jsonl", "curves.png"
_PANELS = (
    ("return", ("rollout/return_mean", "evaluation/return_mean")),
    ("success rate", ("rollout/success_rate", "evaluation/success_rate")),
    ("episode length [steps]", ("rollout/length_mean", "evaluation/length_mean")),
    ("steps per second", ("time/steps_per_s",)),
)


class Tracker:
    """Writes down metrics by the number of steps.

    Args:
        folder: of the run; what a run before this one wrote there is kept.
        steps: where this run begins: what was written of later steps is dropped, since it comes again.

    Raises:
        NotInstalledError: a tracking URI is given and MLflow is missing. InvalidInputError: it cannot be used.
    """

    def __init__(
        self, folder: Path, *, steps: int, tracking_uri: str | None, name: str, parameters: Mapping[str, Any]
    ) -> None:
        self._path = folder / METRICS
        self._curves = folder / CURVES
        rows = [row for row in read_metrics(self._path) if row["steps"] <= steps]
        self._path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        self._mlflow = None if tracking_uri is None else _MlflowRun(tracking_uri, folder, name, parameters)

    def log(self, steps: int, metrics: Mapping[str, float]) -> None:
        """Add metrics; numbers that are not finite are left out."""
        finite = {name: float(value) for name, value in metrics.items() if math.isfinite(value)}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"steps": steps, **finite}) + "\n")
        if self._mlflow is not None:
            self._mlflow.log(steps, finite)

    def draw(self, title: str) -> Path | None:
        """Draw the curves; None where matplotlib is not installed."""
        return draw_curves(read_metrics(self._path), self._curves, title)

    def close(self, *, succeeded: bool) -> None:
        if self._mlflow is not None:
            self._mlflow.close(succeeded=succeeded)


def read_metrics(path: Path) -> list[dict[str, float]]:
    """All rows; a line that a crash cut off is left out."""
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            rows.append(json.loads(line))
        except ValueError:
            continue
    return rows


def draw_curves(rows: list[dict[str, float]], path: Path, title: str) -> Path | None:
    """Return, success, length and speed over steps as one picture."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        return None
    panels = [panel for panel in _PANELS if any(name in row for row in rows for name in panel[1])]
    if not panels:
        return None
    figure = Figure(figsize=(8, 2.1 * len(panels) + 0.6), layout="constrained")
    FigureCanvasAgg(figure)
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
        axis.grid(alpha=0.3)
    axes[0].legend(loc="best", fontsize="small")
    axes[0].set_title(title)
    axes[-1].set_xlabel("steps of all worlds")
    figure.savefig(path, dpi=120)
    return path


class _MlflowRun:
    """A run on an MLflow server (or in a folder); the same one when training goes on."""

    def __init__(self, uri: str, folder: Path, name: str, parameters: Mapping[str, Any]) -> None:
        try:
            from mlflow import MlflowClient
            from mlflow.entities import Metric
            from mlflow.exceptions import MlflowException
        except ModuleNotFoundError as missing:
            raise NotInstalledError(
                "tracking_uri needs the package 'mlflow-skinny', which is not installed.",
                hint="Install it with: pip install 'hanzo-twin[train]'",
            ) from missing
        self._metric = Metric
        known = folder / "mlflow_run"
        try:
            self._client = MlflowClient(tracking_uri=uri)
            if known.exists():
                self._run = known.read_text(encoding="utf-8")
                self._client.update_run(self._run, status="RUNNING")
                return
            found = self._client.get_experiment_by_name("hanzo-twin")
            experiment = found.experiment_id if found else self._client.create_experiment("hanzo-twin")
            self._run = self._client.create_run(experiment, run_name=name).info.run_id
            for key, value in parameters.items():
                self._client.log_param(self._run, key, str(value)[:500])
        except MlflowException as error:
            raise InvalidInputError(f"MLflow at '{uri}' cannot be used: {error}.") from error
        known.write_text(self._run, encoding="utf-8")

    def log(self, steps: int, metrics: Mapping[str, float]) -> None:
        now = int(time.time() * 1000)
        self._client.log_batch(
            self._run, metrics=[self._metric(name, value, now, steps) for name, value in metrics.items()]
        )

    def close(self, *, succeeded: bool) -> None:
        self._client.set_terminated(self._run, "FINISHED" if succeeded else "KILLED")
