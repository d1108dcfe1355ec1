"""What arrives as an upload, laid out as a folder: one file, several, or an archive of them.

Archives come from strangers. A member may not leave the folder, be a link or a device, appear twice, or make the
whole larger than the limits; nothing is extracted until every member has passed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from hanzo_twin.errors import InvalidInputError, nearest
from hanzo_twin.service.archive import is_archive, open_archive

SCENE_SUFFIXES = (".usda", ".usd", ".usdc", ".usdz", ".urdf", ".sdf", ".world", ".xml")
_MAX_DEPTH = 32
_MAX_NAME_BYTES = 255
_CHUNK = 1 << 20


@dataclass(frozen=True, kw_only=True)
class BundleLimits:
    """Bounds on what an upload may unpack to."""

    max_files: int = 10_000
    max_bytes: int = 2 << 30


@dataclass(frozen=True, kw_only=True)
class Upload:
    """One uploaded file: its name as the sender gave it, and its content on disk."""

    name: str
    content: IO[bytes]


def unpack(uploads: Iterable[Upload], folder: Path, limits: BundleLimits) -> tuple[str, ...]:
    """Write ``uploads`` below ``folder`` and return their relative names, sorted.

    A single ``.zip``, ``.tar``, ``.tar.gz``, ``.tgz``, ``.tar.bz2`` or ``.tar.xz`` is unpacked.

    Raises:
        InvalidInputError: nothing was uploaded, an archive is damaged, a name is unsafe, or a limit is exceeded.
    """
    given = list(uploads)
    if not given:
        raise InvalidInputError("The upload holds no file.", hint="Send the scene as form field 'files'.")
    if len(given) == 1 and is_archive(given[0].name):
        return _unpack_archive(given[0], folder, limits)
    names = check_names([each.name for each in given], limits)
    budget = limits.max_bytes
    for name, each in zip(names, given, strict=True):
        budget -= _write(each.content, folder / name, budget, limits)
    return tuple(sorted(names))


def choose_root(names: Iterable[str], wanted: str | None) -> str:
    """The file among ``names`` that is the scene: ``wanted``, or the only one that can be.

    Raises:
        InvalidInputError: it is not there, or there are none or several; the hint lists them.
    """
    present = sorted(names)
    if wanted is not None and wanted.lower().endswith(".xacro"):
        raise InvalidInputError(
            f"'{wanted}' is a xacro file, which is a program; servers run none.",
            hint="Expand it first: hanzo-twin scene convert robot.xacro robot.urdf",
        )
    if wanted is not None:
        if wanted not in present:
            raise InvalidInputError(f"The upload has no file '{wanted}'.", hint=nearest(wanted, present))
        return wanted
    scenes = [
        name
        for name in present
        # What describes a ROS package is not a scene.
        if name.lower().endswith(SCENE_SUFFIXES) and PurePosixPath(name).name != "package.xml"
    ]
    shallowest = min((name.count("/") for name in scenes), default=0)
    candidates = [name for name in scenes if name.count("/") == shallowest]
    named_root = [name for name in candidates if PurePosixPath(name).stem in ("root", "scene", "main")]
    if len(candidates) == 1 or len(named_root) == 1:
        return (named_root if len(candidates) > 1 else candidates)[0]
    if not candidates:
        raise InvalidInputError(
            f"The upload has no scene file; it has {', '.join(present[:5])}.",
            hint=f"A scene is a file that ends in {', '.join(SCENE_SUFFIXES)}.",
        )
    raise InvalidInputError(
        f"The upload has {len(candidates)} files that could be the scene: {', '.join(candidates[:10])}.",
        hint="Name one of them as 'root'.",
    )


def digest(folder: Path, names: Iterable[str]) -> str:
    """SHA-256 over names and contents, in the order of names, hexadecimal."""
    whole = hashlib.sha256()
    for name in sorted(names):
        with (folder / name).open("rb") as file:
            content = hashlib.file_digest(file, "sha256").digest()
        whole.update(len(name.encode()).to_bytes(4, "big") + name.encode() + content)
    return whole.hexdigest()


def check_names(names: Iterable[str], limits: BundleLimits) -> list[str]:
    """``names`` as relative POSIX paths.

    Raises:
        InvalidInputError: a name leaves the folder, cannot be a file name, or stands for the same file as another.
    """
    checked: list[str] = []
    seen: dict[str, str] = {}
    for name in names:
        path = _safe(name)
        for taken in (path, *(str(parent) for parent in PurePosixPath(path).parents if str(parent) != ".")):
            folded = taken.casefold()
            is_file = taken == path
            if folded in seen and (is_file or seen[folded] == "file"):
                raise InvalidInputError(f"The upload holds '{path[:200]}' twice, or as file and as folder.")
            seen.setdefault(folded, "file" if is_file else "folder")
        checked.append(path)
        if len(checked) > limits.max_files:
            raise InvalidInputError(f"The upload holds more than {limits.max_files} files.")
    return checked


def _safe(name: str) -> str:
    parts = name.split("/")
    shown = name[:200]
    if not name or any(ord(letter) < 32 or ord(letter) == 127 for letter in name) or "\\" in name or ":" in name:
        raise InvalidInputError(f"{shown!r} cannot be the name of a file in a scene.", hint="Use forward slashes.")
    if any(part in ("", ".", "..") for part in parts):
        raise InvalidInputError(
            f"The upload holds '{shown}', which does not stay inside its folder.",
            hint="Names must be relative, without '.' or '..'.",
        )
    if len(parts) > _MAX_DEPTH or any(len(part.encode(errors="replace")) > _MAX_NAME_BYTES for part in parts):
        raise InvalidInputError(f"The upload holds '{shown}', whose name is too long or too deep.")
    return name


def _unpack_archive(upload: Upload, folder: Path, limits: BundleLimits) -> tuple[str, ...]:
    """Zip and tar alike: check all names first, then write while counting what really comes out."""
    with open_archive(upload.name, upload.content) as members:
        files = list(members)
        names = check_names([member.name for member in files], limits)
        budget = limits.max_bytes
        for name, member in zip(names, files, strict=True):
            if member.size > budget:
                raise _too_large(limits)
            with member.open() as content:
                budget -= _write(content, folder / name, budget, limits)
    return tuple(sorted(names))


def _write(source: IO[bytes], target: Path, budget: int, limits: BundleLimits) -> int:
    target.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    with target.open("xb") as file:
        while chunk := source.read(_CHUNK):
            written += len(chunk)
            if written > budget:
                raise _too_large(limits)
            file.write(chunk)
    return written


def _too_large(limits: BundleLimits) -> InvalidInputError:
    return InvalidInputError(f"The upload unpacks to more than {limits.max_bytes / (1 << 20):.0f} MiB.")
