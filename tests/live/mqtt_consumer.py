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
    config = Config(type="mqtt", broker=broker, topic=("arm/#",), mapping={"arm/a": "/World/arm/joint.position"})
    source = MqttSource(
        config, identity="consumer", clock=WallClock(), inbox=inbox, limits=LinkLimits(buffer_size=1000)
    )
    running = asyncio.create_task(source.run())
    while source.status().state != "connected":
        await asyncio.sleep(0.01)
    sys.stdout.write("connected\n")
    sys.stdout.flush()
    received: list[Message] = []
    while len(received) < 100:
        await inbox.wait()
        received += inbox.take()
    source.acknowledge(received[:count])
    await asyncio.sleep(0.2)
    sys.stdout.write(f"acknowledged {count}\n")
    sys.stdout.flush()
    await running


asyncio.run(consume(sys.argv[1], int(sys.argv[2])))
