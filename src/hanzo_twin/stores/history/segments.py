"""Segments: journals that are full, as Parquet files that any tool reads. They never change."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from hanzo_twin.errors import StoreUnavailableError
from hanzo_twin.stores.history.batch import KIND_LABELS, Rows
from hanzo_twin.stores.history.files import sync_path
from hanzo_twin.stores.history.frames import ChainHead
from hanzo_twin.stores.history.journal import JournalContent, StoredFrame, read_journal

_LOG = logging.getLogger(__name__)
_NAME = re.compile(r"segment-(\d{20})-(\d{20})\.parquet")
_ROW_GROUP = 65_536
CHECK_BYTES = 4
"""Bytes of each frame's digest kept in a segment's metadata, to tell which frame was altered."""

SCHEMA = pa.schema(
    [
        pa.field("sequence", pa.int64(), nullable=False),
        pa.field("time", pa.timestamp("us"), nullable=False),
        pa.field("received", pa.timestamp("us"), nullable=False),
        pa.field("kind", pa.dictionary(pa.int32(), pa.string()), nullable=False),
        pa.field("address", pa.dictionary(pa.int32(), pa.string()), nullable=False),
        pa.field("value", pa.float64()),
        pa.field("detail", pa.string()),
    ]
)
"""Columns of a history, as they stand in Parquet and as queries see them; times are UTC."""


@dataclass(frozen=True, kw_only=True, order=True)
class SegmentFile:
    """A segment by its name: frames ``first`` to ``last``."""

    first: int
    last: int
    path: Path


@dataclass(frozen=True, kw_only=True)
class SegmentInfo:
    """What a segment says about itself.

    Args:
        previous: the head before its first frame.
        head: the head after its last frame.
        rows: number of rows.
        checks: first 4 bytes of every frame's digest.
    """

    previous: ChainHead
    head: ChainHead
    rows: int
    checks: bytes


def list_segments(directory: Path) -> list[SegmentFile]:
    """Segments, oldest first."""
    found = ((path, _NAME.fullmatch(path.name)) for path in directory.iterdir())
    return sorted(SegmentFile(first=int(match[1]), last=int(match[2]), path=path) for path, match in found if match)


def segment_info(path: Path) -> SegmentInfo:
    """Read a segment's metadata.

    Raises:
        StoreUnavailableError: no segment of a history, or damaged.
    """
    try:
        return _parse_info(pq.read_metadata(path).metadata or {})
    except (pa.ArrowException, OSError, KeyError, ValueError) as error:
        raise StoreUnavailableError(f"{path} is not a segment of a history, or is damaged: {error}.") from error


def _parse_info(metadata: dict[bytes, bytes]) -> SegmentInfo:
    return SegmentInfo(
        previous=ChainHead.parse(metadata[b"hanzo_twin.previous"].decode()),
        head=ChainHead.parse(metadata[b"hanzo_twin.head"].decode()),
        rows=int(metadata[b"hanzo_twin.rows"]),
        checks=bytes.fromhex(metadata[b"hanzo_twin.checks"].decode()),
    )


def convert_journal(path: Path) -> Path | None:
    """Turn a full journal into a segment and remove it; None when it must stay because frames in it were altered.

    At every moment either the journal or the whole segment is on the disk.

    Raises:
        OSError: the disk is full or fails; the journal stays.
    """
    sync_path(path)
    content = read_journal(path)
    if content.damaged or content.torn or not content.frames:
        _LOG.error("history: %s was altered and stays a journal as evidence", path)
        return None
    directory, first, last = path.parent, content.previous.sequence + 1, content.head.sequence
    segment = directory / f"segment-{first:020d}-{last:020d}.parquet"
    temporary = segment.with_suffix(".tmp")
    try:
        _write(content, temporary)
        temporary.replace(segment)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_path(directory)
    path.unlink()
    return segment


def _write(content: JournalContent, path: Path) -> None:
    table = frames_table(content.frames)
    metadata = {
        "hanzo_twin.format": "1",
        "hanzo_twin.previous": str(content.previous),
        "hanzo_twin.head": str(content.head),
        "hanzo_twin.rows": str(table.num_rows),
        "hanzo_twin.checks": b"".join(frame.head.digest[:CHECK_BYTES] for frame in content.frames).hex(),
    }
    schema = SCHEMA.with_metadata(metadata)
    with pq.ParquetWriter(path, schema, compression="zstd", use_dictionary=["kind", "address"]) as writer:
        writer.write_table(table.cast(schema), row_group_size=_ROW_GROUP)
    sync_path(path)


def frames_table(frames: tuple[StoredFrame, ...]) -> pa.Table:
    """Rows of ``frames`` in their order, in `SCHEMA`."""
    if not frames:
        return SCHEMA.empty_table()
    rows = [frame.rows() for frame in frames]
    counts = [len(each) for each in rows]
    value = np.concatenate([each.value for each in rows])
    return pa.Table.from_arrays(
        [
            pa.array(np.repeat(np.array([frame.sequence for frame in frames], dtype=np.int64), counts)),
            pa.array(np.concatenate([each.time for each in rows]).view("datetime64[us]")),
            pa.array(np.concatenate([each.received for each in rows]).view("datetime64[us]")),
            _kind_column(np.concatenate([each.kind for each in rows])),
            _address_column(rows),
            pa.array(value, mask=np.isnan(value)),
            _detail_column(rows, sum(counts)),
        ],
        schema=SCHEMA,
    )


def _kind_column(codes: np.ndarray[Any, Any]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), pa.array(KIND_LABELS))


def _address_column(rows: list[Rows]) -> pa.DictionaryArray:
    position: dict[str, int] = {}
    known: dict[tuple[str, ...], np.ndarray[Any, Any]] = {}
    codes = []
    for each in rows:
        names = each.table.sorted_names
        if names not in known:
            known[names] = np.array([position.setdefault(name, len(position)) for name in names], dtype=np.int32)
        codes.append(known[names][each.rank])
    return pa.DictionaryArray.from_arrays(pa.array(np.concatenate(codes)), pa.array(list(position), pa.string()))


def _detail_column(rows: list[Rows], count: int) -> pa.Array:
    details: list[str | None] = [None] * count
    start = 0
    for each in rows:
        for row, text in each.details:
            details[start + row] = text.decode()
        start += len(each)
    return pa.array(details, pa.string())
