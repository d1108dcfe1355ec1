"""Robots that others wrote: each file ends in a scene that engines run, or in named diagnoses.

The cases and the measurement are in `hanzo_twin.testing.robots`; docs/robots.md is made from the same.
"""

from __future__ import annotations

from functools import cache

import pytest

from hanzo_twin import plugins
from hanzo_twin.engines.port import Engine
from hanzo_twin.errors import SceneError
from hanzo_twin.scene.load import inspect_scene
from hanzo_twin.scene.model import Scene
from hanzo_twin.testing.robots import ROBOTS, RobotFile, load_robot, try_robot
from hanzo_twin.testing.stillness import stillness
from hanzo_twin.testing.suite import installed_with_dynamics

BROKEN = {
    "TIAGo": "bad-inertia",
    "Husky": "bad-number",
    "humanoid": "xml-broken",
}
"""Files that cannot be loaded, and the diagnosis that says why."""

TOO_WEAK = frozenset({"Baxter", "PR2"})
"""Their arms are balanced by springs that a URDF cannot say; the effort limits of their joints do not hold them."""

LATE = frozenset({("Humanoid", "omniverse")})
"""It lands on an arm, whose drive is at its limit and lets it down slowly: it lies still after four seconds."""


def named(robot: RobotFile) -> str:
    return f"{robot.package}-{robot.name}".replace(" ", "_")


@pytest.fixture(params=plugins.names(plugins.ENGINES))
def engine(request: pytest.FixtureRequest) -> Engine:
    return installed_with_dynamics(str(request.param))


@cache
def scene_of(robot: RobotFile) -> Scene:
    path = robot.locate()
    if path is None:
        pytest.skip(f"the package '{robot.package}' is not installed")
    return load_robot(robot, path)


@pytest.mark.slow
@pytest.mark.parametrize("robot", [each for each in ROBOTS if each.name not in BROKEN], ids=named)
def test_robot_of_others_runs(engine: Engine, robot: RobotFile) -> None:
    verdict = try_robot(robot, scene_of(robot), engine)
    if verdict.word == "refused":
        assert any(path in verdict.detail for path in scene_of(robot).prim_paths if path != "/"), verdict.detail
    elif robot.name in TOO_WEAK:
        assert verdict.word == "moves"
    elif (robot.name, engine.capabilities().name) in LATE:
        assert verdict.word == "moves"
        assert stillness(scene_of(robot), engine, settling=4.0).moved < 1e-3
    else:
        assert verdict.word == ("runs" if robot.posture == "runs" else "still"), verdict.detail


@pytest.mark.slow
@pytest.mark.parametrize("robot", [each for each in ROBOTS if each.name in BROKEN], ids=named)
def test_robot_file_that_cannot_be_loaded_says_why(robot: RobotFile) -> None:
    with pytest.raises(SceneError) as caught:
        scene_of(robot)
    errors = {diagnosis.code for diagnosis in caught.value.diagnoses if diagnosis.severity == "error"}
    assert errors == {BROKEN[robot.name]}
    assert caught.value.hint


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "code", "text"),
    [
        ("particles_simple", "feature-lost", "It has particles of PhysX, which are not read"),
        ("surface_deformable_simple", "feature-lost", "It has deformable bodies, which are not read"),
        ("character_controller", "feature-lost", "It has character controllers of PhysX, which are not read"),
        ("vehicle_read_write", "feature-lost", "It has vehicles of PhysX, which are not read"),
        ("ovstage_output_instancer", "feature-lost", "It has copies made by a PointInstancer, which are not read"),
        ("FixedTendonTest", "feature-lost", "It has tendons of PhysX, which are not read"),
    ],
)
def test_what_a_sample_has_beyond_rigid_bodies_is_told(name: str, code: str, text: str) -> None:
    robot = next(each for each in ROBOTS if each.name == name)
    path = robot.locate()
    if path is None:
        pytest.skip(f"the package '{robot.package}' is not installed")
    _, found = inspect_scene(path)
    assert any(each.code == code and each.message.startswith(text) for each in found)


@pytest.mark.slow
def test_meshes_with_loose_points_are_kept() -> None:
    """Bullet's A1 has a hip, and its Panda a link, whose OBJ files have points that no face uses."""
    for name in ("A1", "Panda of Bullet"):
        robot = next(each for each in ROBOTS if each.name == name)
        path = robot.locate()
        if path is None:
            pytest.skip(f"the package '{robot.package}' is not installed")
        _, found = inspect_scene(path)
        assert [each for each in found if each.code == "mesh-lost"] == []
