"""OBJ files that USD does not take as they are, so that the converter is given copies of their faces alone.

Exporters leave points that no face uses, faces of two corners, and normals for some corners only.
"""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

from hanzo_twin.scene.urdf import meshes
from hanzo_twin.scene.xml_document import Element

_COMPLAINT = re.compile(r"Failed to convert mesh.*\.obj\b", re.IGNORECASE)
_OMITTED = ("v ", "vn ", "vt ", "f ", "l ", "p ")


def with_plain_meshes(
    robot: Element, source: Path, known: dict[str, Path], complaints: list[str], folder: Path
) -> Path | None:
    """A copy of ``source`` in ``folder`` whose OBJ files have points and faces only; None where no OBJ file failed.

    Every file that the copy names is named absolutely, so it may lie anywhere.
    """
    if not any(_COMPLAINT.search(complaint) for complaint in complaints):
        return None
    folder.mkdir(parents=True)
    text = source.read_bytes().decode("utf-8", errors="surrogateescape")
    for index, name in enumerate(sorted({element.attributes.get("filename", "") for element in robot.every()})):
        file = meshes.find(name, source, known)
        if file is None:
            continue
        if file.suffix.lower() == ".obj":
            # What is not an OBJ file is left as it is: the converter's complaint about it is the better one.
            with suppress(ValueError, IndexError, OSError):
                file = _plain(file, folder / str(index))
        for quote in "\"'":
            text = text.replace(f"filename={quote}{name}{quote}", f"filename={quote}{file}{quote}")
    copy = folder / source.name
    copy.write_bytes(text.encode("utf-8", errors="surrogateescape"))
    return copy


def _plain(file: Path, folder: Path) -> Path:
    """A copy of an OBJ file (with its material libraries) of its points and its faces of three corners or more.

    Raises:
        ValueError: it has no such faces, or they use points that are not there.
    """
    lines = file.read_text(errors="replace").splitlines()
    points = [line for line in lines if line.startswith("v ")]
    faces = _faces(lines)
    used = sorted({number for face in faces.values() for number in face})
    if not used or not 1 <= used[0] <= used[-1] <= len(points):
        raise ValueError("it has no faces, or a face uses points that are not there")
    new = {old: index for index, old in enumerate(used, start=1)}
    out = [points[number - 1] for number in used]
    folder.mkdir()
    for index, line in enumerate(lines):
        if index in faces:
            out.append("f " + " ".join(str(new[number]) for number in faces[index]))
        elif not line.startswith(_OMITTED):
            out.append(line)
            if line.startswith("mtllib "):
                _copy_material(file.parent / line.split(maxsplit=1)[1].strip(), folder)
    copy = folder / file.name
    copy.write_text("\n".join([*out, ""]))
    return copy


def _faces(lines: list[str]) -> dict[int, list[int]]:
    """Points of each face of three corners or more, from 1, by its line; OBJ counts negative ones back from the last
    point before."""
    found: dict[int, list[int]] = {}
    seen = 0
    for index, line in enumerate(lines):
        seen += line.startswith("v ")
        if line.startswith("f "):
            numbers = [int(corner.partition("/")[0]) for corner in line.split()[1:]]
            if len(numbers) >= 3:
                found[index] = [number if number > 0 else seen + 1 + number for number in numbers]
    return found


def _copy_material(library: Path, folder: Path) -> None:
    """A copy that names its pictures absolutely, as they do not come along."""
    if library.is_file():
        lines = library.read_text(errors="replace").splitlines()
        (folder / library.name).write_text("\n".join([*(_absolute(line, library.parent) for line in lines), ""]))


def _absolute(line: str, place: Path) -> str:
    words = line.split()
    picture = place / words[-1] if words and words[0].lower().startswith("map_") else None
    return " ".join([*words[:-1], str(picture.absolute())]) if picture is not None and picture.is_file() else line
