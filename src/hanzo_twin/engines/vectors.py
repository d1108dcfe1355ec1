"""Checks of the small arrays that callers hand to a simulation."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from hanzo_twin.errors import CommandError
from hanzo_twin.spatial import FloatArray, IntArray


def checked_steps(n: object) -> int:
    """``n`` as a number of steps.

    Raises:
        CommandError: not a whole number, or negative.
    """
    if type(n) is not int:
        if not isinstance(n, np.integer):
            raise CommandError(f"The number of steps must be a whole number, got {n!r}.")
        n = int(n)
    if n < 0:
        raise CommandError(f"The number of steps must not be negative, got {n}.", hint="Restore a state to go back.")
    return n


def checked_array(name: str, values: ArrayLike, shape: tuple[int, ...]) -> FloatArray:
    """``values`` as a float64 array.

    Raises:
        CommandError: its shape is not ``shape``, or it is not finite; the message starts with ``name``.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.shape != shape:
        raise CommandError(f"{name} has shape {list(array.shape)}, expected {list(shape)}.")
    if not np.isfinite(array).all():
        raise CommandError(f"{name} has values that are not finite.")
    return array


def checked_quaternion(values: ArrayLike) -> FloatArray:
    """``values`` as a unit quaternion (w, x, y, z) [4].

    Raises:
        CommandError: not four finite numbers, or all about zero.
    """
    array = checked_array("orientation", values, (4,))
    length = float(np.linalg.norm(array))
    if length < 1e-9:
        raise CommandError("orientation is zero, expected a quaternion (w, x, y, z).")
    return array / length


def checked_env_ids(env_ids: ArrayLike | None, num_envs: int) -> IntArray:
    """``env_ids`` as an index array, all of ``num_envs`` when None.

    Raises:
        CommandError: one of them is not in 0 … num_envs − 1.
    """
    if env_ids is None:
        return np.arange(num_envs)
    ids = np.asarray(env_ids, dtype=np.int64)
    if ids.ndim != 1 or (ids < 0).any() or (ids >= num_envs).any():
        raise CommandError(f"env_ids {ids.tolist()} are not all in 0 … {num_envs - 1}.")
    return ids
