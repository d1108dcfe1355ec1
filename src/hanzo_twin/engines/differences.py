"""What an engine takes from a scene but does otherwise, or not at all, told as diagnoses."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from hanzo_twin.engines.features import FEATURES, engines_with, ignored
from hanzo_twin.engines.materials import Mismatch
from hanzo_twin.engines.port import EngineCapabilities
from hanzo_twin.scene.diagnostics import Diagnosis
from hanzo_twin.scene.model import Scene

_LISTED = 5


def differences(
    scene: Scene,
    capabilities: EngineCapabilities,
    *,
    frictions: Sequence[Mismatch] = (),
    restitutions: Sequence[Mismatch] = (),
    honoured: Collection[str] = (),
) -> tuple[Diagnosis, ...]:
    """Diagnoses of what differs.

    Args:
        frictions / restitutions: pairs of materials that do not get what the scene says.
        honoured: addresses of ``scene.engine_attributes`` that the engine follows.
    """
    return (
        *_ignored(scene, capabilities),
        *_mismatches("friction", frictions, capabilities.name),
        *_mismatches("restitution", restitutions, capabilities.name),
        *_attributes(scene, capabilities.name, honoured),
    )


def _ignored(scene: Scene, capabilities: EngineCapabilities) -> Iterator[Diagnosis]:
    by_feature: dict[str, list[str]] = {}
    for requirement in ignored(scene, capabilities):
        by_feature.setdefault(requirement.feature, []).append(requirement.path)
    for name, paths in by_feature.items():
        feature = FEATURES[name]
        listed, more = _listed(paths)
        others = ", ".join(engines_with(name)) or "none"
        yield Diagnosis(
            severity="warning",
            code=f"{name.replace('_', '-')}-ignored",
            path=paths[0],
            message=f"Engine '{capabilities.name}' {feature.lacks.format(path=listed)}{more}.",
            remedy=f"{feature.remedy} Engines that have it: {others}.",
        )


def _mismatches(what: str, found: Sequence[Mismatch], engine: str) -> Iterator[Diagnosis]:
    for one in found:
        yield Diagnosis(
            severity="warning",
            code=f"{what}-differs",
            path=one.first or one.second,
            message=f"Engine '{engine}' has a {what} of {one.got:.4g} between '{one.first or 'the default'}' and "
            f"'{one.second or 'the default'}'; the scene says {one.wanted:.4g}.",
            remedy="It combines materials by a rule of its own; give what touches the same material.",
        )


def _attributes(scene: Scene, engine: str, honoured: Collection[str]) -> Iterator[Diagnosis]:
    by_name: dict[str, list[str]] = {}
    for address in scene.engine_attributes:
        if address not in honoured:
            path, _, name = address.partition(".")
            by_name.setdefault(name, []).append(path)
    for name, paths in sorted(by_name.items()):
        listed, more = _listed(paths)
        yield Diagnosis(
            severity="info",
            code="attribute-ignored",
            path=paths[0],
            message=f"Engine '{engine}' does not use {name} of '{listed}'{more}.",
        )


def _listed(paths: Sequence[str]) -> tuple[str, str]:
    """The first of them, to stand in quotes, and how many there are besides."""
    more = f" and {len(paths) - _LISTED} more" if len(paths) > _LISTED else ""
    return "', '".join(paths[:_LISTED]), more
