"""Checks of what callers hand to a simulation or a batch: small arrays and numbers."""

from __future__ import annotations

from numbers import Real

import numpy as np
from numpy.typing import ArrayLike

from hanzo_twin.errors import CommandError, InvalidInputError
from hanzo_twin.spatial import FloatArray, IntArray

LARGEST = 1e12
"""Of positions and velocities that are commanded or set, in SI units: a larger one is a mistake. Efforts and forces
have no such bound: there is no telling what they act on."""
_FINITE = float(np.finfo(np.float64).max)


def is_number(value: object) -> bool:
    """Whether it is one, of Python or NumPy, and no text."""
    return isinstance(value, Real)


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


def checked_array(name: str, values: ArrayLike, shape: tuple[int, ...], largest: float = LARGEST) -> FloatArray:
    """``values`` as a float64 array.

    Raises:
        CommandError: its shape is not ``shape``, or a value is not finite or beyond ``largest``; the message starts
            with ``name``.
    """
    array = as_numbers(name, values)
    if array.shape != shape:
        raise CommandError(f"{name} has shape {list(array.shape)}, expected {list(shape)}.")
    if not np.abs(array).max(initial=0.0) <= largest:
        raise out_of_bounds(name, array)
    return array


def as_numbers(name: str, values: ArrayLike) -> FloatArray:
    """``values`` as float64, copied if need be. Raises CommandError where they are no numbers."""
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise _no_numbers(name, values) from None


def _no_numbers(name: str, values: object) -> CommandError:
    return CommandError(f"{name} must be an array of numbers, got {values!r}.")


def out_of_bounds(name: str, values: FloatArray) -> CommandError:
    """For ``values`` called ``name`` of which one is not finite, or beyond `LARGEST`."""
    worst = values.flat[int(np.argmax(np.where(np.isnan(values), np.inf, np.abs(values))))]
    if not np.isfinite(worst):
        return CommandError(f"{name} has values that are not finite: {worst}.", hint="Give finite numbers.")
    return CommandError(
        f"{name} has the value {worst:g}, which nothing can be.",
        hint=f"Allowed: −{LARGEST:g} to {LARGEST:g} (SI units).",
    )


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
    return np.concatenate(
        [checked_array("force", force, (3,), _FINITE), checked_array("torque", torque, (3,), _FINITE)]
    )


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
    given = (("positions", positions, LARGEST), ("velocities", velocities, LARGEST), ("efforts", efforts, _FINITE))
    return [None if values is None else checked_array(name, values, shape, most) for name, values, most in given]


def checked_command(name: str, values: ArrayLike) -> FloatArray:
    """``values`` of the field ``name`` of a `JointCommand`, as an array [n] of its own that nobody can write.

    Raises:
        CommandError: not one-dimensional, or a value that is not finite, or a target beyond `LARGEST`.
    """
    try:
        array = np.array(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise _no_numbers(f"JointCommand.{name}", values) from None
    if array.ndim != 1:
        raise CommandError(f"JointCommand.{name} must have one dimension, got shape {array.shape}.")
    most = _FINITE if name == "efforts" else LARGEST
    # A small sum proves small values; for the few joints of a robot Python sums faster than numpy looks.
    if not sum(map(abs, array.tolist())) <= most and not np.abs(array).max(initial=0.0) <= most:
        raise out_of_bounds(f"JointCommand.{name}", array)
    array.setflags(write=False)
    return array


def check_batch_size(num_envs: int, threads: int | None) -> None:
    """Raise InvalidInputError unless there is at least one env and, where it is given, one thread."""
    if not isinstance(num_envs, int | np.integer):
        raise InvalidInputError(f"A batch cannot have {num_envs!r} envs.", hint="Allowed: whole numbers from 1.")
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
    try:
        ids = np.asarray(env_ids, dtype=np.int64)
    except (TypeError, ValueError):
        raise CommandError(f"env_ids must be whole numbers, got {env_ids!r}.") from None
    if ids.ndim != 1 or (ids < 0).any() or (ids >= num_envs).any():
        raise CommandError(f"env_ids {ids.tolist()} are not all in 0 … {num_envs - 1}.")
    return ids
