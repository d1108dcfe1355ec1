"""Readings that are held, and their bytes in a `SimState`."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hanzo_twin.errors import StateError
from hanzo_twin.sensors.port import AnyArray

_LENGTH = struct.Struct("<I")
_KINDS = "biufU"


@dataclass(frozen=True, kw_only=True, eq=False)
class Sample:
    """What one sensor took in at one instant, before noise.

    Args:
        time: simulated seconds.
        index: of the reading, from 0 at time 0.
        data: arrays by name: the fields of the reading or, of cameras and lidars, all that they need of the world.
    """

    time: float
    index: int
    data: Mapping[str, AnyArray]


def pack(seed: int, samples: Mapping[str, Sample]) -> bytes:
    """Bytes of the samples by sensor path."""
    entries, parts = [], []
    for path in sorted(samples):
        sample = samples[path]
        arrays = []
        for name, values in sample.data.items():
            little = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<"))
            arrays.append([name, little.dtype.str, list(values.shape)])
            parts.append(little.tobytes())
        entries.append([path, sample.time.hex(), sample.index, arrays])
    header = json.dumps({"seed": seed, "samples": entries}, separators=(",", ":")).encode()
    return b"".join([_LENGTH.pack(len(header)), header, *parts])


def unpack(data: bytes) -> tuple[int, dict[str, Sample]]:
    """What `pack` wrote.

    Raises:
        StateError: these bytes are something else.
    """
    try:
        (length,) = _LENGTH.unpack_from(data)
        offset = _LENGTH.size + length
        header = json.loads(data[_LENGTH.size : offset])
        samples: dict[str, Sample] = {}
        for path, time, index, arrays in header["samples"]:
            fields: dict[str, AnyArray] = {}
            for name, kind, shape in arrays:
                dtype = np.dtype(kind)
                if dtype.kind not in _KINDS:
                    raise ValueError(kind)
                count = int(np.prod(shape, dtype=np.int64))
                fields[name] = np.frombuffer(data, dtype=dtype, count=count, offset=offset).reshape(shape)
                offset += count * dtype.itemsize
            samples[path] = Sample(time=float.fromhex(time), index=int(index), data=fields)
        return int(header["seed"]), samples
    except (ValueError, KeyError, TypeError, struct.error) as broken:
        raise StateError("The sensors' part of the state cannot be read.") from broken
