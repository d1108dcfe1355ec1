"""What ``scene check`` tells of a scene: what is in it, what loading found, and whether an engine takes it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from hanzo_twin.engines.port import Engine, EngineConfig, load_engine
from hanzo_twin.errors import HanzoTwinError
from hanzo_twin.scene.diagnostics import Diagnosis
from hanzo_twin.scene.load import Reference, inspect_scene
from hanzo_twin.scene.model import Scene
from hanzo_twin.scene.probe import probe


@dataclass(frozen=True, kw_only=True)
class ArticulationSummary:
    """One articulation: its path, the paths of its joints in command order, and whether it is tied to the world."""

    path: str
    joints: tuple[str, ...]
    fixed_base: bool


@dataclass(frozen=True, kw_only=True)
class SceneReport:
    """The answer of `check_scene`.

    Args:
        source: the file.
        engine: the engine that was asked, None for none.
        fingerprint: of the scene, "" where nothing could be read.
        counts: how many of each kind of thing the scene has, by the names of `Scene`'s fields.
        total_mass: of all bodies, kg.
        diagnoses: errors first; those of the engine included.
    """

    source: str
    engine: str | None
    fingerprint: str
    counts: tuple[tuple[str, int], ...]
    total_mass: float
    articulations: tuple[ArticulationSummary, ...]
    diagnoses: tuple[Diagnosis, ...]

    @property
    def ok(self) -> bool:
        """True when nothing stops the scene from being loaded (by the engine, where one was asked)."""
        return not any(diagnosis.severity == "error" for diagnosis in self.diagnoses)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as ``--json`` prints it."""
        return {
            "source": self.source,
            "ok": self.ok,
            "engine": self.engine,
            "fingerprint": self.fingerprint,
            "counts": dict(self.counts),
            "total_mass": self.total_mass,
            "articulations": [
                {"path": item.path, "joints": list(item.joints), "fixed_base": item.fixed_base}
                for item in self.articulations
            ],
            "diagnoses": [diagnosis.to_dict() for diagnosis in self.diagnoses],
        }


def check_scene(
    source: str | os.PathLike[str],
    *,
    engine: str | None = None,
    composition: Sequence[Reference] = (),
    floating_base: bool | None = None,
) -> SceneReport:
    """Inspect ``source`` as `load_scene` would load it; with ``engine``, also build it there once.

    Content of the file, however bad, raises nothing: it is read in another process first, because a damaged binary
    USD file can crash USD.

    Raises:
        UnsupportedError: there is no such engine. NotInstalledError: its extra is missing.
    """
    asked = load_engine(engine) if engine is not None else None
    fatal = probe(source, composition=composition, floating_base=floating_base)
    if fatal is not None:
        scene, diagnoses = None, (fatal,)
    else:
        scene, diagnoses = inspect_scene(source, composition=composition, floating_base=floating_base)
    broken = any(diagnosis.severity == "error" for diagnosis in diagnoses)
    if scene is not None and asked is not None and not broken:
        diagnoses = (*_refusals(scene, asked), *diagnoses)
    return SceneReport(
        source=os.fspath(source),
        engine=engine,
        fingerprint=scene.fingerprint if scene else "",
        counts=_counts(scene) if scene else (),
        total_mass=sum(body.mass for body in scene.bodies.values()) if scene else 0.0,
        articulations=_articulations(scene) if scene else (),
        diagnoses=diagnoses,
    )


def _counts(scene: Scene) -> tuple[tuple[str, int], ...]:
    fields = ("bodies", "joints", "articulations", "static_shapes", "materials", "sensors", "cameras", "lights")
    shapes = sum(len(body.shapes) for body in scene.bodies.values())
    return (*((name, len(getattr(scene, name))) for name in fields), ("shapes", shapes))


def _articulations(scene: Scene) -> tuple[ArticulationSummary, ...]:
    return tuple(
        ArticulationSummary(path=item.path, joints=item.joints, fixed_base=item.fixed_base)
        for item in scene.articulations.values()
    )


def _refusals(scene: Scene, engine: Engine) -> tuple[Diagnosis, ...]:
    """Why ``engine`` does not take ``scene``: all that its capabilities rule out, else what building it says."""
    ruled_out = tuple(_beyond_capabilities(scene, engine))
    if ruled_out:
        return ruled_out
    try:
        engine.load_scene(scene, EngineConfig()).close()
    except HanzoTwinError as refusal:
        name = engine.capabilities().name
        return (
            Diagnosis(
                severity="error",
                code="engine-refuses",
                path=scene.source,
                message=f"The engine '{name}' refuses the scene: {refusal.message}",
                remedy=refusal.hint,
            ),
        )
    return ()


def _beyond_capabilities(scene: Scene, engine: Engine) -> Iterator[Diagnosis]:
    can = engine.capabilities()
    for joint in scene.joints.values():
        if joint.kind not in can.joint_kinds:
            yield _unsupported(can.name, joint.path, f"{joint.kind} joints", can.joint_kinds)
    shapes = [shape for body in scene.bodies.values() for shape in body.shapes] + list(scene.static_shapes.values())
    for shape in shapes:
        kind = type(shape.geometry).__name__
        if shape.collides and kind not in can.geometries:
            yield _unsupported(can.name, shape.path, f"colliders of kind {kind}", can.geometries)


def _unsupported(engine: str, path: str, what: str, known: tuple[str, ...]) -> Diagnosis:
    return Diagnosis(
        severity="error",
        code="engine-unsupported",
        path=path,
        message=f"The engine '{engine}' has no {what}.",
        remedy=f"It has: {', '.join(known) or 'none'}. Choose another engine, or change the prim.",
    )
