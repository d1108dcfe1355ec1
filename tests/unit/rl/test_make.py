"""`make` and `make_vec`: names, spaces, seeds and designed errors."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import hanzo_twin
from hanzo_twin import plugins
from hanzo_twin.errors import (
    CommandError,
    ConflictError,
    HanzoTwinError,
    InvalidInputError,
    NotFoundError,
    SimulationError,
    UnsupportedError,
)
from hanzo_twin.rl.tasks.pendulum import PENDULUM
from hanzo_twin.scene.load import load_scene

ROOT = Path(__file__).parents[3]
TWIN = ROOT / "examples" / "pendulum" / "twin.yaml"


def test_a_twin_is_named_by_its_file_and_brings_its_task() -> None:
    env = hanzo_twin.make(TWIN)
    observation, info = env.reset(seed=1)
    assert env.metadata["task"] == "pendulum"
    assert env.metadata["step_hz"] == 20.0
    assert {name: values.dtype for name, values in observation.items()} == dict.fromkeys(
        ("cosine", "sine", "velocity"), np.float32
    )
    assert info == {}
    env.close()


def test_a_twin_is_found_by_its_local_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT / "examples")
    env = hanzo_twin.make("pendulum", obs_type="flat")
    assert env.observation_space.shape == (3,)
    env.close()


def test_the_scene_of_the_example_is_that_of_the_task() -> None:
    assert PENDULUM.scene().fingerprint == load_scene(ROOT / "examples/pendulum/pendulum.usda").fingerprint


def test_a_scene_file_without_a_task_is_free() -> None:
    env = hanzo_twin.make(ROOT / "examples" / "arm" / "arm.usda", obs_type="flat", step_hz=60)
    env.reset(seed=0)
    _, reward, terminated, truncated, info = env.step(env.action_space.sample())
    assert (reward, terminated, truncated, info) == (0.0, False, False, {})
    assert env.metadata["task"] == "free"
    env.close()


def test_the_passive_and_active_checkers_of_gymnasium_pass() -> None:
    env = gymnasium.make("hanzo_twin/Pendulum-v0", obs_type="flat")
    check_env(env.unwrapped, skip_render_check=True)
    env.reset(seed=1)
    for _ in range(5):
        env.step(env.action_space.sample())
    env.close()


def test_gymnasium_makes_the_vector_environment() -> None:
    env = gymnasium.make_vec("hanzo_twin/Pendulum-v0", num_envs=3, vectorization_mode="vector_entry_point")
    observations, _ = env.reset(seed=1)
    assert observations.shape == (3, 3)
    env.close()


TASKS = sorted(set(plugins.names(plugins.TASKS)) - {"free"})


def digest(task: str, num_envs: int, env: int) -> str:
    """SHA-256 of all that env ``env`` of ``num_envs`` returns for some steps; the pendulum's over two episodes."""
    worlds = hanzo_twin.make_vec(task=task, num_envs=num_envs, domain_randomization=True)
    size = int(np.prod(worlds.single_action_space.shape or ()))
    actions = np.random.default_rng(0).uniform(-1, 1, (450 if task == "pendulum" else 60, 8, size))
    observations, _ = worlds.reset(seed=11)
    seen = hashlib.sha256(observations[env].tobytes())
    for action in actions:
        step = worlds.step(np.resize(action, (num_envs, size)))
        for array in step[:4]:
            seen.update(array[env].tobytes())
    worlds.close()
    return seen.hexdigest()


@pytest.mark.parametrize("task", TASKS)
def test_env_i_is_the_same_to_the_byte_for_any_number_of_envs(task: str) -> None:
    assert digest(task, 1, 0) == digest(task, 8, 0) == digest(task, 64, 0)
    assert digest(task, 8, 5) == digest(task, 64, 5) != digest(task, 8, 4)


