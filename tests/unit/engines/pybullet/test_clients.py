"""Clients that are used again."""

from __future__ import annotations

import pytest

pytest.importorskip("pybullet", reason="the extra 'pybullet' is not installed")

import pybullet

from hanzo_twin.engines.port import EngineConfig, JointCommand, Simulation, load_engine
from hanzo_twin.engines.pybullet import clients
from hanzo_twin.engines.pybullet.clients import give_back, take_client
from hanzo_twin.errors import SimulationError
from hanzo_twin.testing import scenes
from hanzo_twin.testing.conformance import TARGETS


def load() -> Simulation:
    return load_engine("pybullet").load_scene(scenes.arm6_with_boxes(), EngineConfig(step_hz=500.0))


@pytest.fixture(autouse=True)
def no_idle_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "_idle", [])


def test_an_emptied_client_goes_on_as_a_new_one() -> None:
    new = load()
    new.step(200)
    other = load()
    other.set_joint_command(scenes.ARM, JointCommand(positions=TARGETS))
    other.step(300)
    other.close()
    assert len(clients._idle) == 1
    used = load()
    assert not clients._idle
    used.step(200)
    assert used.get_state() == new.get_state()
    state = new.get_state()
    new.step(300)
    used.step(77)
    used.set_state(state)
    used.step(300)
    assert used.get_state() == new.get_state()
    new.close()
    used.close()


def test_few_clients_wait_and_the_others_are_ended() -> None:
    taken = [take_client() for _ in range(4)]
    for client in taken:
        give_back(client)
    assert [pybullet.isConnected(client) for client in taken] == [True, True, False, False]
    assert take_client() == taken[1]


def test_a_client_that_somebody_else_ended_is_not_taken() -> None:
    client = take_client()
    give_back(client)
    pybullet.disconnect(client)
    again = take_client()
    assert pybullet.isConnected(again)
    pybullet.disconnect(again)


def test_a_client_that_was_handed_out_is_not_used_again() -> None:
    simulation = load()
    client, _ = simulation.native
    simulation.close()
    assert not pybullet.isConnected(client)
    assert not clients._idle


def test_when_bullet_has_none_left_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pybullet, "connect", lambda mode: -1)
    with pytest.raises(SimulationError, match="no client left") as refused:
        take_client()
    assert "Close simulations" in refused.value.hint
