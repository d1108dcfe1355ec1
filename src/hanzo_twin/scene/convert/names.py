"""Names for formats that have no paths."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from hanzo_twin.scene.convert.report import Entry, changed


def short_names(paths: Iterable[str], taken: Iterable[str] = ()) -> dict[str, str]:
    """The last part of each path, with a number behind those that would be there twice."""
    used, names = set(taken), dict[str, str]()
    for path in paths:
        last = path.rpartition("/")[2] or "unnamed"
        name, count = last, 2
        while name in used:
            name, count = f"{last}_{count}", count + 1
        used.add(name)
        names[path] = name
    return names


def renamed(names: Mapping[str, str]) -> list[Entry]:
    """What becomes of prim paths, told once, and each name that is another; ``names`` has the new one of each path."""
    if not names:
        return []
    path, name = next(iter(names.items()))
    what = f"The format has no prim paths, so addresses change: '{path}' is '{name}' there ({len(names)} in all)."
    others = {path: name for path, name in names.items() if name.rpartition("/")[2] != path.rpartition("/")[2]}
    return [
        changed("paths-changed", "/", what),
        *(changed("renamed", path, f"Its name was taken; it is '{name}' there.") for path, name in others.items()),
    ]
