"""Makes ``gymnasium.make("hanzo_twin/…")`` work once `hanzo_twin` is imported, without importing Gymnasium for it.

Gymnasium has no entry points for plugins since 1.0: an environment is known when the package that registers it was
imported. Where Gymnasium is not loaded yet, a hook waits for it and registers then.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

_PACKAGE = "gymnasium"


def announce() -> None:
    """Register the environments now, or as soon as Gymnasium is imported."""
    if _PACKAGE in sys.modules:
        _register()
    else:
        sys.meta_path.insert(0, _Finder())


def _register() -> None:
    from hanzo_twin.rl.registration import register

    register()


class _Finder(MetaPathFinder):
    """Sees the first import of Gymnasium, and none after it."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != _PACKAGE:
            return None
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)
        return spec


class _Loader(Loader):
    """Loads Gymnasium as ``inner`` does and then registers."""

    def __init__(self, inner: Loader) -> None:
        self._inner = inner

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._inner.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._inner.exec_module(module)
        if module.__spec__ is not None:
            module.__spec__.loader = self._inner
        module.__loader__ = self._inner
        _register()
