from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hanzo_twin.errors import ConflictError, StoreUnavailableError
from hanzo_twin.stores.history import HistoryBatch, HistoryWriter, Kind
from hanzo_twin.stores.history.journal import list_journals
from hanzo_twin.stores.history.reader import HistoryReader
from hanzo_twin.stores.history.segments import list_segments

Readings = Callable[[int], HistoryBatch]


def wait_until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.01)


def ticks(directory: Path) -> list[int]:
    """The tick of every frame, in order, from its first row's value."""
    table = HistoryReader(directory).read()
    sequence = table["sequence"].to_numpy()
    assert (np.diff(sequence) >= 0).all()
    first = np.unique(sequence, return_index=True)[1]
    return [int(value) for value in table["value"].to_numpy()[first]]


def test_what_was_appended_is_read_back(tmp_path: Path, readings: Readings) -> None:
    with HistoryWriter(tmp_path) as writer:
        writer.append(readings(1))
        writer.append(
            HistoryBatch(kind=Kind.COMMAND, addresses=["/w.c"], time=2.0, received=2.0, detail={0: '{"a":1}'})
        )
        writer.append(HistoryBatch(kind=Kind.READING, addresses=[], time=[], received=[]))
        assert writer.head.sequence == 2
        rows = HistoryReader(tmp_path).read().to_pylist()
    assert len(rows) == 11
    assert rows[0]["value"] == 1.0
    assert rows[0]["detail"] == '{"tick": 1}'
    assert rows[-1]["kind"] == "command"
    assert rows[-1]["value"] is None
    assert rows[-1]["address"] == "/w.c"


def test_a_full_journal_becomes_a_segment_and_nothing_is_lost_or_doubled(tmp_path: Path, readings: Readings) -> None:
    with HistoryWriter(tmp_path, segment_rows=100, fsync_interval_s=0.01) as writer:
        for tick in range(95):
            writer.append(readings(tick))
        wait_until(lambda: len(list_segments(tmp_path)) == 9 and len(list_journals(tmp_path)) == 1)
        assert ticks(tmp_path) == list(range(95))
        report = HistoryReader(tmp_path).verify(anchor=writer.head)
    assert report.ok
    assert report.rows == 950
    assert report.head == writer.head


def test_the_next_writer_goes_on_where_the_last_one_stopped(tmp_path: Path, readings: Readings) -> None:
    for start in range(0, 30, 10):
        with HistoryWriter(tmp_path, segment_rows=120) as writer:
            for tick in range(start, start + 10):
                writer.append(readings(tick))
    assert ticks(tmp_path) == list(range(30))
    assert HistoryReader(tmp_path).verify().ok


def test_a_second_writer_is_refused_and_told_who_the_first_one_is(tmp_path: Path) -> None:
    with HistoryWriter(tmp_path), pytest.raises(ConflictError, match=f"being written by process {os.getpid()}"):
        HistoryWriter(tmp_path)
    HistoryWriter(tmp_path).close()


def test_a_closed_writer_says_so(tmp_path: Path, readings: Readings) -> None:
    writer = HistoryWriter(tmp_path)
    writer.close()
    writer.close()
    writer.sync()
    with pytest.raises(ConflictError, match="is closed"):
        writer.append(readings(1))


@pytest.mark.parametrize("cut", [1, 40, 200])
def test_a_torn_end_is_cut_off_kept_aside_and_the_chain_goes_on(tmp_path: Path, cut: int, readings: Readings) -> None:
    with HistoryWriter(tmp_path) as writer:
        for tick in range(3):
            writer.append(readings(tick))
    journal = list_journals(tmp_path)[0]
    os.truncate(journal, journal.stat().st_size - cut)
    assert ticks(tmp_path) == [0, 1]
    with HistoryWriter(tmp_path) as writer:
        assert writer.recovery.torn_bytes > 0
        assert writer.recovery.torn_file is not None
        assert writer.recovery.torn_file.stat().st_size == writer.recovery.torn_bytes
        writer.append(readings(7))
    assert ticks(tmp_path) == [0, 1, 7]
    assert HistoryReader(tmp_path).verify().ok


