"""How far domain randomization spreads the trajectories of a twin: same start, same actions, other parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hanzo_twin.errors import InvalidInputError
from hanzo_twin.figures import check_plot, new_figure, write_figure
from hanzo_twin.rl.make import Ranges, make_vec
from hanzo_twin.rl.resolve import TwinId
from hanzo_twin.rl.task import Recipe, Task
from hanzo_twin.spatial import FloatArray

# More curves in one picture than this are not looked at.
_MOST_DRAWN = 8


@dataclass(frozen=True, kw_only=True, eq=False)
class Spread:
    """Trajectories of many worlds.

    Args:
        times: [steps + 1] s. names: of the numbers observed [n].
        values: [steps + 1, num_envs, n]; of a world whose episode ended NaN from there on.
        nominal: the same without randomization [steps + 1, n].
        draws: what each world drew, by name [num_envs].
    """

    times: FloatArray
    names: tuple[str, ...]
    values: FloatArray
    nominal: FloatArray
    draws: Mapping[str, FloatArray]

    def rms(self) -> FloatArray:
        """Distance from the nominal, root of the mean square over worlds and time [n]."""
        return np.asarray(np.sqrt(np.nanmean((self.values - self.nominal[:, None]) ** 2, axis=(0, 1))))

    def influence(self) -> dict[str, float]:
        """How much of the worlds' distance from the nominal goes with each draw: rank correlation, 0 to 1."""
        scale = np.nanstd(self.values, axis=(0, 1)) + 1e-12
        away = np.sqrt(np.nanmean(((self.values - self.nominal[:, None]) / scale) ** 2, axis=(0, 2)))
        return {name: _rank_correlation(values, away) for name, values in self.draws.items()}


def measure_spread(
    twin_id: TwinId | None = None,
    *,
    task: str | Task | Recipe | None = None,
    engine: str | None = None,
    domain_randomization: Ranges = True,
    num_envs: int = 64,
    seconds: float = 5.0,
    seed: int = 0,
    amplitude: float = 0.3,
) -> Spread:
    """Run ``num_envs`` worlds from one start under one sequence of actions, each with its own draws.

    Args:
        amplitude: of the actions, slow sines of phases drawn from ``seed``, 0 to 1.

    Raises:
        As `make_vec`. InvalidInputError: there is nothing to randomize.
    """
    arguments: dict[str, Any] = {"task": task, "engine": engine, "autoreset_mode": "SameStep"}
    worlds = make_vec(twin_id, num_envs=num_envs, domain_randomization=domain_randomization, **arguments)
    alone = make_vec(twin_id, num_envs=1, **arguments)
    try:
        _, infos = worlds.reset(seed=seed)
        if "randomization" not in infos:
            raise InvalidInputError(
                "Nothing is randomized.", hint="Give domain_randomization=True, or ranges in the definition."
            )
        drawn = {name: values for name, values in infos["randomization"].items() if not name.startswith("_")}
        steps = max(1, round(seconds * worlds.metadata["step_hz"]))
        actions = _actions(steps, len(worlds.runner.layout.actions), worlds.metadata["step_hz"], seed, amplitude)
        values = _run(worlds, actions, [seed] * num_envs, {"randomization": drawn})
        nominal = _run(alone, actions, [seed], {})[:, 0]
        layout = worlds.runner.layout
        names = [
            f"{name}[{index}]" if part.stop - part.start > 1 else name
            for name, part in layout.slices.items()
            for index in range(part.stop - part.start)
        ]
        return Spread(
            times=np.arange(steps + 1) / worlds.metadata["step_hz"],
            names=tuple(names),
            values=values,
            nominal=nominal,
            draws={name: drawn_values for name, drawn_values in drawn.items() if drawn_values.ndim == 1},
        )
    finally:
        worlds.close()
        alone.close()


def plot_spread(spread: Spread, path: Path) -> None:
    """Draw the quantities that spread most, and what they go with, into ``path`` (.png, .svg or .pdf).

    Raises:
        NotInstalledError, InvalidInputError, OutputError: as `check_plot`, or the file cannot be written.
    """
    check_plot(path)
    scale = np.nanstd(spread.values, axis=(0, 1)) + np.nanmax(np.abs(spread.nominal), axis=0) + 1e-12
    chosen = np.sort(np.argsort(-spread.rms() / scale)[:_MOST_DRAWN])
    rows = -(-(len(chosen) + 1) // 3)
    figure = new_figure(width=12.0, height=2.8 * rows)
    axes = figure.subplots(rows, 3, squeeze=False).ravel()
    for axis, column in zip(axes, chosen, strict=False):
        low, middle, high = np.nanquantile(spread.values[:, :, column], [0.05, 0.5, 0.95], axis=1)
        axis.plot(spread.times, spread.values[:, :, column], color="tab:blue", alpha=0.08, linewidth=0.7)
        axis.fill_between(spread.times, low, high, color="tab:blue", alpha=0.25, label="5 to 95 %")
        axis.plot(spread.times, middle, color="tab:blue", linewidth=1.2, label="median")
        axis.plot(spread.times, spread.nominal[:, column], color="black", linewidth=1.2, label="nominal")
        axis.set_title(spread.names[column], fontsize="small")
        axis.set_xlabel("time [s]", fontsize="small")
        axis.grid(alpha=0.3)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=3, fontsize="x-small")
    bars = axes[len(chosen)]
    influence = spread.influence()
    bars.barh(list(influence), list(influence.values()), color="tab:orange")
    bars.set_xlim(0.0, 1.0)
    bars.tick_params(axis="y", labelsize="x-small")
    bars.set_title("goes with the distance from nominal", fontsize="small")
    bars.set_xlabel("rank correlation, 0 to 1", fontsize="small")
    for axis in axes[len(chosen) + 1 :]:
        axis.set_visible(False)
    write_figure(figure, path)


def _run(worlds: Any, actions: FloatArray, seeds: list[int], options: dict[str, Any]) -> FloatArray:
    observations, _ = worlds.reset(seed=seeds, options=options)
    values = np.full((len(actions) + 1, *observations.shape), np.nan)
    values[0] = observations
    running = np.ones(len(observations), dtype=np.bool_)
    for index, action in enumerate(actions, start=1):
        observations, _, terminations, truncations, _ = worlds.step(np.tile(action, (len(observations), 1)))
        running &= ~(terminations | truncations)
        values[index, running] = observations[running]
    return values


def _actions(steps: int, size: int, rate: float, seed: int, amplitude: float) -> FloatArray:
    random = np.random.default_rng(seed)
    phase, period = random.uniform(0, 2 * np.pi, size), random.uniform(1.0, 3.0, size)
    times = np.arange(steps)[:, None] / rate
    waves: FloatArray = amplitude * np.sin(2 * np.pi * times / period + phase)
    return waves


def _rank_correlation(one: FloatArray, other: FloatArray) -> float:
    """Largest of the rank correlations of ``other`` with ``one`` and with its distance from its median."""
    candidates = (one, np.abs(one - np.median(one)))
    ranks = np.argsort(np.argsort(other))
    values = [abs(float(np.corrcoef(np.argsort(np.argsort(each)), ranks)[0, 1])) for each in candidates if np.ptp(each)]
    return max(values, default=0.0)
