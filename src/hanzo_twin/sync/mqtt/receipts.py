"""What is owed to a broker for the messages that it delivered, paid in the order in which they came."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(kw_only=True, slots=True, eq=False)
class Receipt:
    """One delivered message that waits to be acknowledged; a message's token."""

    packet_id: int
    qos: int
    settled: bool = False


class Receipts:
    """The receipts of one connection. Packet ids mean nothing on the next, so what is settled too late has no effect.

    MQTT wants acknowledgements in the order of delivery (MQTT-4.6.0-2), and some brokers insist; so a receipt that is
    settled early waits for those before it.
    """

    def __init__(self) -> None:
        self._owed: deque[Receipt] = deque()

    def __len__(self) -> int:
        return len(self._owed)

    def owe(self, receipt: Receipt) -> None:
        self._owed.append(receipt)

    def settle(self, receipts: Iterable[Receipt]) -> list[Receipt]:
        """Mark ``receipts`` as settled; those that may be acknowledged now, in order."""
        for receipt in receipts:
            receipt.settled = True
        due = []
        while self._owed and self._owed[0].settled:
            due.append(self._owed.popleft())
        return due

    def clear(self) -> None:
        """The connection has ended: the broker will deliver again whatever was not acknowledged."""
        self._owed.clear()
