"""One scene, one controller, every engine: examples/arm_table, a six-joint arm beside a table with five free boxes."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

from hanzo_twin import plugins
from hanzo_twin.engines.port import Engine, EngineConfig, JointCommand, Simulation, load_engine
from hanzo_twin.errors import NotInstalledError
from hanzo_twin.scene.load import load_scene
from hanzo_twin.scene.model import Scene
from hanzo_twin.spatial import FloatArray

REFERENCE = "mujoco"
CONFIG = EngineConfig(step_hz=500.0)
ARM = "/World/arm"
# Away from the table, so that nothing is touched; a second is enough to arrive.
START = np.array([2.0, 0.3, 0.3, 0.3, 0.3, 0.2])
TARGETS = np.array([1.5, 0.2, -0.6, 0.3, 0.5, -0.4])
BOXES = [f"/World/box_{number}" for number in range(1, 6)]


@cache
def arm_table() -> Scene:
    return load_scene(Path(__file__).parents[2] / "examples" / "arm_table" / "scene.usda")


@cache
def passive(engine: str) -> FloatArray:
    """The arm let go at START: no drives, and no dry friction in the joints, which engines soften differently."""
    simulation = load_engine(engine).load_scene(arm_table(), CONFIG)
    for joint in arm_table().articulations[ARM].joints:
        for name in ("driveStiffness", "driveDamping", "friction"):
            simulation.set_parameter(f"{joint}.{name}", 0.0)
    simulation.set_joint_state(ARM, START, np.zeros(6))
    return moved(simulation, 0.5)


@cache
def driven(engine: str) -> FloatArray:
    simulation = load_engine(engine).load_scene(arm_table(), CONFIG)
    simulation.set_joint_state(ARM, START, np.zeros(6))
    return moved(simulation, 1.0, reach)


def reach(simulation: Simulation) -> None:
    """The controller: targets for the drives, renewed at each step."""
    simulation.set_joint_command(ARM, JointCommand(positions=TARGETS, velocities=np.zeros(6)))


def moved(
    simulation: Simulation, seconds: float, controller: Callable[[Simulation], None] = lambda simulation: None
) -> FloatArray:
    for _ in range(round(seconds * CONFIG.step_hz)):
        controller(simulation)
        simulation.step()
    positions = simulation.get_observation(ARM)["positions"]
    simulation.close()
    return positions


@pytest.fixture
def other(engine: Engine) -> Engine:
    if engine.capabilities().name == REFERENCE:
        pytest.skip("the reference")
    return engine


def test_the_arm_let_go_moves_alike(other: Engine) -> None:
    can = other.capabilities()
    limits = [arm_table().joints[joint].upper for joint in arm_table().articulations[ARM].joints]
    assert (np.abs(passive(REFERENCE)) < limits).all()
    # In double precision the same semi-implicit step, up to rounding; PhysX computes in single precision with a step
    # of its own, a first-order difference: some rad/s² over half a second times a step of 2 ms.
    tolerance = 1e-9 if can.precision == "double" else 2e-2
    assert np.abs(passive(can.name) - passive(REFERENCE)).max() < tolerance
    assert np.abs(passive(REFERENCE) - START).max() > 0.5


def test_the_arm_arrives_at_one_place(other: Engine) -> None:
    can = other.capabilities()
    assert np.abs(driven(can.name) - driven(REFERENCE)).max() < 1e-3
    # It sags under its weight, by torque/stiffness; and has gone most of the way.
    assert np.abs(driven(REFERENCE) - TARGETS).max() < 0.1 * np.abs(TARGETS - START).max()


def test_the_boxes_rest_on_the_table(engine: Engine) -> None:
    simulation = engine.load_scene(arm_table(), CONFIG)
    starts = {path: simulation.get_observation(path)["position"] for path in BOXES}
    simulation.step(500)
    for path, start in starts.items():
        # Soft contacts sink in by a fraction of a millimetre, others keep a margin of up to one.
        assert simulation.get_observation(path)["position"] == pytest.approx(start, abs=1.5e-3)


def dynamic_engines() -> list[str]:
    """Those installed that have dynamics."""
    found = []
    for name in plugins.names(plugins.ENGINES):
        try:
            if load_engine(name).capabilities().dynamics:
                found.append(name)
        except NotInstalledError:
            continue
    return found


@pytest.mark.parametrize(("first", "second"), list(permutations(dynamic_engines(), 2)))
def test_a_running_scene_changes_engines(first: str, second: str) -> None:
    source = load_engine(first).load_scene(arm_table(), CONFIG)
    source.set_joint_state(ARM, START, np.zeros(6))
    source.set_parameter(f"{ARM}/joint_2.damping", 3.0)
    reach(source)
    source.step(50)
    target = load_engine(second).load_scene(arm_table(), CONFIG)
    state = source.get_state()
    target.set_state(state)
    taken = target.get_state()
    exact = 1e-9 if "single" not in {load_engine(name).capabilities().precision for name in (first, second)} else 1e-5
    assert taken.time == pytest.approx(state.time, abs=1e-9)
    for name in ("joint_positions", "joint_velocities", "body_poses", "body_velocities", "command_positions"):
        # Velocities of the boxes that rest are of the size of rounding; those of the arm are a few rad/s.
        assert getattr(taken, name) == pytest.approx(getattr(state, name), abs=10 * exact), name
    assert target.get_parameter(f"{ARM}/joint_2.damping") == 3.0
    assert np.abs(state.joint_velocities).max() > 0.5
    # No command is given anew: it goes on with what was carried over, as the first engine does.
    source.step(50)
    target.step(50)
    # While it moves at some 4 rad/s, drives that engines integrate in other ways are a step of 2 ms apart.
    assert joints(target) == pytest.approx(joints(source), abs=4.0 * CONFIG.step_seconds)
    source.step(450)
    target.step(450)
    assert joints(target) == pytest.approx(joints(source), abs=1e-3)
    for path in BOXES:
        theirs, ours = (one.get_observation(path)["position"] for one in (source, target))
        assert ours == pytest.approx(theirs, abs=1.5e-3)
    source.close()
    target.close()


def joints(simulation: Simulation) -> FloatArray:
    return simulation.get_observation(ARM)["positions"]
