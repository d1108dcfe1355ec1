"""What a writer does before it writes: puts the directory in order after whatever happened to the last writer."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path

from hanzo_twin.stores.history import journal
from hanzo_twin.stores.history.frames import GENESIS, ChainHead

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Recovery:
    """How a history was found.

    Args:
        journal: to go on with.
        journal_size / journal_rows: what it holds [B, rows].
        head: end of the chain.
        sealed: full journals that have not become segments yet.
        torn_bytes: length of the torn end that was cut off; its bytes were moved to ``torn_file``.
        damaged: frames in the journals that somebody or something altered; they are left as they are.
    """

    journal: Path
    journal_size: int
    journal_rows: int
    head: ChainHead
    sealed: tuple[Path, ...] = ()
    torn_bytes: int = 0
    torn_file: Path | None = None
    damaged: tuple[int, ...] = ()


def recover(directory: Path) -> Recovery:
    """Remove leftovers, save a torn end, find the end of the chain. The caller holds the writer's lock.

    Raises:
        OSError: the directory cannot be read or written.
        StoreUnavailableError: a file in it is not a history.
    """
    for leftover in directory.glob("*.tmp"):
        leftover.unlink()
    contents = _journals(directory)
    if not contents:
        path = journal.create_journal(directory, _head_of_segments(directory))
        contents = [journal.read_journal(path)]
    last = contents[-1]
    torn_file = _save_torn_end(last) if last.torn else None
    damaged = tuple(frame.sequence for content in contents for frame in content.damaged)
    if damaged:
        _LOG.error("history %s: frame %d and %d others were altered", directory, damaged[0], len(damaged) - 1)
    return Recovery(
        journal=last.path,
        journal_size=last.size,
        journal_rows=last.row_count,
        head=last.head,
        sealed=tuple(content.path for content in contents[:-1]),
        torn_bytes=len(last.torn),
        torn_file=torn_file,
        damaged=damaged,
    )


def _journals(directory: Path) -> list[journal.JournalContent]:
    paths = journal.list_journals(directory)
    if paths and paths[-1].stat().st_size < journal.HEADER_SIZE:
        paths.pop().unlink()  # a power failure between making the file and writing its header
    contents = []
    for path in paths:
        content = journal.read_journal(path)
        if content.path == paths[-1] or not _became_segment(content):
            contents.append(content)
    return contents


def _became_segment(content: journal.JournalContent) -> bool:
    """Whether the writer died between finishing the segment and removing the journal; removes it then."""
    from hanzo_twin.stores.history.segments import list_segments, segment_info  # pyarrow: only where it is used

    directory = content.path.parent
    for segment in list_segments(directory):
        if segment.first == content.previous.sequence + 1 and segment_info(segment.path).head == content.head:
            content.path.unlink()
            return True
    return False


def _head_of_segments(directory: Path) -> ChainHead:
    if not any(directory.glob("segment-*.parquet")):
        return GENESIS
    from hanzo_twin.stores.history.segments import list_segments, segment_info  # pyarrow: only where it is used

    return segment_info(list_segments(directory)[-1].path).head


def _save_torn_end(content: journal.JournalContent) -> Path:
    """Keep the bytes behind the last whole frame; `JournalFile` cuts them off before it appends."""
    saved = content.path.with_name(f"torn-{content.head.sequence + 1:020d}.bin")
    with saved.open("wb") as file:
        file.write(content.torn)
        file.flush()
        os.fsync(file.fileno())
    _LOG.warning("history %s: %d torn bytes at the end are moved to %s", content.path, len(content.torn), saved.name)
    return saved
