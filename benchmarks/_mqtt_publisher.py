"""Publishes numbered QoS 1 messages of 100 bytes at a fixed rate, with as little work as possible for the processor.

``_mqtt_publisher.py PORT COUNT RATE``; rate 0 is as fast as the broker takes them. Prints what the broker has taken.
"""

from __future__ import annotations

import select
import socket
import sys
import time

TOPIC = b"bench/joint"
WINDOW = 2000
CONNECT = b"\x10\x0f\x00\x04MQTT\x04\x02\x00\x3c\x00\x03pub"


def packet(number: int) -> bytes:
    """One PUBLISH packet; ``"seq"`` stands in the first 20 bytes of its payload."""
    payload = b'{"seq":%012d,"time":%.6f,"position":1.234567,"velocity":-0.123456' % (number, time.time())
    payload = payload.ljust(99) + b"}"
    body = len(TOPIC).to_bytes(2, "big") + TOPIC + (number % 65000 + 1).to_bytes(2, "big") + payload
    return bytes((0x32, len(body))) + body


def publish(port: int, count: int, rate: float) -> int:
    """Publish ``count`` messages; how many were acknowledged."""
    connection = socket.create_connection(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.sendall(CONNECT)
    connection.recv(4)
    connection.setblocking(False)
    sent = acknowledged_bytes = 0
    outgoing = bytearray()
    start = time.monotonic()
    while acknowledged_bytes // 4 < count:
        due = count if rate == 0 else min(count, int((time.monotonic() - start) * rate))
        room = min(due - sent, WINDOW - (sent - acknowledged_bytes // 4), 500)
        for number in range(sent, sent + max(0, room)):
            outgoing += packet(number)
        sent += max(0, room)
        readable, writable, _ = select.select([connection], [connection] if outgoing else [], [], 0.001)
        if writable:
            del outgoing[: connection.send(outgoing)]
        if readable:
            acknowledged_bytes += len(connection.recv(65536))
    return acknowledged_bytes // 4


if __name__ == "__main__":
    print(publish(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
