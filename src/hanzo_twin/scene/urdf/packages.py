"""Where ROS packages are, without ROS."""

from __future__ import annotations

import os
from pathlib import Path

from hanzo_twin.scene.findings import Refusal
from hanzo_twin.scene.xml_document import parse


def find_package(name: str, source: Path) -> Path | None:
    """Directory of the package ``name`` as the file ``source`` sees it, None if it is not found.

    Looked for beside and above the file (a directory of that name, or one whose package.xml has that name), then in
    the directories of ROS_PACKAGE_PATH, then below ``share`` in those of AMENT_PREFIX_PATH.
    """
    above = list(source.parents)
    named = [*_paths("ROS_PACKAGE_PATH"), *(path / "share" for path in _paths("AMENT_PREFIX_PATH"))]
    for place in (*above, *named):
        for candidate in (place / name, place):
            if candidate.name == name and candidate.is_dir():
                return candidate
        if place in above and _declared_name(place / "package.xml") == name:
            return place
    return None


def _paths(variable: str) -> list[Path]:
    return [Path(part) for part in os.environ.get(variable, "").split(":") if part]


def _declared_name(manifest: Path) -> str:
    if not manifest.is_file():
        return ""
    try:
        return parse(manifest).value("name")
    except Refusal:
        return ""
