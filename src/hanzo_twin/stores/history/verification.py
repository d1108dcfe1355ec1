"""Walk the chain of a history and name what does not fit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from hanzo_twin.errors import HanzoTwinError
from hanzo_twin.stores.history.batch import KIND_LABELS, AddressTable, Rows
from hanzo_twin.stores.history.frames import GENESIS, ChainHead, encode
from hanzo_twin.stores.history.journal import JournalContent
from hanzo_twin.stores.history.segments import CHECK_BYTES, SCHEMA, SegmentFile, segment_info
from hanzo_twin.stores.history.snapshot import Snapshot


@dataclass(frozen=True, kw_only=True)
class HistoryProblem:
    """Something that does not fit: in ``file``, at frame ``sequence`` if one can be named."""

    file: str
    sequence: int | None
    message: str

    def __str__(self) -> str:
        where = self.file if self.sequence is None else f"{self.file}, frame {self.sequence}"
        return f"{where}: {self.message}"


@dataclass(frozen=True, kw_only=True)
class VerificationReport:
    """Result of a walk along the chain.

    Args:
        head: end of the chain as found.
        rows: rows found.
        problems: in order; empty when nothing was altered, removed or reordered.
        torn_bytes: at the very end: a frame that is being written, or was when the power failed. No problem.
    """

    head: ChainHead
    rows: int
    problems: tuple[HistoryProblem, ...]
    torn_bytes: int = 0

    @property
    def ok(self) -> bool:
        return not self.problems


@dataclass(kw_only=True)
class _Walk:
    """A walk under way."""

    anchor: ChainHead | None
    head: ChainHead = GENESIS
    rows: int = 0
    problems: list[HistoryProblem] = field(default_factory=list)
    anchor_met: bool = False

    def report(self, file: str, sequence: int | None, message: str) -> None:
        self.problems.append(HistoryProblem(file=file, sequence=sequence, message=message))

    def enter(self, file: str, previous: ChainHead) -> None:
        """Go over to a file that says it follows ``previous``."""
        if previous.sequence > self.head.sequence:
            missing = f"frames {self.head.sequence + 1} to {previous.sequence} are missing before this file"
            self.report(file, None, missing)
        elif previous.sequence < self.head.sequence:
            self.report(file, previous.sequence + 1, "this file repeats frames of the one before it")
        elif previous.digest != self.head.digest:
            self.report(file, previous.sequence + 1, "this file does not follow from the one before it")
        self.head = previous
        self.meet(file, previous)

    def meet(self, file: str, head: ChainHead) -> None:
        """Compare with the anchor when its frame is reached."""
        if self.anchor is None or head.sequence != self.anchor.sequence:
            return
        self.anchor_met = True
        if head.digest != self.anchor.digest:
            self.report(file, head.sequence, "the digest differs from the one noted elsewhere: history was rewritten")


def verify(snapshot: Snapshot, anchor: ChainHead | None) -> VerificationReport:
    """Walk all files of ``snapshot``; ``anchor`` is a head that was noted elsewhere earlier."""
    walk = _Walk(anchor=anchor)
    for segment in snapshot.segments:
        _segment(walk, segment)
    for content in snapshot.journals:
        _journal(walk, content, last=content is snapshot.journals[-1])
    if anchor is not None and anchor.sequence and not walk.anchor_met and anchor.sequence > walk.head.sequence:
        message = f"the history ends at frame {walk.head.sequence}, but {anchor.sequence} was noted elsewhere"
        walk.report("end", None, f"{message}: frames were removed at the end")
    torn = len(snapshot.journals[-1].torn) if snapshot.journals else 0
    return VerificationReport(head=walk.head, rows=walk.rows, problems=tuple(walk.problems), torn_bytes=torn)


def _journal(walk: _Walk, content: JournalContent, *, last: bool) -> None:
    file = content.path.name
    walk.enter(file, content.previous)
    for frame in content.frames:
        if frame.intact:
            walk.rows += frame.row_count
        else:
            walk.report(file, frame.sequence, "the frame does not fit its digest: it was altered")
        walk.meet(file, frame.head)
    walk.head = content.head
    if content.torn and not last:
        message = "cut short: frames were removed, or lost in a power failure just when this journal was full"
        walk.report(file, content.head.sequence + 1, message)


def _segment(walk: _Walk, segment: SegmentFile) -> None:
    file = segment.path.name
    try:
        info = segment_info(segment.path)
        walk.enter(file, info.previous)
        if (info.previous.sequence + 1, info.head.sequence) != (segment.first, segment.last):
            walk.report(file, None, "the name does not fit the frames that the file says it holds")
        table = pq.read_table(segment.path).cast(SCHEMA)
        head = _rehash(walk, file, table, info.previous, info.checks)
    except HanzoTwinError as error:
        walk.report(file, None, error.message)
    except (pa.ArrowException, OSError, ValueError) as error:
        walk.report(file, None, f"the file is damaged: {error}")
    else:
        if head is not None and head != info.head:
            walk.report(file, None, f"rows end with head {head}, but the file says {info.head}")
        walk.head = info.head


def _rehash(walk: _Walk, file: str, table: pa.Table, head: ChainHead, checks: bytes) -> ChainHead | None:
    """Hash the rows again, frame by frame; None after a frame that does not fit."""
    walk.rows += table.num_rows
    first = head.sequence
    for sequence, rows in _frames(table):
        head = head.follow(encode(rows, sequence))
        at = (head.sequence - first - 1) * CHECK_BYTES
        if sequence != head.sequence or head.digest[:CHECK_BYTES] != checks[at : at + CHECK_BYTES]:
            walk.report(file, head.sequence, "the rows do not fit their digest: altered, removed or reordered")
            return None
        walk.meet(file, head)
    return head


def _frames(table: pa.Table) -> Iterator[tuple[int, Rows]]:
    table = table.unify_dictionaries().combine_chunks()
    sequence = table["sequence"].to_numpy()
    if not len(sequence):
        return
    columns = _columns(table)
    edges = np.flatnonzero(np.diff(sequence)) + 1
    details = _details(table)
    for start, stop in zip([0, *edges], [*edges, len(sequence)], strict=True):
        rows = Rows(
            **{name: column[start:stop] for name, column in columns.items()},
            table=details.addresses,
            details=details.between(start, stop),
        )
        yield int(sequence[start]), rows


def _columns(table: pa.Table) -> dict[str, np.ndarray[Any, Any]]:
    address = _dictionary(table["address"])
    kind = _dictionary(table["kind"])
    numbers = np.array([KIND_LABELS.index(label) for label in kind.dictionary.to_pylist()], dtype=np.uint8)
    ranks = AddressTable(address.dictionary.to_pylist()).ranks
    return {
        "time": table["time"].to_numpy().astype("datetime64[us]").view(np.int64),
        "received": table["received"].to_numpy().astype("datetime64[us]").view(np.int64),
        "value": table["value"].to_numpy(),
        "kind": numbers[kind.indices.to_numpy()],
        "rank": ranks[address.indices.to_numpy()],
    }


def _dictionary(column: pa.ChunkedArray) -> pa.DictionaryArray:
    return column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)


@dataclass(frozen=True, kw_only=True)
class _Details:
    addresses: AddressTable
    rows: np.ndarray[Any, Any]
    texts: tuple[bytes, ...]

    def between(self, start: int, stop: int) -> tuple[tuple[int, bytes], ...]:
        first, last = np.searchsorted(self.rows, [start, stop])
        return tuple((int(self.rows[at]) - start, self.texts[at]) for at in range(first, last))


def _details(table: pa.Table) -> _Details:
    present = table["detail"].is_valid().to_numpy()
    texts = tuple(text.encode() for text in table["detail"].drop_null().to_pylist())
    addresses = AddressTable(_dictionary(table["address"]).dictionary.to_pylist())
    return _Details(addresses=addresses, rows=np.flatnonzero(present), texts=texts)
