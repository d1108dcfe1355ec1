"""Gymnasium's spaces as JSON, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces

from hanzo_twin.errors import InvalidInputError
from hanzo_twin.gym.wire import jsonable


def describe_space(space: spaces.Space[Any]) -> dict[str, Any]:
    """A space as JSON values. Bounds that are infinite become null.

    Raises:
        InvalidInputError: it is of a kind that cannot be described.
    """
    if isinstance(space, spaces.Dict):
        return {"type": "dict", "spaces": {name: describe_space(each) for name, each in space.spaces.items()}}
    if isinstance(space, spaces.Discrete):
        return {"type": "discrete", "n": int(space.n), "start": int(space.start)}
    if isinstance(space, spaces.Box):
        return {
            "type": "box",
            "dtype": np.dtype(space.dtype).name,
            "shape": list(space.shape),
            "low": jsonable(space.low),
            "high": jsonable(space.high),
        }
    raise InvalidInputError(f"A space of type {type(space).__name__} cannot be described.")


def build_space(described: Mapping[str, Any]) -> spaces.Space[Any]:
    """The space that `describe_space` described."""
    if described["type"] == "dict":
        return spaces.Dict({name: build_space(each) for name, each in described["spaces"].items()})
    if described["type"] == "discrete":
        return spaces.Discrete(described["n"], start=described["start"])
    dtype: Any = np.dtype(described["dtype"])
    low = np.array(described["low"], dtype=float).reshape(described["shape"])
    high = np.array(described["high"], dtype=float).reshape(described["shape"])
    return spaces.Box(
        np.where(np.isnan(low), -np.inf, low).astype(dtype),
        np.where(np.isnan(high), np.inf, high).astype(dtype),
        dtype=dtype,
    )
