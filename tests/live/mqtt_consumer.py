"""A consumer to be killed: acknowledges the first messages, keeps the rest, and says so.

Called as ``mqtt_consumer.py BROKER COUNT``.
"""

from __future__ import annotations

import asyncio
import sys

from hanzo_twin.clock import WallClock
from hanzo_twin.definition.sources import MqttSource as Config
from hanzo_twin.sync.port import Inbox, LinkLimits, Message
from hanzo_twin.sync.sources.mqtt import MqttSource


async def consume(broker: str, count: int) -> None:
    inbox = Inbox(1000)
    mapping = {"arm/a": "/World/arm/joint.position"}
    config = Config.model_validate({"type": "mqtt", "broker": broker, "topic": "arm/#", "mapping": mapping})
    limits = LinkLimits(buffer_size=1000)
    source = MqttSource(config, identity="consumer", clock=WallClock(), inbox=inbox, limits=limits)
    running = asyncio.create_task(source.run())
    while source.status().state != "connected":  # noqa: ASYNC110  # a status has no event to wait for
        await asyncio.sleep(0.01)
    say("connected")
    received: list[Message] = []
    while len(received) < 100:
        await inbox.wait()
        received += inbox.take()
    source.acknowledge(received[:count])
    await asyncio.sleep(0.2)
    say(f"acknowledged {count}")
    await running


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


asyncio.run(consume(sys.argv[1], int(sys.argv[2])))
