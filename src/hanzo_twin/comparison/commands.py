"""Joint commands over time from a file: what every engine of a comparison is told to do."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hanzo_twin.engines.port import JointCommand, Simulation
from hanzo_twin.errors import AddressError, CommandError, RecordingError, nearest
from hanzo_twin.scene.addresses import JOINT_INPUTS, Address
from hanzo_twin.scene.model import Articulation, Scene
from hanzo_twin.spatial import FloatArray
from hanzo_twin.sync.recording import read_recording_columns

TIME_COLUMN = "time"
_FIELDS = {"targetPosition": "positions", "targetVelocity": "velocities", "effort": "efforts"}
# A command stamped with a step's time acts in that step, although times are sums of rounded steps.
_RESOLUTION_S = 1e-6


@dataclass(frozen=True, kw_only=True, eq=False)
class Commands:
    """Commands by time for the articulations of one scene; a controller for `compare_engines`.

    A value holds until the next. Before the first time, and where nothing is given, drives keep the targets that
    the scene authors, and there is no effort.

    Args:
        times: not decreasing [n], s.
        arrays: by articulation, then by field of `JointCommand`: [n, joints of the articulation].
    """

    times: FloatArray
    arrays: Mapping[str, Mapping[str, FloatArray]]

    def __call__(self, simulation: Simulation) -> None:
        """Command ``simulation`` as its time asks for."""
        row = int(np.searchsorted(self.times, simulation.time + _RESOLUTION_S, side="right")) - 1
        if row < 0:
            return
        for articulation, fields in self.arrays.items():
            simulation.set_joint_command(articulation, JointCommand(**{name: a[row] for name, a in fields.items()}))


def read_commands(path: Path, scene: Scene) -> Commands:
    """Commands from a CSV or Parquet table, or from JSON, for the joints of ``scene``.

    One column is ``time`` (s), the others are addresses such as ``/World/arm/joint_1.targetPosition``. An empty cell
    keeps the value above. JSON is an object of arrays by column, or an array of objects, one a row.

    Raises:
        RecordingError: the file cannot be used; names the line (of CSV, and of JSON that is none) or the row.
        AddressError: a column is not an input of a joint. CommandError: a target for a joint without a drive.
    """
    columns = _read_json(path) if path.suffix.lower() == ".json" else read_recording_columns(path)
    if TIME_COLUMN not in columns:
        raise RecordingError(f"{path}: there is no column '{TIME_COLUMN}'.", hint=nearest(TIME_COLUMN, columns))
    inputs = {name: values for name, values in columns.items() if name != TIME_COLUMN}
    if not inputs:
        raise RecordingError(
            f"{path}: there is no column beside '{TIME_COLUMN}'.",
            hint="Name joints in the header, such as /World/arm/joint_1.targetPosition.",
        )
    for name, values in inputs.items():
        _check_column(path, scene, name, values)
    return Commands(times=columns[TIME_COLUMN], arrays=_arrays(scene, inputs))


def _check_column(path: Path, scene: Scene, name: str, values: NDArray[np.float64]) -> None:
    where = f"{path}: column '{name}'"
    try:
        address = Address.parse(name)
    except AddressError as malformed:
        raise AddressError(f"{where}: {malformed.message}", hint=malformed.hint) from None
    joint = scene.joints.get(address.path)
    commanded = [path for articulation in scene.articulations.values() for path in articulation.joints]
    if address.path not in commanded:
        raise AddressError(
            f"{where}: '{address.path}' is not a joint that can be commanded.", hint=nearest(address.path, commanded)
        )
    if address.attribute not in JOINT_INPUTS or address.component:
        raise AddressError(f"{where} is not an input of a joint.", hint=nearest(address.attribute, JOINT_INPUTS))
    if address.attribute != "effort" and (joint is None or joint.drive is None):
        raise CommandError(
            f"{where}: joint '{address.path}' has no drive that could follow a target.",
            hint=f"Command {address.path}.effort, or give the joint a drive in the scene.",
        )
    if np.isinf(values).any():
        row = int(np.argmax(np.isinf(values))) + 1
        raise RecordingError(f"{path}: row {row}: column '{name}' is not finite.")


def _arrays(scene: Scene, inputs: Mapping[str, FloatArray]) -> dict[str, dict[str, FloatArray]]:
    arrays: dict[str, dict[str, FloatArray]] = {}
    rows = len(next(iter(inputs.values())))
    for name, values in inputs.items():
        address = Address.parse(name)
        articulation = next(one for one in scene.articulations.values() if address.path in one.joints)
        fields = arrays.setdefault(articulation.path, {})
        start = _authored(scene, articulation, address.attribute)
        field = fields.setdefault(_FIELDS[address.attribute], np.tile(start, (rows, 1)))
        column = articulation.joints.index(address.path)
        field[:, column] = _held(values, float(start[column]))
    return arrays


def _authored(scene: Scene, articulation: Articulation, attribute: str) -> FloatArray:
    """What acts before the first command [joints]."""
    drives = [scene.joints[path].drive for path in articulation.joints]
    if attribute == "targetPosition":
        return np.array([drive.target_position if drive else 0.0 for drive in drives])
    if attribute == "targetVelocity":
        return np.array([drive.target_velocity if drive else 0.0 for drive in drives])
    return np.zeros(len(drives))


def _held(values: FloatArray, start: float) -> FloatArray:
    """``values`` with NaN replaced by what was there before."""
    known = ~np.isnan(values)
    latest = np.maximum.accumulate(np.where(known, np.arange(len(values)), -1))
    return np.where(latest >= 0, values[latest], start)


def _read_json(path: Path) -> Mapping[str, FloatArray]:
    try:
        found = json.loads(path.read_bytes())
    except OSError as failure:
        raise RecordingError(f"The commands {path} cannot be read: {failure.strerror}.") from None
    except json.JSONDecodeError as wrong:
        raise RecordingError(f"{path}:{wrong.lineno}: this is not JSON: {wrong.msg}.") from None
    except (UnicodeDecodeError, RecursionError):
        raise RecordingError(f"{path}:1: this is not JSON.", hint="Write UTF-8 text.") from None
    columns = _columns_of_rows(path, found) if isinstance(found, list) else found
    if not isinstance(columns, dict) or not all(isinstance(values, list) for values in columns.values()):
        raise RecordingError(
            f"{path}: these are not columns.",
            hint='Write {"time": [0, 1], "/World/arm/joint_1.targetPosition": [0.2, 0.4]}, or an array of objects.',
        )
    return _checked_columns(path, columns)


def _columns_of_rows(path: Path, rows: list[Any]) -> dict[str, list[Any]]:
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            raise RecordingError(f"{path}: row {number} is not an object.", hint='Write {"time": 0.5, ADDRESS: 0.2}.')
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}


def _checked_columns(path: Path, columns: Mapping[str, Sequence[Any]]) -> dict[str, FloatArray]:
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"'{name}' {count}" for name, count in lengths.items())
        raise RecordingError(f"{path}: the columns are not equally long: {told}.")
    if not any(lengths.values()):
        raise RecordingError(f"{path}: there are no rows.")
    for name, values in columns.items():
        for number, value in enumerate(values, start=1):
            blank = value is None and name != TIME_COLUMN
            number_like = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
            if not blank and not number_like:
                raise RecordingError(f"{path}: row {number}: column '{name}' has {value!r}, which is not a number.")
    arrays = {
        name: np.array([math.nan if value is None else value for value in values], dtype=np.float64)
        for name, values in columns.items()
    }
    times = arrays.get(TIME_COLUMN, np.zeros(1))
    if len(times) > 1 and np.diff(times).min() < 0:
        row = int(np.argmin(np.diff(times))) + 2
        raise RecordingError(f"{path}: row {row}: the time goes back to {times[row - 1]:g} s.", hint="Sort by time.")
    return arrays
