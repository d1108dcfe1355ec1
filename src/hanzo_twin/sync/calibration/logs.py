"""Recorded logs as `Recording`: columns of a file mapped to the addresses of a scene, as a twin's definition says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from hanzo_twin.definition.sources import FileSource
from hanzo_twin.definition.sync import Sync
from hanzo_twin.definition.target import Target
from hanzo_twin.errors import AddressError, RecordingError
from hanzo_twin.scene.addresses import describe
from hanzo_twin.scene.model import Scene
from hanzo_twin.spatial import FloatArray
from hanzo_twin.sync.recording import read_recording_columns
from hanzo_twin.sync.signals import SignalTable
from hanzo_twin.twin.recording import Recording, Track

TIME_COLUMN = "time"


def load_recording(path: Path, scene: Scene, sync: Sync) -> Recording:
    """The log at ``path`` (CSV or Parquet) as measurements and inputs of ``scene``, in SI.

    Columns are mapped by the file source of ``sync``; of several, by the first whose columns the log has. Where
    ``sync`` has none, columns whose names are addresses (``/World/arm/joint_1.position``) are taken, and ``time``.

    Raises:
        RecordingError: the file cannot be used, lacks a mapped column, or has none that is measured.
        AddressError: the mapping names what the scene does not have.
    """
    sources = [source for source in sync.sources if isinstance(source, FileSource)]
    if not sources:
        return _recording(path, scene, *_addressed_columns(path))
    for source in sources[:-1]:
        try:
            columns = read_recording_columns(path, time_column=source.time_column, columns=tuple(source.mapping))
        except RecordingError:
            continue
        return _recording(path, scene, columns, source.mapping, source.time_column)
    last = sources[-1]
    columns = read_recording_columns(path, time_column=last.time_column, columns=tuple(last.mapping))
    return _recording(path, scene, columns, last.mapping, last.time_column)


def _addressed_columns(path: Path) -> tuple[Mapping[str, FloatArray], Mapping[str, Target], str]:
    columns = read_recording_columns(path, time_column=TIME_COLUMN)
    mapping = {}
    for name in columns:
        try:
            mapping[name] = Target(to=name)
        except ValidationError:
            continue
    return columns, mapping, TIME_COLUMN


def _recording(
    path: Path, scene: Scene, columns: Mapping[str, FloatArray], mapping: Mapping[str, Target], time_column: str
) -> Recording:
    table = SignalTable(scene)
    measurements: dict[str, Track] = {}
    inputs: dict[str, Track] = {}
    for column, target in mapping.items():
        signals = [table.signals[index] for index in table.resolve(target)]
        if len(signals) != 1:
            raise AddressError(
                f"Column '{column}' is one number, but '{target.to}' stands for {len(signals)}.",
                hint="Map one column to each of: " + ", ".join(signal.address for signal in signals[:6]) + ".",
            )
        signal = signals[0]
        is_input = signal.role == "input"
        track = _track(path, column, columns[time_column], columns[column], target, is_input)
        if is_input:
            inputs[signal.address] = track
        elif describe(scene, signal.address).kind == "state":
            measurements[signal.address] = track
    if not measurements:
        raise RecordingError(
            f"The recording {path} has no column that is mapped to a state of the scene.",
            hint=f"Columns: {', '.join(columns)}. Map them in sources[].mapping of a file source, or name them by "
            "address.",
        )
    return Recording(name=path.name, measurements=measurements, inputs=inputs)


def _track(path: Path, column: str, times: FloatArray, readings: FloatArray, target: Target, is_input: bool) -> Track:
    """The readings that are there, in SI; of several with the same time the first."""
    known = np.flatnonzero(np.isfinite(readings) & np.isfinite(times))
    stamps, first = np.unique(times[known], return_index=True)
    if len(stamps) == 0:
        raise RecordingError(f"{path}: column '{column}' has no values.")
    # `to_si` is linear, so two points say all of it.
    zero = target.to_si(0.0)
    values = zero + (target.to_si(1.0) - zero) * readings[known][first]
    return Track(times=stamps, values=values, interpolation="hold" if is_input else "linear")
