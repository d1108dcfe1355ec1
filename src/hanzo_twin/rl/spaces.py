"""Gymnasium's spaces for a layout of observations, and observations in the form that was asked for."""

from __future__ import annotations

from textwrap import shorten
from typing import Any, Literal

import numpy as np
from gymnasium import spaces
from numpy.typing import ArrayLike

from hanzo_twin.errors import CommandError, InvalidInputError, nearest
from hanzo_twin.rl.episodes import Layout, ObservationArray
from hanzo_twin.spatial import FloatArray

ObservationType = Literal["dict", "flat"]
OBSERVATION_TYPES: tuple[ObservationType, ...] = ("dict", "flat")


def checked_observation_type(given: object) -> ObservationType:
    """``given`` if there is such a type.

    Raises:
        InvalidInputError: there is not.
    """
    for known in OBSERVATION_TYPES:
        if given == known:
            return known
    raise InvalidInputError(f"There is no obs_type '{given}'.", hint=nearest(str(given), OBSERVATION_TYPES))


def numbers(name: str, given: ArrayLike) -> FloatArray:
    """``given`` as an array of numbers; ``name`` is what it is called in errors.

    Raises:
        CommandError: it is none.
    """
    try:
        return np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise CommandError(f"{name} must be an array of numbers, got {shorten(repr(given), 60)}.") from None


def observation_space(layout: Layout, kind: ObservationType) -> spaces.Space[Any]:
    """The space of one world's observations."""
    if kind == "flat":
        return spaces.Box(low=layout.low, high=layout.high, dtype=np.float32)
    return spaces.Dict({name: _term_space(layout, name) for name in layout.slices})


def _term_space(layout: Layout, name: str) -> spaces.Box:
    shape, kind, part = layout.shapes[name], np.dtype(layout.dtypes[name]), layout.slices[name]
    low, high = (bound[part].reshape(shape).astype(kind) for bound in (layout.low, layout.high))
    return spaces.Box(low=low, high=high, dtype=kind.type)


def action_space(layout: Layout) -> spaces.Box:
    """The space of one world's actions."""
    return spaces.Box(low=-1.0, high=1.0, shape=(len(layout.actions),), dtype=np.float32)


def split(observations: ObservationArray, layout: Layout, kind: ObservationType) -> ObservationArray | dict[str, Any]:
    """Observations [..., size] in the form of ``kind``; arrays of a dict are copies."""
    if kind == "flat":
        return observations
    lead = observations.shape[:-1]
    return {
        name: observations[..., part].reshape(*lead, *layout.shapes[name]).astype(layout.dtypes[name])
        for name, part in layout.slices.items()
    }
