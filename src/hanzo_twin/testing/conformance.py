"""What every engine must do: a suite for people who write one. Batches, joints, contacts and sensors have their own.

Subclass it in a test module and name the engine; what an engine cannot do, by its own capabilities, is skipped::

    class TestMyEngine(EngineConformance):
        @pytest.fixture
        def engine_name(self) -> str:
            return "myengine"
"""

from __future__ import annotations

import copy
import gc
import pickle
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from weakref import ref

import numpy as np
import psutil
import pytest

from hanzo_twin.engines.port import (
    Engine,
    EngineCapabilities,
    EngineConfig,
    JointCommand,
    Simulation,
)
from hanzo_twin.engines.state import SimState
from hanzo_twin.errors import (
    AddressError,
    CommandError,
    InvalidInputError,
    NotFoundError,
    ParameterError,
    SimulationError,
    StateError,
    UnsupportedError,
)
from hanzo_twin.scene.addresses import JOINT_PARAMETERS
from hanzo_twin.testing import scenes
from hanzo_twin.testing.suite import EngineSuite, without_garbage_collection

CONFIG = EngineConfig(step_hz=500.0)
SCENE = scenes.arm6_with_boxes()
ARM = scenes.ARM
BOX = "/World/box_0"
JOINTS = len(SCENE.articulations[ARM].joints)
DAMPING = f"{ARM}/joint_3.damping"
TARGETS = np.array([0.4, -0.3, 0.8, 0.2, -0.5, 0.1])
# A value other than the scene's, for each parameter.
VALUES = {
    "mass": 2.5,
    "inertiaScale": 3.0,
    "centerOfMass": 0.02,
    "damping": 7.0,
    "friction": 4.0,
    "armature": 0.4,
    "driveStiffness": 333.0,
    "driveDamping": 21.0,
    "maxEffort": 3.0,
    "dynamicFriction": 0.05,
    "gravity": -1.5,
}
_CONTINUE = """
import sys
from pathlib import Path
from hanzo_twin.engines.port import load_engine
from hanzo_twin.engines.state import SimState
from hanzo_twin.testing import conformance
simulation = load_engine(sys.argv[1]).load_scene(conformance.SCENE, conformance.CONFIG)
simulation.set_state(SimState.from_bytes(Path(sys.argv[2]).read_bytes()))
simulation.step(1000)
Path(sys.argv[3]).write_bytes(simulation.get_state().to_bytes())
"""


def busy(simulation: Simulation) -> Simulation:
    """Give ``simulation`` something of everything: commands, efforts, a sliding box, contacts, a parameter."""
    simulation.set_joint_command(ARM, JointCommand(positions=TARGETS, efforts=np.full(JOINTS, 0.5)))
    box = simulation.get_observation(BOX)
    push = np.array([0.6, 0.2, 0.0])
    simulation.set_body_state(BOX, box["position"], box["orientation"], push, np.array([0.0, 0.0, 2.0]))
    simulation.set_parameter(DAMPING, 3.0)
    simulation.step(40)
    return simulation


def _one_address_each() -> dict[str, str]:
    """An address in SCENE for each name of a parameter."""
    joint = f"{ARM}/joint_2"
    addresses = {name: f"{joint}.{name}" for name in JOINT_PARAMETERS}
    addresses["mass"] = f"{scenes.PAYLOAD}.mass"
    addresses["centerOfMass"] = f"{scenes.PAYLOAD}.centerOfMass.x"
    addresses["inertiaScale"] = f"{ARM}/link_3.inertiaScale"
    addresses["dynamicFriction"] = f"{scenes.MATERIAL}.dynamicFriction"
    addresses["gravity"] = f"{SCENE.gravity_path}.gravity.z"
    return addresses


