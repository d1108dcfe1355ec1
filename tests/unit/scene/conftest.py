from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hanzo_twin.scene.diagnostics import Diagnosis
from hanzo_twin.scene.load import inspect_scene
from hanzo_twin.scene.model import Scene

Found = dict[str, list[Diagnosis]]
"""Diagnoses by code."""

HEADER = """#usda 1.0
(
    defaultPrim = "World"
    metersPerUnit = 1
    upAxis = "Z"
)
"""


def by_code(diagnoses: tuple[Diagnosis, ...]) -> Found:
    found: Found = {}
    for diagnosis in diagnoses:
        found.setdefault(diagnosis.code, []).append(diagnosis)
    return found


@pytest.fixture
def inspect_usda(tmp_path: Path) -> Callable[[str], tuple[Scene, Found]]:
    """Inspect the prims of a USD text (a header in metres, Z up is added unless there is one)."""

    def inspect(text: str) -> tuple[Scene, Found]:
        file = tmp_path / "scene.usda"
        # USD wants a line end after a property, also before a closing brace.
        file.write_text((text if text.startswith("#usda") else HEADER + text).replace(" }", "\n}"))
        scene, diagnoses = inspect_scene(file)
        assert scene is not None, diagnoses
        return scene, by_code(diagnoses)

    return inspect


@pytest.fixture
def inspect_urdf(tmp_path: Path) -> Callable[..., tuple[Scene | None, Found]]:
    """Inspect the elements of a URDF (wrapped in <robot name="robot"> unless they are)."""

    def inspect(text: str, floating_base: bool | None = None) -> tuple[Scene | None, Found]:
        file = tmp_path / "robot.urdf"
        file.write_text(text if "<robot" in text else f'<robot name="robot">\n{text}\n</robot>')
        scene, diagnoses = inspect_scene(file, floating_base=floating_base)
        return scene, by_code(diagnoses)

    return inspect


@pytest.fixture
def inspect_sdf(tmp_path: Path) -> Callable[..., tuple[Scene | None, Found]]:
    """Inspect the elements of an SDF (wrapped in <sdf version="1.11"><model name="m"> unless they are)."""

    def inspect(text: str, name: str = "file.sdf") -> tuple[Scene | None, Found]:
        file = tmp_path / name
        file.write_text(text if "<sdf" in text else f'<sdf version="1.11"><model name="m">\n{text}\n</model></sdf>')
        scene, diagnoses = inspect_scene(file)
        return scene, by_code(diagnoses)

    return inspect
