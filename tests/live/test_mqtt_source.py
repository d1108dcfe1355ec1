from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

import aiomqtt
import pytest
from tests.live.conftest import MakeBroker
from tests.live.mqtt_peer import Cable, publish, running, source_config, until

from hanzo_twin.broker import LocalBroker
from hanzo_twin.sync.port import LinkLimits, Message

pytestmark = pytest.mark.live


def numbered(first: int, last: int) -> list[bytes]:
    return [b"%d" % number for number in range(first, last)]


async def until_saved(broker: LocalBroker) -> None:
    """Return when a durable mosquitto has written what it knows now: it writes once a second, if anything changed."""
    database, now = broker.log.with_name("mosquitto.db"), time.time()
    async with aiomqtt.Client("127.0.0.1", broker.port) as client:
        await client.publish("change", b"1", qos=1, retain=True)
    await until(lambda: database.exists() and database.stat().st_mtime > now)


@pytest.mark.parametrize("qos", [0, 1, 2])
async def test_messages_arrive_in_order_with_their_topic(make_mosquitto: MakeBroker, qos: int) -> None:
    broker = make_mosquitto()
    async with running(source_config(broker.url, qos=qos)) as source:
        await source.connected()
        await publish(broker.url, "arm/a", numbered(0, 50), qos=qos)
        messages = await source.receive(50)
    assert source.payloads() == numbered(0, 50)
    assert {message.channel for message in messages} == {"arm/a"}
    assert all((message.token is None) == (qos == 0) for message in messages)
    assert source.source.status().messages == 50


async def test_wildcards_and_several_topics(make_mosquitto: MakeBroker) -> None:
    broker = make_mosquitto()
    async with running(source_config(broker.url, ["cell/+/arm", "hall/#"])) as source:
        await source.connected()
        for topic in ("cell/1/arm", "cell/1/leg", "hall", "hall/x/y", "other"):
            await publish(broker.url, topic, [topic.encode()])
        await publish(broker.url, "hall/end", [b"end"])
        await source.until(lambda: b"end" in source.payloads())
    assert source.payloads() == [b"cell/1/arm", b"hall", b"hall/x/y", b"end"]


async def test_binary_and_empty_payloads_pass_through(make_mosquitto: MakeBroker) -> None:
    broker = make_mosquitto()
    blobs = [b"", bytes(range(256)), b"\xff\xfe{not json", b"x" * 200_000]
    async with running(source_config(broker.url)) as source:
        await source.connected()
        await publish(broker.url, "arm/a", blobs)
        await source.receive(len(blobs))
    assert source.payloads() == blobs


async def test_an_oversized_payload_is_refused_counted_and_not_delivered_again(make_mosquitto: MakeBroker) -> None:
    broker = make_mosquitto()
    async with running(source_config(broker.url)) as source:
        await source.connected()
        await publish(broker.url, "arm/a", [b"x" * (256 * 1024 + 1), b"small"])
        source.source.acknowledge(await source.receive(1))
        status = source.source.status()
    assert source.payloads() == [b"small"]
    assert status.dropped == 1
    assert status.last_error == "A message of 262145 bytes on 'arm/a' was refused; at most 262144 are allowed."
    async with running(source_config(broker.url)) as again:
        await again.connected()
        await publish(broker.url, "arm/a", [b"later"])
        await again.receive(1)
    assert again.payloads() == [b"later"]


@pytest.mark.parametrize("qos", [1, 2])
async def test_only_what_was_acknowledged_is_forgotten(make_mosquitto: MakeBroker, qos: int) -> None:
    broker = make_mosquitto()
    config = source_config(broker.url, qos=qos)
    window = LinkLimits(buffer_size=20, reconnect_backoff_ms=(50,))
    async with running(config, limits=window) as first:
        await first.connected()
        await publish(broker.url, "arm/a", numbered(0, 32), qos=qos)
        first.source.acknowledge((await first.receive(20))[:12])
        await first.receive(32)  # the broker sends the last 12 only after it has handled the acknowledgements
    async with running(config) as second:
        await second.receive(20)
        await publish(broker.url, "arm/a", [b"last"], qos=qos)
        await second.until(lambda: b"last" in second.payloads())
    assert second.payloads() == [*numbered(12, 32), b"last"]


async def test_what_came_on_an_old_connection_is_not_acknowledged_on_a_new_one(make_mosquitto: MakeBroker) -> None:
    broker = make_mosquitto()
    async with Cable(broker.url) as cable:
        async with running(source_config(cable.url)) as source:
            await source.connected()
            await publish(broker.url, "arm/a", numbered(0, 5))
            stale = list(await source.receive(5))
            cable.cut()
            await source.receive(10)
            source.source.acknowledge(stale)
            assert source.source.status().reconnects == 1
            assert source.source.status().last_error == (
                f"The broker {cable.url} was lost: the connection ended unexpectedly."
            )
        async with running(source_config(cable.url)) as again:
            await again.receive(5)
            again.source.acknowledge(again.messages)
        async with running(source_config(cable.url)) as empty:
            await empty.connected()
            await publish(broker.url, "arm/a", [b"end"])
            await empty.receive(1)
    assert again.payloads() == numbered(0, 5)
    assert empty.payloads() == [b"end"]


