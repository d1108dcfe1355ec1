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
    """What becomes of prim paths, told once: ``names`` has the new name of each path that changes."""
    if not names:
        return []
    path, name = next(iter(names.items()))
    what = f"The format has no prim paths, so addresses change: '{path}' is '{name}' there ({len(names)} in all)."
    return [changed("paths-changed", "/", what)]
