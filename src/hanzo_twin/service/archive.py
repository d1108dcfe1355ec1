"""Zip and tar archives, read alike: regular files only, by name and stated size."""

from __future__ import annotations

import gzip
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import IO, Literal

from hanzo_twin.errors import InvalidInputError

_MODES: dict[str, Literal["r:", "r:gz", "r:xz"]] = {".tar": "r:", ".tar.gz": "r:gz", ".tgz": "r:gz", ".tar.xz": "r:xz"}
_MAX_MEMBERS = 100_000
_CODECS = (zlib.error, lzma.LZMAError, gzip.BadGzipFile)


@dataclass(frozen=True, kw_only=True)
class Member:
    """One regular file in an archive; ``size`` in bytes is what the archive claims."""

    name: str
    size: int
    open: Callable[[], AbstractContextManager[IO[bytes]]]


def is_archive(name: str) -> bool:
    """Whether a file of that name is unpacked (``.usdz`` is a zip file too, but is a scene as it is)."""
    return name.lower().endswith((".zip", *_MODES))


@contextmanager
def open_archive(name: str, content: IO[bytes]) -> Iterator[Iterable[Member]]:
    """The members of an archive; damage found while they are read is reported alike.

    Raises:
        InvalidInputError: damaged, encrypted, or with a member that is a link or a device.
    """
    try:
        if name.lower().endswith(".zip"):
            with zipfile.ZipFile(content) as archive:
                yield list(_zip_members(archive))
        else:
            mode = next(mode for suffix, mode in _MODES.items() if name.lower().endswith(suffix))
            with tarfile.open(fileobj=content, mode=mode) as tape:
                yield list(_tar_members(tape))
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, NotImplementedError, RuntimeError, *_CODECS) as damaged:
        raise _damaged(name, damaged) from damaged


def _damaged(name: str, cause: Exception) -> InvalidInputError:
    return InvalidInputError(
        f"The archive '{name[:200]}' cannot be unpacked: {cause}.",
        hint="Send a plain zip or tar archive, without encryption.",
    )


def _zip_members(archive: zipfile.ZipFile) -> Iterator[Member]:
    for info in archive.infolist():
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise _no_file(info.filename)
        if not info.is_dir():
            # The name as stored: zipfile would quietly turn separators and cut at NUL.
            yield Member(name=info.orig_filename, size=info.file_size, open=partial(archive.open, info))


def _tar_members(tape: tarfile.TarFile) -> Iterator[Member]:
    for count, info in enumerate(tape):
        if count >= _MAX_MEMBERS:
            raise InvalidInputError(f"The archive holds more than {_MAX_MEMBERS} members.")
        if info.isdir():
            continue
        if not info.isreg():
            raise _no_file(info.name)
        yield Member(name=info.name.removeprefix("./"), size=info.size, open=partial(_extract, tape, info))


def _extract(tape: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    content = tape.extractfile(info)
    if content is None:
        raise _no_file(info.name)
    return content


def _no_file(name: str) -> InvalidInputError:
    return InvalidInputError(
        f"The archive holds '{name[:200]}', which is a link or a device.", hint="Only regular files are taken."
    )
