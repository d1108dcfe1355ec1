"""What the batches of every engine must do, its own or worlds that are stepped one after the other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hanzo_twin.engines.port import Batch, BatchEngine, Engine, JointCommand
from hanzo_twin.engines.serial import load_worlds
from hanzo_twin.errors import CommandError, InvalidInputError, NotFoundError, ParameterError, SimulationError
from hanzo_twin.testing import scenes
from hanzo_twin.testing.conformance import ARM, CONFIG, DAMPING, JOINTS, SCENE, TARGETS, busy
from hanzo_twin.testing.suite import EngineSuite


class BatchConformance(EngineSuite):
    """The behaviour of `Batch`."""

    @pytest.fixture
    def batch_engine(self, engine: Engine) -> BatchEngine:
        if not isinstance(engine, BatchEngine):
            pytest.skip("the engine has no batch")
        return engine

    @pytest.mark.parametrize("num_envs", [1, 8, 64])
    @pytest.mark.parametrize("threads", [1, 2])
    def test_a_world_in_a_batch_is_a_world_alone(self, batch_engine: BatchEngine, num_envs: int, threads: int) -> None:
        batch = batch_engine.load_batch(SCENE, CONFIG, num_envs, threads=threads)
        random = np.random.default_rng(3)
        targets = random.uniform(-1, 1, (num_envs, JOINTS))
        efforts = random.uniform(-1, 1, (num_envs, 10, JOINTS))
        damping = random.uniform(0, 5, num_envs)
        batch.step(30, positions=targets)
        batch.set_parameters(DAMPING, damping)
        batch.step(velocities=0.1 * targets)
        positions, velocities = batch.rollout(10, efforts=efforts)
        batch.step(3)
        for env in sorted({0, num_envs // 2, num_envs - 1}):
            alone = batch_engine.load_scene(SCENE, CONFIG)
            alone.set_joint_command(ARM, JointCommand(positions=targets[env]))
            alone.step(30)
            alone.set_parameter(DAMPING, float(damping[env]))
            alone.set_joint_command(ARM, JointCommand(velocities=0.1 * targets[env]))
            alone.step()
            for index in range(10):
                alone.set_joint_command(ARM, JointCommand(efforts=efforts[env, index]))
                alone.step()
                seen = alone.get_observation(ARM)
                assert np.array_equal(seen["positions"], positions[env, index])
                assert np.array_equal(seen["velocities"], velocities[env, index])
            alone.step(3)
            state = alone.get_state()
            assert batch.get_state([env])[0] == state
            assert np.array_equal(batch.joint_positions[env], state.joint_positions)
            assert np.array_equal(batch.joint_velocities[env], state.joint_velocities)
            assert np.array_equal(batch.body_poses[env], state.body_poses)
            assert batch.time[env] == state.time
            alone.close()
        batch.close()

    def test_batch_and_simulation_exchange_states(self, exact: None, batch_engine: BatchEngine) -> None:
        batch = batch_engine.load_batch(SCENE, CONFIG, 3, threads=1)
        simulation = busy(batch_engine.load_scene(SCENE, CONFIG))
        untouched = batch.get_state([0, 2])
        batch.set_state([simulation.get_state()], [1])
        assert batch.get_state([0, 2]) == untouched
        batch.step(100)
        simulation.step(100)
        assert batch.get_state([1])[0] == simulation.get_state()
        simulation.set_state(batch.get_state([2])[0])
        batch.step(20)
        simulation.step(20)
        assert batch.get_state([2])[0] == simulation.get_state()
        batch.close()
        simulation.close()

    def test_worlds_of_a_batch_are_independent(self, batch_engine: BatchEngine) -> None:
        batch = batch_engine.load_batch(SCENE, CONFIG, 4, threads=1)
        quiet = batch_engine.load_batch(SCENE, CONFIG, 4, threads=1)
        targets = batch.get_state([0])[0].command_positions + np.zeros((4, 1))
        moved = targets.copy()
        moved[2] += 0.5
        batch.set_joint_states(TARGETS[None], np.zeros((1, JOINTS)), np.array([2]))
        batch.set_parameters(DAMPING, np.array([1.0, 1.0, 9.0, 1.0]))
        batch.step(50, positions=moved)
        quiet.step(50, positions=targets)
        assert batch.get_state([0, 1, 3]) == quiet.get_state([0, 1, 3])
        assert not np.array_equal(batch.joint_positions[2], quiet.joint_positions[2])
        batch.close()
        quiet.close()

    def test_parameters_of_a_batch_can_be_taken_back(self, exact: None, batch_engine: BatchEngine) -> None:
        batch = batch_engine.load_batch(SCENE, CONFIG, 4, threads=1)
        start = batch.get_state()
        batch.set_parameters(DAMPING, np.array([2.0, 2.0, 3.0, 1.0]))
        batch.set_parameters(f"{ARM}/joint_2.armature", np.array([0.2, 0.3, 0.3, 0.1]))
        assert batch.get_state([3])[0] == start[3]
        assert batch.get_state([1])[0].parameters == ((f"{ARM}/joint_2.armature", 0.3), (DAMPING, 2.0))
        batch.step(20)
        alone = batch_engine.load_scene(SCENE, CONFIG)
        alone.set_parameter(DAMPING, 2.0)
        alone.set_parameter(f"{ARM}/joint_2.armature", 0.2)
        alone.step(20)
        assert batch.get_state([0])[0] == alone.get_state()
        alone.close()
        batch.set_state(start)
        assert batch.get_state() == start
        batch.step(5)
        fresh = batch_engine.load_batch(SCENE, CONFIG, 4, threads=1)
        fresh.step(5)
        assert batch.get_state() == fresh.get_state()
        batch.close()
        fresh.close()

    def test_worlds_that_diverge_stay_where_they_were(self, engine: Engine) -> None:
        batch = load_worlds(engine, scenes.cart(), CONFIG, 3)
        batch.step(2, efforts=np.array([[1.0], [2.0], [3.0]]))
        before = batch.joint_positions
        diverged = batch.try_step(20, efforts=np.array([[1.0], [1.7e308], [3.0]]))
        assert diverged.tolist() == [False, True, False]
        assert batch.joint_positions[1] == before[1]
        assert (batch.joint_positions[[0, 2]] != before[[0, 2]]).all()
        batch.reset(np.array([1]))
        assert not batch.try_step(5, efforts=np.zeros((3, 1))).any()
        batch.close()

    def test_commands_of_a_batch_may_vary_within_a_step(self, engine: Engine) -> None:
        efforts = np.random.default_rng(5).uniform(-1, 1, (2, 6, JOINTS))
        varying, stepped = (load_worlds(engine, SCENE, CONFIG, 2) for _ in range(2))
        assert not varying.try_step(6, efforts=efforts).any()
        for index in range(6):
            stepped.step(efforts=efforts[:, index])
        assert np.array_equal(varying.joint_positions, stepped.joint_positions)
        varying.step(3)
        stepped.step(3)
        assert np.array_equal(varying.joint_velocities, stepped.joint_velocities)
        varying.close()
        stepped.close()

    def test_a_world_of_a_batch_goes_back_to_its_start_and_keeps_its_parameters(self, engine: Engine) -> None:
        batch, fresh = (load_worlds(engine, SCENE, CONFIG, 3) for _ in range(2))
        for worlds in (batch, fresh):
            worlds.set_parameters([DAMPING, f"{ARM}/joint_4.damping"], np.array([[2.0, 3.0]]), np.array([1]))
        batch.step(20, positions=np.tile(TARGETS, (3, 1)))
        untouched = batch.get_state([0, 2])
        batch.reset(np.array([1]))
        assert batch.get_state([0, 2]) == untouched
        batch.step(10)
        fresh.step(10)
        assert np.array_equal(batch.joint_positions[1], fresh.joint_positions[1])
        assert batch.time[1] == fresh.time[1]
        assert batch.get_state([1])[0].parameters == ((DAMPING, 2.0), (f"{ARM}/joint_4.damping", 3.0))
        batch.set_start()
        moved = batch.joint_positions
        batch.step(10)
        batch.reset()
        assert np.array_equal(batch.joint_positions, moved)
        batch.close()
        fresh.close()

    def test_a_batch_reads_the_bodies_that_are_asked_for(self, engine: Engine) -> None:
        batch = load_worlds(engine, SCENE, CONFIG, 2)
        simulation = engine.load_scene(SCENE, CONFIG)
        batch.step(25, positions=np.tile(TARGETS, (2, 1)))
        simulation.set_joint_command(ARM, JointCommand(positions=TARGETS))
        simulation.step(25)
        wanted = ["/World/box_1", SCENE.articulations[ARM].bodies[-1]]
        poses, velocities = batch.body_states(wanted)
        for column, body in enumerate(wanted):
            seen = simulation.get_observation(body)
            pose = np.concatenate([seen["position"], seen["orientation"]])
            velocity = np.concatenate([seen["linear_velocity"], seen["angular_velocity"]])
            assert poses[1, column] == pytest.approx(pose, abs=1e-9)
            assert velocities[1, column] == pytest.approx(velocity, abs=1e-9)
        with pytest.raises(NotFoundError, match=r"at '/World/box_11'|no body '/World/box_11'"):
            batch.body_states(["/World/box_11"])
        batch.close()
        simulation.close()

    def test_a_batch_places_bodies(self, engine: Engine) -> None:
        batch = load_worlds(engine, SCENE, CONFIG, 3)
        before = batch.body_states(["/World/box_1"])
        half = np.sqrt(0.5)
        pose = np.array([[0.1, 2.0, 3.0, half, half, 0.0, 0.0]])
        velocity = np.array([[0.1, 0.2, 0.3, 0.4, 0.5, 0.6]])
        batch.set_body_states("/World/box_1", pose, velocity, np.array([1]))
        poses, velocities = batch.body_states(["/World/box_1"])
        assert poses[1] == pytest.approx(pose, abs=1e-6)
        assert velocities[1] == pytest.approx(velocity, abs=1e-6)
        assert np.array_equal(poses[[0, 2]], before[0][[0, 2]])
        with pytest.raises(CommandError, match="is held by a joint"):
            batch.set_body_states(SCENE.articulations[ARM].bodies[1], pose, velocity, np.array([1]))
        batch.close()

    @pytest.mark.filterwarnings("error")
    def test_divergence_in_a_batch_names_the_env(self, batch_engine: BatchEngine) -> None:
        batch = batch_engine.load_batch(scenes.cart(), CONFIG, 3, threads=2)
        with pytest.raises(SimulationError, match=r"'/World/cart/slide' diverged at [0-9.]+ s in env 1"):
            batch.step(2000, efforts=np.array([[0.0], [1.7e308], [1.0]]))
        batch.close()

    def test_a_batch_refuses_what_does_not_fit(self, batch_engine: BatchEngine) -> None:
        batch: Batch = batch_engine.load_batch(SCENE, CONFIG, 2, threads=1)
        before = batch.get_state()
        with pytest.raises(CommandError, match=r"positions has shape \[6\], expected \[2, 6\]"):
            batch.step(positions=TARGETS)
        with pytest.raises(CommandError, match="efforts has values that are not finite"):
            batch.step(positions=np.zeros((2, JOINTS)), efforts=np.full((2, JOINTS), np.nan))
        with pytest.raises(CommandError, match=r"expected \[2, 5, 6\]"):
            batch.rollout(5, positions=np.zeros((2, 4, JOINTS)))
        with pytest.raises(CommandError, match="not all in 0 … 1"):
            batch.get_state([2])
        with pytest.raises(CommandError, match="1 states for 2 envs"):
            batch.set_state(before[:1])
        with pytest.raises(CommandError, match=r"values has shape \[3\], expected \[2\]"):
            batch.set_parameters(DAMPING, np.zeros(3))
        with pytest.raises(ParameterError, match="cannot be -1"):
            batch.set_parameters(DAMPING, np.array([2.0, -1.0]))
        words: Any = ["a", "b"]
        with pytest.raises(CommandError, match=r"env_ids must be whole numbers, got \['a', 'b'\]"):
            batch.get_state(words)
        with pytest.raises(CommandError, match="values must be an array of numbers"):
            batch.set_parameters(DAMPING, words)
        for count in ("4", 2.5):
            wrong: Any = count
            with pytest.raises(InvalidInputError, match=f"A batch cannot have {count!r} envs"):
                batch_engine.load_batch(SCENE, CONFIG, wrong)
        assert batch.get_state() == before
        assert batch.joint_names == SCENE.articulations[ARM].joints
        assert batch.num_envs == 2
        batch.close()
        batch.close()
        with pytest.raises(SimulationError, match="was closed"):
            batch.step()
