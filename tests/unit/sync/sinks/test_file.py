from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from hanzo_twin.clock import ManualClock
from hanzo_twin.definition.publish import FilePublish
from hanzo_twin.sync.port import LinkLimits
from hanzo_twin.sync.sinks.file import FileSink


def sink_on(path: Path, clock: ManualClock, size: int = 100) -> FileSink:
    limits = LinkLimits(buffer_size=size, reconnect_backoff_ms=(1000,))
    return FileSink(FilePublish(type="file", path=str(path)), identity="test", clock=clock, limits=limits)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  # a status has no event to wait for
            await asyncio.sleep(0)


async def stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_lines_are_appended_and_channels_have_their_own_file(tmp_path: Path) -> None:
    path = tmp_path / "new" / "predictions.jsonl"
    sink = sink_on(path, ManualClock())
    writing = asyncio.create_task(sink.run())
    sink.publish(b'{"a": 1}')
    sink.publish(b'{\n"a": 2}')
    sink.publish(b'{"alert": 1}', channel="alerts")
    await until(lambda: sink.status().messages == 3)
    sink.publish(b'{"a": 3}')
    await stop(writing)
    assert path.read_bytes() == b'{"a": 1}\n{ "a": 2}\n{"a": 3}\n'
    assert (tmp_path / "new" / "predictions.alerts.jsonl").read_bytes() == b'{"alert": 1}\n'
    assert sink.status().messages == 4


async def test_while_the_disk_is_gone_the_oldest_lines_are_dropped(tmp_path: Path) -> None:
    clock = ManualClock()
    path = tmp_path / "predictions.jsonl"
    path.mkdir()
    sink = sink_on(path, clock, size=3)
    writing = asyncio.create_task(sink.run())
    sink.publish(b"0")
    await until(lambda: sink.status().state == "reconnecting")
    for number in range(1, 6):
        sink.publish(b"%d" % number)
    status = sink.status()
    assert status.last_error == f"{path} cannot be written: Is a directory."
    path.rmdir()
    clock.advance(1.0)
    async with asyncio.timeout(10):
        while sink.status().state != "connected":
            clock.advance(1.0)
            await asyncio.sleep(0)
    await stop(writing)
    assert path.read_bytes() == b"3\n4\n5\n"
    assert (sink.status().messages, sink.status().dropped, sink.status().reconnects) == (3, 3, 1)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
async def test_a_full_disk_is_reported(tmp_path: Path) -> None:
    sink = sink_on(Path("/dev/full"), ManualClock())
    writing = asyncio.create_task(sink.run())
    sink.publish(b"0")
    await until(lambda: sink.status().state == "reconnecting")
    assert sink.status().last_error == "/dev/full cannot be written: No space left on device."
    await stop(writing)
