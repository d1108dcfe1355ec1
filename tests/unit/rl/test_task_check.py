"""A mistake in a task of one's own is told once, with the name of the term, and not by numpy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import hanzo_twin
from hanzo_twin.errors import InvalidInputError, NotFoundError
from hanzo_twin.rl import terms
from hanzo_twin.rl.task import Actions, Curriculum, EndTerm, ObservationTerm, Recipe, RewardTerm, Task
from hanzo_twin.testing import scenes

SEEN = ObservationTerm(name="x", size=1, read=lambda world: world.joint_positions)
TASK = Task(name="push", observations=(SEEN,), actions=Actions(kind="effort"), step_hz=24.0)
POSITION: Any = lambda world: world.joint_positions[:, 0]  # noqa: E731
NEVER: Any = lambda world: np.True_  # noqa: E731


def begin(task: Task) -> Any:
    recipe = Recipe(name="push", summary="push", scene=scenes.cart, build=lambda _: task)
    worlds = hanzo_twin.make_vec(task=recipe, num_envs=2)
    try:
        worlds.reset(seed=0)
        return worlds.step(np.zeros((2, 1)))
    finally:
        worlds.close()


def observing(read: Any, size: int = 1) -> Task:
    return replace(TASK, observations=(ObservationTerm(name="seen", size=size, read=read),))


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (
            observing(lambda world: np.zeros((2, 2)), size=3),
            r"The observation 'seen' of the task 'push' has type float64 and shape \[2, 2\].\n"
            r"  Expected: numbers of shape \[2, 3\], which is \[num_envs, 3\]",
        ),
        (observing(lambda world: np.zeros(3), size=3), r"has type float64 and shape \[3\]"),
        (observing(lambda world: None), "'seen' of the task 'push' has type object"),
        (observing(lambda world: np.full((2, 1), np.nan)), r"'seen' of the task 'push' is not a number \(NaN\)"),
        (observing(lambda world: 1 / 0), r"'seen' of .* failed: ZeroDivisionError: division by zero \(.*py:\d+\)"),
        (
            replace(TASK, rewards=(RewardTerm(name="near", read=lambda world: world.joint_positions),)),
            r"The reward 'near' of the task 'push' has type float64 and shape \[2, 1\].\n.*\[2\], which",
        ),
        (
            replace(TASK, rewards=(RewardTerm(name="near", read=lambda world: world.memory["goal"]),)),
            r"reward 'near' of the task 'push' failed: KeyError: 'goal' .*\n  world.memory holds nothing",
        ),
        (
            replace(TASK, ends=(EndTerm(name="far", holds=POSITION),)),
            r"The end 'far' of .* has type float64 and shape \[2\].\n  Expected: booleans of shape \[2\]",
        ),
        (replace(TASK, success=NEVER), r"The success of .* has type bool and shape \[\]"),
        (replace(TASK, metrics=(("m", lambda world: np.zeros(5)),)), r"The metric 'm' of .* shape \[5\]"),
    ],
)
def test_a_term_that_does_not_fit_is_named(task: Task, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        begin(task)


def raising(_: Any) -> Any:
    raise ValueError("oops")


@pytest.mark.parametrize("part", ["start", "remember"])
def test_what_the_code_of_a_task_raises_is_told_with_its_place(part: str) -> None:
    task = replace(TASK, start=(raising,)) if part == "start" else replace(TASK, remember=raising)
    with pytest.raises(
        InvalidInputError, match=rf"The {part} of the task 'push' failed: ValueError: oops \(.*py:\d+\)"
    ):
        begin(task)


def test_names_that_the_scene_has_not_are_refused_when_the_environment_is_made() -> None:
    with pytest.raises(NotFoundError, match="The task 'push' reads the body '/nope', which the scene has not"):
        begin(replace(TASK, bodies=("/nope",)))
    with pytest.raises(NotFoundError, match="No articulation has a joint '/nope'"):
        begin(replace(TASK, actions=Actions(kind="effort", joints=("/nope",))))


def test_what_is_no_task_is_refused() -> None:
    wrong: Any = SEEN
    with pytest.raises(InvalidInputError, match=r"The observations of the task 't' are no tuple of ObservationTerm"):
        Task(name="t", observations=wrong)
    with pytest.raises(InvalidInputError, match="The start of the task 't' is no tuple of functions"):
        Task(name="t", observations=(SEEN,), start=wrong)
    text: Any = "/World/cart"
    with pytest.raises(InvalidInputError, match=r"are one text.\n  Such as bodies=\('/World/cart',\)"):
        Task(name="t", observations=(SEEN,), bodies=text)
    with pytest.raises(InvalidInputError, match="The curriculum of the task 't' is 3"):
        Task(name="t", observations=(SEEN,), curriculum=3)  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match=r"positive step_hz and max_seconds.\n  They are 60.0 and inf"):
        Task(name="t", observations=(SEEN,), max_seconds=float("inf"))
    with pytest.raises(InvalidInputError, match="max_effort of the actions is -1"):
        Actions(kind="effort", max_effort=-1)
    with pytest.raises(InvalidInputError, match="moves by 0 or more"):
        Curriculum(up=float("nan"))
    with pytest.raises(InvalidInputError, match=r"asks for the positoin of a body.\n  Did you mean 'position'"):
        terms.body_term("end", "/World/cart", "positoin")


def test_recipes_that_build_something_else_are_refused() -> None:
    recipe = Recipe(name="push", summary="push", scene=scenes.cart, build=lambda scene: TASK)
    nothing: Any = lambda *_: None  # noqa: E731
    with pytest.raises(InvalidInputError, match="The build of the task 'push' failed: ValueError: oops"):
        hanzo_twin.make(task=replace(recipe, build=raising))
    with pytest.raises(InvalidInputError, match="The recipe 'push' built NoneType"):
        hanzo_twin.make(task=replace(recipe, build=nothing))
    with pytest.raises(InvalidInputError, match="The scene of the recipe 'push' is NoneType"):
        hanzo_twin.make(task=replace(recipe, scene=nothing))
