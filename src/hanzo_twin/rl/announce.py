"""Makes ``gymnasium.make("hanzo_twin/…")`` work once `hanzo_twin` is imported, whichever of the two is imported first.

Gymnasium has no entry points for plugins: an environment is known when the package that registers it was imported.
Importing Gymnasium here would make every ``import hanzo_twin`` pay for it, and registering only where it is loaded
already would make the order of two imports matter. So where it is not loaded yet, a finder on `sys.meta_path` waits for
it, registers once it has run, and goes.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
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
    """Leaves the finding to the others, and stays until Gymnasium has run: to be looked for is not to be imported."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != _PACKAGE:
            return None
        others = (finder for finder in sys.meta_path if finder is not self)
        spec = next((found for finder in others if (found := finder.find_spec(fullname, path, target))), None)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader, self)
        return spec


class _Loader(Loader):
    """Loads Gymnasium as ``inner`` does and then registers; the module knows ``inner`` only."""

    def __init__(self, inner: Loader, finder: _Finder) -> None:
        self._inner, self._finder = inner, finder

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._inner.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = self._inner
        if module.__spec__ is not None:
            module.__spec__.loader = self._inner
        self._inner.exec_module(module)
        if self._finder in sys.meta_path:
            sys.meta_path.remove(self._finder)
            _register()
