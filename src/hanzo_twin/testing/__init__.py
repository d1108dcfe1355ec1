"""For people who write an engine, a task or an environment: scenes, the conformance suite, and checkers."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hanzo_twin.testing.vector_env import check_vector_env

__all__ = ["check_vector_env"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module("hanzo_twin.testing.vector_env"), name)
    raise AttributeError(f"module 'hanzo_twin.testing' has no attribute '{name}'")
