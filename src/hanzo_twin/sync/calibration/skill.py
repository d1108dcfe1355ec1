"""How well a twin predicts: the error of looking a fixed time ahead from every measured moment of a recording."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from hanzo_twin.engines.port import EngineConfig
from hanzo_twin.scene.model import Scene
from hanzo_twin.spatial import FloatArray
from hanzo_twin.sync.calibration.replay import Parameters, Replay, usable_inputs
from hanzo_twin.sync.calibration.windows import Windows, cut, measured_joints
from hanzo_twin.twin.recording import Recording

MAX_STARTS = 2000


def prediction_error(
    scene: Scene,
    engine: str,
    config: EngineConfig,
    recording: Recording,
    horizon_s: float,
    parameters: Parameters | None = None,
    *,
    max_starts: int = MAX_STARTS,
) -> Mapping[str, float]:
    """RMSE of joint positions predicted ``horizon_s`` ahead, by address, rad or m.

    For each sample at t with t + ``horizon_s`` inside the recording: set the joints to what was measured at t, replay
    the recorded inputs, and compare with what was measured at t + ``horizon_s`` (the last sample up to it, predicted
    for its own time). Longer recordings are thinned out evenly to ``max_starts`` such starts.

    Args:
        parameters: values by address that differ from the scene's.

    Raises:
        RecordingError: no joint position, or shorter than the horizon. AddressError, ParameterError,
        UnsupportedError: as ``Batch.set_parameters``.
    """
    replay = Replay(scene, engine, config, fixed=parameters)
    try:
        return errors(replay, recording, horizon_s, [{}], max_starts=max_starts)[0]
    finally:
        replay.close()


def errors(
    replay: Replay, recording: Recording, horizon_s: float, candidates: Sequence[Parameters], *, max_starts: int
) -> list[dict[str, float]]:
    """As `prediction_error`, for several parameter sets."""
    windows = end_windows(replay, recording, horizon_s).thinned(max_starts)
    return end_errors(replay, windows, candidates)


def end_windows(replay: Replay, recording: Recording, horizon_s: float) -> Windows:
    """Windows that predict the position of each measured joint at their end."""
    usable = usable_inputs(replay.scene, recording)
    names = [f"{joint}.position" for joint in measured_joints(replay.scene, usable)]
    return cut(replay.scene, usable, names, horizon=horizon_s, step_seconds=replay.config.step_seconds, samples=1)


def end_errors(replay: Replay, windows: Windows, candidates: Sequence[Parameters]) -> list[dict[str, float]]:
    """RMSE by address under each parameter set; infinite where it diverged, NaN where nothing was measured."""
    found = []
    for predicted in replay.predict(windows, candidates):
        found.append(
            {
                name: rms((predicted - windows.measured)[:, windows.attribute == index])
                for index, name in enumerate(windows.attributes)
            }
        )
    return found


def rms(difference: FloatArray) -> float:
    """Root of the mean square of what is known (NaN is not); infinite if any of it is."""
    known = difference[~np.isnan(difference)]
    return float(np.sqrt(np.mean(known**2))) if len(known) else float("nan")
