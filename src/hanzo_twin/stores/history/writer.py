"""The one writer of a history: appends frames to the journal, turns full journals into segments behind the scenes."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from hanzo_twin.errors import ConflictError, StoreUnavailableError
from hanzo_twin.stores.history import files, journal
from hanzo_twin.stores.history.batch import HistoryBatch
from hanzo_twin.stores.history.frames import ChainHead, encode
from hanzo_twin.stores.history.recovery import Recovery, recover

_LOG = logging.getLogger(__name__)
_SEGMENT_BYTES = 64 * 1024 * 1024
_RETRY_AFTER_FRAMES = 256
"""Appends between attempts to begin a new journal when that failed (the disk is full, say)."""


class HistoryWriter:
    """Appends to the history in ``directory``.

    What `append` has returned from survives the death of the process; it survives a power failure after
    ``fsync_interval_s`` or `sync`. A thread of the writer does the fsync and the conversion, never `append`.

    Args:
        directory: made if it is missing. One writer at a time.
        segment_rows: rows after which a journal is closed and becomes a Parquet segment; so does one of 64 MiB.
        fsync_interval_s: longest time that an append stays unprotected against a power failure [s].

    Raises:
        ConflictError: another writer has the directory.
        StoreUnavailableError: the directory cannot be written, or holds something that is not a history.
    """

    def __init__(
        self,
        directory: Path,
        *,
        segment_rows: int = 250_000,
        fsync_interval_s: float = 1.0,
    ) -> None:
        self.directory = Path(directory)
        self._segment_rows = segment_rows
        self._lock_descriptor = files.lock(self.directory)
        with contextlib.ExitStack() as on_failure:
            on_failure.callback(os.close, self._lock_descriptor)
            self.recovery, self._file = _open(self.directory)
            on_failure.pop_all()
        self._head = self.recovery.head
        self._rows = self.recovery.journal_rows
        self._retry_in = 0
        self._closed = False
        self._mutex = threading.Lock()
        self._keeper = _Keeper(self.directory, fsync_interval_s, self._duplicate)
        for sealed in self.recovery.sealed:
            self._keeper.convert(sealed)

    @property
    def head(self) -> ChainHead:
        """Sequence number and digest of the last frame appended; note it elsewhere to prove the history later."""
        return self._head

    def append(self, batch: HistoryBatch) -> None:
        """Append ``batch`` as one frame; an empty one is ignored.

        Raises:
            StoreUnavailableError: the disk is full or fails; nothing of the batch was kept and it can be given again.
            ConflictError: the writer is closed.
        """
        if not len(batch):
            return
        with self._mutex:
            if self._closed:
                raise ConflictError(f"The history in {self.directory} is closed.")
            payload = encode(batch.rows, self._head.sequence + 1)
            head = self._head.follow(payload)
            self._file.append(journal.frame_bytes(payload, head.digest))
            self._head = head
            self._rows += len(batch)
            if self._rows >= self._segment_rows or self._file.size >= _SEGMENT_BYTES:
                self._rotate()
        self._keeper.wrote()

    def sync(self) -> None:
        """Return when everything appended so far is on the disk.

        Raises:
            StoreUnavailableError: the disk fails.
        """
        with self._mutex:
            if self._closed:
                return
        self._keeper.sync()

    def close(self) -> None:
        """Sync, finish conversions under way and let the next writer in; closing twice is allowed."""
        with self._mutex:
            if self._closed:
                return
            self._closed = True
        try:
            self._keeper.stop()
        finally:
            self._file.close()
            os.close(self._lock_descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _rotate(self) -> None:
        if self._retry_in > 0:
            self._retry_in -= 1
            return
        try:
            path = journal.create_journal(self.directory, self._head)
            fresh = journal.JournalFile(path, path.stat().st_size)
        except OSError as error:
            _LOG.warning("history %s: no new journal yet, the present one goes on: %s", self.directory, error)
            self._retry_in = _RETRY_AFTER_FRAMES
            return
        full, self._file, self._rows = self._file, fresh, 0
        full.close()
        self._keeper.convert(full.path)

    def _duplicate(self) -> int:
        with self._mutex:
            return self._file.duplicate()


def _open(directory: Path) -> tuple[Recovery, journal.JournalFile]:
    try:
        recovery = recover(directory)
        return recovery, journal.JournalFile(recovery.journal, recovery.journal_size)
    except OSError as error:
        raise StoreUnavailableError(f"The history in {directory} cannot be opened: {error}.") from error


class _Keeper:
    """The writer's thread: fsync within an interval after a write, and conversion of full journals."""

    def __init__(self, directory: Path, interval_s: float, duplicate: Callable[[], int]) -> None:
        self._directory = directory
        self._interval_s = interval_s
        self._duplicate = duplicate
        self._sealed: list[Path] = []
        self._durable: set[Path] = set()
        self._dirty = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="history-keeper", daemon=True)
        self._thread.start()

    def wrote(self) -> None:
        if not self._dirty.is_set():
            self._dirty.set()

    def convert(self, path: Path) -> None:
        self._sealed.append(path)
        self._dirty.set()

    def sync(self) -> None:
        try:
            for path in tuple(self._sealed):
                if path not in self._durable:  # a backlog is not written to the disk again and again
                    with contextlib.suppress(FileNotFoundError):  # it has become a segment meanwhile
                        files.sync_path(path)
                        self._durable.add(path)
            files.sync_descriptor(self._duplicate())
            files.sync_path(self._directory)
        except OSError as error:
            raise StoreUnavailableError(
                f"The history in {self._directory} cannot be made durable: {error.strerror}."
            ) from error

    def stop(self) -> None:
        self._stopping.set()
        self._dirty.set()
        self._thread.join()
        self.sync()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._dirty.wait()
            self._stopping.wait(self._interval_s)
            self._dirty.clear()
            try:
                self.sync()
            except StoreUnavailableError as error:
                _LOG.error("%s", error.message)
            self._convert_sealed()

    def _convert_sealed(self) -> None:
        for path in tuple(self._sealed):
            from hanzo_twin.stores.history.segments import convert_journal  # pyarrow: only where it is used

            try:
                convert_journal(path)
            except (FileNotFoundError, StoreUnavailableError) as error:
                _LOG.error("history: a journal was removed or overwritten by somebody else: %s", error)
            except OSError as error:
                _LOG.warning("history: %s stays a journal for now: %s", path, error)
                self._dirty.set()
                return
            self._sealed.remove(path)
            self._durable.discard(path)
