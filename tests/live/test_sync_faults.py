"""What breaks around a live twin: the broker, the process itself, the disk. Nothing that was acknowledged is lost."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest
from tests.live.conftest import MakeBroker
from tests.live.sync_rig import Machine, Rig, rig

from hanzo_twin.stores.history.batch import Kind

pytestmark = pytest.mark.live


def lifecycle(twin: Rig) -> list[str]:
    addresses: list[str] = twin.history.read(kinds=[Kind.LIFECYCLE]).column("address").to_pylist()
    return addresses


async def ticks_on(twin: Rig, count: int = 10) -> None:
    """The twin goes on: so many ticks more, and its time with them."""
    before = await twin.sync()
    after = await twin.until_sync("it ticks", lambda s: s["ticks"] >= before["ticks"] + count)
    assert after["device_time"] > before["device_time"]


async def test_the_broker_is_killed_and_comes_back(tmp_path: Path, make_mosquitto: MakeBroker) -> None:
    broker = make_mosquitto(durable=True)
    async with rig(tmp_path, broker) as twin, Machine(broker.url) as device:
        await twin.synchronized()
        await twin.until_sync("readings", lambda s: s["readings"]["received"] > 100)
        broker.kill()
        status = await twin.until_sync("degraded", lambda s: s["health"] == "degraded")
        assert status["links"][0]["state"] == "reconnecting"
        assert "was lost" in status["trouble"][0] or "refused" in status["trouble"][0]
        await ticks_on(twin)
        before = len(device.confirmed)
        broker.start()
        await twin.synchronized()
        await twin.until_sync("readings again", lambda s: len(device.confirmed) > before + 50)
        confirmed = list(device.confirmed)
        await twin.until_stored(confirmed)
        assert (await twin.sync())["links"][0]["reconnects"] == 1
        kinds = await twin.kinds()
        expected = ["source-connected", "synchronized", "source-reconnecting", "source-connected"]
        assert [kind for kind in kinds if kind in expected] == expected
        assert "source-crashed" not in kinds
    assert twin.history.verify().ok
    assert [kind for kind in lifecycle(twin) if kind in expected] == expected


async def test_the_runtime_is_killed_and_goes_on_from_its_checkpoint(
    tmp_path: Path, make_mosquitto: MakeBroker
) -> None:
    broker = make_mosquitto()
    async with rig(tmp_path, broker) as twin, Machine(broker.url, rate_hz=100.0) as device:
        await twin.synchronized()
        await twin.client.set_parameter("/World/pendulum/hinge.damping", 0.03)
        kept = await twin.client.checkpoint()
        for _ in range(3):
            await twin.until_sync("readings", lambda s: s["readings"]["received"] > 100)
            await twin.kill()
            assert twin.history.verify().ok
            await twin.launch()
            assert await twin.client.get_parameter("/World/pendulum/hinge.damping") == 0.03
        status = await twin.synchronized()
        assert status["device_time"] > kept
        await ticks_on(twin)
        assert abs((await twin.sync())["lag_s"]) < 1.0
        await twin.until_stored(list(device.confirmed))
        assert "clock-jumped" not in await twin.kinds()
    report = twin.history.verify()
    assert report.ok
    assert report.torn_bytes == 0
    assert lifecycle(twin).count("opened") == 4


async def test_a_stopped_runtime_leaves_what_it_did_not_store_to_the_next(
    tmp_path: Path, make_mosquitto: MakeBroker
) -> None:
    broker = make_mosquitto()
    async with rig(tmp_path, broker) as twin, Machine(broker.url) as device:
        await twin.synchronized()
        await twin.stop()
        await device.sent(50)
        await twin.launch()
        await twin.synchronized()
        await twin.until_stored(list(device.confirmed))
    assert twin.history.verify().ok


def allow_files_of(twin: Rig, size: int) -> None:
    """A full disk for this one process: no file may grow beyond ``size`` bytes."""
    resource.prlimit(twin.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


async def test_the_disk_is_full_for_a_while(tmp_path: Path, make_mosquitto: MakeBroker) -> None:
    broker = make_mosquitto()
    async with rig(tmp_path, broker) as twin, Machine(broker.url) as device:
        await twin.synchronized()
        allow_files_of(twin, 1)
        status = await twin.until_sync("degraded", lambda s: s["health"] == "degraded")
        assert "The history cannot be written to" in status["trouble"][0]
        assert "File too large" in status["trouble"][0]
        stored = len(twin.stored_stamps())
        full = len(device.confirmed)
        await ticks_on(twin, 60)
        assert len(twin.stored_stamps()) == stored
        assert len(device.confirmed) > full + 50
        allow_files_of(twin, resource.RLIM_INFINITY)
        await twin.synchronized()
        confirmed = list(device.confirmed)
        await twin.until_stored(confirmed)
        kinds = await twin.kinds()
        assert [kind for kind in kinds if kind.startswith("history-")] == ["history-unavailable", "history-available"]
        assert "readings are not acknowledged" in (await twin.event("history-unavailable")).message.lower()
    assert twin.history.verify().ok
    assert [kind for kind in lifecycle(twin) if kind.startswith("history-")] == [
        "history-unavailable",
        "history-available",
    ]


async def test_the_runtime_is_killed_while_the_disk_is_full(tmp_path: Path, make_mosquitto: MakeBroker) -> None:
    broker = make_mosquitto()
    async with rig(tmp_path, broker) as twin, Machine(broker.url) as device:
        await twin.synchronized()
        allow_files_of(twin, 1)
        await twin.event("history-unavailable")
        await device.sent(25)
        await twin.kill()
        await twin.launch()
        await twin.synchronized()
        await twin.until_stored(list(device.confirmed))
    assert twin.history.verify().ok
