from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hanzo_twin.scene.diagnostics import Diagnosis
from hanzo_twin.scene.load import inspect_scene
from hanzo_twin.scene.model import Scene

Found = dict[str, list[Diagnosis]]
Inspect = Callable[..., tuple[Scene, Found]]


@pytest.fixture
def inspect_mjcf(tmp_path: Path) -> Inspect:
    """Inspect the elements of an MJCF (wrapped in <mujoco model="robot"> unless they are)."""

    def inspect(text: str) -> tuple[Scene, Found]:
        file = tmp_path / "robot.xml"
        file.write_text(text if "<mujoco" in text else f'<mujoco model="robot">\n{text}\n</mujoco>')
        scene, diagnoses = inspect_scene(file)
        assert scene is not None, diagnoses
        found: Found = {}
        for diagnosis in diagnoses:
            found.setdefault(diagnosis.code, []).append(diagnosis)
        return scene, found

    return inspect