def test_env_i_is_the_same_in_another_process() -> None:
    code = (
        f"import json, runpy; here = runpy.run_path({str(Path(__file__))!r}); "
        "print(json.dumps({task: here['digest'](task, 8, 5) for task in here['TASKS']}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert json.loads(done.stdout) == {task: digest(task, 8, 5) for task in TASKS}


def test_env_i_is_a_single_env_with_seed_plus_i() -> None:
    worlds = hanzo_twin.make_vec(task="pendulum", num_envs=4)
    alone = hanzo_twin.make(task="pendulum", obs_type="flat")
    observations, _ = worlds.reset(seed=20)
    observation, _ = alone.reset(seed=23)
    for action in np.random.default_rng(1).uniform(-1, 1, (50, 4, 1)):
        assert np.array_equal(observations[3], observation)
        observations, rewards, *_ = worlds.step(action)
        observation, reward, *_ = alone.step(action[3])
        assert rewards[3] == reward
    worlds.close()
    alone.close()


def test_resets_go_on_to_the_next_episode_and_seeds_begin_anew() -> None:
    env = hanzo_twin.make(task="pendulum", obs_type="flat")
    first, _ = env.reset(seed=5)
    second, _ = env.reset()
    assert not np.array_equal(first, second)
    assert np.array_equal(env.reset(seed=5)[0], first)
    assert np.array_equal(env.reset()[0], second)
    env.close()


def test_a_thousand_worlds() -> None:
    worlds = hanzo_twin.make_vec(task="pendulum", num_envs=1024)
    observations, _ = worlds.reset(seed=0)
    assert len(np.unique(observations, axis=0)) == 1024
    worlds.step(np.zeros((1024, 1)))
    worlds.close()


def refused(error: type[HanzoTwinError], message: str, **arguments: Any) -> None:
    with pytest.raises(error, match=message):
        hanzo_twin.make(**{"task": "pendulum", **arguments})


def test_names_that_stand_for_nothing_are_refused_with_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    refused(UnsupportedError, "No task named 'pendulm' is installed.\n  Did you mean 'pendulum'", task="pendulm")
    refused(UnsupportedError, "No engine named 'mujocco' is installed.\n  Did you mean 'mujoco'", engine="mujocco")
    refused(InvalidInputError, "There is no obs_type 'flatt'.\n  Did you mean 'flat'", obs_type="flatt")
    refused(InvalidInputError, "There is no action_type 'torque'.\n  Allowed: effort, joint", action_type="torque")
    refused(InvalidInputError, "There is no render_mode 'humann'", render_mode="humann")
    refused(NotFoundError, "There is no twin definition 'no/such/twin.yaml'", twin_id="no/such/twin.yaml")
    monkeypatch.setenv("HANZO_TWIN_URL", "http://127.0.0.1:1")
    nowhere = "There is no twin 'nosuch'.\n  There is no file nosuch.yaml.*; and: .*127.0.0.1:1"
    refused(NotFoundError, nowhere, twin_id="nosuch")
    refused(InvalidInputError, "There is nothing to simulate: neither a twin nor a task", task=None)
    refused(InvalidInputError, "task must be a name, a Task or a Recipe, got int", task=3)
    refused(InvalidInputError, "domain_randomization is str", domain_randomization="yes")
    refused(UnsupportedError, "No engine named '3' is installed", engine=3)
    refused(InvalidInputError, "draw_log is 3.\n  Allowed: the path of a file", domain_randomization=True, draw_log=3)


def test_pictures_have_a_size() -> None:
    refused(InvalidInputError, "picture_size is 'big'", render_mode="rgb_array", picture_size="big")
    refused(InvalidInputError, "The width of a picture is 0", render_mode="rgb_array", picture_size=(0, 10))
    refused(InvalidInputError, "height of a picture is 10.5", render_mode="rgb_array", picture_size=(9, 10.5))
    refused(NotFoundError, "has no camera '/c'.\n  It has none", render_mode="rgb_array", camera="/c")


@pytest.mark.parametrize("seed", [-1, 1.5, "a", [1, 2, 3]])
def test_seeds_are_whole_numbers_from_zero(seed: Any) -> None:
    for env in (hanzo_twin.make(task="pendulum"), hanzo_twin.make_vec(task="pendulum", num_envs=2)):
        with pytest.raises(InvalidInputError, match=r"A seed is|Got 3 seeds for 2 envs"):
            env.reset(seed=seed)
        env.close()


def test_seeds_and_counts_may_come_from_numpy() -> None:
    env = hanzo_twin.make(task="pendulum", obs_type="flat")
    worlds = hanzo_twin.make_vec(task="pendulum", num_envs=np.int64(2))  # type: ignore[arg-type]
    assert np.array_equal(env.reset(seed=np.int64(3))[0], worlds.reset(seed=np.int64(3))[0][0])  # type: ignore[arg-type]
    env.close()
    worlds.close()


def test_rates_that_do_not_fit_are_refused_with_ones_that_do() -> None:
    refused(
        InvalidInputError,
        "step_hz 50 does not divide the engine's 240 Hz.\n  Near ones that do: 40, 48, 60. Or run the engine at 250 Hz",
        step_hz=50,
    )
    refused(InvalidInputError, "step_hz is 0", step_hz=0)
    refused(InvalidInputError, "step_hz is True", step_hz=True)
    refused(InvalidInputError, "at most the engine's 240 Hz", step_hz=1000)


def test_actions_that_the_joints_cannot_follow_are_refused() -> None:
    refused(
        UnsupportedError, "'/World/pendulum/hinge' cannot be commanded by joint_position", action_type="joint_position"
    )
    refused(UnsupportedError, "has no base that a twist can move", action_type="twist")


@pytest.mark.parametrize("count", [0, -1, 2.5, True])
def test_counts_are_whole_numbers_from_one(count: Any) -> None:
    with pytest.raises(InvalidInputError, match=r"num_envs is .*\n  Allowed: whole numbers from 1"):
        hanzo_twin.make_vec(task="pendulum", num_envs=count)


def test_threads_are_not_without_end() -> None:
    with pytest.raises(InvalidInputError, match=r"num_threads is 1000000000.\n  Allowed: whole numbers from 1 to 1024"):
        hanzo_twin.make_vec(task="pendulum", num_threads=10**9)


def test_bad_actions_move_nothing() -> None:
    env = hanzo_twin.make(task="pendulum")
    with pytest.raises(ConflictError, match="step was called before reset"):
        env.step([0.0])
    env.reset(seed=0)
    with pytest.raises(CommandError, match=r"action has shape \[2\], expected \[1\].\n  Its numbers command: /W"):
        env.step([0.0, 0.0])
    with pytest.raises(CommandError, match=r"action has values that are not finite: \[nan\]"):
        env.step([float("nan")])
    assert env.runner.world.steps[0] == 0  # type: ignore[attr-defined]
    env.close()
    env.close()
    with pytest.raises(SimulationError, match="was closed"):
        env.reset()


def test_bad_actions_of_many_worlds_move_nothing() -> None:
    worlds = hanzo_twin.make_vec(task="pendulum", num_envs=3)
    with pytest.raises(ConflictError, match="step was called before reset"):
        worlds.step(np.zeros((3, 1)))
    first, _ = worlds.reset(seed=0)
    with pytest.raises(CommandError, match=r"actions has shape \[3\], expected \[3, 1\]"):
        worlds.step(np.zeros(3))
    with pytest.raises(CommandError, match="not finite, first in env 2"):
        worlds.step(np.array([[0.0], [0.0], [np.inf]]))
    with pytest.raises(InvalidInputError, match="Got 2 seeds for 3 envs"):
        worlds.reset(seed=[1, 2])
    with pytest.raises(InvalidInputError, match=r"Unknown option 'randomisation' .*\n  Did you mean 'random"):
        worlds.reset(options={"randomisation": {}})
    with pytest.raises(InvalidInputError, match="3 booleans of which at least one is true"):
        worlds.reset(options={"reset_mask": np.zeros(3, dtype=np.bool_)})
    assert np.array_equal(worlds.reset(seed=0)[0], first)
    worlds.close()


def test_a_world_whose_episode_ended_must_be_reset_where_nothing_else_does() -> None:
    worlds = hanzo_twin.make_vec(task="pendulum", num_envs=2, autoreset_mode="Disabled")
    worlds.reset(seed=0)
    for _ in range(199):
        assert not worlds.step(np.zeros((2, 1)))[3].any()
    _, _, _, truncations, infos = worlds.step(np.zeros((2, 1)))
    assert truncations.all()
    assert infos["_is_success"].all()
    with pytest.raises(ConflictError, match=r"The episodes of envs \[0, 1\] have ended"):
        worlds.step(np.zeros((2, 1)))
    worlds.reset(options={"reset_mask": np.array([True, False])})
    with pytest.raises(ConflictError, match=r"The episodes of envs \[1\] have ended"):
        worlds.step(np.zeros((2, 1)))
    worlds.close()
    with pytest.raises(InvalidInputError, match="There is no autoreset_mode 'never'"):
        hanzo_twin.make_vec(task="pendulum", autoreset_mode="never")


MAKE = "print(gymnasium.make('{}hanzo_twin/Pendulum-v0').spec.id)"


@pytest.mark.parametrize(
    "program",
    [
        f"import gymnasium; {MAKE.format('hanzo_twin:')}",
        "import importlib.util, hanzo_twin; importlib.util.find_spec('gymnasium'); import gymnasium, sys; "
        f"{MAKE.format('')}; assert not [each for each in sys.meta_path if 'hanzo_twin' in type(each).__module__]",
    ],
    ids=["gymnasium first", "hanzo_twin first"],
)
def test_gymnasium_knows_the_tasks_in_either_order_of_imports(program: str) -> None:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("hanzo_twin/Pendulum-v0", "")
