"""PhysX's own attributes of bodies (``physxRigidBody:…``), as `Scene.engine_attributes` has them.

Those that are lengths, speeds or masses in the units of the file they came from are not followed: a scene does not say
what these units were.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pxr import Sdf

from hanzo_twin.engines.omniverse.usd_prims import author
from hanzo_twin.scene.model import EngineValue, Scene

_NUMBERS = ("linearDamping", "angularDamping", "maxAngularVelocity")
_FLAGS = ("enableGyroscopicForces", "enableCCD", "enableSpeculativeCCD")
_OWNER = "physxRigidBody:"


def honoured(scene: Scene) -> set[str]:
    """Those addresses of ``scene.engine_attributes`` that reach PhysX."""
    return {f"{path}.{name}" for path in scene.bodies for name, _, _ in _own(scene, path)}


def write_attributes(prim: Any, scene: Scene, body: str) -> None:
    """Give ``prim``, which stands for ``body`` of ``scene``, what its attributes say."""
    for name, kind, value in _own(scene, body):
        author(prim, name, kind, value)


def _own(scene: Scene, body: str) -> Iterator[tuple[str, Any, EngineValue]]:
    for names, kind, of in ((_NUMBERS, Sdf.ValueTypeNames.Float, float), (_FLAGS, Sdf.ValueTypeNames.Bool, bool)):
        for name in names:
            value = scene.engine_attributes.get(f"{body}.{_OWNER}{name}")
            if isinstance(value, (bool, int, float)):
                yield f"{_OWNER}{name}", kind, of(value)
