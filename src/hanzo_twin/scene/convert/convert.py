"""Any known format in, any format that has a writer out; nothing is half-written."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Protocol, cast

from hanzo_twin.errors import ConflictError, InvalidInputError, OutputError
from hanzo_twin.scene.convert.report import ConversionReport, Entry, kept, of_loading
from hanzo_twin.scene.load import Reference, load_scene
from hanzo_twin.scene.model import Scene

WRITERS = {
    ".usd": "hanzo_twin.scene.convert.usd",
    ".usda": "hanzo_twin.scene.convert.usd",
    ".usdc": "hanzo_twin.scene.convert.usd",
    ".sdf": "hanzo_twin.scene.convert.sdf",
    ".world": "hanzo_twin.scene.convert.sdf",
    ".urdf": "hanzo_twin.scene.convert.urdf",
    ".xml": "hanzo_twin.scene.convert.mjcf",
}
"""Module for each suffix; it is a `Writer`."""

_ORDER = {"lost": 0, "changed": 1, "kept": 2}


class Writer(Protocol):
    """A module that writes one format."""

    def write(self, scene: Scene, path: Path) -> list[Entry]:
        """Write ``scene`` to ``path``, and what it cannot hold itself (meshes) to ``meshes_folder(path)``.

        The file must refer to those by paths relative to itself. Returns what was changed and lost, no entry for
        what was kept.

        Raises:
            UnsupportedError: the format cannot hold the scene at all.
        """
        ...


def meshes_folder(path: Path) -> Path:
    """The folder beside ``path`` for the mesh files that it refers to; the writer makes it when it needs it."""
    return path.with_name(f"{path.stem}_meshes")


def convert(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    composition: Sequence[Reference] = (),
    floating_base: bool | None = None,
    xacro_arguments: Mapping[str, str] = MappingProxyType({}),
    overwrite: bool = False,
) -> ConversionReport:
    """Write the scene that ``source`` holds to ``target``; the suffixes say the formats.

    Files are written completely or not at all. The other arguments are those of `load_scene`.

    Args:
        overwrite: replace a target, and a folder of its meshes, that are there.

    Example::

        report = convert("ant.xml", "ant.usda")
        for entry in report.of("lost"):
            ...

    Raises:
        SceneError: the source cannot be loaded. InvalidInputError: the target's format is unknown, or the target is
            the source.
        ConflictError: the target is there already. UnsupportedError: the format cannot hold the scene.
        OutputError: the target cannot be written.
    """
    path = Path(target)
    module = _writer_of(path)
    with writing(path):
        _check_target(Path(source), path)
        if not overwrite:
            check_new(path)
            check_new(meshes_folder(path))
    scene = load_scene(source, composition=composition, floating_base=floating_base, xacro_arguments=xacro_arguments)
    writer = cast("Writer", import_module(module))
    with writing(path), TemporaryDirectory(prefix=f".{path.stem}-", dir=path.parent) as folder:
        draft = Path(folder) / path.name
        entries = [*of_loading(scene.diagnoses), *writer.write(scene, draft)]
        files = _move(Path(folder), path.parent)
    entries += kept(scene, entries)
    return ConversionReport(
        source=os.fspath(source),
        target=os.fspath(target),
        files=(str(path), *(file for file in files if file != str(path))),
        entries=tuple(sorted(dict.fromkeys(entries), key=lambda entry: _ORDER[entry.outcome])),
    )


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """What the system refuses inside, where ``path`` is to be written, becomes an `OutputError`."""
    try:
        yield
    except OSError as failure:
        raise OutputError(
            f"'{path}' cannot be written: {failure.strerror or failure}.", hint="Name a folder that can be written."
        ) from failure


def check_new(path: Path) -> None:
    """Make sure that writing ``path`` replaces nothing.

    Raises:
        ConflictError: there is something.
    """
    if path.exists():
        kind = "The folder " if path.is_dir() else ""
        raise ConflictError(
            f"{kind}'{path}' exists already; it is not replaced.",
            hint="Name another file, or replace it with --force (overwrite=True).",
        )


def _writer_of(path: Path) -> str:
    try:
        return WRITERS[path.suffix.lower()]
    except KeyError:
        raise InvalidInputError(
            f"Scenes cannot be written as '{path.suffix or path.name}'.",
            hint=f"Name a target that ends in one of {', '.join(sorted(WRITERS))}.",
        ) from None


def _check_target(source: Path, target: Path) -> None:
    if target.is_dir():
        raise InvalidInputError(f"'{target}' is a directory.", hint="Name a file in it.")
    if not target.parent.is_dir():
        raise InvalidInputError(f"There is no directory '{target.parent}'.", hint="Make it first.")
    if source.exists() and target.exists() and source.samefile(target):
        raise InvalidInputError(f"'{target}' is the source itself.", hint="Name another file.")


def _move(folder: Path, destination: Path) -> list[str]:
    """Put what is in ``folder`` into ``destination``; folders first, so that the file finds its meshes."""
    written: list[str] = []
    for entry in sorted(folder.iterdir(), key=lambda entry: not entry.is_dir()):
        place = destination / entry.name
        if place.is_dir():
            shutil.rmtree(place)
        entry.replace(place)
        written += (
            [str(file) for file in sorted(place.rglob("*")) if file.is_file()] if place.is_dir() else [str(place)]
        )
    return written
