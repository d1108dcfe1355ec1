from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from tests.live.conftest import MakeBroker
from tests.live.mqtt_peer import running, source_config, until

from hanzo_twin.broker import LocalBroker
from hanzo_twin.clock import WallClock
from hanzo_twin.definition.publish import MqttPublish
from hanzo_twin.errors import SourceUnavailableError
from hanzo_twin.sync.port import LinkLimits
from hanzo_twin.sync.sinks.mqtt import MqttSink

pytestmark = pytest.mark.live


def numbered(first: int, last: int) -> list[bytes]:
    return [b"%d" % number for number in range(first, last)]


@asynccontextmanager
async def sending(url: str, *, size: int = 1000, qos: int = 1) -> AsyncIterator[MqttSink]:
    config = MqttPublish.model_validate({"type": "mqtt", "broker": url, "topic": "twin/out", "qos": qos})
    limits = LinkLimits(buffer_size=size, reconnect_backoff_ms=(50, 100))
    sink = MqttSink(config, identity="test-sink", clock=WallClock(), limits=limits)
    task = asyncio.create_task(sink.run())
    try:
        yield sink
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.mark.parametrize("qos", [0, 1, 2])
async def test_messages_go_out_in_order_to_topic_and_channel(make_mosquitto: MakeBroker, qos: int) -> None:
    broker = make_mosquitto()
    async with running(source_config(broker.url, "twin/#")) as watcher, sending(broker.url, qos=qos) as sink:
        await watcher.connected()
        for payload in numbered(0, 200):
            sink.publish(payload)
        sink.publish(b"alert", channel="alerts")
        messages = await watcher.receive(201)
        await watcher.until(lambda: sink.status().messages == 201)
    assert watcher.payloads() == [*numbered(0, 200), b"alert"]
    assert {message.channel for message in messages} == {"twin/out", "twin/out/alerts"}


async def test_while_the_broker_is_away_the_oldest_are_dropped_and_the_rest_goes_out_later(
    make_mosquitto: MakeBroker,
) -> None:
    broker = make_mosquitto()
    async with sending(broker.url, size=10) as sink:
        await until(lambda: sink.status().state == "connected")
        broker.kill()
        await until(lambda: sink.status().state == "reconnecting")
        for payload in numbered(0, 30):
            sink.publish(payload)
        assert sink.status().dropped == 20
        config = source_config(broker.url, "twin/#")
        async with running(config) as watcher:
            broker.start()
            await watcher.until(lambda: sink.status().messages == 10)
        status = sink.status()
        assert (status.state, status.dropped, status.reconnects) == ("connected", 20, 1)


async def test_what_the_broker_had_not_taken_when_it_died_is_sent_again(make_mosquitto: MakeBroker) -> None:
    broker = make_mosquitto()
    async with sending(broker.url) as sink:
        await until(lambda: sink.status().state == "connected")
        assert broker.process_id is not None
        os.kill(broker.process_id, signal.SIGSTOP)
        for payload in numbered(0, 40):
            sink.publish(payload)
        await asyncio.sleep(0.1)
        assert sink.status().messages == 0
        broker.kill()
        await asyncio.to_thread(broker.start)
        await until(lambda: sink.status().messages == 40)
        assert (sink.status().dropped, sink.status().reconnects) == (0, 1)


async def test_a_broker_without_mqtt_5(embedded: LocalBroker) -> None:
    async with running(source_config(embedded.url, "twin/#")) as watcher, sending(embedded.url) as sink:
        await watcher.connected()
        sink.publish(b"1")
        await watcher.receive(1)


def test_a_sink_needs_a_broker() -> None:
    config = MqttPublish(type="mqtt", topic="twin/out")
    with pytest.raises(SourceUnavailableError, match="The sink of topic 'twin/out' names no broker"):
        MqttSink(config, identity="x", clock=WallClock(), limits=LinkLimits())
