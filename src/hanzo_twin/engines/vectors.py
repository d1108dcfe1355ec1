"""Checks of what callers hand to a simulation or a batch: small arrays and numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from hanzo_twin.errors import CommandError, InvalidInputError
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


def checked_wrench(force: ArrayLike, torque: ArrayLike) -> FloatArray:
    """``force`` [3] and ``torque`` [3] as one array [6]. Raises CommandError as `checked_array`."""
    return np.concatenate([checked_array("force", force, (3,)), checked_array("torque", torque, (3,))])


def checked_body_state(
    position: ArrayLike, orientation: ArrayLike, linear_velocity: ArrayLike, angular_velocity: ArrayLike
) -> tuple[FloatArray, FloatArray]:
    """What ``Simulation.set_body_state`` was given, as pose [7] and velocity [6], linear then angular.

    Raises:
        CommandError: as `checked_array` and `checked_quaternion`.
    """
    pose = np.concatenate([checked_array("position", position, (3,)), checked_quaternion(orientation)])
    linear = checked_array("linear_velocity", linear_velocity, (3,))
    return pose, np.concatenate([linear, checked_array("angular_velocity", angular_velocity, (3,))])


def checked_commands(
    shape: tuple[int, ...],
    positions: ArrayLike | None,
    velocities: ArrayLike | None,
    efforts: ArrayLike | None,
) -> list[FloatArray | None]:
    """What ``Batch.step`` was given, each of ``shape`` or None. Raises CommandError as `checked_array`."""
    given = (("positions", positions), ("velocities", velocities), ("efforts", efforts))
    return [None if values is None else checked_array(name, values, shape) for name, values in given]


def check_batch_size(num_envs: int, threads: int | None) -> None:
    """Raise InvalidInputError unless there is at least one env and, where it is given, one thread."""
    if num_envs < 1 or (threads is not None and threads < 1):
        on_threads = "" if threads is None else f" on {threads} threads"
        raise InvalidInputError(f"A batch cannot have {num_envs} envs{on_threads}.", hint="Allowed: one or more.")


def replaced(array: FloatArray, part: slice, values: FloatArray) -> FloatArray:
    """A copy of ``array`` with ``values`` in that part."""
    copy = array.copy()
    copy[part] = values
    return copy


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
