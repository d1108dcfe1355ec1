"""Runtimes as processes: how they begin, die, come back and end."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.live.runtimes import HINGE, definition, end_all, spec_in, wait_serving
from tests.live.waiting import until_seen

from hanzo_twin.errors import (
    ConflictError,
    HanzoTwinError,
    InvalidInputError,
    SceneError,
    StateError,
    UnsupportedError,
)
from hanzo_twin.runtime.client import RuntimeClient
from hanzo_twin.runtime.directory import RuntimeFiles, process_started_ticks
from hanzo_twin.runtime.launcher import LocalLauncher, describe_death
from hanzo_twin.runtime.spec import RuntimeSpec
from hanzo_twin.stores.history.batch import Kind
from hanzo_twin.stores.history.reader import HistoryReader
from hanzo_twin.twin.state import TwinState

pytestmark = pytest.mark.live


@pytest.fixture
async def launcher(tmp_path: Path) -> AsyncIterator[LocalLauncher]:
    made = LocalLauncher(tmp_path / "runtimes")
    yield made
    await end_all(made)


async def serve(launcher: LocalLauncher, spec: RuntimeSpec) -> RuntimeClient:
    await launcher.launch(spec)
    ready = await wait_serving(launcher, spec.twin_id)
    return RuntimeClient(ready.address, ready.token)


async def checkpointed_beyond(files: RuntimeFiles, seconds: float) -> float:
    """Time of the first checkpoint beyond ``seconds`` of simulation."""

    def look() -> float | None:
        if not files.checkpoint.exists():
            return None
        time = TwinState.from_bytes(files.checkpoint.read_bytes()).simulation.time
        return time if time > seconds else None

    return await until_seen(f"a checkpoint beyond {seconds} s", look)


async def test_killed_it_continues_from_its_last_checkpoint(tmp_path: Path, launcher: LocalLauncher) -> None:
    spec = spec_in(tmp_path)
    async with await serve(launcher, spec) as client:
        await client.set_parameter(f"{HINGE}.damping", 0.75)
        await client.set_input(f"{HINGE}.effort", 0.3)
    kept = await checkpointed_beyond(launcher.files("t1"), 0.3)
    launcher.kill("t1")
    await until_seen("it is seen dead", lambda: launcher.observe("t1").state == "died")
    assert launcher.observe("t1").exit_code == -9
    assert "It was ended by SIGKILL. Its log ends:" in describe_death(launcher.observe("t1"), launcher.files("t1"))
    async with await serve(launcher, spec) as client:
        assert (await client.status())["time"] >= kept
        assert await client.get_parameter(f"{HINGE}.damping") == 0.75
        state = await client.get_state()
        assert [samples[-1][1] for _, _, _, samples in state.inputs] == [0.3]


async def test_sigterm_leaves_a_checkpoint_and_a_flushed_history(tmp_path: Path, launcher: LocalLauncher) -> None:
    spec = spec_in(tmp_path, checkpoint_seconds=1000)
    async with await serve(launcher, spec) as client:
        await client.set_input(f"{HINGE}.effort", 0.5)
        asked = (await client.status())["time"]
    launcher.terminate("t1")
    await until_seen("it has ended", lambda: launcher.observe("t1").state == "absent", within_s=10)
    assert launcher.observe("t1").exit_code == 0
    files = launcher.files("t1")
    assert not files.ready.exists()
    assert TwinState.from_bytes(files.checkpoint.read_bytes()).simulation.time >= asked
    history = HistoryReader(spec.history_directory)
    assert history.verify().ok
    assert history.read(kinds=[Kind.COMMAND]).column("value").to_pylist() == [0.5]
    async with await serve(launcher, spec) as client:
        assert (await client.status())["time"] >= asked


async def test_a_new_launcher_finds_what_runs(tmp_path: Path, launcher: LocalLauncher) -> None:
    spec = spec_in(tmp_path)
    async with await serve(launcher, spec) as client:
        second = LocalLauncher(tmp_path / "runtimes")
        assert second.known() == ["t1"]
        seen = second.observe("t1")
        assert (seen.state, seen.pid) == ("serving", (await client.status())["pid"])
        with pytest.raises(ConflictError, match="Another process already serves the runtime directory"):
            await second.launch(spec)
        assert (await client.status())["pid"] == seen.pid
        second.terminate("t1")
        await until_seen("it has ended", lambda: second.observe("t1").state == "absent")


async def test_a_second_process_on_a_directory_ends_at_once(tmp_path: Path, launcher: LocalLauncher) -> None:
    async with await serve(launcher, spec_in(tmp_path)) as client:
        pid = (await client.status())["pid"]
        second = run_runtime(launcher.files("t1").spec)
        assert second.returncode == ConflictError.exit_code
        assert second.stderr.startswith("Another process already serves the runtime directory")
        assert (await client.status())["pid"] == pid
        assert launcher.observe("t1").pid == pid


async def test_it_ends_when_its_directory_is_deleted(tmp_path: Path, launcher: LocalLauncher) -> None:
    async with await serve(launcher, spec_in(tmp_path)) as client:
        pid = (await client.status())["pid"]
    shutil.rmtree(launcher.files("t1").directory)
    await until_seen("the process is gone", lambda: launcher._children["t1"].poll() is not None, within_s=15)
    assert process_started_ticks(pid) is None


async def test_a_checkpoint_of_another_scene_is_passed_over(tmp_path: Path, launcher: LocalLauncher) -> None:
    async with await serve(launcher, spec_in(tmp_path)) as client:
        await client.stop()
    await until_seen("it has ended", lambda: launcher.observe("t1").state == "absent")
    arm = Path(__file__).parents[2] / "examples" / "arm" / "arm.usda"
    async with await serve(launcher, spec_in(tmp_path, definition=definition(scene={"uri": str(arm)}))) as client:
        assert "/World/arm" in " ".join(p.address for p in await client.list_parameters())
    log = launcher.files("t1").log.read_text()
    assert "The checkpoint 'checkpoint.state' is passed over: The state belongs to scene" in log


async def test_a_fork_begins_from_its_parents_state(tmp_path: Path, launcher: LocalLauncher) -> None:
    async with await serve(launcher, spec_in(tmp_path)) as client:
        await client.pause()
        await client.set_parameter(f"{HINGE}.damping", 0.5)
        await client.step(100)
        state = await client.get_state()
    initial = tmp_path / "state"
    initial.write_bytes(state.to_bytes())
    async with await serve(launcher, spec_in(tmp_path, "t2", initial_state=initial)) as fork:
        assert (await fork.status())["time"] >= state.simulation.time
        assert await fork.get_parameter(f"{HINGE}.damping") == 0.5
    initial.write_bytes(state.to_bytes()[:-1])
    await launcher.launch(spec_in(tmp_path, "t3", initial_state=initial))
    with pytest.raises(StateError, match="The twin state is damaged"):
        await wait_serving(launcher, "t3")
    assert launcher.observe("t3").failure is not None


async def test_what_can_never_start_says_why_and_that_it_is_of_no_use(tmp_path: Path, launcher: LocalLauncher) -> None:
    wrong = {
        "engine": (definition(engine={"type": "warpdrive"}), UnsupportedError, "No engine named 'warpdrive'"),
        "scene": (definition(scene={"uri": "/absent.usda"}), SceneError, "/absent.usda"),
        "field": (definition(colour="red"), InvalidInputError, "colour"),
    }
    for twin_id, (text, _, _) in wrong.items():
        await launcher.launch(spec_in(tmp_path, twin_id, definition=text))
    for twin_id, (_, kind, said) in wrong.items():
        with pytest.raises(kind) as refused:
            await wait_serving(launcher, twin_id)
        assert said in str(refused.value)
        await until_seen("it is dead", lambda twin_id=twin_id: launcher.observe(twin_id).pid is None)  # type: ignore[misc]
        observed = launcher.observe(twin_id)
        assert observed.failure is not None
        assert observed.failure.permanent
        assert "Traceback" not in launcher.files(twin_id).output.read_text()


async def test_more_memory_than_allowed_ends_the_process_only(tmp_path: Path, launcher: LocalLauncher) -> None:
    await launcher.launch(spec_in(tmp_path, memory_bytes=100_000_000))
    with pytest.raises(HanzoTwinError, match="needs more memory than the 95 MiB it may have") as refused:
        await wait_serving(launcher, "t1")
    assert refused.value.hint == "Raise runtime.memory_mib, or make the scene smaller."


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is not a runtime spec: file: Invalid JSON"),
        ('{"twin_id": ""}', "twin_id: String should have at least 1 character"),
        (None, "cannot be read: No such file or directory."),
    ],
)
def test_garbage_is_refused_without_a_trace(tmp_path: Path, text: str | None, said: str) -> None:
    path = tmp_path / "spec.json"
    if text is not None:
        path.write_text(text)
    ended = run_runtime(path)
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.returncode in (2, 3)
    assert list(tmp_path.iterdir()) == ([path] if text is not None else [])


def run_runtime(path: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hanzo_twin.runtime", str(path)]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


async def test_the_secrets_of_the_platform_stay_out_of_it(
    tmp_path: Path, launcher: LocalLauncher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HANZO_TWIN_DATABASE_URL", "postgresql://u:k3y-of-the-database@h/d")
    monkeypatch.setenv("MQTT_PASSWORD", "for the twin")
    async with await serve(launcher, spec_in(tmp_path)) as client:
        environment = environment_of((await client.status())["pid"])
    assert "k3y-of-the-database" not in environment
    assert "MQTT_PASSWORD=for the twin" in environment


def environment_of(pid: int) -> str:
    return Path(f"/proc/{pid}/environ").read_bytes().decode()


async def test_it_outlives_the_session_that_started_it(tmp_path: Path, launcher: LocalLauncher) -> None:
    async with await serve(launcher, spec_in(tmp_path)) as client:
        pid = (await client.status())["pid"]
        assert os.getsid(pid) == pid
        ready = json.loads(launcher.files("t1").ready.read_text())
        assert (ready["pid"], ready["address"]) == (pid, client.address)
        assert launcher.files("t1").ready.stat().st_mode & 0o077 == 0