def test_garbage_in_the_last_frame_counts_as_torn(tmp_path: Path, readings: Readings) -> None:
    with HistoryWriter(tmp_path) as writer:
        writer.append(readings(0))
        writer.append(readings(1))
    journal = list_journals(tmp_path)[0]
    data = bytearray(journal.read_bytes())
    data[-50:] = bytes(50)
    journal.write_bytes(data)
    with HistoryWriter(tmp_path) as writer:
        assert writer.head.sequence == 1
        assert writer.recovery.torn_bytes > 0


def test_a_journal_without_a_header_is_begun_again(tmp_path: Path, readings: Readings) -> None:
    with HistoryWriter(tmp_path, segment_rows=10, fsync_interval_s=0.01) as writer:
        writer.append(readings(0))
        wait_until(lambda: len(list_segments(tmp_path)) == 1)
    journal = list_journals(tmp_path)[0]
    os.truncate(journal, 5)
    with HistoryWriter(tmp_path) as writer:
        writer.append(readings(1))
    assert ticks(tmp_path) == [0, 1]
    assert HistoryReader(tmp_path).verify().ok


def test_a_journal_left_beside_its_segment_is_removed(tmp_path: Path, readings: Readings) -> None:
    """The writer died between finishing the segment and removing the journal."""
    with HistoryWriter(tmp_path, segment_rows=20, fsync_interval_s=0.01) as writer:
        writer.append(readings(0))
        copy = list_journals(tmp_path)[0]
        first = copy.read_bytes()
        writer.append(readings(1))
        wait_until(lambda: not copy.exists())
    with HistoryWriter(tmp_path / "same", segment_rows=1000) as again:
        again.append(readings(0))
        again.append(readings(1))
    twin = list_journals(tmp_path / "same")[0].read_bytes()
    assert twin.startswith(first)
    copy.write_bytes(twin)
    assert ticks(tmp_path) == [0, 1]
    with HistoryWriter(tmp_path) as writer:
        writer.append(readings(2))
    assert not copy.exists()
    assert ticks(tmp_path) == [0, 1, 2]


FULL_DISK = """
import resource, sys
from pathlib import Path
from hanzo_twin.errors import StoreUnavailableError
from hanzo_twin.stores.history import HistoryBatch, HistoryWriter, Kind

def readings(tick):
    names = [f"/World/sensor_{number}.temperature" for number in range(10)]
    return HistoryBatch(kind=Kind.READING, addresses=names, time=tick, received=tick, value=[tick] * 10)

from hanzo_twin.stores.history.journal import list_journals

directory = Path(sys.argv[1])
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
with HistoryWriter(directory) as writer:
    writer.append(readings(0))
    size = list_journals(directory)[0].stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, hard))
    for _ in range(2):
        try:
            writer.append(readings(1))
        except StoreUnavailableError as error:
            print(error)
        assert list_journals(directory)[0].stat().st_size == size
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    writer.append(readings(2))
"""


def test_a_full_disk_refuses_the_batch_and_keeps_nothing_of_it(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", FULL_DISK, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(f"cannot be written to {tmp_path}") == 2
    assert os.strerror(errno.EFBIG) in done.stdout
    assert "append it again" in done.stdout
    assert ticks(tmp_path) == [0, 2]
    assert HistoryReader(tmp_path).verify().ok


def test_a_directory_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailableError, match="cannot be opened"):
        HistoryWriter(tmp_path / "file" / "history")


def test_a_file_that_is_no_journal_is_reported(tmp_path: Path) -> None:
    (tmp_path / f"journal-{1:020d}.htj").write_bytes(b"x" * 100)
    with pytest.raises(StoreUnavailableError, match="is not a history journal"):
        HistoryWriter(tmp_path)


def test_a_reader_beside_the_writer_sees_every_frame_once(tmp_path: Path, readings: Readings) -> None:
    with HistoryWriter(tmp_path, segment_rows=50, fsync_interval_s=0.001) as writer:
        for tick in range(200):
            writer.append(readings(tick))
            if tick % 7 == 0:
                assert ticks(tmp_path) == list(range(tick + 1))
    assert list_segments(tmp_path)
