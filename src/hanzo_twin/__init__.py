"""Hanzo Twin: digital twins that stay in step with the real thing."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from hanzo_twin.rl.announce import announce

if TYPE_CHECKING:
    from hanzo_twin.client import AsyncClient, Client
    from hanzo_twin.comparison import compare_engines
    from hanzo_twin.definition.yaml_source import load_definition
    from hanzo_twin.engines.port import EngineConfig, JointCommand, load_engine
    from hanzo_twin.engines.state import SimState
    from hanzo_twin.rl.make import make, make_vec
    from hanzo_twin.scene.load import load_scene
    from hanzo_twin.twin.recording import Recording, Track
    from hanzo_twin.twin.state import TwinState
    from hanzo_twin.twin.twin import Twin

__version__ = "0.1.0"

# Importing the package must stay cheap: a public name is imported when it is first used.
_PUBLIC = {
    "AsyncClient": "hanzo_twin.client",
    "Client": "hanzo_twin.client",
    "EngineConfig": "hanzo_twin.engines.port",
    "JointCommand": "hanzo_twin.engines.port",
    "Recording": "hanzo_twin.twin.recording",
    "SimState": "hanzo_twin.engines.state",
    "Track": "hanzo_twin.twin.recording",
    "Twin": "hanzo_twin.twin.twin",
    "TwinState": "hanzo_twin.twin.state",
    "compare_engines": "hanzo_twin.comparison",
    "load_definition": "hanzo_twin.definition.yaml_source",
    "load_engine": "hanzo_twin.engines.port",
    "load_scene": "hanzo_twin.scene.load",
    "make": "hanzo_twin.rl.make",
    "make_vec": "hanzo_twin.rl.make",
}

__all__ = [
    "AsyncClient",
    "Client",
    "EngineConfig",
    "JointCommand",
    "Recording",
    "SimState",
    "Track",
    "Twin",
    "TwinState",
    "__version__",
    "compare_engines",
    "load_definition",
    "load_engine",
    "load_scene",
    "make",
    "make_vec",
]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'hanzo_twin' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *_PUBLIC})


announce()
