"""Scenes that come with the package, in USD: ``library:NAME`` wherever a scene or a component is named.

A file of the library is a whole scene when it is opened, with a ground, a light and a camera under ``/surroundings``,
and a part when it is referenced: only its default prim ``/NAME`` comes along. Parts stand on z = 0, X is their front.
"""

from __future__ import annotations

from pathlib import Path

from hanzo_twin.errors import nearest
from hanzo_twin.scene.findings import Refusal

SCHEME = "library:"
FOLDER = Path(__file__).parent


def names() -> tuple[str, ...]:
    """Names of all scenes of the library, sorted."""
    return tuple(sorted(file.stem for file in FOLDER.glob("*.usda")))


def locate(source: str) -> Path:
    """The file that ``source`` names: one of the library for ``library:NAME``, else ``source`` as a path.

    Raises:
        Refusal: the library has no scene of that name.
    """
    if not source.startswith(SCHEME):
        return Path(source)
    name = source.removeprefix(SCHEME)
    if name not in names():
        raise Refusal("file-missing", f"The library has no scene '{name}'.", nearest(name, names()))
    return FOLDER / f"{name}.usda"
