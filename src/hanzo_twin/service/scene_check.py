"""What ``scene check`` tells of a scene: what is in it, what loading found, and whether an engine takes it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any

from hanzo_twin.engines.features import missing, refusal
from hanzo_twin.engines.port import Diagnoses, Engine, EngineConfig, load_engine
from hanzo_twin.errors import HanzoTwinError
from hanzo_twin.scene.addresses import quantities
from hanzo_twin.scene.diagnostics import Diagnosis
from hanzo_twin.scene.load import Reference, inspect_scene
from hanzo_twin.scene.model import Camera, Scene, Sensor
from hanzo_twin.scene.sensors import read_settings
from hanzo_twin.service import isolation

CHILD = ("-m", "hanzo_twin.service.scene_check")
"""How the interpreter starts the checking process."""


@dataclass(frozen=True, kw_only=True)
class ArticulationSummary:
    """One articulation: its path, the paths of its joints in command order, and whether it is tied to the world."""

    path: str
    joints: tuple[str, ...]
    fixed_base: bool


@dataclass(frozen=True, kw_only=True)
class SensorSummary:
    """One sensor or camera: its path and kind, the body that carries it ("" for the world), readings per second.

    ``rate_hz`` is None for one that shows the present.
    """

    path: str
    kind: str
    body: str
    rate_hz: float | None


@dataclass(frozen=True, kw_only=True)
class AddressSummary:
    """One address of the scene: parameter, state, input or reading, and its unit."""

    address: str
    kind: str
    unit: str


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
        addresses: all there are, where they were asked for.
        sensors: all sensors and cameras.
    """

    source: str
    engine: str | None
    fingerprint: str
    counts: tuple[tuple[str, int], ...]
    total_mass: float
    articulations: tuple[ArticulationSummary, ...]
    diagnoses: tuple[Diagnosis, ...]
    addresses: tuple[AddressSummary, ...] = ()
    sensors: tuple[SensorSummary, ...] = ()

    @property
    def ok(self) -> bool:
        """True when nothing stops the scene from being loaded (by the engine, where one was asked)."""
        return not any(diagnosis.severity == "error" for diagnosis in self.diagnoses)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> SceneReport:
        """What `to_dict` gave, as a report."""
        return cls(
            source=data["source"],
            engine=data["engine"],
            fingerprint=data["fingerprint"],
            counts=tuple(data["counts"].items()),
            total_mass=data["total_mass"],
            articulations=tuple(
                ArticulationSummary(path=item["path"], joints=tuple(item["joints"]), fixed_base=item["fixed_base"])
                for item in data["articulations"]
            ),
            diagnoses=tuple(Diagnosis(**item) for item in data["diagnoses"]),
            addresses=tuple(AddressSummary(**item) for item in data.get("addresses", ())),
            sensors=tuple(SensorSummary(**item) for item in data["sensors"]),
        )

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
            "sensors": [asdict(item) for item in self.sensors],
            "diagnoses": [diagnosis.to_dict() for diagnosis in self.diagnoses],
            **({"addresses": [asdict(item) for item in self.addresses]} if self.addresses else {}),
        }


def check_scene(
    source: str | os.PathLike[str],
    *,
    engine: str | None = None,
    composition: Sequence[Reference] = (),
    floating_base: bool | None = None,
    default_drives: bool = False,
    xacro_arguments: Mapping[str, str] = MappingProxyType({}),
    addresses: bool = False,
    timeout_s: float = 60.0,
) -> SceneReport:
    """Inspect ``source`` as `load_scene` would load it; with ``engine``, also build it there once.

    ``addresses`` asks for the list of all addresses.

    Content of the file, however bad, raises nothing. All of it happens in another process with limited time and
    memory, because a damaged binary USD file can crash USD, or keep it busy for ever.

    Raises:
        UnsupportedError: there is no such engine. NotInstalledError: its extra is missing.
    """
    if engine is not None:
        load_engine(engine)
    name = os.fspath(source)
    request = {
        "source": name,
        "engine": engine,
        "composition": [asdict(part) for part in composition],
        "floating_base": floating_base,
        "default_drives": default_drives,
        "xacro_arguments": dict(xacro_arguments),
        "addresses": addresses,
    }
    answer = isolation.ask(CHILD, request, source=name, timeout_s=timeout_s)
    return _unread(name, engine, answer) if isinstance(answer, Diagnosis) else SceneReport.from_dict(answer)


