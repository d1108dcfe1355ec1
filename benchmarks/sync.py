"""Sync at scale: many attributes at the sync rate, and many MQTT readings a second, through the whole path.

A separate process publishes over a local broker at QoS 1; the twin decodes, aligns, compares, writes the history and
acknowledges. Run with ``python benchmarks/sync.py [--json] [--seconds 30]``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from hanzo_twin.broker import local_broker
from hanzo_twin.clock import WallClock
from hanzo_twin.definition.models import require_physical
from hanzo_twin.definition.yaml_source import parse_definition_object
from hanzo_twin.stores.history.reader import HistoryReader
from hanzo_twin.stores.history.writer import HistoryWriter
from hanzo_twin.sync.live import LiveTwin

PUBLISHER = """
import json, select, socket, sys, time
host, port, seconds, rate, per_message, groups = sys.argv[1:]
seconds, rate, per_message, groups = float(seconds), float(rate), int(per_message), int(groups)
broker = socket.create_connection((host, int(port)))
broker.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
broker.sendall(b"\\x10\\x1b\\x00\\x04MQTT\\x04\\x02\\x00\\x3c\\x00\\x0fbench-publisher")
assert broker.recv(4) == b"\\x20\\x02\\x00\\x00"
broker.setblocking(False)

def length(n):
    return bytes((n,)) if n < 128 else bytes((n & 127 | 128, n >> 7))

def publish(number):
    topic = b"plant/g%d" % (number % groups)
    if per_message == 1:
        payload = b'{"value": %.6f, "timestamp": %.6f}' % (20 + (number % 7) * 0.1, time.time())
    else:
        values = b",".join([b"%.3f" % (20 + (number % 7) * 0.1)] * per_message)
        payload = b'{"values": [%s], "timestamp": %.6f}' % (values, time.time())
    body = len(topic).to_bytes(2, "big") + topic + (number % 60000 + 1).to_bytes(2, "big") + payload
    return b"\\x32" + length(len(body)) + body

start, sent, answered, waiting = time.time(), 0, 0, b""
while time.time() < start + seconds or waiting or answered < 4 * sent:
    now = min(time.time(), start + seconds)
    due = min(int((now - start) * rate), answered // 4 + 30000)
    if len(waiting) < 65536:
        count = min(due - sent, 500)
        waiting += b"".join(publish(number) for number in range(sent, sent + count))
        sent += max(0, count)
    readable, writable, _ = select.select([broker], [broker] if waiting else [], [], 0.002)
    if readable:
        answered += len(broker.recv(65536))
    if writable:
        waiting = waiting[broker.send(waiting):]
broker.sendall(b"\\xe0\\x00")
print(json.dumps({"sent": sent, "seconds": time.time() - start}))
"""
"""A publisher of bare packets at QoS 1: it must not be what limits the rate, and paho takes time for each answer in
proportion to the messages that wait for one."""


def scene_file(folder: Path, count: int) -> Path:
    """A pendulum among ``count`` prims that have a temperature each."""
    pendulum = Path(__file__).parents[1] / "examples" / "pendulum" / "pendulum.usda"
    prims = "\n".join(f'    def Xform "s{i}" {{\n        custom double temperature = 20\n    }}' for i in range(count))
    path = folder / "plant.usda"
    path.write_text(
        f'#usda 1.0\n(\n    defaultPrim = "World"\n    metersPerUnit = 1\n    upAxis = "Z"\n'
        f'    subLayers = [@{pendulum}@]\n)\ndef Xform "Plant" {{\n{prims}\n}}\n'
    )
    return path


def definition(url: str, scene: Path, groups: int, per_message: int) -> Any:
    mapping = {}
    for group in range(groups):
        for index in range(per_message):
            key = f"g{group}" if per_message == 1 else f"g{group}#values.{index}"
            mapping[key] = {"to": f"/Plant/s{group * per_message + index}.temperature", "unit": "degC"}
    return require_physical(
        parse_definition_object(
            {
                "name": "bench",
                "scene": {"uri": str(scene)},
                "engine": {"type": "mujoco", "config": {"step_hz": 240, "substeps": 1}},
                "sync": {
                    "mode": "realtime",
                    "rate_hz": 30,
                    "buffer_size": 4000,
                    "sources": [{"type": "mqtt", "broker": url, "topic": "plant/#", "mapping": mapping}],
                    "publish": [{"type": "mqtt", "topic": "predictions"}],
                },
            }
        )
    )


async def measure(seconds: float, rate: float, groups: int, per_message: int) -> dict[str, Any]:
    """Run one load and report what arrived, what was lost, and how long ticks took."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        broker = local_broker(folder / "broker")
        broker.start()
        history = HistoryWriter(folder / "history")
        try:
            twin = definition(broker.url, scene_file(folder, groups * per_message), groups, per_message)
            live = await LiveTwin.open(twin, base_directory=folder, history=history, clock=WallClock())
            running = asyncio.create_task(live.run())
            while live.status().links[0].state != "connected":  # noqa: ASYNC110  a status has no event
                await asyncio.sleep(0.05)
            host, port = broker.url.removeprefix("mqtt://").split(":")
            used = resource.getrusage(resource.RUSAGE_SELF)
            publisher = await asyncio.create_subprocess_exec(
                sys.executable, "-c", PUBLISHER, host, port, str(seconds), str(rate), str(per_message), str(groups),
                stdout=subprocess.PIPE,
            )  # fmt: skip
            said, _ = await publisher.communicate()
            sent = json.loads(said)
            deadline = time.monotonic() + 20
            expected = sent["sent"] * per_message
            while live.status().readings.received < expected and time.monotonic() < deadline:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
            after = resource.getrusage(resource.RUSAGE_SELF)
            status = live.status()
            live.stop()
            await running
            await live.close()
        finally:
            history.close()
            broker.stop()
        stored = HistoryReader(folder / "history").query("select count(*) n from history where kind = 'reading'")
        cpu = after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime
        return {
            "readings_per_s": round(expected / sent["seconds"]),
            "messages_per_s": round(sent["sent"] / sent["seconds"]),
            "received": status.readings.received,
            "lost": expected - status.readings.received,
            "missing_in_history": expected - stored.column("n")[0].as_py(),
            "tick_ms": status.tick_ms,
            "reading_ms": status.reading_ms,
            "late": status.readings.late,
            "cpu_share": round(cpu / sent["seconds"], 3),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seconds", type=float, default=30.0)
    arguments = parser.parse_args()
    report = {
        "attributes_1000_at_30_hz": asyncio.run(measure(arguments.seconds, 300.0, 10, 100)),
        "messages_10000_per_s": asyncio.run(measure(arguments.seconds, 10_200.0, 100, 1)),
    }
    if arguments.json:
        print(json.dumps(report))
        return
    for load, found in report.items():
        print(load)
        for name, value in found.items():
            print(f"  {name:20s} {value}")


if __name__ == "__main__":
    main()
