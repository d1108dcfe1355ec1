from __future__ import annotations

from pathlib import Path

import pytest

from hanzo_twin import plugins
from hanzo_twin.errors import UnsupportedError
from hanzo_twin.service.engine_verdicts import engine_names, verdicts
from hanzo_twin.service.scene_check import check_scene

SPHERICAL = """<sdf version="1.9"><model name="m">
<link name="a"><inertial><mass>1</mass></inertial></link><link name="b"><inertial><mass>1</mass></inertial></link>
<joint name="j" type="ball"><parent>a</parent><child>b</child></joint></model></sdf>"""


def test_names() -> None:
    assert engine_names("all") == plugins.names("hanzo_twin.engines")
    assert engine_names("mujoco, kinematic,mujoco") == ("mujoco", "kinematic")
    with pytest.raises(UnsupportedError, match="No engine named 'mojuco' is installed"):
        engine_names("kinematic,mojuco")


def test_verdicts_with_reasons(tmp_path: Path) -> None:
    file = tmp_path / "ball.sdf"
    file.write_text(SPHERICAL)
    report = check_scene(file, addresses=True)
    takes, refuses = verdicts(file, report, ("mujoco", "kinematic"))
    assert takes.to_dict() == {"engine": "mujoco", "verdict": "takes", "reasons": [], "warnings": []}
    assert refuses.verdict == "refuses"
    assert "spherical" in refuses.reasons[0]
    assert {"/m/a.mass", "/m/a.xformOp:translate.x"} <= {each.address for each in report.addresses}


def test_what_an_engine_warns_of_is_told() -> None:
    (takes,) = verdicts("library:arm", check_scene("library:arm"), ("mujoco",))
    assert takes.verdict == "takes"
    assert any("does not keep joints to their velocity limits" in warning for warning in takes.warnings)


def test_no_engine_is_asked_about_a_scene_that_cannot_be_loaded(tmp_path: Path) -> None:
    report = check_scene(tmp_path / "missing.usda")
    for verdict in verdicts(tmp_path / "missing.usda", report, ("mujoco", "kinematic")):
        assert (verdict.verdict, verdict.reasons) == ("refuses", ("The scene has errors of its own.",))