def inspect_for_engine(
    source: str,
    engine: str | None,
    composition: Sequence[Reference] = (),
    floating_base: bool | None = None,
    default_drives: bool = False,
    xacro_arguments: Mapping[str, str] = MappingProxyType({}),
    addresses: bool = False,
) -> SceneReport:
    """What `check_scene` reports, found in this process."""
    asked = load_engine(engine) if engine is not None else None
    scene, diagnoses = inspect_scene(
        source,
        composition=composition,
        floating_base=floating_base,
        default_drives=default_drives,
        xacro_arguments=xacro_arguments,
    )
    broken = any(diagnosis.severity == "error" for diagnosis in diagnoses)
    if scene is not None and asked is not None and not broken:
        diagnoses = (*refusals(scene, asked, EngineConfig()), *_differences(scene, asked), *diagnoses)
    return SceneReport(
        source=source,
        engine=engine,
        fingerprint=scene.fingerprint if scene else "",
        counts=_counts(scene) if scene else (),
        total_mass=sum(body.mass for body in scene.bodies.values()) if scene else 0.0,
        articulations=_articulations(scene) if scene else (),
        diagnoses=diagnoses,
        addresses=_addresses(scene) if scene is not None and addresses else (),
        sensors=_sensors(scene) if scene is not None else (),
    )


def _unread(source: str, engine: str | None, fatal: Diagnosis) -> SceneReport:
    return SceneReport(
        source=source, engine=engine, fingerprint="", counts=(), total_mass=0.0, articulations=(), diagnoses=(fatal,)
    )


def _respond(request: dict[str, Any]) -> dict[str, Any]:
    parts = [Reference(**part) for part in request.pop("composition")]
    return inspect_for_engine(**request, composition=parts).to_dict()


def _counts(scene: Scene) -> tuple[tuple[str, int], ...]:
    fields = ("bodies", "joints", "articulations", "static_shapes", "materials", "sensors", "cameras", "lights")
    shapes = sum(len(body.shapes) for body in scene.bodies.values())
    return (*((name, len(getattr(scene, name))) for name in fields), ("shapes", shapes))


def _addresses(scene: Scene) -> tuple[AddressSummary, ...]:
    return tuple(
        AddressSummary(address=str(each.address), kind=each.kind, unit=each.unit) for each in quantities(scene)
    )


def _articulations(scene: Scene) -> tuple[ArticulationSummary, ...]:
    return tuple(
        ArticulationSummary(path=item.path, joints=item.joints, fixed_base=item.fixed_base)
        for item in scene.articulations.values()
    )


def _sensors(scene: Scene) -> tuple[SensorSummary, ...]:
    devices: list[Sensor | Camera] = [*scene.sensors.values(), *scene.cameras.values()]
    return tuple(
        SensorSummary(path=device.path, kind=settings.kind, body=device.body, rate_hz=settings.rate)
        for device in devices
        for settings in [read_settings(scene, device)[0]]
    )


def refusals(scene: Scene, engine: Engine, config: EngineConfig) -> tuple[Diagnosis, ...]:
    """Why ``engine`` does not take ``scene``: all that its capabilities rule out, else what building it says."""
    ruled_out = tuple(_beyond_capabilities(scene, engine))
    if ruled_out:
        return ruled_out
    try:
        engine.load_scene(scene, config).close()
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


def _differences(scene: Scene, engine: Engine) -> tuple[Diagnosis, ...]:
    """What ``engine`` takes and does otherwise."""
    return engine.diagnose(scene, EngineConfig()) if isinstance(engine, Diagnoses) else ()


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
    for requirement in missing(scene, can):
        if requirement.feature in ("spherical_joints", "d6_joints"):
            continue
        error = refusal(requirement, can.name)
        yield Diagnosis(
            severity="error",
            code="engine-unsupported",
            path=requirement.path,
            message=error.message,
            remedy=error.hint,
        )


def _unsupported(engine: str, path: str, what: str, known: tuple[str, ...]) -> Diagnosis:
    return Diagnosis(
        severity="error",
        code="engine-unsupported",
        path=path,
        message=f"The engine '{engine}' has no {what}.",
        remedy=f"It has: {', '.join(known) or 'none'}. Choose another engine, or change the prim.",
    )


if __name__ == "__main__":
    isolation.answer(_respond)
