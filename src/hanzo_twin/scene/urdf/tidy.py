"""Meshes with points that no face uses, as exporters leave behind: USD takes none, so the converter is given copies."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

from hanzo_twin.scene.urdf import meshes
from hanzo_twin.scene.xml_document import Element

_COMPLAINT = "not referenced by the faces"


def without_loose_points(
    robot: Element, source: Path, known: dict[str, Path], complaints: list[str], folder: Path
) -> Path | None:
    """A copy of ``source`` in ``folder`` whose OBJ files have no loose points; None where no complaint is about them.

    Every file that the copy names is named absolutely, so it may lie anywhere.
    """
    if not any(_COMPLAINT in complaint for complaint in complaints):
        return None
    folder.mkdir(parents=True)
    text = source.read_bytes().decode("utf-8", errors="surrogateescape")
    for index, name in enumerate(sorted({element.attributes.get("filename", "") for element in robot.every()})):
        file = meshes.find(name, source, known)
        if file is None:
            continue
        if file.suffix.lower() == ".obj":
            # What is no OBJ is left as it is: the converter's complaint about it is the better one.
            with suppress(ValueError, OSError):
                file = _tidied(file, folder / str(index))
        for quote in "\"'":
            text = text.replace(f"filename={quote}{name}{quote}", f"filename={quote}{file}{quote}")
    copy = folder / source.name
    copy.write_bytes(text.encode("utf-8", errors="surrogateescape"))
    return copy


def _tidied(file: Path, folder: Path) -> Path:
    """A copy of an OBJ file (with its material libraries) without loose points; the file itself if it has none."""
    lines = file.read_text(errors="replace").splitlines()
    total = sum(line.startswith("v ") for line in lines)
    faces, seen = [line for line in lines if line.startswith("f ")], 0
    used: set[int] = set()
    for line in lines:
        seen += line.startswith("v ")
        if line.startswith("f "):
            used |= {_absolute(corner, seen) for corner in line.split()[1:]}
    if not faces or len(used) == total:
        return file
    if not 1 <= min(used) <= max(used) <= total:
        raise ValueError("a face uses points that are not there")
    folder.mkdir()
    new = {old: index for index, old in enumerate(sorted(used), start=1)}
    out: list[str] = []
    seen = 0
    for line in lines:
        if line.startswith("v "):
            seen += 1
            if seen in new:
                out.append(line)
        elif line.startswith("f "):
            corners = [(_absolute(corner, seen), corner.partition("/")) for corner in line.split()[1:]]
            out.append("f " + " ".join(f"{new[old]}{slash}{rest}" for old, (_, slash, rest) in corners))
        elif not line.startswith(("l ", "p ")):
            out.append(line)
            if line.startswith("mtllib "):
                _copy_material(file.parent / line.split(maxsplit=1)[1].strip(), folder)
    copy = folder / file.name
    copy.write_text("\n".join([*out, ""]))
    return copy


def _absolute(corner: str, seen: int) -> int:
    """Number of a corner's point, from 1; OBJ counts negative ones back from the ``seen`` points before."""
    number = int(corner.partition("/")[0])
    return number if number > 0 else seen + 1 + number


def _copy_material(library: Path, folder: Path) -> None:
    if library.is_file():
        shutil.copy(library, folder / library.name)
