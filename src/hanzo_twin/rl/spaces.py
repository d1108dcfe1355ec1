"""Gymnasium's spaces for a layout of observations, and observations in the form that was asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from gymnasium import spaces

from hanzo_twin.errors import InvalidInputError, nearest
from hanzo_twin.rl.episodes import Layout, ObservationArray

ObservationType = Literal["dict", "flat"]
OBSERVATION_TYPES: tuple[ObservationType, ...] = ("dict", "flat")


def checked_observation_type(given: str) -> ObservationType:
    """``given`` if there is such a type.

    Raises:
        InvalidInputError: there is not.
    """
    if given not in OBSERVATION_TYPES:
        raise InvalidInputError(f"There is no obs_type '{given}'.", hint=nearest(given, OBSERVATION_TYPES))
    return given


def observation_space(layout: Layout, kind: ObservationType) -> spaces.Space[Any]:
    """The space of one world's observations."""
    if kind == "flat":
        return spaces.Box(low=layout.low, high=layout.high, dtype=np.float32)
    return spaces.Dict(
        {
            name: spaces.Box(low=layout.low[part], high=layout.high[part], dtype=np.float32)
            for name, part in layout.slices.items()
        }
    )


def action_space(layout: Layout) -> spaces.Box:
    """The space of one world's actions."""
    return spaces.Box(low=-1.0, high=1.0, shape=(len(layout.actions),), dtype=np.float32)


def split(
    observations: ObservationArray, layout: Layout, kind: ObservationType
) -> ObservationArray | dict[str, ObservationArray]:
    """Observations [..., size] in the form of ``kind``; arrays of a dict are copies."""
    if kind == "flat":
        return observations
    slices: Mapping[str, slice] = layout.slices
    return {name: observations[..., part].copy() for name, part in slices.items()}
