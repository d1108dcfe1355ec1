"""Arrays and infos between a session and its callers."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from hanzo_twin.errors import InvalidInputError
from hanzo_twin.gym import gym_pb2 as pb

_DTYPES = frozenset(("<f8", "<f4", "<i8", "<i4", "|u1", "|b1"))
_DIMENSIONS = 8


def to_array(values: ArrayLike) -> pb.Array:
    """``values`` as a message: type, shape, and the bytes, little-endian and row by row."""
    array = np.ascontiguousarray(values)
    array = array.astype(array.dtype.newbyteorder("<"), copy=False)
    return pb.Array(dtype=array.dtype.str, shape=np.shape(values), data=array.tobytes())


def from_array(message: pb.Array) -> np.ndarray:
    """Raises InvalidInputError when type, shape and bytes do not fit each other."""
    shape = tuple(message.shape)
    if message.dtype not in _DTYPES:
        raise InvalidInputError(
            f"An array came of type '{message.dtype}'.", hint=f"Allowed: {', '.join(sorted(_DTYPES))}."
        )
    dtype = np.dtype(message.dtype)
    if math.prod(shape) * dtype.itemsize != len(message.data) or len(shape) > _DIMENSIONS:
        raise InvalidInputError(f"An array of type {dtype} and shape {shape} came with {len(message.data)} bytes.")
    return np.frombuffer(message.data, dtype=dtype).reshape(shape).copy()


def to_observations(observations: Any) -> dict[str, pb.Array]:
    """A flat observation has the name ""."""
    named = observations if isinstance(observations, Mapping) else {"": observations}
    return {name: to_array(values) for name, values in named.items()}


def from_observations(named: Mapping[str, pb.Array]) -> Any:
    """Arrays by name, or the one array of flat observations, which has none."""
    found = {name: from_array(array) for name, array in named.items()}
    return found[""] if set(found) == {""} else found


def jsonable(value: Any) -> Any:
    """``value`` as JSON values: arrays become lists, numbers that are not finite null."""
    if isinstance(value, Mapping):
        return {str(key): jsonable(each) for key, each in value.items()}
    if isinstance(value, np.ndarray | list | tuple):
        return [jsonable(each) for each in value]
    if isinstance(value, np.generic):
        return jsonable(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def split_infos(infos: Mapping[str, Any]) -> tuple[dict[str, pb.Array], str]:
    """The numeric arrays of an info, and the rest as JSON."""
    arrays = {
        name: value
        for name, value in infos.items()
        if isinstance(value, np.ndarray) and value.dtype.newbyteorder("<").str in _DTYPES
    }
    rest = {name: value for name, value in infos.items() if name not in arrays}
    return {name: to_array(value) for name, value in arrays.items()}, json.dumps(jsonable(rest))
