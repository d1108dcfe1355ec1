"""Engines against each other, from Python."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import hanzo_twin
from hanzo_twin.comparison import Tolerance, compare, compare_engines
from hanzo_twin.comparison.differences import rotation_angles
from hanzo_twin.comparison.narrative import paragraphs
from hanzo_twin.comparison.plot import plot_comparison
from hanzo_twin.engines.port import Engine, EngineCapabilities, EngineConfig, JointCommand, Simulation, load_engine
from hanzo_twin.errors import InvalidInputError, UnsupportedError
from hanzo_twin.scene.model import Scene
from hanzo_twin.spatial import quaternion_from_axis_angle
from hanzo_twin.testing import scenes

TWO = ("mujoco", "gazebo")


def test_it_is_public() -> None:
    assert hanzo_twin.compare_engines is compare_engines


def test_a_passive_pendulum_agrees() -> None:
    stages: dict[str, float] = {}
    found = compare_engines(
        scenes.pendulum(initial_position=1.0), TWO, seconds=1.0, step_hz=1000.0, progress=stages.__setitem__
    )
    assert (found.reference, found.step_s, found.seconds) == ("mujoco", 0.001, 1.0)
    other = found.engines["gazebo"]
    assert other.max_joint_error_rad < 1e-9
    assert other.first_divergence is None
    assert other.run is not None
    assert np.abs(other.run.joint_positions[-1]).max() > 0.5
    assert stages == {"mujoco loads": 0.0, "mujoco runs": 1.0, "gazebo loads": 0.0, "gazebo runs": 1.0}
    assert paragraphs(found) == ["gazebo agrees with mujoco within the tolerance (0.001 rad or m) all the time."]


def test_agreement_that_says_little_is_told() -> None:
    """Nothing falls without dynamics, and what hangs still agrees with everything."""
    found = compare_engines(scenes.pendulum(initial_position=0.0), ("mujoco", "kinematic"), seconds=0.1)
    report = found.engines["kinematic"]
    assert report.first_divergence is None
    assert report.not_compared == (
        "kinematic has no dynamics: what gravity, contacts and inertia do was not compared.",
        "Nothing moved on either by more than the tolerance, so motion was not compared: give a command (--command), "
        "or a scene in which something falls.",
    )
    [told] = paragraphs(found)
    assert told.startswith("kinematic agrees with mujoco within the tolerance (0.001 rad or m) all the time, but that ")
    assert told.endswith(" ".join(report.not_compared))
    assert found.to_dict()["engines"]["kinematic"]["not_compared"] == list(report.not_compared)
    moving = compare_engines(scenes.pendulum(initial_position=1.0), TWO, seconds=0.1)
    assert moving.engines["gazebo"].not_compared == ()


def test_plain_data_has_numbers_for_each_engine() -> None:
    found = compare_engines(scenes.incline(angle=0.4, friction=0.2), (*TWO, "kinematic"), seconds=0.1).to_dict()
    assert list(found) == ["reference", "step_s", "seconds", "engines"]
    assert list(found["engines"]) == ["mujoco", "gazebo", "kinematic"]
    for report in found["engines"].values():
        assert list(report)[:3] == ["max_joint_error_rad", "max_body_error_m", "first_divergence"]
    assert found["engines"]["mujoco"]["max_body_error_m"] == 0.0
    parts = found["engines"]["kinematic"]["first_divergence"]
    assert (parts["path"], parts["kind"], parts["quantity"], parts["unit"]) == ("/World/block", "body", "position", "m")
    assert parts["size"] > parts["tolerance"] == 1e-3
    assert parts["cause"]["kind"] == "no_dynamics"
    json.dumps(found, allow_nan=False)


def test_the_first_divergence_is_the_first_and_a_joint_comes_before_its_links() -> None:
    found = compare_engines(
        scenes.pendulum(initial_position=1.0), ("mujoco", "kinematic"), seconds=1.0, tolerance=Tolerance.of(0.01)
    )
    report = found.engines["kinematic"]
    parts = report.first_divergence
    assert parts is not None
    assert report.differences is not None
    index = round(parts.time_s / found.step_s)
    assert parts.path == "/World/pendulum/hinge"
    assert report.differences.joints[index].max() == parts.size > 0.01
    assert report.differences.joints[:index].max() <= 0.01
    assert report.joints[parts.path].largest == report.max_joint_error_rad > parts.size


def test_a_far_larger_difference_later_is_told_with_the_tolerance_that_explains_it() -> None:
    scene = scenes.incline(angle=0.4, friction=0.2)
    found = compare_engines(scene, TWO, seconds=0.3, tolerance=Tolerance.of(1e-7))
    told = re.search(
        r"From ([\d.]+) s on they differ far more.*: a tolerance of (\S+) tells why\.", paragraphs(found)[0]
    )
    assert told is not None
    later = compare_engines(scene, TWO, seconds=0.3, tolerance=Tolerance.of(float(told[2]))).engines["gazebo"]
    assert later.first_divergence is not None
    assert later.first_divergence.time_s == pytest.approx(float(told[1]), rel=1e-3)
    still = compare_engines(scene, ("mujoco", "kinematic"), seconds=0.3, tolerance=Tolerance.of(1e-7))
    assert "far more" not in paragraphs(still)[0]


def test_an_observation_tells_its_fields() -> None:
    simulation = load_engine("mujoco").load_scene(scenes.pendulum(), EngineConfig())
    seen = simulation.get_observation("/World/pendulum")
    assert ("efforts" in seen, "position" in seen) == (True, False)
    assert set(seen) >= {"positions", "velocities", "efforts"}
    simulation.close()


class Fussy:
    """An engine that takes nothing."""

    def capabilities(self) -> EngineCapabilities:
        return replace(load_engine("kinematic").capabilities(), name="fussy")

    def load_scene(self, scene: Scene, config: EngineConfig) -> Simulation:
        raise UnsupportedError("The engine 'fussy' has no bodies.", hint="Others have.")


def test_an_engine_that_refuses_is_reported_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(name: str) -> Engine:
        return Fussy() if name == "fussy" else load_engine(name)

    monkeypatch.setattr(compare, "load_engine", load)
    found = compare_engines(scenes.pendulum(), ("fussy", *TWO), seconds=0.1)
    assert found.reference == "mujoco"
    assert found.engines["fussy"].to_dict() == {
        "max_joint_error_rad": None, "max_body_error_m": None, "first_divergence": None, "max_slide_error_m": None,
        "max_body_rotation_rad": None, "version": Fussy().capabilities().version,
        "refused": "The engine 'fussy' has no bodies. Others have.", "failure": None, "joints": {}, "bodies": {},
        "not_compared": [],
    }  # fmt: skip
    assert "fussy refuses the scene: The engine 'fussy' has no bodies. Others have." in paragraphs(found)
    with pytest.raises(UnsupportedError, match="Fewer than two of the engines take the scene: fussy: The engine"):
        compare_engines(scenes.pendulum(), ("fussy", "mujoco"), seconds=0.1)


def test_a_run_that_ends_early_is_compared_as_far_as_it_goes(tmp_path: Path) -> None:
    def burst(simulation: Simulation) -> None:
        if simulation.engine == "gazebo" and simulation.time > 0.1:
            simulation.set_joint_command("/World/cart", JointCommand(efforts=np.array([1e300])))

    found = compare_engines(scenes.cart(), TWO, seconds=0.5, controller=burst)
    report = found.engines["gazebo"]
    assert report.differences is not None
    assert 0.09 < report.differences.times[-1] < 0.2
    assert "gazebo stopped early: The numbers of joint '/World/cart/slide' diverged" in paragraphs(found)[0]
    plot_comparison(tmp_path / "plot.svg", found)


@pytest.mark.parametrize(
    ("engines", "seconds", "step_hz", "told"),
    [
        (("mujoco", "gazbo"), 1.0, None, "Did you mean 'gazebo'?"),
        (("mujoco",), 1.0, None, "needs at least two engines, got 1"),
        (("mujoco", "mujoco"), 1.0, None, "'mujoco' is named twice"),
        (TWO, 0.0, None, "at least one step of 0.002 s"),
        (TWO, float("nan"), None, "at least one step"),
        (TWO, 1.0, 0.0, "step rate must be between 0"),
        (TWO, 1e9, None, "are too much to keep.\n  Compare at most"),
    ],
)
def test_what_cannot_be_compared(engines: tuple[str, ...], seconds: float, step_hz: float | None, told: str) -> None:
    with pytest.raises((InvalidInputError, UnsupportedError)) as caught:
        compare_engines(scenes.pendulum(), engines, seconds=seconds, step_hz=step_hz)
    assert told in str(caught.value)


def test_the_tolerance_must_be_positive() -> None:
    with pytest.raises(InvalidInputError, match="must be positive, got 0"):
        Tolerance.of(0.0)


def test_the_scene_says_how_long_a_step_is() -> None:
    scene = replace(scenes.pendulum(), step_hint=0.004)
    assert compare_engines(scene, TWO, seconds=0.1).step_s == 0.004


def test_rotation_angles() -> None:
    angles = np.array([0.0, 1e-9, 1e-3, 1.0, 3.0])
    turned = np.array([quaternion_from_axis_angle((1.0, 2.0, 3.0), angle) for angle in angles])
    start = np.tile([1.0, 0.0, 0.0, 0.0], (5, 1))
    assert rotation_angles(start, turned) == pytest.approx(angles, rel=1e-7)
    assert rotation_angles(start, -turned) == pytest.approx(angles, rel=1e-7)


def test_what_is_no_scene_and_no_list() -> None:
    with pytest.raises(InvalidInputError, match="A Scene is needed, got a PosixPath") as caught:
        compare_engines(Path("cell.usda"), TWO, seconds=1.0)  # type: ignore[arg-type]
    assert caught.value.hint == "Load it first: load_scene('cell.usda')."
    with pytest.raises(InvalidInputError, match="'mujoco' is not a list of engines"):
        compare_engines(scenes.pendulum(), "mujoco", seconds=1.0)
