"""Worlds in worker processes behave as those in this one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import psutil
import pytest
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import SubprocVecEnv

import hanzo_twin
from hanzo_twin import plugins
from hanzo_twin.engines.port import load_engine
from hanzo_twin.errors import InvalidInputError, NotInstalledError, RuntimeUnavailableError, UnsupportedError
from hanzo_twin.rl.make import processors
from hanzo_twin.testing import check_vector_env

pytestmark = pytest.mark.live


def make(num_envs: int, **arguments: Any) -> Any:
    return hanzo_twin.make_vec(task="pendulum", num_envs=num_envs, **arguments)


@pytest.mark.parametrize("mode", ["NextStep", "SameStep", "Disabled"])
def test_the_checker_passes(mode: str) -> None:
    check_vector_env(lambda count: make(count, num_envs_per_worker=2, autoreset_mode=mode), sizes=(1, 3), steps=210)


def test_workers_give_what_this_process_gives_to_the_byte() -> None:
    here = make(5, domain_randomization=True)
    there = make(5, domain_randomization=True, num_envs_per_worker=2)
    assert np.array_equal(here.reset(seed=3)[0], there.reset(seed=3)[0])
    for action in np.random.default_rng(0).uniform(-1, 1, (410, 5, 1)):
        own, theirs = here.step(action), there.step(action)
        assert all(np.array_equal(a, b) for a, b in zip(own[:4], theirs[:4], strict=True))
        assert own[4].keys() == theirs[4].keys()
        for name in own[4].get("randomization", {}):
            assert np.array_equal(own[4]["randomization"][name], theirs[4]["randomization"][name])
    here.close()
    there.close()


def test_an_engine_without_a_batch_gets_workers() -> None:
    worlds = make(3, engine="pybullet")
    assert len(worlds.runner._workers) > 1 or processors() == 1
    worlds.reset(seed=0)
    observations, *_ = worlds.step(np.zeros((3, 1)))
    assert np.isfinite(observations).all()
    worlds.close()


def test_a_dead_worker_is_named() -> None:
    worlds = make(4, num_envs_per_worker=2)
    worlds.reset(seed=0)
    worlds.runner._workers[1].kill()
    worlds.runner._workers[1].join()
    told = "The process of envs 2 to 3 ended with code -9"
    with pytest.raises(RuntimeUnavailableError, match=told):
        worlds.step(np.zeros((4, 1)))
    with pytest.raises(RuntimeUnavailableError, match=told):
        worlds.reset(seed=1)
    worlds.close()


PROGRAM = """
import hanzo_twin, numpy, signal
worlds = hanzo_twin.make_vec(task="pendulum", num_envs=2, num_envs_per_worker=1)
worlds.reset(seed=0)
print(worlds.runner._arrays.name, *[worker.pid for worker in worlds.runner._workers], flush=True)
try:
    while True:
        worlds.step(numpy.zeros((2, 1)))
except KeyboardInterrupt:
    worlds.step(numpy.zeros((2, 1)))
    print("the worlds are still there")
"""


@pytest.fixture
def parents() -> Iterator[list[subprocess.Popen[str]]]:
    """Three processes with two workers each."""
    started = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, process_group=0
        )
        for _ in range(3)
    ]
    yield started
    for parent in started:
        parent.kill()


def test_nothing_is_left_behind_however_the_parent_ends(parents: list[subprocess.Popen[str]]) -> None:
    for end, parent in zip((signal.SIGTERM, signal.SIGINT, signal.SIGKILL), parents, strict=True):
        assert parent.stdout is not None
        name, *workers = parent.stdout.readline().split()
        processes = [psutil.Process(int(worker)) for worker in workers]
        assert not Path("/dev/shm", name).exists()
        if end is signal.SIGKILL:
            parent.kill()
        else:
            os.killpg(parent.pid, end)  # as Ctrl-C and service managers do
        told, trouble = parent.communicate(timeout=60)
        assert psutil.wait_procs(processes, timeout=30)[1] == []
        assert trouble == ""
        assert parent.returncode == (0 if end is signal.SIGINT else -end)
        assert told == ("the worlds are still there\n" if end is signal.SIGINT else "")


def test_errors_of_a_worker_arrive_here() -> None:
    with pytest.raises(UnsupportedError, match="has no base that a twist can move"):
        make(2, num_envs_per_worker=1, action_type="twist")
    worlds = make(2, num_envs_per_worker=1, domain_randomization=True)
    with pytest.raises(InvalidInputError, match="No variation is named 'mas'"):
        worlds.reset(seed=0, options={"randomization": {"mas": 1.0}})
    observations, _ = worlds.reset(seed=0)
    assert np.isfinite(observations).all()
    worlds.close()


@pytest.mark.slow
def test_worker_processes_of_other_libraries_find_the_tasks() -> None:
    here = hanzo_twin.make(task="pendulum", obs_type="flat").reset(seed=5)[0]
    name = "hanzo_twin:hanzo_twin/Pendulum-v0"
    spawn = {"context": "spawn"}
    gymnasiums = gymnasium.make_vec(name, num_envs=1, vectorization_mode="async", vector_kwargs=spawn, obs_type="flat")
    assert np.array_equal(gymnasiums.reset(seed=5)[0][0], here)
    gymnasiums.close()
    baselines = make_vec_env(name, seed=5, vec_env_cls=SubprocVecEnv, env_kwargs={"obs_type": "flat"})
    assert np.array_equal(baselines.reset()[0], here)
    baselines.close()


def test_too_many_workers_are_refused() -> None:
    with pytest.raises(InvalidInputError, match=r"1000 worker processes are too many.*\n  Allowed: at most"):
        make(1000, num_envs_per_worker=1)


@pytest.mark.slow
@pytest.mark.parametrize("engine", plugins.names(plugins.ENGINES))
def test_every_engine_keeps_the_promises(engine: str) -> None:
    try:
        load_engine(engine)
    except NotInstalledError as missing:
        pytest.skip(missing.message)
    check_vector_env(lambda count: make(count, engine=engine), sizes=(1, 2), steps=25)


@pytest.mark.slow
@pytest.mark.parametrize("engine", plugins.names(plugins.ENGINES))
@pytest.mark.parametrize("task", plugins.names(plugins.TASKS))
def test_every_task_runs_on_every_engine_or_is_refused(task: str, engine: str) -> None:
    try:
        env = hanzo_twin.make(task=task, engine=engine, obs_type="flat")
    except UnsupportedError as refused:
        pytest.skip(refused.message)
    first, _ = env.reset(seed=1)
    actions = np.random.default_rng(0).uniform(-0.3, 0.3, (5, *first.shape))[:, : len(env.runner.layout.actions)]
    seen = [env.step(action)[0] for action in actions]
    assert np.array_equal(env.reset(seed=1)[0], first)
    for action, before in zip(actions, seen, strict=True):
        assert np.array_equal(env.step(action)[0], before)
    env.close()
