"""What a history holds at one moment, taken while its writer goes on writing."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from hanzo_twin.errors import NotFoundError, StoreUnavailableError
from hanzo_twin.stores.history.journal import JournalContent, list_journals, read_journal
from hanzo_twin.stores.history.segments import SCHEMA, SegmentFile, frames_table, list_segments


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """Segments, then the journals behind them; no frame is in both."""

    segments: tuple[SegmentFile, ...]
    journals: tuple[JournalContent, ...]

    def tail(self) -> pa.Table:
        """Rows of the journals' intact frames, in `SCHEMA`."""
        frames = tuple(frame for content in self.journals for frame in content.frames if frame.intact)
        return frames_table(frames) if frames else SCHEMA.empty_table()


def check_directory(directory: Path) -> None:
    """Raise NotFoundError unless ``directory`` exists."""
    if not directory.is_dir():
        raise NotFoundError(f"There is no history in {directory}.", hint="A history begins when its twin first runs.")


def take_snapshot(directory: Path) -> Snapshot:
    """Read the journals, then list the segments: a journal that becomes a segment meanwhile is seen once or twice,
    never not at all, and is then dropped in favour of the segment.

    Raises:
        NotFoundError: there is no such directory.
        StoreUnavailableError: it cannot be read.
    """
    check_directory(directory)
    try:
        journals = []
        for path in list_journals(directory):
            with contextlib.suppress(FileNotFoundError):
                journals.append(read_journal(path))
        segments = list_segments(directory)
    except OSError as error:
        raise StoreUnavailableError(f"The history in {directory} cannot be read: {error}.") from error
    converted = {segment.first for segment in segments}
    left = tuple(content for content in journals if content.previous.sequence + 1 not in converted)
    return Snapshot(segments=tuple(segments), journals=left)