async def test_a_consumer_that_is_killed_before_it_acknowledged_loses_nothing(make_mosquitto: MakeBroker) -> None:
    broker = make_mosquitto()
    script = Path(__file__).with_name("mqtt_consumer.py")
    consumer = await asyncio.create_subprocess_exec(
        sys.executable, str(script), broker.url, "60", stdout=asyncio.subprocess.PIPE
    )
    assert consumer.stdout is not None
    try:
        assert await consumer.stdout.readline() == b"connected\n"
        await publish(broker.url, "arm/a", numbered(0, 100))
        assert await consumer.stdout.readline() == b"acknowledged 60\n"
    finally:
        consumer.kill()
        await consumer.wait()
    async with running(source_config(broker.url), identity="consumer") as survivor:
        await survivor.until(lambda: b"99" in survivor.payloads())
    assert survivor.payloads() == numbered(60, 100)


async def test_a_broker_that_is_killed_and_comes_back_loses_nothing(make_mosquitto: MakeBroker) -> None:
    broker = make_mosquitto(durable=True)
    async with running(source_config(broker.url)) as source:
        await source.connected()
        await publish(broker.url, "arm/a", numbered(0, 50))
        source.source.acknowledge(await source.receive(50))
        await until_saved(broker)
        broker.kill()
        await source.until(lambda: source.source.status().state == "reconnecting")
        assert "was lost" in source.source.status().last_error
        broker.start()
        await publish(broker.url, "arm/a", numbered(50, 100))
        await source.until(lambda: b"99" in source.payloads())
        await source.connected()
        assert source.source.status().reconnects == 1
    assert sorted(set(source.payloads()), key=int) == numbered(0, 100)
    assert source.states[-3:] == ["connected", "reconnecting", "connected"]


async def test_what_was_published_while_the_twin_was_away_is_delivered(make_mosquitto: MakeBroker) -> None:
    broker = make_mosquitto()
    config = source_config(broker.url)
    async with running(config) as source:
        await source.connected()
    await publish(broker.url, "arm/a", numbered(0, 30))
    async with running(config) as source:
        await source.receive(30)
    assert source.payloads() == numbered(0, 30)


async def test_flow_control_bounds_what_is_buffered(make_mosquitto: MakeBroker) -> None:
    broker = make_mosquitto()
    limits = LinkLimits(buffer_size=10, reconnect_backoff_ms=(50,))
    async with running(source_config(broker.url), limits=limits) as source:
        await source.connected()
        await publish(broker.url, "arm/a", numbered(0, 200))
        taken: list[Message] = []
        while len(taken) < 200:
            await source.inbox.wait()
            batch = source.inbox.take()
            assert len(batch) <= 10
            taken += batch
            source.source.acknowledge(batch)
        assert source.source.status().dropped == 0
    assert [message.payload for message in taken] == numbered(0, 200)


async def test_a_broker_without_mqtt_5_is_spoken_to_in_3_1_1_and_held_back_by_tcp(embedded: LocalBroker) -> None:
    limits = LinkLimits(buffer_size=10, reconnect_backoff_ms=(50,))
    async with running(source_config(embedded.url), limits=limits) as source:
        await source.connected()
        await publish(embedded.url, "arm/a", numbered(0, 300))
        await until(lambda: source.source.status().messages >= 11)
        await asyncio.sleep(0.2)
        assert source.source.status().messages == 11  # the inbox is full, one waits before it, the rest is not read
        taken: list[Message] = []
        async with asyncio.timeout(15):
            while len(taken) < 300:
                await source.inbox.wait()
                batch = source.inbox.take()
                assert len(batch) <= 10
                taken += batch
                source.source.acknowledge(batch)
        status = source.source.status()
    assert [message.payload for message in taken] == numbered(0, 300)
    assert (status.dropped, status.reconnects, status.last_error) == (0, 0, "")


async def test_qos_0_messages_that_find_the_inbox_full_push_out_the_oldest(make_mosquitto: MakeBroker) -> None:
    broker = make_mosquitto()
    async with running(source_config(broker.url, qos=0), limits=LinkLimits(buffer_size=5)) as source:
        await source.connected()
        await publish(broker.url, "arm/a", numbered(0, 20), qos=0)
        await until(lambda: source.source.status().messages == 20)
        source.look()
        assert source.source.status().dropped == 15
    assert source.payloads() == numbered(15, 20)
