"""The calls of a running runtime, over gRPC."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Iterator

import numpy as np
import pytest
from tests.live.garbage import Stranger
from tests.live.runtimes import HINGE, end_all, spec_in, wait_serving
from tests.live.waiting import until_async

from hanzo_twin.engines.port import JointCommand
from hanzo_twin.errors import (
    AddressError,
    CommandError,
    ConflictError,
    InvalidInputError,
    NotFoundError,
    ParameterError,
    RuntimeUnavailableError,
    StateError,
)
from hanzo_twin.runtime import runtime_pb2
from hanzo_twin.runtime.client import RuntimeClient
from hanzo_twin.runtime.launcher import LocalLauncher
from hanzo_twin.runtime.spec import Ready

pytestmark = pytest.mark.live

POSITION = f"{HINGE}.position"


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ready]:
    root = tmp_path_factory.mktemp("calls")
    launcher = LocalLauncher(root / "runtimes")

    async def launch() -> Ready:
        await launcher.launch(spec_in(root))
        return await wait_serving(launcher, "t1")

    yield asyncio.run(launch())
    asyncio.run(end_all(launcher))


@pytest.fixture
async def client(ready: Ready) -> AsyncIterator[RuntimeClient]:
    """Of a twin that is paused."""
    async with RuntimeClient(ready.address, ready.token) as client:
        await client.pause()
        yield client
        await client.resume()


async def test_it_runs_by_itself_until_it_is_paused(client: RuntimeClient) -> None:
    await client.resume()
    began = (await client.status())["time"]

    async def went_on() -> bool:
        return bool((await client.status())["time"] > began + 0.1)

    await until_async("the twin goes on", went_on)
    paused = await client.pause()
    assert (await client.status())["phase"] == "paused"
    await asyncio.sleep(0.1)
    assert (await client.status())["time"] == paused


async def test_steps_are_exact_and_only_by_hand_while_paused(client: RuntimeClient) -> None:
    before = await client.get_state()
    after = await client.step(250)
    assert after == pytest.approx(before.simulation.time + 250 / 240, abs=1e-9)
    state = await client.get_state()
    await client.set_state(before)
    await client.step(250)
    assert await client.get_state_bytes() == state.to_bytes()
    await client.resume()
    with pytest.raises(ConflictError, match=r"A twin that runs cannot be stepped by hand\.") as refused:
        await client.step()
    assert refused.value.hint == "Pause it first, and resume it afterwards."
    with pytest.raises(InvalidInputError, match="must be from 1 to 1000000, got 0"):
        await client.step(0)


async def test_a_state_that_is_damaged_changes_nothing(client: RuntimeClient) -> None:
    before = await client.get_state()
    other = dataclasses.replace(before, simulation=dataclasses.replace(before.simulation, scene_fingerprint="f" * 64))
    with pytest.raises(StateError, match="belongs to scene"):
        await client.set_state(other)
    assert await client.get_state() == before


async def test_commands_act_and_are_checked(client: RuntimeClient) -> None:
    articulation = "/World/pendulum"
    await client.set_joint_command(articulation, JointCommand(efforts=np.array([3.0])))
    await client.step(20)
    _, pushed = await client.read([f"{HINGE}.velocity"])
    assert pushed[0] > 0.1
    await client.set_input(f"{HINGE}.effort", -3.0)
    await client.step(80)
    _, back = await client.read([f"{HINGE}.velocity"])
    assert back[0] < 0
    with pytest.raises(CommandError, match=r"'/World/pendulum' has 1 joint, efforts has 2 values\.") as refused:
        await client.set_joint_command(articulation, JointCommand(efforts=np.zeros(2)))
    assert HINGE in refused.value.hint
    with pytest.raises(NotFoundError, match="no articulation '/World/pendulun'") as missing:
        await client.set_joint_command("/World/pendulun", JointCommand())
    assert "Did you mean '/World/pendulum'?" in missing.value.hint
    with pytest.raises(AddressError, match="is not an input"):
        await client.set_input(POSITION, 1.0)
    await client.set_input(f"{HINGE}.effort", 0.0)
    await client.set_input(f"{HINGE}.targetVelocity", 0.5)
    await client.step()
    assert (await client.read([f"{HINGE}.targetVelocity", f"{HINGE}.targetPosition"]))[1].tolist() == [0.5, 0.0]


async def test_observations_come_whole(client: RuntimeClient) -> None:
    assert (await client.status())["joints"] == [HINGE]
    assert "/World/pendulum/bob" in (await client.status())["bodies"]
    seen = await client.get_observation("/World/pendulum")
    time, values = await client.read([POSITION, f"{HINGE}.velocity"])
    assert seen.time == time
    assert [seen["positions"][0], seen["velocities"][0]] == values.tolist()
    with pytest.raises(NotFoundError):
        await client.get_observation("/World/absent")


async def test_parameters_are_listed_read_and_written(client: RuntimeClient) -> None:
    listed = {parameter.address: parameter for parameter in await client.list_parameters()}
    damping = listed[f"{HINGE}.damping"]
    assert damping.unit == "N·m·s/rad"
    change = await client.set_parameter(damping.address, 0.25)
    assert (change.before, change.after, change.cause) == (damping.value, 0.25, "user")
    assert await client.get_parameter(damping.address) == 0.25
    with pytest.raises(ParameterError, match="cannot be -1"):
        await client.set_parameter(damping.address, -1.0)
    with pytest.raises(AddressError, match="'nonsense' is not an address"):
        await client.get_parameter("nonsense")
    assert await client.get_parameter(damping.address) == 0.25


async def test_a_prediction_leaves_the_twin_alone_and_comes_true(client: RuntimeClient) -> None:
    await client.set_input(f"{HINGE}.effort", 0.5)
    before = await client.get_state_bytes()
    predicted = await client.predict([POSITION], horizon_s=1.0)
    assert await client.get_state_bytes() == before
    await client.step(240)
    _, values = await client.read([POSITION])
    assert predicted.values[-1, 0] == values[0]
    with pytest.raises(AddressError, match="no prim '/World/absent'"):
        await client.predict(["/World/absent.position"], horizon_s=1.0)


async def test_a_comparison_shows_what_another_state_leads_to(client: RuntimeClient) -> None:
    own = await client.get_state()
    same = await client.compare(own, [POSITION], horizon_s=0.5)
    assert np.abs(same.difference).max() == 0.0
    await client.set_parameter(f"{HINGE}.damping", 5.0)
    await client.set_input(f"{HINGE}.effort", 2.0)
    await client.step(10)
    damped = await client.compare(own, [POSITION], horizon_s=0.5, interval_s=0.1)
    assert damped.offsets == pytest.approx(np.arange(6) / 10, abs=1e-9)
    assert np.abs(damped.difference[-1]).max() > 1e-3


async def test_events_can_be_followed(client: RuntimeClient) -> None:
    kinds = [event.kind async for event in client.events()]
    assert kinds[0] == "opened"
    state = await client.get_state()

    async def follow() -> int:
        async for event in client.events(follow=True):
            if event.number > len(kinds) and event.kind == "state-set":
                return event.number
        raise AssertionError("the stream ended")

    following = asyncio.create_task(follow())
    await client.set_state(state)
    assert await asyncio.wait_for(following, 10) > 1


async def test_a_wrong_token_gets_nothing(ready: Ready) -> None:
    async with RuntimeClient(ready.address, "wrong") as stranger:
        with pytest.raises(RuntimeUnavailableError, match=f"The runtime at {ready.address} refused the token"):
            await stranger.get_state_bytes()
        with pytest.raises(RuntimeUnavailableError, match="refused the token"):
            await anext(stranger.events())


async def test_nobody_at_an_address_is_said_so() -> None:
    async with RuntimeClient("127.0.0.1:1", "token", timeout_s=2) as client:
        with pytest.raises(RuntimeUnavailableError, match=r"The runtime at 127\.0\.0\.1:1 cannot be reached\."):
            await client.status()


async def test_garbage_is_refused_by_name_and_the_twin_goes_on(ready: Ready, client: RuntimeClient) -> None:
    state = await client.get_state()
    service = runtime_pb2.DESCRIPTOR.services_by_name["Runtime"]
    stranger = Stranger(service, ready.address, ready.token, seed=1, valid=state.to_bytes())
    await asyncio.to_thread(stranger.speak, 400, never=("Stop",))
    assert stranger.faults == []
    codes = {code for _, code in stranger.answers}
    assert {"OK", "invalid-input", "invalid-address", "invalid-state", "not-found"} <= codes
    await client.set_state(state)
    assert (await client.status())["phase"] in ("running", "paused")
