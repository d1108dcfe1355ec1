from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hanzo_twin.errors import RecordingError
from hanzo_twin.sync.recording import RecordedLog, read_recording_columns


def write(folder: Path, content: str | bytes) -> Path:
    path = folder / "log.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_columns_of_a_csv_file(tmp_path: Path) -> None:
    path = write(tmp_path, "time, position ,note,torque\n0,1.5,start,1e-3\n\n0.25,,x,-2\r\n0.3,nan,,3\n")
    columns = read_recording_columns(path, columns=("torque", "position"))
    assert list(columns) == ["time", "torque", "position"]
    np.testing.assert_array_equal(columns["time"], [0.0, 0.25, 0.3])
    np.testing.assert_array_equal(columns["torque"], [0.001, -2.0, 3.0])
    np.testing.assert_array_equal(columns["position"], [1.5, np.nan, np.nan])


def test_all_columns_of_a_file_with_byte_order_mark_and_quotes(tmp_path: Path) -> None:
    columns = read_recording_columns(write(tmp_path, b'\xef\xbb\xbf"t","a, b"\n"0","1"\n0,2\n'), time_column="t")
    assert {name: list(values) for name, values in columns.items()} == {"t": [0, 0], "a, b": [1, 2]}


def test_an_empty_cell_is_told_apart_from_nan(tmp_path: Path) -> None:
    log = RecordedLog(write(tmp_path, "time,a\n0,\n1,nan\n"), time_column="time")
    first, second = log.rows()
    assert first == (0.0, None)
    assert second[1] is not None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "The recording {path} is empty."),
        ("\n\n", "The recording {path} holds nothing but empty lines."),
        ("time,position\n", "The recording {path} has column names and no rows."),
        ("time,positoin\n0,1\n", "{path}: there is no column 'position'."),
        ("time;position\n0;1\n", "{path}:1: the columns are separated by ';'."),
        ("time\tposition\n0\t1\n", "{path}:1: the columns are separated by tabulators."),
        ("time,position,position\n0,1,2\n", "{path}:1: there are two columns named 'position'."),
        ("time,position\n0,1\n1,abc\n", "{path}:3: column 'position' has 'abc', which is not a number."),
        ('time,position\n0,"1,5"\n', "{path}:2: column 'position' has '1,5', which is not a number."),
        ("time,position\n0,1\n0,1,5\n", "{path}:3: there are 3 cells under 2 column names."),
        ("time,position,x,y\n0,1\n", "{path}:2: there are 2 cells under 4 column names."),
        ("time,position\n1,1\n0.5,1\n", "{path}:3: the time 0.5 is before that of the row above, 1.0."),
        ("time,position\n,1\n", "{path}:2: the time in column 'time' is missing or not finite."),
        ("time,position\ninf,1\n", "{path}:2: the time in column 'time' is missing or not finite."),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "{path}:1: this is not UTF-8 text: there is byte 0x89."),
        (b"time,position\n0,\x001\n", "{path}:2: this is not UTF-8 text: there is a NUL byte."),
        ("time,position\n0,1\n".encode("utf-16"), "{path} is written in UTF-16."),
        ('time,position\n0,"1\n', "{path}:2: this is not CSV: unexpected end of data."),
        ("time,position\n0," + "1" * 2_000_000, "{path}:2: the line has more than 1048576 bytes."),
        (b"PAR1 and then something else", "The recording {path} is a damaged Parquet file"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(tmp_path: Path, content: str | bytes, message: str) -> None:
    path = write(tmp_path, content)
    with pytest.raises(RecordingError) as refused:
        read_recording_columns(path, columns=("position",))
    assert refused.value.message.startswith(message.format(path=path))


def test_hints_say_what_to_do(tmp_path: Path) -> None:
    for content, hint in (
        ("time,positoin\n0,1\n", "Did you mean 'positoin'? Allowed: positoin, time."),
        ("time;position\n0;1\n", "Write the file with commas between columns and decimal points in numbers."),
        ('time,position\n0,"1,5"\n', "Write numbers with a decimal point."),
    ):
        with pytest.raises(RecordingError) as refused:
            read_recording_columns(write(tmp_path, content), columns=("position",))
        assert refused.value.hint == hint


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(RecordingError) as refused:
        read_recording_columns(tmp_path / "none.csv")
    assert str(refused.value) == f"The recording {tmp_path}/none.csv cannot be read: No such file or directory."


def test_rows_that_are_wrong_can_be_passed_over(tmp_path: Path) -> None:
    log = RecordedLog(write(tmp_path, "time,a\n0,1\n1,x\n2\n0.5,3\n0.2,4\n3,5\n"), time_column="time")
    rejected: list[RecordingError] = []
    assert list(log.rows(reject=rejected.append)) == [(0, 1), (0.5, 3), (3, 5)]
    assert [error.message.split(":")[1] for error in rejected] == ["3", "4", "6"]


def test_parquet(tmp_path: Path) -> None:
    path = tmp_path / "log.parquet"
    stamps = pa.array([1_000_000, 1_500_000], pa.timestamp("us", tz="UTC"))
    pq.write_table(pa.table({"stamp": stamps, "a": [1, None], "text": ["x", "y"]}), path)
    columns = read_recording_columns(path, time_column="stamp", columns=("a",))
    np.testing.assert_array_equal(columns["stamp"], [1.0, 1.5])
    np.testing.assert_array_equal(columns["a"], [1.0, np.nan])
    with pytest.raises(RecordingError, match="column 'text' holds string, not numbers"):
        read_recording_columns(path, time_column="stamp", columns=("text",))


def test_a_parquet_file_that_was_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "log.parquet"
    pq.write_table(pa.table({"time": np.arange(10_000.0)}), path)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(RecordingError, match="is a damaged Parquet file"):
        read_recording_columns(path)
