"""Batches for the tests of the history."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from hanzo_twin.stores.history import AddressTable, HistoryBatch, Kind

TABLE = AddressTable([f"/World/sensor_{number}.temperature" for number in range(4)])


def _readings(tick: int) -> HistoryBatch:
    offset = np.arange(10) / 1000
    return HistoryBatch(
        kind=Kind.READING,
        addresses=TABLE,
        address=np.arange(10) % 4,
        time=tick + offset,
        received=tick + 0.5,
        value=tick + offset,
        detail={0: f'{{"tick": {tick}}}'},
    )


@pytest.fixture(scope="session")
def readings() -> Callable[[int], HistoryBatch]:
    """Ten readings of tick k: row i has value and time k + i / 1000, the first one a detail."""
    return _readings
