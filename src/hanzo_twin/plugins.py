"""Engines, renderers, tasks, kinds of job, sources and sinks are found by name through entry points.

Nothing imports them. A new one is one module and one line in ``pyproject.toml``::

    [project.entry-points."hanzo_twin.engines"]
    myengine = "my_package.my_engine:MyEngine"
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from hanzo_twin.errors import NotInstalledError, UnsupportedError, nearest

ENGINES = "hanzo_twin.engines"
RENDERERS = "hanzo_twin.renderers"
TASKS = "hanzo_twin.tasks"
LOOKUPS = "hanzo_twin.lookups"
JOBS = "hanzo_twin.jobs"
SOURCES = "hanzo_twin.sources"
SINKS = "hanzo_twin.sinks"


@cache
def _installed(group: str) -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=group)}


def names(group: str) -> tuple[str, ...]:
    """Names that are installed in ``group``, sorted."""
    return tuple(sorted(_installed(group)))


def load(group: str, name: str) -> Any:
    """The object registered as ``name`` in ``group``.

    Raises:
        UnsupportedError: nobody registered that name; the hint lists those who did.
        NotInstalledError: the module is there but a package it needs is not.
    """
    point = _installed(group).get(name)
    kind = group.rpartition(".")[2].removesuffix("s")
    if point is None:
        raise UnsupportedError(f"No {kind} named '{name}' is installed.", hint=nearest(name, names(group)))
    try:
        return point.load()
    except ModuleNotFoundError as missing:
        raise NotInstalledError(
            f"The {kind} '{name}' needs the package '{missing.name}', which is not installed.",
            hint=f"Install it with: pip install 'hanzo-twin[{name}]'",
        ) from missing
