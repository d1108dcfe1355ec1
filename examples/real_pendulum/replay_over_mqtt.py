"""The real pendulum's side: sends recordings over MQTT at the pace at which they were made, as its controller would.

    python replay_over_mqtt.py mqtt://127.0.0.1:1883 $PENDULUM_DATA/swingup_ddp.csv $PENDULUM_DATA/swingup_dircol.csv

Each row becomes one message on ``pendulum/state``, at QoS 1, stamped with the present time. Between two recordings the
pendulum is let down, which takes two seconds in which nothing is sent.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import json
import time
from pathlib import Path
from urllib.parse import urlsplit

import aiomqtt

TOPIC = "pendulum/state"
PAUSE_S = 2.0


async def replay(client: aiomqtt.Client, log: Path) -> int:
    """Send one recording; returns how many messages the broker has taken."""
    with log.open(newline="") as file:
        rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    begin, first = time.time(), rows[0]["time"]
    for row in rows:
        due = begin + row.pop("time") - first
        await asyncio.sleep(max(0.0, due - time.time()))
        await client.publish(TOPIC, json.dumps({**row, "timestamp": round(due, 6)}), qos=1)
    return len(rows)


async def replay_all(url: str, logs: list[Path]) -> int:
    """Send the recordings one after another; returns how many messages the broker has taken."""
    broker = urlsplit(url)
    sent = 0
    async with aiomqtt.Client(broker.hostname or "127.0.0.1", broker.port or 1883) as client:
        for number, log in enumerate(logs):
            if number:
                await asyncio.sleep(PAUSE_S)
            sent += await replay(client, log)
    return sent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("broker", help="such as mqtt://127.0.0.1:1883")
    parser.add_argument("log", nargs="+", type=Path, help="CSV with the columns time, position, velocity, torque")
    given = parser.parse_args()
    print(f"{asyncio.run(replay_all(given.broker, given.log))} readings were sent.")


if __name__ == "__main__":
    main()
