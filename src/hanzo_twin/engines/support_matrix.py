"""The page docs/support_matrix.md, made from what the installed engines say of themselves.

python -m hanzo_twin.engines.support_matrix docs/support_matrix.md
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from hanzo_twin import plugins
from hanzo_twin.engines.features import FEATURES, Feature
from hanzo_twin.engines.port import BatchEngine, Engine, EngineCapabilities, KnowsGaps, load_engine
from hanzo_twin.engines.usd_attributes import ATTRIBUTES, Attribute

_HEAD = """# Support matrix

Made by `make docs` from what the engines say of themselves; a test keeps it current. The same suite of behaviours runs
over every engine (`hanzo_twin.testing`): what is marked here is tested there.

✓ it has it · – it refuses a scene that asks for it, and names the engines that have it · ○ it takes the scene, and
`hanzo-twin scene check --engine` says that it ignores it · (blank) it has no use for it
"""
_ABOUT_ATTRIBUTES = """What becomes of each attribute of UsdPhysics, and of those of other schemas that scenes are read
from. *partly*: an engine has some of what the attribute may ask for; the rows above say which, and it refuses the rest.
In `code`: what loading tells. Other attributes (`physx…:`, `newton:`, `mjc:`) reach engines as they are; `hanzo-twin
scene check --engine` says which of them it does not follow.
"""
_KINDS = ("fixed", "revolute", "prismatic", "spherical", "d6")
_GEOMETRIES = ("Box", "Sphere", "Capsule", "Cylinder", "Cone", "Plane", "Mesh")
_RESTORE = {"bit_exact": "to the bit", "replay_exact": "by replay", "none": "no"}


def page() -> str:
    """The text of the page. All engines must be installed."""
    engines = {name: load_engine(name) for name in plugins.names(plugins.ENGINES)}
    can = {name: engine.capabilities() for name, engine in engines.items()}
    rows: list[tuple[str, Mapping[str, str]]] = [
        ("what is simulated", {name: _powers(one) for name, one in can.items()}),
        ("a restored state continues", {name: _RESTORE[one.exact_restore] for name, one in can.items()}),
        ("same commands, same bytes", {name: _mark(one.deterministic) for name, one in can.items()}),
        ("worlds in one native batch", {name: _batch(engines[name], one) for name, one in can.items()}),
        ("greatest step rate, Hz", {name: f"{one.max_step_hz:,}" for name, one in can.items()}),
        *((f"{kind} joints", {n: _mark(kind in one.joint_kinds) for n, one in can.items()}) for kind in _KINDS[:3]),
        *((f"{kind} colliders", {n: _geometry(one, kind) for n, one in can.items()}) for kind in _GEOMETRIES),
        *(
            (feature.title, {n: _has(one, name, feature) for n, one in can.items()})
            for name, feature in FEATURES.items()
        ),
        ("licence", {name: one.licence for name, one in can.items()}),
    ]
    return "\n".join(
        [
            _HEAD,
            *_table(list(engines), rows),
            "",
            *_remedies(),
            "",
            *_parameters(can),
            "",
            *_usd_attributes(can),
            *_gaps(engines),
            "",
        ]
    )


def _table(names: list[str], rows: list[tuple[str, Mapping[str, str]]]) -> Iterator[str]:
    yield f"| | {' | '.join(names)} |"
    yield "|---|" + "---|" * len(names)
    for title, cells in rows:
        yield f"| {title} | {' | '.join(cells[name] for name in names)} |"


def _mark(has: bool) -> str:
    return "✓" if has else "–"


def _powers(can: EngineCapabilities) -> str:
    return "joints" if not can.dynamics else "dynamics, contacts" if can.contacts else "dynamics"


def _batch(engine: Engine, can: EngineCapabilities) -> str:
    return f"{can.parallel_envs:,}" if isinstance(engine, BatchEngine) else "–"


def _geometry(can: EngineCapabilities, kind: str) -> str:
    return _mark(kind in can.geometries) if can.contacts else ""


def _has(can: EngineCapabilities, name: str, feature: Feature) -> str:
    if name in can.features:
        return "✓"
    if feature.needs and not getattr(can, feature.needs):
        return ""
    return "○" if feature.optional else "–"


def _remedies() -> Iterator[str]:
    yield "## What to do without"
    yield ""
    for feature in FEATURES.values():
        yield f"- {feature.title}: {feature.remedy}"


def _parameters(can: Mapping[str, EngineCapabilities]) -> Iterator[str]:
    yield "## Parameters that can be changed while it runs"
    yield ""
    names = sorted({name for one in can.values() for name in one.parameters})
    yield from _table(list(can), [(f"`{p}`", {n: _mark(p in one.parameters) for n, one in can.items()}) for p in names])


def _usd_attributes(can: Mapping[str, EngineCapabilities]) -> Iterator[str]:
    yield "## Attributes of USD"
    yield ""
    yield _ABOUT_ATTRIBUTES
    for schema, attributes in ATTRIBUTES:
        yield f"### {schema}"
        yield ""
        yield f"| | becomes | {' | '.join(can)} |"
        yield "|---|---|" + "---|" * len(can)
        for one in attributes:
            cells = " | ".join(_follows(engine, one) for engine in can.values())
            yield f"| `{one.name}` | {one.becomes} | {cells} |"
        yield ""


def _follows(can: EngineCapabilities, attribute: Attribute) -> str:
    if not attribute.read:
        return "–" if "error" in attribute.becomes else "○"
    if attribute.needs and not getattr(can, attribute.needs):
        return ""
    marks = {_has(can, name, FEATURES[name]) for name in attribute.features} or {"✓"}
    return marks.pop() if len(marks) == 1 else "partly"


def _gaps(engines: Mapping[str, Engine]) -> Iterator[str]:
    yield "## Known gaps"
    yield ""
    yield "Tests of the suite that an engine is known to fail, and why. One that passes fails the build."
    yield ""
    found = False
    for name, engine in engines.items():
        for test, reason in engine.known_gaps().items() if isinstance(engine, KnowsGaps) else ():
            found = True
            yield f"- **{name}**, `{test}`: {reason}"
    if not found:
        yield "None."


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
