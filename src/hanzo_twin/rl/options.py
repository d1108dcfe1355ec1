"""What can be asked for at a reset, as Gymnasium's ``options``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

import numpy as np

from hanzo_twin.errors import InvalidInputError, nearest
from hanzo_twin.spatial import BoolArray

_NAMES = ("randomization", "level", "reset_mask")


@dataclass(frozen=True, kw_only=True)
class ResetOptions:
    """Checked options.

    Args:
        randomization: values to take in place of drawn ones, by the names in ``info["randomization"]``.
        level: of the curriculum, 0 to 1; None keeps each world's.
        mask: worlds to reset [N]; None all.
    """

    randomization: Mapping[str, object] = field(default_factory=dict)
    level: float | None = None
    mask: BoolArray | None = None

    @classmethod
    def of(cls, options: Mapping[str, Any] | None, num_envs: int) -> ResetOptions:
        """Read ``options``.

        Raises:
            InvalidInputError: an option is unknown or does not fit.
        """
        if not isinstance(options or {}, Mapping):
            raise InvalidInputError("The options of reset must map names to values.", hint="Such as {'level': 0.5}.")
        given = dict(options or {})
        for name in given:
            if name not in _NAMES:
                raise InvalidInputError(f"Unknown option '{name}' of reset.", hint=nearest(name, _NAMES))
        pinned = given.get("randomization") or {}
        if not isinstance(pinned, Mapping) or not all(isinstance(name, str) for name in pinned):
            raise InvalidInputError("options['randomization'] must map names to values.", hint="Such as {'mass': 1.1}.")
        level = given.get("level")
        if level is not None and not (isinstance(level, Real) and 0.0 <= float(level) <= 1.0):
            raise InvalidInputError(f"options['level'] is {str(level)[:80]}.", hint="Allowed: 0 to 1.")
        return cls(
            randomization={name: value for name, value in pinned.items() if not name.startswith("_")},
            level=None if level is None else float(level),
            mask=_mask(given.get("reset_mask"), num_envs),
        )


def _mask(given: object, num_envs: int) -> BoolArray | None:
    if given is None:
        return None
    try:
        mask = np.asarray(given)
    except ValueError:  # rows of different lengths
        mask = np.empty(0, dtype=np.object_)
    if mask.dtype != np.bool_ or mask.shape != (num_envs,) or not mask.any():
        raise InvalidInputError(
            f"options['reset_mask'] has type {mask.dtype} and shape {list(mask.shape)}.",
            hint=f"Allowed: {num_envs} booleans of which at least one is true.",
        )
    return mask
