"""The journal: the newest frames, in a file that is only appended to.

::

    file    "HTWINJ1\\n"   u64 sequence and 32-byte digest of the frame before the first      then frames
    frame   u32 length of the payload   32-byte digest   payload

One frame is one write, so a killed process leaves whole frames; a power failure may leave a torn one at the end.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path

from hanzo_twin.errors import StoreUnavailableError
from hanzo_twin.stores.history.batch import Rows
from hanzo_twin.stores.history.frames import PAYLOAD_MIN, ChainHead, decode, row_count_of, sequence_of

_MAGIC = b"HTWINJ1\n"
_HEADER = struct.Struct("<8sQ32s")
HEADER_SIZE = _HEADER.size
_FRAME = struct.Struct("<I32s")
_NAME = "journal-{:020d}.htj"


@dataclass(frozen=True, kw_only=True)
class StoredFrame:
    """A frame as it was found; ``intact`` says whether its digest follows from the frame before it."""

    sequence: int
    payload: memoryview
    head: ChainHead
    intact: bool

    @property
    def row_count(self) -> int:
        return row_count_of(self.payload)

    def rows(self) -> Rows:
        return decode(self.payload)


@dataclass(frozen=True, kw_only=True)
class JournalContent:
    """What a journal holds.

    Args:
        previous: the head before its first frame.
        frames: all whole frames, damaged ones included.
        size: bytes up to the end of the last whole frame.
        torn: the bytes after it.
    """

    path: Path
    previous: ChainHead
    frames: tuple[StoredFrame, ...]
    size: int
    torn: bytes

    @property
    def head(self) -> ChainHead:
        return self.frames[-1].head if self.frames else self.previous

    @property
    def row_count(self) -> int:
        return sum(frame.row_count for frame in self.frames if frame.intact)

    @property
    def damaged(self) -> tuple[StoredFrame, ...]:
        return tuple(frame for frame in self.frames if not frame.intact)


def journal_path(directory: Path, first_sequence: int) -> Path:
    """Where the journal that begins with frame ``first_sequence`` lies."""
    return directory / _NAME.format(first_sequence)


def list_journals(directory: Path) -> list[Path]:
    """Journals, oldest first."""
    return sorted(directory.glob("journal-*.htj"))


def create_journal(directory: Path, previous: ChainHead) -> Path:
    """Make an empty journal that goes on from ``previous``; a file of that name that holds no whole header is replaced.

    Raises:
        OSError: as the file system says; nothing is left behind.
    """
    path = journal_path(directory, previous.sequence + 1)
    temporary = path.with_suffix(".tmp")
    try:
        temporary.write_bytes(_HEADER.pack(_MAGIC, previous.sequence, previous.digest))
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    return path


def frame_bytes(payload: bytes, digest: bytes) -> bytes:
    """A frame as it stands in the file."""
    return _FRAME.pack(len(payload), digest) + payload


def read_journal(path: Path) -> JournalContent:
    """Read a journal and check the chain in it.

    The last frame counts as torn when it is cut short or does not fit its digest; a frame in the middle that does not
    fit is damaged, which is something else: somebody or something altered it.

    Raises:
        FileNotFoundError: it has become a segment meanwhile.
        StoreUnavailableError: no journal, or one of another format version.
    """
    data = path.read_bytes()
    if len(data) < _HEADER.size or data[:8] != _MAGIC:
        raise StoreUnavailableError(
            f"{path} is not a history journal of this version.", hint="Move it away; its frames then count as missing."
        )
    _, sequence, digest = _HEADER.unpack_from(data)
    previous = ChainHead(sequence=sequence, digest=digest)
    frames, size = _walk(memoryview(data), previous)
    return JournalContent(path=path, previous=previous, frames=tuple(frames), size=size, torn=data[size:])


def _walk(data: memoryview, head: ChainHead) -> tuple[list[StoredFrame], int]:
    frames: list[StoredFrame] = []
    offset = _HEADER.size
    while len(data) - offset >= _FRAME.size:
        length, digest = _FRAME.unpack_from(data, offset)
        end = offset + _FRAME.size + length
        if length < PAYLOAD_MIN or end > len(data):
            break
        payload = data[offset + _FRAME.size : end]
        expected = head.follow(payload)
        intact = expected.digest == digest and sequence_of(payload) == expected.sequence
        if not intact and end == len(data):
            break
        head = ChainHead(sequence=expected.sequence, digest=digest)
        frames.append(StoredFrame(sequence=expected.sequence, payload=payload, head=head, intact=intact))
        offset = end
    return frames, offset


class JournalFile:
    """A journal that is open for appending; not thread-safe.

    Args:
        size: bytes that count; whatever lies behind is cut off before the next append.
    """

    def __init__(self, path: Path, size: int) -> None:
        self.path = path
        self.size = size
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        self._clean = os.fstat(self._descriptor).st_size == size

    def append(self, frame: bytes) -> None:
        """Write ``frame`` as a whole or not at all.

        Raises:
            StoreUnavailableError: the disk is full or fails; the file holds what it held before.
        """
        try:
            self._cut()
            self._clean = False
            written = os.write(self._descriptor, frame)
            while written < len(frame):
                written += os.write(self._descriptor, frame[written:])
        except OSError as error:
            self._try_to_cut()
            raise StoreUnavailableError(
                f"The history cannot be written to {self.path}: {error.strerror}.",
                hint="Nothing of this batch was kept. Free some space on that disk and append it again.",
            ) from error
        self.size += len(frame)
        self._clean = True

    def _cut(self) -> None:
        if not self._clean:
            os.ftruncate(self._descriptor, self.size)
            self._clean = True

    def _try_to_cut(self) -> None:
        try:
            self._cut()
        except OSError:
            self._clean = False  # tried again before the next append

    def duplicate(self) -> int:
        """A descriptor of its own for the thread that calls fsync."""
        return os.dup(self._descriptor)

    def close(self) -> None:
        self._try_to_cut()
        os.close(self._descriptor)
