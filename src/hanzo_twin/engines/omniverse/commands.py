"""What has been commanded since the base of a world: replaying it from there gives the same bits again."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from hanzo_twin.errors import StateError
from hanzo_twin.spatial import FloatArray, IntArray

_FIELDS = ("targets", "target_velocities", "efforts", "wrenches")
_LENGTH = struct.Struct("<q")
_COUNTS = struct.Struct("<5q")
# Entries that are packed together, once: a state that is taken at every step packs the last few only.
_BLOCK = 100


@dataclass(frozen=True, kw_only=True, eq=False)
class Commands:
    """What is held: targets, target velocities and efforts of the joints [n], wrenches of the bodies [n_bodies, 6].

    Arrays are never written once they are in here.
    """

    targets: FloatArray
    target_velocities: FloatArray
    efforts: FloatArray
    wrenches: FloatArray


Entry = tuple[int, Commands]


class CommandLog:
    """Entries: the step since the base from which on a command held, and the command."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._packed: list[bytes] = []

    def append(self, step: int, commands: Commands) -> None:
        self._entries.append((step, commands))

    def pack(self) -> bytes:
        """Bytes of all entries; the same for equal entries."""
        whole = len(self._entries) // _BLOCK
        for number in range(len(self._packed), whole):
            self._packed.append(_pack(self._entries[number * _BLOCK : (number + 1) * _BLOCK]))
        rest = self._entries[whole * _BLOCK :]
        blocks = [*self._packed, _pack(rest)] if rest else self._packed
        return b"".join(part for block in blocks for part in (_LENGTH.pack(len(block)), block))


def unpack_log(data: bytes, joints: int, bodies: int) -> list[Entry]:
    """Read what `CommandLog.pack` gave, of so many ``joints`` and ``bodies``.

    Raises:
        StateError: it is damaged, or of another scene.
    """
    try:
        return [entry for block in _blocks(data) for entry in _unpack(zlib.decompress(block), joints, bodies)]
    except (zlib.error, struct.error, ValueError, IndexError) as error:
        raise StateError(f"The commands in the native part of the state cannot be read: {error}.") from error


def _blocks(data: bytes) -> Iterator[bytes]:
    offset = 0
    while offset < len(data):
        (length,) = _LENGTH.unpack_from(data, offset)
        offset += _LENGTH.size
        if not 0 < length <= len(data) - offset:
            raise ValueError("a block is cut short")
        yield data[offset : offset + length]
        offset += length


def _pack(entries: Sequence[Entry]) -> bytes:
    columns = []
    for name in _FIELDS:
        unique: dict[int, FloatArray] = {}
        index = []
        for _, commands in entries:
            array = getattr(commands, name)
            unique.setdefault(id(array), array)
            index.append(id(array))
        places = {key: place for place, key in enumerate(unique)}
        columns.append((list(unique.values()), [places[key] for key in index]))
    parts = [_COUNTS.pack(len(entries), *(len(arrays) for arrays, _ in columns))]
    parts.append(np.array([step for step, _ in entries], dtype=np.int64).tobytes())
    for arrays, index in columns:
        parts.append(np.array(index, dtype=np.int64).tobytes())
        parts += [array.tobytes() for array in arrays]
    return zlib.compress(b"".join(parts), level=1)


def _unpack(raw: bytes, joints: int, bodies: int) -> list[Entry]:
    count, *uniques = _COUNTS.unpack_from(raw)
    offset = _COUNTS.size

    def take(kind: type, length: int) -> FloatArray | IntArray:
        nonlocal offset
        values: FloatArray | IntArray = np.frombuffer(raw, dtype=kind, count=length, offset=offset)
        offset += 8 * length
        return values

    steps = take(np.int64, count).tolist()
    held: dict[str, list[FloatArray]] = {}
    for name, unique in zip(_FIELDS, uniques, strict=True):
        shape = (bodies, 6) if name == "wrenches" else (joints,)
        index = take(np.int64, count).tolist()
        arrays = [np.asarray(take(np.float64, int(np.prod(shape))), dtype=np.float64) for _ in range(unique)]
        held[name] = [arrays[place].reshape(shape) for place in index]
    return [(step, Commands(**{name: held[name][row] for name in _FIELDS})) for row, step in enumerate(steps)]
