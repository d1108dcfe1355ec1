"""A file, an archive or a folder as one part of a form."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from hanzo_twin.errors import InvalidInputError, NotFoundError

_MAX_FILES = 10_000


@contextmanager
def opened_for_upload(path: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """Name and content of what lies at ``path``; a folder becomes a zip file, without what is hidden in it.

    Raises:
        NotFoundError: nothing is there. InvalidInputError: it cannot be read, holds no files, or too many.
    """
    try:
        if path.is_dir():
            with tempfile.TemporaryFile() as archive:
                _pack(path, archive)
                archive.seek(0)
                yield f"{path.resolve().name or 'scene'}.zip", archive
        elif path.is_file():
            with path.open("rb") as file:
                yield path.name, file
        else:
            raise NotFoundError(f"There is no file or folder '{path}'.")
    except OSError as error:
        raise InvalidInputError(f"'{error.filename or path}' cannot be read: {error.strerror}.") from error


def _pack(folder: Path, archive: IO[bytes]) -> None:
    found = sorted(each for each in folder.rglob("*") if each.is_file() and not _hidden(each.relative_to(folder)))
    if not found:
        raise InvalidInputError(f"The folder '{folder}' holds no files.")
    if len(found) > _MAX_FILES:
        raise InvalidInputError(f"The folder '{folder}' holds {len(found)} files; at most {_MAX_FILES} can be sent.")
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as packed:
        for each in found:
            packed.write(each, each.relative_to(folder).as_posix())


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)
