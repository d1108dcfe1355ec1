"""The files between a launcher and its runtimes."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from hanzo_twin.errors import (
    ConflictError,
    NotFoundError,
    NotInstalledError,
    SceneError,
    SettingsError,
    SimulationError,
    StoreUnavailableError,
)
from hanzo_twin.runtime.directory import (
    RuntimeFiles,
    lock_runtime,
    process_started_ticks,
    read_model,
    write_atomically,
)
from hanzo_twin.runtime.spec import Failure, ProcessRecord, RuntimeSpec


def test_a_spec_survives_its_file(tmp_path: Path) -> None:
    spec = RuntimeSpec(
        twin_id="t1",
        name="arm",
        definition={"name": "arm", "n": [1, 2.5, None]},
        base_directory=tmp_path,
        directory=tmp_path / "t1",
        history_directory=tmp_path / "h",
    )
    write_atomically(tmp_path / "spec.json", spec.model_dump_json().encode())
    assert RuntimeSpec.read(tmp_path / "spec.json") == spec
    assert stat.S_IMODE((tmp_path / "spec.json").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["spec.json"], "no temporary file is left"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "spec.json' is not a runtime spec: file: Invalid JSON"),
        ("{}", "twin_id: Field required; name: Field required"),
        ('{"twin_id": "a", "colour": 1}', "colour: Extra inputs are not permitted"),
    ],
)
def test_garbage_is_refused_naming_what_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "spec.json").write_text(text)
    with pytest.raises(SettingsError) as refused:
        RuntimeSpec.read(tmp_path / "spec.json")
    assert said in refused.value.message
    assert refused.value.hint == "It is written by the launcher; do not edit it."


def test_a_missing_spec_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"absent.json' cannot be read: No such file or directory\."):
        RuntimeSpec.read(tmp_path / "absent.json")


def test_failures_say_whether_trying_again_is_of_use() -> None:
    assert Failure.of(SceneError("the file is gone")).permanent
    assert Failure.of(NotInstalledError("no engine")).permanent
    assert not Failure.of(SimulationError("diverged")).permanent
    assert not Failure.of(StoreUnavailableError("disk full")).permanent
    assert isinstance(Failure.of(NotInstalledError("no engine", hint="pip")).decode(), NotInstalledError)


def test_one_process_has_a_directory(tmp_path: Path) -> None:
    files = RuntimeFiles(tmp_path / "t1")
    lock = lock_runtime(files)
    assert stat.S_IMODE(files.directory.stat().st_mode) == 0o700
    with pytest.raises(ConflictError, match=r"Another process already serves the runtime directory '.*t1'"):
        lock_runtime(files)
    lock.release()
    lock_runtime(files).release()


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailableError, match=r"file/t1' cannot be used: Not a directory\."):
        lock_runtime(RuntimeFiles(tmp_path / "file" / "t1"))


def test_a_failed_write_leaves_the_old_content(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailableError, match=r"cannot be written: No such file or directory\."):
        write_atomically(tmp_path / "absent" / "x", b"new")


def test_processes_are_told_apart_by_their_start() -> None:
    own = process_started_ticks(os.getpid())
    assert own is not None
    assert own > 0
    assert own == process_started_ticks(os.getpid())
    assert own != process_started_ticks(1)
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert process_started_ticks(pid) is None, "a zombie does not live"
    os.waitpid(pid, 0)
    assert process_started_ticks(pid) is None


def test_a_torn_file_counts_as_absent(tmp_path: Path) -> None:
    path = tmp_path / "process.json"
    assert read_model(ProcessRecord, path) is None
    path.write_text('{"pid": 4')
    assert read_model(ProcessRecord, path) is None
    path.write_text('{"pid": 4, "started_ticks": 7}')
    assert read_model(ProcessRecord, path) == ProcessRecord(pid=4, started_ticks=7)
