"""Whether what a task gives fits its worlds, asked once: so a mistake is told with the name of its term."""

from __future__ import annotations

import traceback
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hanzo_twin.errors import HanzoTwinError, InvalidInputError, NotFoundError, nearest
from hanzo_twin.rl.task import Task
from hanzo_twin.rl.world import World

_Array = NDArray[np.generic]


def check_bodies(task: Task, known: tuple[str, ...]) -> None:
    """Raise NotFoundError if the task reads a body that is not ``known``."""
    for body in task.bodies:
        if body not in known:
            raise NotFoundError(
                f"The task '{task.name}' reads the body '{body}', which the scene has not.", hint=nearest(body, known)
            )


def check_observations(task: Task, world: World) -> None:
    """Read every observation at the start of an episode.

    Raises:
        InvalidInputError: one failed, has another shape than [N, size], or holds what is not a number.
    """
    for term in task.observations:
        found = _read(task, f"observation '{term.name}'", term.read, world)
        _check(task, f"observation '{term.name}'", found, (world.num_envs, term.size), "biuf")
        if np.isnan(found.astype(np.float64)).any():
            raise InvalidInputError(
                f"The observation '{term.name}' of the task '{task.name}' is not a number (NaN) as an episode begins.",
                hint="A division by zero or the root of a negative number is a usual cause.",
            )


def check_outcomes(task: Task, world: World) -> None:
    """Read every reward, end and metric and the success after a step. Errors as `check_observations`."""
    shape = (world.num_envs,)
    with np.errstate(all="ignore"):  # What is judged at the end only may not be defined yet.
        for reward in task.rewards:
            what = f"reward '{reward.name}'"
            _check(task, what, _read(task, what, reward.read, world), shape, "biuf")
        for end in task.ends:
            what = f"end '{end.name}'"
            _check(task, what, _read(task, what, end.holds, world), shape, "b")
        for name, read in task.metrics:
            what = f"metric '{name}'"
            _check(task, what, _read(task, what, read, world), shape, "biuf")
        if task.success is not None:
            _check(task, "success", _read(task, "success", task.success, world), shape, "b")


def failure(task: str, what: str, failed: Exception, world: World | None = None) -> InvalidInputError:
    """What is said of an exception that the code of a task raised in its ``what``: which, and where."""
    last = traceback.extract_tb(failed.__traceback__)[-1]
    memory = "" if world is None else ", ".join(sorted(world.memory)) or "nothing"
    return InvalidInputError(
        f"The {what} of the task '{task}' failed: {type(failed).__name__}: {failed} ({last.filename}:{last.lineno}).",
        hint=f"world.memory holds {memory}." if memory and isinstance(failed, KeyError) else "",
    )


def _read(task: Task, what: str, read: Callable[[World], object], world: World) -> _Array:
    try:
        found: _Array = np.asarray(read(world))
    except HanzoTwinError:
        raise
    except Exception as failed:  # code of whoever wrote the task: what it raises is told with its place
        raise failure(task.name, what, failed, world) from failed
    return found


def _check(task: Task, what: str, found: _Array, shape: tuple[int, ...], kinds: str) -> None:
    if found.shape != shape or found.dtype.kind not in kinds:
        wanted = "booleans" if kinds == "b" else "numbers"
        size = f", {shape[1]}" if len(shape) > 1 else ""
        raise InvalidInputError(
            f"The {what} of the task '{task.name}' has type {found.dtype} and shape {list(found.shape)}.",
            hint=f"Expected: {wanted} of shape {list(shape)}, which is [num_envs{size}].",
        )
