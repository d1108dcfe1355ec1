"""Each engine's own loop, as one writes it without this project: what the contract is measured against.

A module is named after its engine and has ``step_loop``: a context that gives a function which makes so many steps of
a simulation's world by the engine's own calls. The world is a fork that nothing else uses, so it is equal to the one
that the contract steps. Where the engine has batches, ``batch_loop`` is the same for many worlds.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Protocol

from hanzo_twin.engines.port import Simulation
from hanzo_twin.spatial import FloatArray

Loop = Callable[[int], None]


class Bare(Protocol):
    """A module of this package."""

    def step_loop(self, simulation: Simulation, articulation: str, targets: FloatArray) -> AbstractContextManager[Loop]:
        """Drives ``articulation`` to ``targets`` [n]."""
        ...


def bare(engine: str) -> Any:
    """The module of ``engine``, a `Bare`; None where there is none."""
    name = f"{__name__}.{engine}"
    return import_module(name) if find_spec(name) else None
