"""The MQTT source alone: messages received and acknowledged at QoS 1, with publisher and broker on the same machine.

Run with ``python benchmarks/mqtt.py [--json] [--seconds 30] [--rate 10000]``. The share of a core counts what this
process, the receiver, used from the first message to the last.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from array import array
from pathlib import Path
from typing import Any

from hanzo_twin.broker import LocalBroker, local_broker
from hanzo_twin.clock import WallClock
from hanzo_twin.definition.sources import MqttSource as Config
from hanzo_twin.sync.port import Inbox, LinkLimits
from hanzo_twin.sync.sources.mqtt import MqttSource

BUFFER_SIZE = 5000
PERIOD_S = 1 / 30
SILENCE_S = 5.0
UNLIMITED_COUNT = 400_000


async def receive(broker: LocalBroker, count: int, rate: float) -> dict[str, Any]:
    """Publish ``count`` messages at ``rate`` a second and take them at a sync loop's pace."""
    mapping = {"bench/joint#position": "/World/arm/joint.position"}
    config = Config.model_validate({"type": "mqtt", "broker": broker.url, "topic": "bench/#", "mapping": mapping})
    inbox = Inbox(BUFFER_SIZE)
    limits = LinkLimits(buffer_size=BUFFER_SIZE)
    source = MqttSource(config, identity=f"bench-{rate}", clock=WallClock(), inbox=inbox, limits=limits)
    running = asyncio.create_task(source.run())
    while source.status().state != "connected":  # noqa: ASYNC110  # a status has no event to wait for
        await asyncio.sleep(0.01)
    publisher = await asyncio.create_subprocess_exec(
        sys.executable,
        str(Path(__file__).with_name("_mqtt_publisher.py")),
        *(str(broker.port), str(count), str(rate)),
        stdout=asyncio.subprocess.PIPE,
    )
    numbers = array("q")
    await inbox.wait()
    first = latest = time.monotonic()
    cpu_first = cpu_latest = time.process_time()
    while len(numbers) < count and time.monotonic() - latest < SILENCE_S:
        await asyncio.sleep(PERIOD_S if rate else 0.001)
        messages = inbox.take()
        if messages:
            source.acknowledge(messages)
            numbers.extend(
                int(bytes(message.payload[7:19])) for message in messages if isinstance(message.payload, bytes)
            )
            latest, cpu_latest = time.monotonic(), time.process_time()
    published = int((await publisher.communicate())[0])
    running.cancel()
    return {
        "offered_per_s": rate or "as fast as possible",
        "published": published,
        "received": len(numbers),
        "lost": published - len(set(numbers)),
        "duplicates": len(numbers) - len(set(numbers)),
        "in_order": list(numbers) == sorted(numbers),
        "received_per_s": round(len(numbers) / (latest - first)),
        "receiver_cores": round((cpu_latest - cpu_first) / (latest - first), 3),
        "receiver_us_per_message": round((cpu_latest - cpu_first) / max(1, len(numbers)) * 1e6, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--rate", type=float, default=10_000.0)
    options = parser.parse_args()
    results = {}
    for name, count, rate in (
        ("steady", int(options.seconds * options.rate), options.rate),
        ("fastest", UNLIMITED_COUNT, 0.0),
    ):
        with tempfile.TemporaryDirectory() as folder:
            broker = local_broker(Path(folder))
            broker.start()
            try:
                results[name] = asyncio.run(receive(broker, count, rate))
            finally:
                broker.stop()
    print(json.dumps(results) if options.json else json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