class EngineConformance(EngineSuite):
    """The behaviour of `Engine` and `Simulation`."""

    @pytest.fixture
    def simulation(self, engine: Engine) -> Iterator[Simulation]:
        simulation = engine.load_scene(SCENE, CONFIG)
        yield simulation
        simulation.close()

    # --- loading and time

    def test_it_says_what_it_is(self, engine_name: str, capabilities: EngineCapabilities) -> None:
        assert capabilities.name == engine_name
        assert capabilities.version
        assert capabilities.licence
        assert capabilities.max_step_hz > 0
        assert {"fixed", "revolute", "prismatic"} <= set(capabilities.joint_kinds)

    def test_it_starts_where_the_scene_says(self, simulation: Simulation) -> None:
        joints = [SCENE.joints[path] for path in SCENE.articulations[ARM].joints]
        seen = simulation.get_observation(ARM)
        assert seen["positions"].tolist() == [joint.initial_position for joint in joints]
        assert not seen["velocities"].any()
        assert simulation.get_observation(BOX)["position"].tolist() == [0.8, -0.3, 0.45]
        assert simulation.scene is SCENE
        assert simulation.config == CONFIG

    def test_time_advances_by_whole_steps(self, engine: Engine, simulation: Simulation) -> None:
        assert simulation.time == 0.0
        simulation.step()
        assert simulation.time == pytest.approx(0.002, abs=1e-12)
        simulation.step(9)
        assert simulation.time == pytest.approx(0.02, abs=1e-12)
        fine = engine.load_scene(SCENE, replace(CONFIG, substeps=4))
        fine.step(10)
        assert fine.time == pytest.approx(0.02, abs=1e-12)
        fine.close()

    def test_many_steps_at_once_are_many_steps(self, engine: Engine, simulation: Simulation) -> None:
        other = engine.load_scene(SCENE, CONFIG)
        busy(simulation).step(50)
        busy(other)
        for _ in range(50):
            other.step()
        assert other.get_state() == simulation.get_state()
        other.close()

    def test_same_commands_give_the_same_bytes(
        self, engine: Engine, simulation: Simulation, capabilities: EngineCapabilities
    ) -> None:
        if not capabilities.deterministic:
            pytest.skip("the engine is not deterministic")
        other = engine.load_scene(SCENE, CONFIG)
        busy(simulation).step(200)
        busy(other).step(200)
        assert simulation.get_state().to_bytes() == other.get_state().to_bytes()
        other.close()

    # --- commands and observations

    def test_a_command_holds_until_replaced(self, simulation: Simulation) -> None:
        simulation.set_joint_command(ARM, JointCommand(positions=TARGETS))
        simulation.step(1500)
        positions = simulation.get_observation(ARM)["positions"]
        assert np.abs(positions - TARGETS).max() < 0.1
        simulation.set_joint_command(ARM, JointCommand(efforts=np.zeros(JOINTS)))
        simulation.step(100)
        assert np.abs(simulation.get_observation(ARM)["positions"] - TARGETS).max() < 0.1
        assert simulation.get_state().command_positions.tolist() == TARGETS.tolist()

    def test_targets_at_the_start_are_those_of_the_drives(self, simulation: Simulation) -> None:
        drives = [SCENE.joints[path].drive for path in SCENE.articulations[ARM].joints]
        assert simulation.get_state().command_positions.tolist() == [d.target_position if d else 0.0 for d in drives]

    def test_efforts_push_the_way_they_point(self, engine: Engine) -> None:
        simulation = engine.load_scene(scenes.cart(), CONFIG)
        simulation.set_joint_command("/World/cart", JointCommand(efforts=np.array([3.0])))
        simulation.step(10)
        seen = simulation.get_observation("/World/cart")
        assert seen["positions"][0] > 0
        assert seen["efforts"].tolist() == [3.0]
        simulation.close()

    def test_drives_stay_within_their_limit_and_efforts_add(self, engine: Engine) -> None:
        simulation = engine.load_scene(scenes.cart(stiffness=1000.0, max_effort=2.0), CONFIG)
        command = JointCommand(positions=np.array([1.0]), efforts=np.array([5.0]))
        simulation.set_joint_command("/World/cart", command)
        assert simulation.get_observation("/World/cart")["efforts"].tolist() == [7.0]
        simulation.close()

    def test_observations_are_copies_that_cannot_be_written(self, simulation: Simulation) -> None:
        for path, shapes in (
            (ARM, {"positions": (JOINTS,), "velocities": (JOINTS,), "efforts": (JOINTS,)}),
            (BOX, {"position": (3,), "orientation": (4,), "linear_velocity": (3,), "angular_velocity": (3,)}),
        ):
            seen = simulation.get_observation(path)
            assert {name: values.shape for name, values in seen.data.items()} == shapes
            before = {name: values.copy() for name, values in seen.data.items()}
            with pytest.raises(ValueError, match="read-only"):
                next(iter(seen.data.values()))[0] = 1.0
            busy(simulation)
            assert all(np.array_equal(seen[name], values) for name, values in before.items())
            assert seen.path == path

    def test_looking_changes_nothing(self, engine: Engine, simulation: Simulation) -> None:
        watched = busy(engine.load_scene(SCENE, CONFIG))
        busy(simulation)
        for _ in range(50):
            simulation.step()
            watched.step()
            watched.get_observation(BOX)
            watched.get_observation(ARM)
            watched.get_state()
            watched.get_parameter(DAMPING)
        assert watched.get_state() == simulation.get_state()
        watched.close()

    def test_an_articulation_at_a_body_shows_both(self, engine: Engine) -> None:
        """Its root may be authored on its base; neither then hides the other."""
        base = SCENE.articulations[ARM].root_body
        here = replace(SCENE.articulations[ARM], path=base)
        simulation = engine.load_scene(replace(SCENE, articulations={base: here}), CONFIG)
        seen = simulation.get_observation(base)
        assert set(seen.data) == {
            *("positions", "velocities", "efforts"),
            *("position", "orientation", "linear_velocity", "angular_velocity"),
        }
        assert len(seen["positions"]) == len(seen["efforts"]) == JOINTS
        np.testing.assert_allclose(seen["position"], SCENE.bodies[base].pose_world_body.position, atol=1e-6)
        simulation.close()

    def test_what_is_no_scene_is_told(self, engine: Engine) -> None:
        with pytest.raises(InvalidInputError, match=r"A Scene is needed, got a str\.(.|\n)*load_scene\('a\.usda'\)"):
            engine.load_scene("a.usda", CONFIG)  # type: ignore[arg-type]

    def test_commands_are_copied(self, simulation: Simulation) -> None:
        mine = TARGETS.copy()
        simulation.set_joint_command(ARM, JointCommand(positions=mine))
        mine[:] = 99.0
        assert simulation.get_state().command_positions.tolist() == TARGETS.tolist()

    def test_joint_states_are_overwritten(self, simulation: Simulation) -> None:
        busy(simulation)
        simulation.set_joint_state(ARM, TARGETS, -TARGETS)
        seen = simulation.get_observation(ARM)
        assert seen["positions"].tolist() == TARGETS.tolist()
        assert seen["velocities"].tolist() == (-TARGETS).tolist()

    def test_body_states_are_overwritten(self, simulation: Simulation) -> None:
        half_turn = np.array([0.0, 0.0, 0.0, 2.0])
        linear, angular = np.array([0.1, 0.2, 0.3]), np.array([1.0, 2.0, 3.0])
        simulation.set_body_state(BOX, np.array([3.0, 2.0, 1.0]), half_turn, linear, angular)
        seen = simulation.get_observation(BOX)
        assert seen["position"].tolist() == [3.0, 2.0, 1.0]
        assert seen["orientation"].tolist() == [0.0, 0.0, 0.0, 1.0]
        assert seen["linear_velocity"] == pytest.approx(linear, abs=1e-12)
        assert seen["angular_velocity"] == pytest.approx(angular, abs=1e-12)
        with pytest.raises(CommandError, match="held by a joint"):
            simulation.set_body_state(f"{ARM}/link_2", np.zeros(3), half_turn, linear, angular)

    # --- state

    def test_a_state_continues_to_the_bit(self, exact: None, engine: Engine, simulation: Simulation) -> None:
        state = busy(simulation).get_state()
        assert state.parameters == ((DAMPING, 3.0),)
        simulation.step(300)
        expected = simulation.get_state()
        simulation.set_state(state)
        assert simulation.get_state() == state
        simulation.step(300)
        assert simulation.get_state() == expected
        fresh = engine.load_scene(SCENE, CONFIG)
        fresh.set_state(SimState.from_bytes(state.to_bytes()))
        fresh.step(300)
        assert fresh.get_state().to_bytes() == expected.to_bytes()
        fresh.close()

    def test_another_process_continues_to_the_bit(
        self, exact: None, simulation: Simulation, engine_name: str, tmp_path: Path
    ) -> None:
        given, got = tmp_path / "given", tmp_path / "got"
        given.write_bytes(busy(simulation).get_state().to_bytes())
        simulation.step(1000)
        subprocess.run([sys.executable, "-c", _CONTINUE, engine_name, str(given), str(got)], check=True, timeout=60)
        assert got.read_bytes() == simulation.get_state().to_bytes()

    def test_states_that_do_not_fit_are_refused(self, engine: Engine, simulation: Simulation) -> None:
        before = busy(simulation).get_state()
        other = engine.load_scene(scenes.arm6(), CONFIG)
        with pytest.raises(StateError, match="belongs to scene"):
            simulation.set_state(other.get_state())
        faster = engine.load_scene(SCENE, replace(CONFIG, step_hz=1000.0))
        with pytest.raises(StateError, match="step_hz 1000"):
            simulation.set_state(faster.get_state())
        with pytest.raises(StateError, match="expected"):
            simulation.set_state(replace(before, native=before.native[:-8]))
        with pytest.raises(StateError, match=r"joint_positions .* shape \[2\]"):
            simulation.set_state(replace(before, joint_positions=np.zeros(2)))
        with pytest.raises(StateError, match=r"command_efforts .* not finite"):
            simulation.set_state(replace(before, command_efforts=np.full(JOINTS, np.nan)))
        with pytest.raises(StateError, match="is a state, not a parameter"):
            simulation.set_state(replace(before, parameters=((f"{ARM}/joint_1.position", 1.0),)))
        with pytest.raises(StateError, match=r"of .* 0.0.0, this is"):
            simulation.set_state(replace(before, engine_version="0.0.0"))
        assert simulation.get_state() == before
        other.close()
        faster.close()

    def test_torn_and_altered_bytes_are_refused(self, simulation: Simulation) -> None:
        data = busy(simulation).get_state().to_bytes()
        altered = bytearray(data)
        altered[len(data) // 2] ^= 1
        for damaged in (data[:-1], data[: len(data) // 2], bytes(altered), b""):
            with pytest.raises(StateError):
                SimState.from_bytes(damaged)

    def test_another_engines_state_restores_its_neutral_part(self, engine: Engine, simulation: Simulation) -> None:
        state = replace(busy(simulation).get_state(), engine="another", engine_version="7", native=b"secret")
        fresh = engine.load_scene(SCENE, CONFIG)
        fresh.set_state(state)
        got = fresh.get_state()
        assert got.time == state.time
        assert got.parameters == state.parameters
        for name in ("joint_positions", "joint_velocities", "command_positions", "command_velocities"):
            assert np.array_equal(getattr(got, name), getattr(state, name)), name
        assert np.array_equal(got.command_efforts, state.command_efforts)
        assert got.body_poses == pytest.approx(state.body_poses, abs=1e-12)
        assert got.body_velocities == pytest.approx(state.body_velocities, abs=1e-12)
        fresh.close()

    def test_a_fork_continues_and_is_independent(self, simulation: Simulation) -> None:
        fork = busy(simulation).fork()
        assert fork.get_state() == simulation.get_state()
        simulation.step(100)
        fork.step(100)
        assert fork.get_state() == simulation.get_state()
        before = simulation.get_state()
        fork.set_joint_command(ARM, JointCommand(positions=np.zeros(JOINTS)))
        fork.set_parameter(f"{ARM}/joint_2.damping", 20.0)
        fork.step(100)
        assert simulation.get_state() == before
        assert simulation.get_parameter(f"{ARM}/joint_2.damping") == 1.0
        before = fork.get_state()
        simulation.set_parameter(f"{ARM}/joint_2.damping", 5.0)
        simulation.set_joint_state(ARM, TARGETS, TARGETS)
        simulation.step(10)
        simulation.close()
        assert fork.get_state() == before
        assert fork.get_parameter(f"{ARM}/joint_2.damping") == 20.0
        fork.step(10)
        fork.close()

    def test_a_fork_keeps_its_parameters_when_the_original_changes(self, simulation: Simulation) -> None:
        busy(simulation)
        first, second = simulation.fork(), simulation.fork()
        first.step(50)
        simulation.set_parameter(DAMPING, 50.0)
        second.step(50)
        assert second.get_state() == first.get_state()
        first.close()
        second.close()

    def test_a_world_that_nobody_holds_is_freed_at_once(self, simulation: Simulation) -> None:
        with without_garbage_collection():
            fork = busy(simulation).fork()
            fork.step(2)
            fork.set_state(simulation.get_state())
            fork.get_observation(ARM)
            freed = ref(fork)
            del fork
            assert freed() is None

    # --- parameters

    def test_parameters_are_read_changed_kept_and_taken_back(
        self, exact: None, engine: Engine, capabilities: EngineCapabilities
    ) -> None:
        addresses = _one_address_each()
        for name in capabilities.parameters:
            address = addresses[name]
            plain, changed = engine.load_scene(SCENE, CONFIG), engine.load_scene(SCENE, CONFIG)
            authored = plain.get_parameter(address)
            changed.set_parameter(address, VALUES[name])
            assert changed.get_parameter(address) == VALUES[name] != authored, address
            restored = engine.load_scene(SCENE, CONFIG)
            restored.set_state(changed.get_state())
            changed.set_parameter(address, authored)
            assert changed.get_state() == plain.get_state(), address
            for simulation in (plain, changed, restored):
                busy(simulation).step(60)
            assert changed.get_state() == plain.get_state(), address
            moved = restored.get_state()
            assert moved.parameters != plain.get_state().parameters, address
            assert not np.array_equal(moved.joint_positions, plain.get_state().joint_positions) or not np.array_equal(
                moved.body_poses, plain.get_state().body_poses
            ), f"{address} changes nothing"
            for simulation in (plain, changed, restored):
                simulation.close()

    def test_parameters_that_cannot_be_are_refused(
        self, simulation: Simulation, capabilities: EngineCapabilities
    ) -> None:
        before = simulation.get_state()
        with pytest.raises(AddressError, match="is not an address"):
            simulation.set_parameter("damping", 1.0)
        with pytest.raises(AddressError, match="no prim '/World/arm/joint_9'"):
            simulation.get_parameter(f"{ARM}/joint_9.damping")
        with pytest.raises(AddressError, match="is a state, not a parameter"):
            simulation.set_parameter(f"{ARM}/joint_1.position", 1.0)
        with pytest.raises(UnsupportedError, match="no engine delays commands"):
            simulation.set_parameter(f"{ARM}/joint_1.actuatorDelay", 0.01)
        with pytest.raises(ParameterError, match="cannot be nan"):
            simulation.set_parameter(DAMPING, float("nan"))
        two_kilograms: Any = "2 kg"
        with pytest.raises(ParameterError, match=r"cannot be '2 kg'\.\n  Allowed: numbers"):
            simulation.set_parameter(DAMPING, two_kilograms)
        with pytest.raises(
            AddressError, match=f"'{ARM}/link_1' has no parameter 'mas'.\n  Did you mean '{ARM}/link_1.mass'"
        ):
            simulation.get_parameter(f"{ARM}/link_1.mas")
        with pytest.raises(ParameterError, match=r"cannot be -1.*\n.*0 or more"):
            simulation.set_parameter(DAMPING, -1.0)
        if "mass" in capabilities.parameters:
            with pytest.raises(ParameterError, match="greater than 0"):
                simulation.set_parameter(f"{BOX}.mass", 0.0)
        else:
            with pytest.raises(UnsupportedError, match=r"cannot change '/World/box_0.mass'"):
                simulation.set_parameter(f"{BOX}.mass", 1.0)
        assert simulation.get_state() == before

    # --- errors

    def test_what_does_not_exist_is_named_with_the_nearest(self, simulation: Simulation) -> None:
        with pytest.raises(NotFoundError, match=r"no articulation '/World/arn'(.|\n)*Did you mean '/World/arm'"):
            simulation.set_joint_command("/World/arn", JointCommand(positions=TARGETS))
        with pytest.raises(NotFoundError, match=r"'/World/box_9'(.|\n)*Did you mean '/World/box_"):
            simulation.get_observation("/World/box_9")
        with pytest.raises(NotFoundError, match=r"no body '/World/bos_1'(.|\n)*Did you mean '/World/box_1'"):
            simulation.set_applied_wrench("/World/bos_1", np.zeros(3), np.zeros(3))

    def test_commands_that_do_not_fit_are_refused(self, simulation: Simulation) -> None:
        before = simulation.get_state()
        with pytest.raises(CommandError, match=r"efforts has 2 values, .* has 6 joints(.|\n)*joint_1"):
            simulation.set_joint_command(ARM, JointCommand(positions=TARGETS, efforts=np.zeros(2)))
        with pytest.raises(CommandError, match="not finite"):
            JointCommand(positions=[0.0, float("nan")])  # type: ignore[arg-type]
        with pytest.raises(CommandError, match=r"positions has the value -1e\+300, which nothing can be"):
            JointCommand(positions=[0.0, -1e300])  # type: ignore[arg-type]
        with pytest.raises(CommandError, match=r"velocities has the value 1e\+200, which nothing can be"):
            simulation.set_joint_state(ARM, TARGETS, np.full(JOINTS, 1e200))
        with pytest.raises(CommandError, match="one dimension"):
            JointCommand(positions=np.zeros((2, 3)))
        with pytest.raises(CommandError, match=r"positions has shape \[2\], expected \[6\]"):
            simulation.set_joint_state(ARM, np.zeros(2), np.zeros(2))
        with pytest.raises(CommandError, match="velocities has values that are not finite"):
            simulation.set_joint_state(ARM, TARGETS, np.full(JOINTS, np.inf))
        with pytest.raises(CommandError, match="orientation is zero"):
            simulation.set_body_state(BOX, np.zeros(3), np.zeros(4), np.zeros(3), np.zeros(3))
        assert simulation.get_state() == before

    def test_wrenches_push_or_are_refused(self, simulation: Simulation, capabilities: EngineCapabilities) -> None:
        force, none = np.array([0.0, 0.0, 20.0]), np.zeros(3)
        if not capabilities.dynamics:
            with pytest.raises(UnsupportedError, match="has no forces"):
                simulation.set_applied_wrench(BOX, force, none)
            return
        simulation.set_applied_wrench(BOX, force, none)
        assert simulation.get_state().applied_wrenches[:, 2].max() == 20.0
        simulation.step(100)
        lifted = simulation.get_observation(BOX)["position"][2]
        simulation.set_applied_wrench(BOX, none, none)
        simulation.step(1000)
        assert simulation.get_observation(BOX)["position"][2] < lifted
        with pytest.raises(CommandError, match=r"force has shape \[2\]"):
            simulation.set_applied_wrench(BOX, np.zeros(2), none)

    @pytest.mark.filterwarnings("error")
    def test_divergence_names_what_and_when(self, engine: Engine) -> None:
        simulation = engine.load_scene(scenes.cart(), CONFIG)
        simulation.set_joint_command("/World/cart", JointCommand(efforts=np.array([1.7e308])))
        with pytest.raises(SimulationError, match=r"'/World/cart/slide' diverged at [0-9.]+ s"):
            simulation.step(2000)
        simulation.close()

    def test_a_closed_simulation_says_so(self, engine: Engine) -> None:
        simulation = engine.load_scene(SCENE, CONFIG)
        state = simulation.get_state()
        simulation.close()
        simulation.close()
        for call in (
            simulation.step,
            simulation.get_state,
            simulation.fork,
            lambda: simulation.time,
            lambda: simulation.native,
            lambda: simulation.set_state(state),
            lambda: simulation.get_observation(ARM),
            lambda: simulation.set_joint_command(ARM, JointCommand()),
            lambda: simulation.get_parameter(DAMPING),
            lambda: simulation.set_parameter(DAMPING, 1.0),
            lambda: simulation.set_joint_state(ARM, TARGETS, TARGETS),
        ):
            with pytest.raises(SimulationError, match="was closed"):
                call()

    def test_with_closes_it_and_pickling_names_what_carries_it(self, engine: Engine) -> None:
        with engine.load_scene(SCENE, CONFIG) as simulation:
            simulation.step()
            with pytest.raises(UnsupportedError, match="cannot be pickled or copied") as refused:
                pickle.dumps(simulation)
            assert "get_state()" in refused.value.hint
            with pytest.raises(UnsupportedError, match="cannot be pickled or copied"):
                copy.deepcopy(simulation)
        with pytest.raises(SimulationError, match="was closed"):
            simulation.step()

    def test_readings_can_be_pickled_and_name_their_fields(self, engine: Engine) -> None:
        with engine.load_scene(SCENE, CONFIG) as simulation:
            simulation.step(3)
            seen = simulation.get_observation(ARM)
            with pytest.raises(NotFoundError, match=rf"The reading of '{ARM}' has no field 'position'") as refused:
                seen["position"]
            assert refused.value.hint.startswith("Did you mean 'positions'?")
            with pytest.raises(NotFoundError, match="nothing to observe at 'None'"):
                simulation.get_observation(None)  # type: ignore[arg-type]
        copied = pickle.loads(pickle.dumps(seen))
        assert (copied.path, copied.time, list(copied)) == (seen.path, seen.time, list(seen))
        for name in seen:
            assert np.array_equal(copied[name], seen[name])
            assert not copied[name].flags.writeable

    def test_settings_that_are_none_are_named(self, engine: Engine) -> None:
        settings: Any = {"step_hz": 500.0}
        with pytest.raises(InvalidInputError, match=r"An EngineConfig is needed, got dict\."):
            engine.load_scene(SCENE, settings)

    def test_what_is_no_command_state_or_number_is_named(self, engine: Engine) -> None:
        with engine.load_scene(SCENE, CONFIG) as simulation:
            before = simulation.get_state()
            command: Any = TARGETS
            with pytest.raises(CommandError, match="must be a JointCommand, got ndarray"):
                simulation.set_joint_command(ARM, command)
            words: Any = ["a", "b"]
            with pytest.raises(CommandError, match=r"JointCommand.positions must be an array of numbers, got \['a'"):
                JointCommand(positions=words)
            with pytest.raises(CommandError, match=r"positions must be an array of numbers"):
                simulation.set_joint_state(ARM, words, words)
            state: Any = before.to_bytes()
            with pytest.raises(StateError, match="must be a SimState, got bytes") as refused:
                simulation.set_state(state)
            assert "SimState.from_bytes" in refused.value.hint
            assert simulation.get_state() == before

    @pytest.mark.slow
    def test_loading_and_closing_leaks_nothing(self, engine: Engine) -> None:
        def resident_after(cycles: int) -> int:
            for _ in range(cycles):
                simulation = engine.load_scene(SCENE, CONFIG)
                simulation.step(2)
                simulation.fork().close()
                simulation.close()
            gc.collect()
            return int(psutil.Process().memory_info().rss)

        # An allocator may take more once; what leaks grows each time.
        resident = [resident_after(20)]
        for _ in range(3):
            resident.append(resident_after(100))
            if resident[-1] - resident[-2] < 5_000_000:
                return
        pytest.fail(f"100 cycles grow the process each time: {resident} bytes")

    # --- batches
