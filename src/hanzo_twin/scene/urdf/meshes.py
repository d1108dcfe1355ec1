"""Where the meshes of a URDF are, and which of them are lost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hanzo_twin.scene.urdf.packages import find_package
from hanzo_twin.scene.xml_document import Element

FORMATS = (".stl", ".obj", ".dae")


def packages(robot: Element, source: Path) -> dict[str, Path]:
    """Directory of each ROS package that ``robot`` names and that can be found (`find_package`)."""
    found: dict[str, Path] = {}
    for element in robot.every():
        name, _ = _package(element.attributes.get("filename", ""))
        if name and name not in found:
            directory = find_package(name, source)
            if directory is not None:
                found[name] = directory
    return found


@dataclass(frozen=True, kw_only=True)
class LostMesh:
    """A mesh that is not in the converted robot: of which link, of its ``visual`` or ``collision``, why, what to do."""

    link: str
    use: str
    line: int
    reason: str
    remedy: str


def lost(robot: Element, source: Path, known: dict[str, Path], complaints: str) -> Iterator[LostMesh]:
    """The meshes that are lost. ``complaints`` of the converter name the files that it could not read."""
    for link in robot.all("link"):
        for part in link.children:
            geometry = part.first("geometry")
            for mesh in geometry.all("mesh") if geometry is not None else ():
                found = _trouble(mesh.attributes.get("filename", ""), source, known, complaints)
                if found is not None:
                    yield LostMesh(link=link.name, use=part.tag, line=mesh.line, reason=found[0], remedy=found[1])


def _trouble(filename: str, source: Path, known: dict[str, Path], complaints: str) -> tuple[str, str] | None:
    """Why a mesh is lost and what can be done, None for one that is there."""
    if not filename:
        return "no file is named", 'Name it: <mesh filename="…"/>.'
    name, _ = _package(filename)
    file = find(filename, source, known)
    if file is None and name and name not in known:
        return (
            f"'{filename}': the package '{name}' was not found",
            "Name the directory of the package in ROS_PACKAGE_PATH, or put it beside or above the file.",
        )
    if file is None:
        return f"'{filename}': there is no such file", "Put the file there, or correct its name."
    if file.suffix.lower() not in FORMATS:
        return (
            f"'{filename}': the format '{file.suffix}' is unknown (known: {', '.join(FORMATS)})",
            "Export the mesh in one of these formats.",
        )
    if any(file.name in complaint for complaint in complaints.splitlines() if not is_partial(complaint)):
        return (
            f"'{filename}': the file cannot be read as a mesh",
            "Check that a mesh viewer opens it, and export it again.",
        )
    return None


def find(filename: str, source: Path, known: dict[str, Path]) -> Path | None:
    """The file that a URDF at ``source`` names, None if there is none."""
    if not filename:
        return None
    name, rest = _package(filename)
    candidates = [known[name] / rest] if name in known else [place / rest for place in source.parents]
    if not name:
        candidates = [source.parent / filename.removeprefix("file://")]
    return next((path for path in candidates if path.is_file()), None)


def is_partial(complaint: str) -> bool:
    """True for a complaint of the converter about a part of a mesh (lines, a texture) whose faces are there."""
    return complaint.startswith(("Unsupported primitive type", "Texture file not found"))


def _package(filename: str) -> tuple[str, str]:
    """Package name and path within it of a ``package://`` name; empty for any other."""
    if not filename.startswith("package://"):
        return "", ""
    name, _, rest = filename.removeprefix("package://").partition("/")
    return name, rest
