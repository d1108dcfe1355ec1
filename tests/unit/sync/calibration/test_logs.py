from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hanzo_twin.definition.sources import FileSource
from hanzo_twin.definition.sync import Sync
from hanzo_twin.errors import AddressError, RecordingError
from hanzo_twin.scene.model import Scene
from hanzo_twin.sync.calibration import load_recording

from .conftest import HINGE


def sync(path: Path, mapping: dict[str, object], **options: object) -> Sync:
    source = FileSource.model_validate({"type": "file", "path": str(path), "mapping": mapping, **options})
    return Sync(mode="batch", sources=(source,))


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_columns_become_tracks_in_si(tmp_path: Path, scene: Scene) -> None:
    path = write(
        tmp_path / "log.csv", "t,angle,torque,spare\n0,0,1,9\n0.1,180,2,9\n0.1,190,2,9\n0.2,,3,9\n0.3,90,4,9\n"
    )
    mapping = {
        "angle": {"to": f"{HINGE}.position", "unit": "deg"},
        "torque": {"to": f"{HINGE}.effort", "scale": -1.0, "offset": 0.5},
    }
    found = load_recording(path, scene, sync(path, mapping, time_column="t"))
    position, effort = found.measurements[f"{HINGE}.position"], found.inputs[f"{HINGE}.effort"]
    assert found.name == "log.csv"
    np.testing.assert_allclose(position.times, [0, 0.1, 0.3])
    np.testing.assert_allclose(position.values, [0, np.pi, np.pi / 2])
    assert position.interpolation == "linear"
    np.testing.assert_allclose(effort.values, [-0.5, -1.5, -2.5, -3.5])
    assert effort.interpolation == "hold"


def test_without_a_file_source_columns_are_named_by_address(tmp_path: Path, scene: Scene) -> None:
    path = write(tmp_path / "log.csv", f"time,{HINGE}.position,{HINGE}.effort,note\n0,1,2,3\n1,2,3,4\n")
    found = load_recording(path, scene, Sync())
    assert list(found.measurements) == [f"{HINGE}.position"]
    assert list(found.inputs) == [f"{HINGE}.effort"]


def test_of_several_sources_the_one_that_fits_is_taken(tmp_path: Path, scene: Scene) -> None:
    path = write(tmp_path / "log.csv", "time,q\n0,1\n1,2\n")
    first, second = (sync(path, {name: f"{HINGE}.position"}).sources[0] for name in ("angle", "q"))
    found = load_recording(path, scene, Sync(mode="batch", sources=(first, second)))
    np.testing.assert_allclose(found.measurements[f"{HINGE}.position"].values, [1, 2])


def test_a_missing_column_is_named(tmp_path: Path, scene: Scene) -> None:
    path = write(tmp_path / "log.csv", "time,angel\n0,1\n")
    with pytest.raises(RecordingError, match="there is no column 'angle'") as error:
        load_recording(path, scene, sync(path, {"angle": f"{HINGE}.position"}))
    assert "angel" in error.value.hint


def test_a_log_that_measures_nothing_is_refused(tmp_path: Path, scene: Scene) -> None:
    path = write(tmp_path / "log.csv", "time,torque\n0,1\n")
    with pytest.raises(RecordingError, match="no column that is mapped to a state"):
        load_recording(path, scene, sync(path, {"torque": f"{HINGE}.effort"}))


def test_one_column_cannot_be_a_vector(tmp_path: Path, scene: Scene) -> None:
    path = write(tmp_path / "log.csv", "time,tip\n0,1\n")
    with pytest.raises(AddressError, match="stands for 3") as error:
        load_recording(path, scene, sync(path, {"tip": "/World/pendulum/bob.linearVelocity"}))
    assert "linearVelocity.x" in error.value.hint


def test_a_column_without_values_is_refused(tmp_path: Path, scene: Scene) -> None:
    path = write(tmp_path / "log.csv", "time,q\n0,\n1,\n")
    with pytest.raises(RecordingError, match="column 'q' has no values"):
        load_recording(path, scene, sync(path, {"q": f"{HINGE}.position"}))
