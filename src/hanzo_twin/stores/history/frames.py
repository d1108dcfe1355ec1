"""One append is one frame: a canonical encoding of its rows, chained by SHA-256 to all frames before it.

::

    digest of frame i  =  SHA-256( digest of frame i-1  +  payload of frame i ),      digest of frame 0 = 32 zero bytes

    payload, little endian, n rows:
      u64 sequence (1, 2, 3 …)   u32 n   u32 number of addresses a   u32 number of details d
      i64[n] time [µs]   i64[n] received [µs]   f64[n] value (NaN 0x7ff8000000000000: none)
      u32[n] address: index into the address list   u8[n] kind
      u32[a] lengths, then the addresses as UTF-8: distinct, sorted bytewise, only those that occur
      u32[d] rows (ascending), u32[d] lengths, then the details as UTF-8 JSON text

The payload is a function of the rows alone, so it can be rebuilt from a Parquet segment and hashed again.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hanzo_twin.stores.history.batch import AddressTable, Rows

_COUNTS = struct.Struct("<QIII")
PAYLOAD_MIN = _COUNTS.size
_CANONICAL_NAN = np.float64(np.frombuffer(struct.pack("<Q", 0x7FF8000000000000), dtype="<f8")[0])


@dataclass(frozen=True, kw_only=True)
class ChainHead:
    """The end of a chain: the last frame's number and digest. Kept elsewhere, it proves the history up to it."""

    sequence: int
    digest: bytes

    def __str__(self) -> str:
        return f"{self.sequence}:{self.digest.hex()}"

    @classmethod
    def parse(cls, text: str) -> ChainHead:
        """Read what ``str(head)`` wrote.

        Raises:
            ValueError: not of the form ``sequence:64 hexadecimal digits``.
        """
        sequence, _, digest = text.partition(":")
        head = cls(sequence=int(sequence), digest=bytes.fromhex(digest))
        if head.sequence < 0 or len(head.digest) != 32:
            raise ValueError(f"{text!r} is not of the form sequence:digest")
        return head

    def follow(self, payload: bytes | memoryview) -> ChainHead:
        """The head after a frame with ``payload``."""
        digest = hashlib.sha256(self.digest)
        digest.update(payload)
        return ChainHead(sequence=self.sequence + 1, digest=digest.digest())


GENESIS = ChainHead(sequence=0, digest=bytes(32))


def encode(rows: Rows, sequence: int) -> bytes:
    """The payload of a frame."""
    names, codes = _occurring(rows)
    lengths = np.fromiter(map(len, names), dtype="<u4", count=len(names))
    value = rows.value
    missing = np.isnan(value)
    if missing.any():
        value = np.where(missing, _CANONICAL_NAN, value)
    parts = [
        _COUNTS.pack(sequence, len(rows), len(names), len(rows.details)),
        rows.time.astype("<i8", copy=False).tobytes(),
        rows.received.astype("<i8", copy=False).tobytes(),
        value.astype("<f8", copy=False).tobytes(),
        codes.astype("<u4", copy=False).tobytes(),
        rows.kind.tobytes(),
        lengths.tobytes(),
        *names,
    ]
    if rows.details:
        parts.append(np.array([row for row, _ in rows.details], dtype="<u4").tobytes())
        parts.append(np.array([len(text) for _, text in rows.details], dtype="<u4").tobytes())
        parts.extend(text for _, text in rows.details)
    return b"".join(parts)


def _occurring(rows: Rows) -> tuple[tuple[bytes, ...], NDArray[np.uint32]]:
    """The addresses that occur, in order, and each row's index among them."""
    table = rows.table
    used = np.zeros(len(table.encoded), dtype=bool)
    used[rows.rank] = True
    if used.all():
        return table.encoded, rows.rank
    compact = np.cumsum(used, dtype=np.uint32) - np.uint32(1)
    return tuple(table.encoded[index] for index in np.flatnonzero(used)), compact[rows.rank]


def sequence_of(payload: memoryview) -> int:
    """The sequence number in a payload."""
    return int(_COUNTS.unpack_from(payload)[0])


def row_count_of(payload: memoryview) -> int:
    """The number of rows in a payload."""
    return int(_COUNTS.unpack_from(payload)[1])


def decode(payload: memoryview) -> Rows:
    """Rows of a payload whose digest has been checked."""
    _, count, address_count, detail_count = _COUNTS.unpack_from(payload)
    cursor = _Cursor(payload, _COUNTS.size)
    time, received = cursor.array("<i8", count), cursor.array("<i8", count)
    value, rank, kind = cursor.array("<f8", count), cursor.array("<u4", count), cursor.array("u1", count)
    lengths = cursor.array("<u4", address_count)
    table = _table(lengths.tobytes(), cursor.take(int(lengths.sum())))
    numbers, lengths = cursor.array("<u4", detail_count), cursor.array("<u4", detail_count)
    details = tuple(zip(numbers.tolist(), cursor.texts(lengths), strict=True))
    return Rows(time=time, received=received, value=value, kind=kind, rank=rank, table=table, details=details)


@lru_cache(maxsize=64)
def _table(lengths: bytes, names: bytes) -> AddressTable:
    """Kept, because frame after frame has the same addresses."""
    cursor = _Cursor(memoryview(names), 0)
    return AddressTable([name.decode() for name in cursor.texts(np.frombuffer(lengths, dtype="<u4"))])


class _Cursor:
    def __init__(self, data: memoryview, offset: int) -> None:
        self._data = data
        self._offset = offset

    def array(self, dtype: str, count: int) -> NDArray[Any]:
        array = np.frombuffer(self._data, dtype=dtype, count=count, offset=self._offset)
        self._offset += array.nbytes
        return array

    def take(self, length: int) -> bytes:
        self._offset += length
        return bytes(self._data[self._offset - length : self._offset])

    def texts(self, lengths: NDArray[Any]) -> list[bytes]:
        texts = []
        for length in lengths.tolist():
            texts.append(self.take(length))
        return texts
