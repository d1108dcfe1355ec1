"""Engines, renderers, tasks, kinds of job, sources and sinks are found by name through entry points.

Nothing imports them. A new one is one module and one line in ``pyproject.toml``::

    [project.entry-points."hanzo_twin.engines"]
    myengine = "my_package.my_engine:MyEngine"
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from functools import cache
from importlib.metadata import EntryPoint, entry_points, requires
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
        UnsupportedError: it is not where its entry point says, or its module is no Python.
        NotInstalledError: the module is there but a package it needs is not.
    """
    point = _installed(group).get(name)
    kind = group.rpartition(".")[2].removesuffix("s")
    if point is None:
        what = f"No {kind} named '{name}' is installed." if name else f"The name of the {kind} is empty."
        raise UnsupportedError(what, hint=nearest(name, names(group)))
    try:
        return point.load()
    except (AttributeError, SyntaxError) as wrong:
        raise UnsupportedError(
            f"The {kind} '{name}' cannot be loaded from '{point.value}': {wrong}.",
            hint="Correct its package, or uninstall it.",
        ) from wrong
    except ModuleNotFoundError as missing:
        raise NotInstalledError(
            f"The {kind} '{name}' needs the package '{missing.name}', which is not installed.",
            hint=install_hint(name, requires("hanzo-twin") or (), sys.version_info[:2])
            if point.value.startswith("hanzo_twin.")
            else f"Install it, or correct the import: '{name}' comes from '{point.value}'.",
        ) from missing


def install_hint(extra: str, requirements: Iterable[str], python: tuple[int, int]) -> str:
    """How to get what ``extra`` needs; where it has no build for this ``python``, that installing it is of no use."""
    bounds = [
        (int(bound[1]), int(bound[2]))
        for text in requirements
        if re.search(rf"extra == ['\"]{re.escape(extra)}['\"]", text)
        and (bound := re.search(r"python_version < ['\"](\d+)\.(\d+)['\"]", text))
    ]
    if any(python >= bound for bound in bounds):
        major, minor = min(bounds)
        return f"There is no build of it for Python {python[0]}.{python[1]}; it needs one before {major}.{minor}."
    return f"Install it with: pip install 'hanzo-twin[{extra}]'"
