"""What a conversion kept, changed and lost: one `Entry` each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from hanzo_twin.errors import counted
from hanzo_twin.scene.diagnostics import Diagnosis
from hanzo_twin.scene.model import Scene

_ONLY_TOLD = ("no-collider", "nothing-physical")
_WHOLE = tuple(
    f"{kind}-lost" for kind in ("body", "shape", "joint", "loop", "material", "sensor", "camera", "light", "gravity")
)
"""Codes about things that are not in the target at all; others are about something of a thing."""

Outcome = Literal["kept", "changed", "lost"]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What became of one thing.

    Args:
        outcome: ``kept`` as it was, ``changed`` (approximated, renamed, guessed), or ``lost``.
        code: stable kebab-case name: the kind of thing that was kept, or why it was not.
        path: prim path of the thing (its name in the source where it never had one).
        what: for people; what exactly, with the value.
    """

    outcome: Outcome
    code: str
    path: str
    what: str

    def to_dict(self) -> dict[str, str]:
        return asdict(self)


def changed(code: str, path: str, what: str) -> Entry:
    """An entry about something that the target has in another form."""
    return Entry(outcome="changed", code=code, path=path, what=what)


def lost(code: str, path: str, what: str) -> Entry:
    """An entry about something that the target does not have."""
    return Entry(outcome="lost", code=code, path=path, what=what)


@dataclass(frozen=True, kw_only=True)
class ConversionReport:
    """What `convert` did.

    Args:
        source / target: the files, as they were named.
        files: everything that was written, the target first.
        entries: each once; lost first, then changed, then kept: what is there, also where something of it is not.
    """

    source: str
    target: str
    files: tuple[str, ...]
    entries: tuple[Entry, ...]

    def of(self, outcome: Outcome) -> tuple[Entry, ...]:
        """The entries of one outcome."""
        return tuple(entry for entry in self.entries if entry.outcome == outcome)

    def to_dict(self) -> dict[str, Any]:
        return {
            "source": self.source,
            "target": self.target,
            "files": list(self.files),
            **{outcome: [entry.to_dict() for entry in self.of(outcome)] for outcome in ("kept", "changed", "lost")},
        }


def of_loading(diagnoses: Iterable[Diagnosis]) -> list[Entry]:
    """What reading the source did, in the words of its diagnoses: ``mesh-lost`` is lost, the rest is changed."""
    return [
        Entry(
            outcome="lost" if diagnosis.code.endswith("-lost") else "changed",
            code=diagnosis.code,
            path=diagnosis.path,
            what=diagnosis.message,
        )
        for diagnosis in diagnoses
        if diagnosis.severity != "error" and diagnosis.code not in _ONLY_TOLD
    ]


def kept(scene: Scene, others: Iterable[Entry]) -> list[Entry]:
    """One entry for each thing of ``scene`` that is in the target, as it was or with changes that ``others`` tell."""
    gone = {entry.path for entry in others if entry.code in _WHOLE}
    x, y, z = scene.gravity
    things = [("gravity", scene.gravity_path, f"({x:g}, {y:g}, {z:g}) m/s²")]
    things += [
        ("articulation", each.path, counted(len(each.joints), "joint"))
        for each in scene.articulations.values()
        if each.root_body not in gone
    ]
    for body in scene.bodies.values():
        things.append(("body", body.path, f"{body.mass:.6g} kg"))
        things += [("shape", shape.path, type(shape.geometry).__name__) for shape in body.shapes]
    things += [("shape", shape.path, type(shape.geometry).__name__) for shape in scene.static_shapes.values()]
    things += [("joint", joint.path, joint.kind) for joint in scene.joints.values()]
    things += [("material", material.path, "") for material in scene.materials.values()]
    things += [("sensor", sensor.path, sensor.kind) for sensor in scene.sensors.values()]
    things += [("camera", path, "") for path in scene.cameras]
    things += [("light", light.path, light.kind) for light in scene.lights.values()]
    return [Entry(outcome="kept", code=code, path=path, what=what) for code, path, what in things if path not in gone]
