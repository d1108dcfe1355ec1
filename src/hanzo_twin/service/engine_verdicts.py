"""Which engines take a scene, and why others do not."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal

from hanzo_twin import plugins
from hanzo_twin.engines.port import load_engine
from hanzo_twin.errors import NotInstalledError
from hanzo_twin.scene.diagnostics import Diagnosis, sentence
from hanzo_twin.service.scene_check import SceneReport, check_scene

ALL = "all"


@dataclass(frozen=True, kw_only=True)
class EngineVerdict:
    """What one engine says of a scene: the reasons why it does not take it, and what it warns of if it does."""

    engine: str
    verdict: Literal["takes", "refuses", "not installed"]
    reasons: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return {
            "engine": self.engine,
            "verdict": self.verdict,
            "reasons": list(self.reasons),
            "warnings": list(self.warnings),
        }


def engine_names(text: str) -> tuple[str, ...]:
    """Names in ``a,b``, or of all engines there are for ``all``.

    Raises:
        UnsupportedError: there is no such engine.
    """
    if text == ALL:
        return plugins.names(plugins.ENGINES)
    names = tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
    for name in names:
        if name not in plugins.names(plugins.ENGINES):
            load_engine(name)  # raises, naming those that there are
    return names


def verdicts(
    source: str | os.PathLike[str], report: SceneReport, engines: Sequence[str], **loading: Any
) -> Iterator[EngineVerdict]:
    """What each of ``engines`` says about the scene that ``report`` (of no engine) is about, as it is known.

    A scene with errors of its own is refused by all, and none is asked. Each engine is asked in a process of its own,
    as many at one time as there are processors.

    Args:
        loading: as for `check_scene`.
    """
    if not report.ok:
        reasons = ("The scene has errors of its own.",)
        yield from (EngineVerdict(engine=engine, verdict="refuses", reasons=reasons) for engine in engines)
        return
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        yield from threads.map(lambda engine: _verdict(source, report, engine, loading), engines)


def _verdict(
    source: str | os.PathLike[str], report: SceneReport, engine: str, loading: dict[str, Any]
) -> EngineVerdict:
    try:
        found = check_scene(source, engine=engine, **loading)
    except NotInstalledError as missing:
        return EngineVerdict(engine=engine, verdict="not installed", reasons=(missing.hint,))
    own = [diagnosis for diagnosis in found.diagnoses if diagnosis not in report.diagnoses]
    told = {
        severity: tuple(_told(each) for each in own if each.severity == severity) for severity in ("error", "warning")
    }
    return EngineVerdict(
        engine=engine,
        verdict="takes" if found.ok else "refuses",
        reasons=told["error"],
        warnings=told["warning"],
    )


def _told(diagnosis: Diagnosis) -> str:
    """Its message, which names the prim or does not."""
    text = sentence(diagnosis.message)
    return text if f"'{diagnosis.path}'" in text else f"{diagnosis.path}: {text}"
