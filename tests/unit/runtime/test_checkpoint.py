"""What a runtime begins from."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from hanzo_twin.engines.port import EngineConfig
from hanzo_twin.errors import StateError, StoreUnavailableError
from hanzo_twin.runtime.checkpoint import Beginning, beginnings, write_checkpoint
from hanzo_twin.runtime.directory import RuntimeFiles
from hanzo_twin.runtime.spec import RuntimeSpec
from hanzo_twin.testing.scenes import pendulum
from hanzo_twin.twin.state import TwinState
from hanzo_twin.twin.twin import Twin


@pytest.fixture(scope="module")
def states() -> tuple[TwinState, TwinState, TwinState]:
    twin = Twin.load(pendulum(initial_position=0.5), engine="mujoco", config=EngineConfig())
    made = []
    for _ in range(3):
        twin.simulation.step()
        made.append(twin.get_state())
    twin.close()
    return made[0], made[1], made[2]


def spec_in(directory: Path, *, resume: bool = True, initial_state: Path | None = None) -> RuntimeSpec:
    return RuntimeSpec(
        twin_id="t",
        name="pendulum",
        definition={},
        base_directory=directory,
        directory=directory,
        history_directory=directory,
        resume=resume,
        initial_state=initial_state,
    )


def test_the_newest_checkpoint_comes_first_then_the_one_before(
    tmp_path: Path, states: tuple[TwinState, TwinState, TwinState]
) -> None:
    files = RuntimeFiles(tmp_path)
    for state in states:
        write_checkpoint(files, state)
    assert list(beginnings(spec_in(tmp_path), files)) == [
        Beginning(name="checkpoint.state", state=states[2], checkpoint=True),
        Beginning(name="checkpoint.previous.state", state=states[1], checkpoint=True),
        Beginning(name="scene", state=None),
    ]
    assert list(beginnings(spec_in(tmp_path, resume=False), files)) == [Beginning(name="scene", state=None)]


def test_a_damaged_checkpoint_is_passed_over_and_said(
    tmp_path: Path, states: tuple[TwinState, TwinState, TwinState], caplog: pytest.LogCaptureFixture
) -> None:
    files = RuntimeFiles(tmp_path)
    write_checkpoint(files, states[0])
    write_checkpoint(files, states[1])
    files.checkpoint.write_bytes(states[1].to_bytes()[:-1])
    with caplog.at_level(logging.WARNING):
        first = next(iter(beginnings(spec_in(tmp_path), files)))
    assert first.state == states[0]
    assert "checkpoint.state' cannot be used: The twin state is damaged" in caplog.text


def test_a_fork_begins_from_its_initial_state(tmp_path: Path, states: tuple[TwinState, TwinState, TwinState]) -> None:
    files = RuntimeFiles(tmp_path)
    files.initial_state.write_bytes(states[0].to_bytes())
    spec = spec_in(tmp_path, initial_state=files.initial_state)
    assert list(beginnings(spec, files)) == [Beginning(name="initial state", state=states[0])]
    files.initial_state.write_bytes(b"rubbish")
    with pytest.raises(StateError, match="not a twin state"):
        list(beginnings(spec, files))
    files.initial_state.unlink()
    with pytest.raises(StoreUnavailableError, match=r"initial.state' of twin 'pendulum' cannot be read: No such file"):
        list(beginnings(spec, files))


def test_a_checkpoint_that_cannot_be_written_leaves_the_last_one(
    tmp_path: Path, states: tuple[TwinState, TwinState, TwinState]
) -> None:
    files = RuntimeFiles(tmp_path)
    write_checkpoint(files, states[0])
    (tmp_path / "checkpoint.next.state").mkdir()  # in the way of the next one, as a full disk would be
    with pytest.raises(StoreUnavailableError, match=r"checkpoint.next.state' cannot be written"):
        write_checkpoint(files, states[1])
    assert next(iter(beginnings(spec_in(tmp_path), files))).state == states[0]
