"""The program for auditors in docs/history.md, which uses none of our code, agrees with ours."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from hanzo_twin.stores.history import HistoryBatch, HistoryWriter, Kind
from hanzo_twin.stores.history.journal import list_journals
from hanzo_twin.stores.history.segments import convert_journal, list_segments

DOCUMENT = Path(__file__).parents[4] / "docs" / "history.md"


def audit(segments: list[Path]) -> list[str]:
    program = next(
        block for block in re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.S) if "KINDS" in block
    )
    command = [sys.executable, "-c", program, *map(str, segments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [line.partition(" ")[2] for line in done.stdout.splitlines()]


def test_an_auditor_finds_what_was_written_and_what_was_altered(
    tmp_path: Path, readings: Callable[[int], HistoryBatch]
) -> None:
    with HistoryWriter(tmp_path, segment_rows=30, fsync_interval_s=60) as writer:
        for tick in range(4):
            writer.append(readings(tick))
            text = {0: '{"µ": 1}', 1: "[]"}
            names = ["/ä.b", "/World/z.y"]
            writer.append(HistoryBatch(kind=Kind.COMMAND, addresses=names, time=tick, received=tick, detail=text))
    for journal in list_journals(tmp_path)[:-1]:
        convert_journal(journal)
    segments = [segment.path for segment in list_segments(tmp_path)]
    assert audit(segments) == ["fits"]
    table = pq.read_table(segments[0])
    details = ["{}", *table["detail"].to_pylist()[1:]]
    altered = table.set_column(table.schema.get_field_index("detail"), "detail", pa.array(details))
    pq.write_table(altered.replace_schema_metadata(table.schema.metadata), segments[0])
    assert audit(segments) == ["WAS ALTERED"]
