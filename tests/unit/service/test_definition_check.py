"""A definition beside its scene: what does not fit is told by field."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hanzo_twin.definition.models import TwinDefinition
from hanzo_twin.service.definition_check import scene_troubles

ROOT = Path(__file__).parents[3]
PENDULUM = ROOT / "examples/pendulum/pendulum.usda"
HINGE = "/World/pendulum/hinge"


def told(**fields: Any) -> list[str]:
    given = {"name": "a", "scene": {"uri": str(PENDULUM)}, "engine": {"type": "mujoco"}, **fields}
    return [trouble.describe("f") for trouble in scene_troubles(TwinDefinition.model_validate(given))]


def mapped(**mapping: Any) -> list[str]:
    source = {"type": "file", "path": "/log.csv", "mapping": mapping}
    return told(sync={"sources": [source]})


def test_what_fits_has_no_troubles() -> None:
    assert mapped(q=f"{HINGE}.position", t="/World/pendulum/bob.temperature", all="/World/pendulum/joints") == []


@pytest.mark.parametrize(
    ("target", "text"),
    [
        (f"{HINGE}s.position", "the scene has no prim '/World/pendulum/hinges'. Did you mean '/World/pendulum/hinge'?"),
        (f"{HINGE}.positon", "has no attribute 'positon'. Did you mean 'position'?"),
        ({"to": f"{HINGE}.position", "role": "input"}, "is a state; it follows from the physics"),
        (f"{HINGE}.damping", "is a parameter; it is calibrated or set"),
        ({"to": f"{HINGE}.position", "unit": "mm"}, "is measured in rad, and 'mm' is not a unit of that."),
        ("/World/leg/joints", "names no articulation's joints."),
    ],
)
def test_mappings_are_looked_up(target: Any, text: str) -> None:
    (line,) = mapped(good=f"{HINGE}.velocity", q=target)
    assert line.startswith("f: sync.sources[0].mapping.q: ")
    assert text in line


def test_topics_of_ros_are_mappings_too() -> None:
    source = {"type": "ros2", "topics": {"/joint_states": "/World/arm/joints"}}
    (line,) = told(sync={"sources": [source]})
    assert line.startswith("f: sync.sources[0].topics['/joint_states']: ")


def test_parameters_and_thresholds_are_looked_up() -> None:
    sync = {
        "recalibration": {"parameters": [f"{HINGE}.damping", f"{HINGE}.position"]},
        "drift_detection": {"threshold": {"position_rad": 1.0, f"{HINGE}s.position": 1.0}},
    }
    fitted, limited = told(sync=sync)
    assert fitted.startswith(f"f: sync.recalibration.parameters[1]: '{HINGE}.position' is a state, not a parameter.")
    assert limited.startswith(f"f: sync.drift_detection.threshold['{HINGE}s.position']: ")


def test_an_engine_that_is_not_installed_keeps_nothing_else_from_being_told() -> None:
    sync = {"recalibration": {"parameters": [f"{HINGE}.damping", f"{HINGE}.position"]}}
    (line,) = told(engine={"type": "nowhere"}, sync=sync)
    said = f"'{HINGE}.position' is not a parameter, so it cannot be fitted."
    assert line == f"f: sync.recalibration.parameters[1]: {said}"


def test_an_engine_that_refuses_the_scene(tmp_path: Path) -> None:
    ball = tmp_path / "ball.usda"
    text = PENDULUM.read_text()
    assert "PhysicsRevoluteJoint" in text
    ball.write_text(text.replace("PhysicsRevoluteJoint", "PhysicsSphericalJoint"))
    (line,) = told(scene={"uri": str(ball)}, engine={"type": "kinematic"})
    assert line.startswith("f: engine.type: The engine 'kinematic' has no spherical joints.")


def test_every_error_of_a_scene_is_told(tmp_path: Path) -> None:
    file = tmp_path / "two.urdf"
    link = "<inertial><mass value='-1'/><inertia ixx='1' iyy='1' izz='1' ixy='0' ixz='0' iyz='0'/></inertial>"
    file.write_text(f"<robot name='r'><link name='a'>{link}</link><joint name='j' type='fixed'/></robot>")
    lines = told(scene={"uri": str(file)})
    assert len(lines) > 1
    assert {line.partition(": the scene cannot be loaded: ")[0] for line in lines} == {"f: scene.uri"}
