"""A picture of a calibration: what was measured, and what the twin would have predicted before and after."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hanzo_twin.engines.port import EngineConfig
from hanzo_twin.figures import check_plot, new_figure, write_figure
from hanzo_twin.scene.model import Scene
from hanzo_twin.sync.calibration.replay import Parameters, Replay
from hanzo_twin.sync.calibration.result import CalibrationResult
from hanzo_twin.sync.calibration.skill import MAX_STARTS, end_windows
from hanzo_twin.twin.recording import Recording


def plot_calibration(
    path: Path,
    scene: Scene,
    engine: str,
    config: EngineConfig,
    recording: Recording,
    result: CalibrationResult,
    *,
    initial: Parameters | None = None,
) -> None:
    """Draw each joint position of ``recording`` with what was predicted for it one horizon before, into ``path``.

    ``initial`` as in `calibrate`.

    Raises:
        NotInstalledError, InvalidInputError, OutputError: as `check_plot`, or the file cannot be written.
    """
    check_plot(path)
    horizon = result.headline.horizon_s
    before = {address: item.initial for address, item in result.parameters.items()}
    after = {address: item.estimate for address, item in result.parameters.items()}
    replay = Replay(scene, engine, config, fixed={**(initial or {}), **before})
    try:
        windows = end_windows(replay, recording, horizon).thinned(MAX_STARTS)
        predicted = replay.predict(windows, [before, after])
    finally:
        replay.close()
    figure = new_figure(width=9.0, height=2.6 * len(windows.attributes) + 0.6)
    axes = figure.subplots(len(windows.attributes), 1, sharex=True, squeeze=False)[:, 0]
    for column, (name, axis) in enumerate(zip(windows.attributes, axes, strict=True)):
        times = windows.starts + windows.times[:, column] - windows.starts[0]
        order = np.argsort(times)
        for values, label, style in (
            (windows.measured, "measured", {"color": "black", "linewidth": 1.6}),
            (predicted[0], f"predicted {horizon:g} s ahead, before", {"color": "tab:red", "linewidth": 1.0}),
            (predicted[1], f"predicted {horizon:g} s ahead, after", {"color": "tab:blue", "linewidth": 1.0}),
        ):
            axis.plot(times[order], values[order, column], label=label, **style)
        axis.set_ylabel(name.rpartition("/")[2])
        axis.grid(alpha=0.3)
    axes[0].legend(loc="best", fontsize="small")
    axes[0].set_title(recording.name)
    axes[-1].set_xlabel("time [s]")
    write_figure(figure, path)
