"""Rows on their way into the history: columns, checked once, in the form in which they are hashed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hanzo_twin.errors import InvalidInputError

MICROSECONDS_MAX = 8_000_000_000_000_000
"""Largest |time| that is kept: 8e9 s, the year 2223. A device clock beyond it is broken."""
ROWS_MAX = 1_000_000


class Kind(IntEnum):
    """What a row tells. The numbers are part of the file format."""

    READING = 0
    PREDICTION = 1
    DRIFT = 2
    PARAMETER = 3
    COMMAND = 4
    STATE = 5
    LIFECYCLE = 6

    @property
    def label(self) -> str:
        """The name in SQL, CSV and REST: ``reading``, ``prediction`` …"""
        return self.name.lower()


KIND_LABELS = tuple(kind.label for kind in Kind)


class AddressTable:
    """Addresses that rows refer to by number; make it once and use it for many batches.

    Raises:
        InvalidInputError: an address is empty or no valid Unicode.
    """

    __slots__ = ("encoded", "names", "ranks", "sorted_names")

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self.sorted_names = tuple(sorted(set(self.names)))
        self.encoded = tuple(_encode_address(name) for name in self.sorted_names)
        position = {name: rank for rank, name in enumerate(self.sorted_names)}
        self.ranks: NDArray[np.uint32] = np.array([position[name] for name in self.names], dtype=np.uint32)


def _encode_address(name: str) -> bytes:
    try:
        encoded = name.encode()
    except UnicodeEncodeError:
        raise InvalidInputError(f"The address {name!a} is not valid Unicode text.") from None
    if not encoded:
        raise InvalidInputError("An address in the history may not be empty.")
    return encoded


@dataclass(frozen=True, kw_only=True, eq=False)
class Rows:
    """Checked rows as they are hashed and stored.

    Args:
        time / received: [n] int64 microseconds since 1970-01-01 UTC.
        value: [n] float64, the canonical NaN for none.
        kind: [n] uint8, a `Kind` each.
        rank: [n] uint32, position in ``table.sorted_names``.
        details: (row, JSON text as UTF-8), ascending by row.
    """

    time: NDArray[np.int64]
    received: NDArray[np.int64]
    value: NDArray[np.float64]
    kind: NDArray[np.uint8]
    rank: NDArray[np.uint32]
    table: AddressTable
    details: tuple[tuple[int, bytes], ...] = ()

    def __len__(self) -> int:
        return len(self.time)


@dataclass(frozen=True, kw_only=True, eq=False)
class HistoryBatch:
    """Rows that are appended together, as columns.

    Times are kept to the microsecond; a NaN value is kept as none.

    Args:
        kind: one `Kind` for all rows, or an integer array [n].
        addresses: the table that ``address`` points into; a sequence of names is made into one.
        address: [n] positions in ``addresses``; left out, row i has address i.
        time: [n] or one number: device time [s], UTC since 1970.
        received: [n] or one number: wall time of arrival [s], UTC since 1970.
        value: [n] or one number; left out, or NaN, for none.
        detail: row number → JSON text, for the few rows that have one.

    Raises:
        InvalidInputError: shapes differ, a time is not finite or beyond ±8e9 s, an address or a detail is malformed.
    """

    kind: Kind | ArrayLike
    addresses: AddressTable | Sequence[str]
    time: ArrayLike
    received: ArrayLike
    address: ArrayLike | None = None
    value: ArrayLike = np.nan
    detail: Mapping[int, str] = field(default_factory=dict)
    rows: Rows = field(init=False, repr=False)

    def __post_init__(self) -> None:
        table = self.addresses if isinstance(self.addresses, AddressTable) else AddressTable(self.addresses)
        rank = table.ranks if self.address is None else _ranks(table, self.address)
        count = len(rank)
        if count > ROWS_MAX:
            raise InvalidInputError(f"A history batch has {count} rows; at most {ROWS_MAX} are allowed.")
        rows = Rows(
            time=_microseconds("time", self.time, count),
            received=_microseconds("received", self.received, count),
            value=_values(self.value, count),
            kind=_kinds(self.kind, count),
            rank=rank,
            table=table,
            details=_details(self.detail, count),
        )
        object.__setattr__(self, "rows", rows)

    def __len__(self) -> int:
        return len(self.rows)


def _column(name: str, values: ArrayLike, count: int) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim == 0:
        return np.full(count, array)
    if array.shape != (count,):
        raise InvalidInputError(f"History column '{name}' has shape {array.shape}; expected ({count},).")
    return array


def _microseconds(name: str, values: ArrayLike, count: int) -> NDArray[np.int64]:
    scaled = np.rint(_column(name, values, count) * 1e6)
    good = np.abs(scaled) <= MICROSECONDS_MAX  # False for NaN
    if not good.all():
        row = int(np.flatnonzero(~good)[0])
        raise InvalidInputError(
            f"History row {row}: {name} is {scaled[row] / 1e6} s.",
            hint="A time is a finite number of seconds since 1970-01-01 UTC, between -8e9 and 8e9.",
        )
    return scaled.astype(np.int64)


def _values(values: ArrayLike, count: int) -> NDArray[np.float64]:
    column = _column("value", values, count)
    missing = np.isnan(column)
    return np.where(missing, np.nan, column) if missing.any() else column


def _kinds(kind: Kind | ArrayLike, count: int) -> NDArray[np.uint8]:
    codes = np.asarray(kind)
    if codes.ndim and codes.shape != (count,):
        raise InvalidInputError(f"History column 'kind' has shape {codes.shape}; expected ({count},).")
    if codes.size and not (codes.min() >= 0 and codes.max() < len(Kind)):
        raise InvalidInputError(f"A history kind is outside 0 … {len(Kind) - 1}.", hint="Use the members of Kind.")
    return np.full(count, codes, dtype=np.uint8) if codes.ndim == 0 else codes.astype(np.uint8)


def _ranks(table: AddressTable, address: ArrayLike) -> NDArray[np.uint32]:
    codes = np.asarray(address)
    if codes.ndim != 1:
        raise InvalidInputError(f"History column 'address' has shape {codes.shape}; expected one dimension.")
    if codes.size == 0:
        return np.zeros(0, dtype=np.uint32)
    if codes.min() < 0 or codes.max() >= len(table.names):
        raise InvalidInputError(
            f"History column 'address' points to {int(codes.max())}, outside a table of {len(table.names)} addresses."
        )
    ranks: NDArray[np.uint32] = table.ranks[codes]
    return ranks


def _details(detail: Mapping[int, str], count: int) -> tuple[tuple[int, bytes], ...]:
    details = []
    for row, text in sorted(detail.items()):
        if not 0 <= row < count:
            raise InvalidInputError(f"A history detail is given for row {row} of a batch of {count}.")
        try:
            json.loads(text)
            details.append((row, text.encode()))
        except (ValueError, TypeError) as error:
            raise InvalidInputError(f"History row {row}: detail is not JSON text ({error}).") from error
    return tuple(details)
