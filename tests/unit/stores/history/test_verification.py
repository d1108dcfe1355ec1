from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from hanzo_twin.stores.history import ChainHead, HistoryBatch, HistoryWriter
from hanzo_twin.stores.history.journal import list_journals
from hanzo_twin.stores.history.reader import HistoryReader
from hanzo_twin.stores.history.segments import convert_journal, list_segments
from hanzo_twin.stores.history.verification import VerificationReport

Readings = Callable[[int], HistoryBatch]
FRAMES = 12  # three segments of three frames, and a journal with the last three


@pytest.fixture
def directory(tmp_path: Path, readings: Readings) -> Path:
    with HistoryWriter(tmp_path, segment_rows=30, fsync_interval_s=0.005) as writer:
        for tick in range(FRAMES - 1):
            writer.append(readings(tick))
    for journal in list_journals(tmp_path)[:-1]:
        convert_journal(journal)
    with HistoryWriter(tmp_path, segment_rows=1000) as writer:
        writer.append(readings(FRAMES - 1))
    assert [(each.first, each.last) for each in list_segments(tmp_path)] == [(1, 3), (4, 6), (7, 9)]
    assert len(list_journals(tmp_path)) == 1
    return tmp_path


def verify(directory: Path) -> VerificationReport:
    return HistoryReader(directory).verify()


def rewrite(path: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    """Alter rows but keep the metadata, as somebody who edits a Parquet file would."""
    table = pq.read_table(path)
    pq.write_table(change(table).replace_schema_metadata(table.schema.metadata), path)


def test_an_untouched_history_fits(directory: Path) -> None:
    report = verify(directory)
    assert report.problems == ()
    assert report.rows == FRAMES * 10
    assert report.head.sequence == FRAMES


def _altered_value(table: pa.Table) -> pa.Table:
    values = table["value"].to_pylist()
    values[15] += 1e-9
    return table.set_column(table.schema.get_field_index("value"), "value", pa.array(values))


def _altered_detail(table: pa.Table) -> pa.Table:
    details = table["detail"].to_pylist()
    details[10] = '{"tick": 99}'
    return table.set_column(table.schema.get_field_index("detail"), "detail", pa.array(details))


def _swapped_rows(table: pa.Table) -> pa.Table:
    return table.take([*range(10), 11, 10, *range(12, 30)])


def _removed_row(table: pa.Table) -> pa.Table:
    return table.filter(pc.not_equal(pa.array(range(30)), 12))


@pytest.mark.parametrize("change", [_altered_value, _altered_detail, _swapped_rows, _removed_row])
def test_a_changed_row_in_a_segment_is_found_and_its_frame_named(
    directory: Path, change: Callable[[pa.Table], pa.Table]
) -> None:
    segment = list_segments(directory)[1].path
    rewrite(segment, change)
    report = verify(directory)
    assert [(problem.file, problem.sequence) for problem in report.problems] == [(segment.name, 5)]
    assert "altered, removed or reordered" in str(report.problems[0])


def test_a_removed_frame_in_a_segment_is_found(directory: Path) -> None:
    rewrite(list_segments(directory)[0].path, lambda table: table.slice(0, 20))
    (problem,) = verify(directory).problems
    assert "the file says" in problem.message


def test_a_removed_segment_is_found(directory: Path) -> None:
    list_segments(directory)[1].path.unlink()
    (problem,) = verify(directory).problems
    assert problem.message == "frames 4 to 6 are missing before this file"


def test_a_removed_first_segment_is_found(directory: Path) -> None:
    list_segments(directory)[0].path.unlink()
    assert "frames 1 to 3 are missing" in str(verify(directory).problems[0])


def test_exchanged_segments_are_found(directory: Path) -> None:
    first, second, _ = (each.path for each in list_segments(directory))
    kept = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(kept)
    assert not verify(directory).ok


def test_a_segment_that_is_no_parquet_is_found(directory: Path) -> None:
    segment = list_segments(directory)[2].path
    segment.write_bytes(b"nonsense")
    report = verify(directory)
    assert report.problems[0].file == segment.name
    assert "is not a segment" in report.problems[0].message


def test_a_changed_byte_in_the_journal_is_found_and_its_frame_named(directory: Path, readings: Readings) -> None:
    journal = list_journals(directory)[0]
    data = bytearray(journal.read_bytes())
    data[48 + 36 + 60] ^= 1
    journal.write_bytes(data)
    (problem,) = verify(directory).problems
    assert (problem.file, problem.sequence) == (journal.name, 10)
    assert HistoryReader(directory).read()["sequence"].unique().to_pylist()[-2:] == [11, 12]
    with HistoryWriter(directory) as writer:
        assert writer.recovery.damaged == (10,)
        writer.append(readings(50))
    assert [each.sequence for each in verify(directory).problems] == [10]


def test_frames_cut_off_at_the_end_are_found_with_an_anchor_only(directory: Path) -> None:
    head = verify(directory).head
    list_journals(directory)[0].unlink()
    assert verify(directory).ok
    (problem,) = HistoryReader(directory).verify(anchor=head).problems
    assert "ends at frame 9, but 12 was noted elsewhere" in problem.message


def test_a_rewritten_history_is_found_with_an_anchor(directory: Path, tmp_path: Path) -> None:
    forged = ChainHead(sequence=5, digest=bytes(32))
    (problem,) = HistoryReader(directory).verify(anchor=forged).problems
    assert problem.sequence == 5
    assert "history was rewritten" in problem.message
    for sequence in (3, 11):
        assert HistoryReader(directory).verify(anchor=ChainHead(sequence=sequence, digest=bytes(32))).problems
