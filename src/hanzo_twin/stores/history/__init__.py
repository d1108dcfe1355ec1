"""What happened to a twin, append-only and hash-chained: `HistoryWriter` writes it, ``reader.HistoryReader`` reads it.

The files, their guarantees and the definition of the chain are in ``docs/history.md``. Reading needs pyarrow and
DuckDB, which take long to import; therefore `HistoryReader` is in a module of its own.
"""

from __future__ import annotations

from hanzo_twin.stores.history.batch import AddressTable, HistoryBatch, Kind
from hanzo_twin.stores.history.frames import GENESIS, ChainHead
from hanzo_twin.stores.history.writer import HistoryWriter

__all__ = ["GENESIS", "AddressTable", "ChainHead", "HistoryBatch", "HistoryWriter", "Kind"]
