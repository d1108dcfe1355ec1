from __future__ import annotations

import csv
import datetime
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from hanzo_twin.errors import InvalidInputError, NotFoundError, StoreUnavailableError
from hanzo_twin.stores.history import HistoryBatch, HistoryWriter, Kind
from hanzo_twin.stores.history.journal import list_journals
from hanzo_twin.stores.history.query import QueryLimits
from hanzo_twin.stores.history.reader import HistoryReader
from hanzo_twin.stores.history.segments import convert_journal

Readings = Callable[[int], HistoryBatch]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory, readings: Readings) -> Path:
    """Ten ticks of ten readings, four of them in segments, and a command with tick 5."""
    directory = tmp_path_factory.mktemp("history")
    with HistoryWriter(directory, segment_rows=20, fsync_interval_s=60) as writer:
        for tick in range(4):
            writer.append(readings(tick))
    for journal in list_journals(directory)[:-1]:
        convert_journal(journal)
    with HistoryWriter(directory) as writer:
        for tick in range(4, 10):
            writer.append(readings(tick))
            if tick == 5:
                command = HistoryBatch(
                    kind=Kind.COMMAND, addresses=["/World/valve.set"], time=5.5, received=5.6, value=1
                )
                writer.append(command)
    return directory


@pytest.fixture
def reader(directory: Path) -> HistoryReader:
    return HistoryReader(directory)


def test_ranges_and_names(reader: HistoryReader) -> None:
    assert reader.read().num_rows == 101
    assert reader.read(kinds=[Kind.COMMAND])["address"].to_pylist() == ["/World/valve.set"]
    assert set(reader.read(addresses=["/World/sensor_1.temperature"])["address"].to_pylist()) == {
        "/World/sensor_1.temperature"
    }
    part = reader.read(start=3.0, end=4.0)
    assert part["sequence"].unique().to_pylist() == [4]
    assert part["time"][0].as_py() == datetime.datetime(1970, 1, 1, 0, 0, 3)
    assert reader.read(start=3.0, end=3.0).num_rows == 0


def test_first_and_last_rows(reader: HistoryReader) -> None:
    assert reader.read(limit=15)["value"].to_pylist() == pytest.approx(
        [*(i / 1000 for i in range(10)), *(1 + i / 1000 for i in range(5))]
    )
    assert reader.tail(3)["value"].to_pylist() == pytest.approx([9.007, 9.008, 9.009])
    assert reader.tail(95).num_rows == 95
    assert reader.tail(95)["sequence"].to_pylist() == reader.read()["sequence"].to_pylist()[-95:]
    assert reader.tail(1, kinds=[Kind.COMMAND])["value"].to_pylist() == [1.0]
    assert reader.read(limit=0).num_rows == 0


def test_sql_sees_segments_and_journal_as_one(reader: HistoryReader) -> None:
    table = reader.query(
        "SELECT kind, count(*) AS n, max(value) AS top, min(time) AS since FROM history GROUP BY kind ORDER BY kind"
    )
    assert table.to_pylist() == [
        {"kind": "command", "n": 1, "top": 1.0, "since": datetime.datetime(1970, 1, 1, 0, 0, 5, 500000)},
        {"kind": "reading", "n": 100, "top": 9.009, "since": datetime.datetime(1970, 1, 1)},
    ]
    table = reader.query("SELECT sum((detail->>'$.tick')::INT) AS s FROM history WHERE detail IS NOT NULL")
    assert table.to_pylist() == [{"s": 45}]


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELEC 1", 'syntax error at or near "SELEC"'),
        ("SELECT valu FROM history", 'column "valu" not found'),
        ("SELECT * FROM histori", "histori does not exist"),
        ("", "this is: nothing"),
        ("SELECT 1; SELECT 2", "this is: SELECT, SELECT"),
        ("COPY (SELECT 1) TO '/tmp/stolen'", "this is: COPY"),
        ("SET enable_external_access = true", "this is: SET"),
        ("ATTACH '/tmp/x.db'", "this is: ATTACH"),
        ("CREATE TABLE t AS SELECT 1", "this is: CREATE"),
        ("SELECT * FROM read_text('/etc/passwd')", "disabled by configuration"),
        ("SELECT * FROM read_csv('/etc/passwd')", "disabled by configuration"),
        ("SELECT * FROM glob('/*')", "disabled by configuration"),
        ("SELECT * FROM '/etc/passwd'", "does not exist"),
        ("SELECT * FROM read_parquet('http://127.0.0.1/x')", "disabled"),
        ("SELECT '\ud800'", "not valid Unicode"),
    ],
)
def test_wrong_or_forbidden_sql_is_refused(reader: HistoryReader, sql: str, message: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        reader.query(sql)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("sql", "limits", "message"),
    [
        ("SELECT count(*) FROM range(100000) a, range(100000) b, range(9) c WHERE a.range + b.range = c.range * 7",
         QueryLimits(seconds=1.5), "took longer than 1.5 s"),
        ("SELECT * FROM range(1000000000000)", QueryLimits(rows=1000), "more than 1000 rows"),
        ("SELECT repeat('x', 4000000000)", QueryLimits(memory_mb=100), "more than 100 MB"),
        ("SELECT list(range) FROM range(1000000000)", QueryLimits(memory_mb=100), "more than 100 MB"),
    ],
)  # fmt: skip
def test_a_query_beyond_its_limits_is_stopped(
    reader: HistoryReader, sql: str, limits: QueryLimits, message: str
) -> None:
    with pytest.raises(InvalidInputError) as caught:
        reader.query(sql, limits=limits)
    assert message in str(caught.value)


def test_export_to_csv(reader: HistoryReader, tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    assert reader.export(target, start=5.0, end=6.0) == 11
    with target.open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 11
    assert rows[1]["time"] == "1970-01-01 00:00:05.001000Z"
    assert float(rows[1]["value"]) == 5.001
    assert rows[0]["detail"] == '{"tick": 5}'
    assert rows[1]["detail"] == ""


def test_export_to_parquet(reader: HistoryReader, tmp_path: Path) -> None:
    target = tmp_path / "out.parquet"
    assert reader.export(target) == 101
    assert pq.read_table(target).equals(reader.read())
    assert [file.name for file in tmp_path.iterdir()] == ["out.parquet"]


def test_export_elsewhere_is_refused(reader: HistoryReader, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"ends in \.csv or \.parquet"):
        reader.export(tmp_path / "out.xlsx")
    with pytest.raises(StoreUnavailableError, match="cannot be exported to"):
        reader.export(tmp_path / "missing" / "out.csv")


def test_bad_questions(reader: HistoryReader, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="There is no history in"):
        HistoryReader(tmp_path / "nothing").read()
    with pytest.raises(InvalidInputError, match="cannot be negative"):
        reader.read(limit=-1)
    with pytest.raises(InvalidInputError, match="nan is not a time"):
        reader.read(start=float("nan"))


def test_an_empty_history_is_empty(tmp_path: Path) -> None:
    HistoryWriter(tmp_path).close()
    reader = HistoryReader(tmp_path)
    assert reader.read().num_rows == 0
    assert reader.verify().head.sequence == 0
    assert reader.query("SELECT count(*) AS n FROM history").to_pylist() == [{"n": 0}]
    assert reader.export(tmp_path / "empty.csv") == 0
