from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from hanzo_twin.clock import ManualClock
from hanzo_twin.definition.sources import FileSource as Config
from hanzo_twin.errors import RecordingError, SourceUnavailableError
from hanzo_twin.sync.port import Inbox, LinkLimits
from hanzo_twin.sync.sources import file
from hanzo_twin.sync.sources.file import FileSource

LOG = "time,position,note\n10,1,a\n10.5,,b\n10.6,3,c\n12,4,d\n"


class Player:
    """A file source with its inbox and a clock that the test moves."""

    def __init__(self, path: Path, *, paced: bool = True, inbox_size: int = 100, **fields: Any) -> None:
        config = Config.model_validate(
            {"type": "file", "path": str(path), "mapping": {"position": "/World/arm/joint.position"}, **fields}
        )
        self.clock = ManualClock(now=1000.0)
        self.inbox = Inbox(inbox_size)
        self.source = FileSource(
            config, identity="test", clock=self.clock, inbox=self.inbox, limits=LinkLimits(paced=paced)
        )

    async def take(self, count: int) -> list[Mapping[str, float | str]]:
        """What arrives until there are ``count`` payloads."""
        taken: list[Mapping[str, float | str]] = []
        async with asyncio.timeout(10):
            while len(taken) < count:
                await self.inbox.wait()
                taken += [
                    dict(message.payload) for message in self.inbox.take() if isinstance(message.payload, Mapping)
                ]
        return taken

    async def asleep(self) -> None:
        """Return once the source waits for the clock."""
        async with asyncio.timeout(10):
            while not self.clock._sleepers:  # noqa: ASYNC110  # a clock has no event for its sleepers
                await asyncio.sleep(0)


def write(folder: Path, content: str) -> Path:
    path = folder / "log.csv"
    path.write_text(content)
    return path


async def test_rows_come_when_they_are_due(tmp_path: Path) -> None:
    player = Player(write(tmp_path, LOG), speed=2.0)
    playing = asyncio.create_task(player.source.run())
    assert await player.take(1) == [{"time": 10.0, "position": 1.0}]
    await player.asleep()
    assert player.source.status().state == "connected"
    player.clock.advance(0.24)
    await asyncio.sleep(0)
    assert not len(player.inbox)
    player.clock.advance(0.01)
    assert await player.take(1) == [{"time": 10.5}]
    await player.asleep()
    player.clock.advance(5.0)
    assert await player.take(2) == [{"time": 10.6, "position": 3.0}, {"time": 12.0, "position": 4.0}]
    await playing
    status = player.source.status()
    assert (status.state, status.messages, status.dropped) == ("finished", 4, 0)


async def test_a_reader_that_comes_late_gets_all_that_is_due_at_once(tmp_path: Path) -> None:
    player = Player(write(tmp_path, LOG))
    playing = asyncio.create_task(player.source.run())
    await player.asleep()
    player.clock.advance(0.7)
    assert [payload["time"] for payload in await player.take(3)] == [10.0, 10.5, 10.6]
    playing.cancel()


async def test_without_pace_only_the_inbox_holds_it_back(tmp_path: Path) -> None:
    rows = "".join(f"{index},{index}\n" for index in range(2500))
    player = Player(write(tmp_path, f"time,position\n{rows}"), paced=False, inbox_size=7)
    playing = asyncio.create_task(player.source.run())
    taken: list[float | str] = []
    while len(taken) < 2500:
        await player.inbox.wait()
        batch = player.inbox.take()
        assert len(batch) <= 7
        taken += [message.payload["time"] for message in batch if isinstance(message.payload, Mapping)]
    await playing
    assert taken == [float(index) for index in range(2500)]


async def test_a_loop_goes_on_in_time(tmp_path: Path) -> None:
    player = Player(write(tmp_path, "time,position\n5,1\n6,2\n7,3\n"), paced=False, inbox_size=7, loop=True)
    playing = asyncio.create_task(player.source.run())
    assert [payload["time"] for payload in (await player.take(7))[:7]] == [5, 6, 7, 8, 9, 10, 11]
    playing.cancel()


async def test_a_loop_over_no_time_is_refused(tmp_path: Path) -> None:
    player = Player(write(tmp_path, "time,position\n5,1\n5,2\n"), loop=True)
    with pytest.raises(RecordingError, match="cannot be played in a loop: its rows have all the same time"):
        await player.source.run()


async def test_nothing_of_a_wrong_file_is_delivered(tmp_path: Path) -> None:
    path = write(tmp_path, LOG + "13,oops,x\n")
    player = Player(path, paced=False)
    with pytest.raises(RecordingError):
        await player.source.run()
    status = player.source.status()
    assert not len(player.inbox)
    assert (status.state, status.messages) == ("failed", 0)
    assert status.last_error == f"{path}:6: column 'position' has 'oops', which is not a number."


async def test_wrong_rows_of_a_file_too_large_to_be_checked_first_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file, "LARGEST_PRESCAN_BYTES", 10)
    path = write(tmp_path, "time,position\n1,1\n2,oops\n3,3\n")
    player = Player(path, paced=False)
    await player.source.run()
    status = player.source.status()
    assert [payload["time"] for payload in await player.take(2)] == [1, 3]
    assert (status.state, status.dropped) == ("finished", 1)
    assert status.last_error == f"{path}:3: column 'position' has 'oops', which is not a number."


@pytest.mark.parametrize("largest_prescan", [10, 1000])
async def test_a_file_without_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, largest_prescan: int) -> None:
    monkeypatch.setattr(file, "LARGEST_PRESCAN_BYTES", largest_prescan)
    with pytest.raises(RecordingError, match="has column names and no rows"):
        await Player(write(tmp_path, "time,position\n")).source.run()


async def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    player = Player(tmp_path / "none.csv")
    with pytest.raises(SourceUnavailableError) as refused:
        await player.source.run()
    assert refused.value.message == f"The recording {tmp_path}/none.csv is not there."
    assert player.source.status().state == "failed"
