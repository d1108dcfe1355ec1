"""Episodes of one task in all worlds of a batch: stepping, rewards, ends and resets on arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from hanzo_twin.engines.port import Batch
from hanzo_twin.engines.state import SimState
from hanzo_twin.errors import HanzoTwinError, InvalidInputError
from hanzo_twin.rl.actions import action_map
from hanzo_twin.rl.chance import Draws, Words, seed_words
from hanzo_twin.rl.delay import CommandDelay
from hanzo_twin.rl.randomization import ACTUATOR_DELAY, Randomization
from hanzo_twin.rl.randomizer import Randomizer, Values
from hanzo_twin.rl.task import Task
from hanzo_twin.rl.task_check import check_bodies, check_observations, check_outcomes, failure
from hanzo_twin.rl.world import Start, World
from hanzo_twin.spatial import BoolArray, FloatArray, IntArray

ObservationArray = NDArray[np.float32]


class Autoreset(Enum):
    """When a world whose episode ended begins the next one; the names and rules are Gymnasium's."""

    NEXT_STEP = "NextStep"
    SAME_STEP = "SameStep"
    DISABLED = "Disabled"


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How observations are laid out: ``slices`` of the flat observation by term, and bounds [size].

    ``shapes`` and ``dtypes`` are those of the terms in an observation of type ``dict``.
    """

    slices: Mapping[str, slice]
    shapes: Mapping[str, tuple[int, ...]]
    dtypes: Mapping[str, str]
    low: ObservationArray
    high: ObservationArray
    actions: tuple[str, ...]
    rewards: tuple[str, ...]

    @property
    def size(self) -> int:
        return len(self.low)


@dataclass(kw_only=True)
class Step:
    """What one step of all worlds gave; all arrays are new.

    Args:
        observations: [N, size].
        terms: parts of the reward [N, n_terms].
        begun: worlds whose episode began in this step.
        ended: worlds whose episode ended, with ``final`` observations [n, size] where they were reset at once.
        values: quantities of some worlds, by name: the values [N, …] and for which worlds they hold.
        randomization: what is in force in all worlds, where an episode began; ``counts`` are then the worlds' seeds
            and episodes [N].
    """

    observations: ObservationArray
    rewards: FloatArray
    terminations: BoolArray
    truncations: BoolArray
    terms: FloatArray
    begun: BoolArray
    final: ObservationArray | None = None
    values: dict[str, tuple[FloatArray | BoolArray, BoolArray]] = field(default_factory=dict)
    randomization: Values | None = None
    counts: tuple[Words, IntArray] | None = None


class Episodes:
    """The worlds of ``batch``, which it closes, at work on ``task``.

    Args:
        engine_steps: of the batch for each step.
        action_type: None takes the task's.
        spread: seeds of these worlds count from here, so that a part of many worlds behaves as it does among them.

    Raises:
        UnsupportedError, AddressError, InvalidInputError: the scene or engine cannot do what is asked.
    """

    def __init__(
        self,
        batch: Batch,
        task: Task,
        *,
        engine_steps: int,
        action_type: str | None,
        randomization: Randomization | None,
        autoreset: Autoreset,
    ) -> None:
        self.task = task
        self.batch = batch
        self.num_envs = batch.num_envs
        self._engine_steps = engine_steps
        self._autoreset = autoreset
        step_seconds = engine_steps * batch.config.step_seconds
        self.max_steps = max(1, round(task.max_seconds / step_seconds))
        self.actions = action_map(batch.scene, task.actions, action_type, batch)
        check_bodies(task, tuple(batch.scene.bodies))
        self.world = World(batch, step_seconds=step_seconds, actions=self.actions.size, bodies=task.bodies)
        self.world.draws = self._step_draws
        self.layout = _layout(task, self.actions.names)
        self._randomizer = _randomizer(randomization, batch, self.layout)
        self._noisy = randomization is not None and any("observation" in v.target for v in randomization.variations)
        self._delay = _delay(randomization, self._randomizer, engine_steps)
        count = self.num_envs
        self._seeds: Words = np.zeros(count, dtype=np.uint64)
        self._episodes = np.full(count, -1, dtype=np.int64)
        self._over = np.zeros(count, dtype=np.bool_)
        self._observations_checked = self._outcomes_checked = False
        self._first_level = task.curriculum.first if task.curriculum else 1.0
        self._unbounded = not (np.isfinite(self.layout.low).any() or np.isfinite(self.layout.high).any())

    @property
    def values(self) -> Values | None:
        """What the randomization drew for all worlds."""
        return None if self._randomizer is None else self._randomizer.values

    def reset(
        self,
        *,
        seeds: Sequence[int] | None = None,
        envs: IntArray | None = None,
        pinned: Mapping[str, object] | None = None,
        level: float | None = None,
    ) -> Step:
        """Begin new episodes in ``envs`` (default all), with new ``seeds`` [len(envs)] or as the next of the old.

        Raises:
            InvalidInputError: a pin names nothing.
        """
        if pinned and self._randomizer is None:
            raise InvalidInputError(
                f"Nothing is drawn here, so '{next(iter(pinned))}' cannot be pinned.",
                hint="Make the environment with domain_randomization.",
            )
        chosen = np.arange(self.num_envs) if envs is None else envs
        if seeds is not None:
            self._seeds[chosen] = seed_words(seeds)
            self._episodes[chosen] = -1
            self.world.level[chosen] = self._first_level
        if level is not None:
            self.world.level[chosen] = level
        self._begin(chosen, pinned or {})
        if not self._observations_checked:
            check_observations(self.task, self.world)
            self._observations_checked = True
        begun = np.zeros(self.num_envs, dtype=np.bool_)
        begun[chosen] = True
        zeros, none = np.zeros(self.num_envs), np.zeros(self.num_envs, dtype=np.bool_)
        return Step(
            observations=self._observe(),
            rewards=zeros,
            terminations=none,
            truncations=none.copy(),
            terms=np.zeros((self.num_envs, len(self.task.rewards))),
            begun=begun,
            randomization=self._drawn(),
            counts=self._counts(),
        )

    def _begin(self, envs: IntArray, pinned: Mapping[str, object]) -> None:
        world = self.world
        self._episodes[envs] += 1
        draws = Draws(self._seeds[envs], self._episodes[envs], np.zeros(len(envs), dtype=np.int64))
        if self._randomizer is not None:
            self._randomizer.draw(envs, draws, world.level[envs], pinned)
            world.lighting, world.camera_noise = self._randomizer.lighting, self._randomizer.camera_noise
        self.batch.reset(envs)
        world.refresh()
        start = Start(world, envs, draws)
        try:
            for term in self.task.start:
                term(start)
        except HanzoTwinError:
            raise
        except Exception as failed:  # code of whoever wrote the task: what it raises is told with its place
            raise failure(self.task.name, "start", failed, world) from failed
        start.commit()
        self.actions.reset(envs, world)
        if self._delay is not None:
            self._delay.reset(envs)
        world.steps[envs] = 0
        world.action[envs] = 0.0
        world.previous_action[envs] = 0.0
        self._over[envs] = False

    def step(self, actions: FloatArray) -> Step:
        """Advance all worlds under ``actions`` [N, n_actions], which are finite; they are clipped to −1 … 1."""
        world = self.world
        pending = self._over.copy() if np.count_nonzero(self._over) else None
        diverged = self._advance(np.minimum(np.maximum(actions, -1.0), 1.0))
        if not self._outcomes_checked:
            check_outcomes(self.task, world)
            self._outcomes_checked = True
        terms, rewards = self._rewards()
        terminations, ends = self._ends()
        truncations = world.steps >= self.max_steps
        if np.count_nonzero(diverged):
            terminations |= diverged
            rewards[diverged] = 0.0
            terms[diverged] = 0.0
        begun = np.zeros(self.num_envs, dtype=np.bool_)
        if pending is not None:
            for array in (rewards, terms, terminations, truncations):
                array[pending] = 0
            begun |= pending
        truncations &= ~terminations
        self._over = terminations | truncations
        over = np.count_nonzero(self._over) > 0
        values = self._final_values(diverged, ends) if over else {}
        if self.task.remember is not None:
            self._remember(self.task.remember)
        if pending is not None:
            self._begin(np.flatnonzero(pending), {})
        observations = self._observe()
        final = None
        if self._autoreset is Autoreset.SAME_STEP and over:
            begun = self._over.copy()
            final = observations[begun]
            self._begin(np.flatnonzero(begun), {})
            observations = self._observe()
        news = self._randomizer is not None and np.count_nonzero(begun) > 0
        return Step(
            observations=observations,
            rewards=rewards,
            terminations=terminations,
            truncations=truncations,
            terms=terms,
            begun=begun,
            final=final,
            values=values,
            randomization=self._drawn() if news else None,
            counts=self._counts() if news else None,
        )

    def _advance(self, actions: FloatArray) -> BoolArray:
        world = self.world
        world.previous_action, world.action = world.action, actions
        commands = self.actions.commands(actions, world)
        if self._delay is not None and self._randomizer is not None:
            commands = self._delay.apply(commands, self._randomizer.delays)
        diverged = self.batch.try_step(self._engine_steps, **commands)
        world.steps += 1
        world.refresh()
        return diverged

    def _rewards(self) -> tuple[FloatArray, FloatArray]:
        terms = np.empty((self.num_envs, len(self.task.rewards)))
        rewards = np.zeros(self.num_envs)
        for column, term in enumerate(self.task.rewards):
            part = term.weight * term.read(self.world)
            terms[:, column] = part
            rewards += part
        return terms, rewards

    def _ends(self) -> tuple[BoolArray, dict[str, BoolArray]]:
        ends = {term.name: term.holds(self.world) for term in self.task.ends}
        terminations = np.zeros(self.num_envs, dtype=np.bool_)
        for holds in ends.values():
            terminations |= holds
        return terminations, ends

    def _final_values(
        self, diverged: BoolArray, ends: Mapping[str, BoolArray]
    ) -> dict[str, tuple[FloatArray | BoolArray, BoolArray]]:
        """What is told of episodes that end; also moves the curriculum on."""
        over = self._over
        values: dict[str, tuple[FloatArray | BoolArray, BoolArray]] = {"diverged": (diverged, over.copy())}
        for name, holds in ends.items():
            values[f"end_{name}"] = (holds & over, over.copy())
        for name, read in self.task.metrics:
            values[name] = (np.where(over, read(self.world), 0.0), over.copy())
        if self.task.success is not None:
            success = self.task.success(self.world) & over & ~diverged
            values["is_success"] = (success, over.copy())
            if self.task.curriculum is not None:
                level = self.task.curriculum.next_level(self.world.level, success)
                self.world.level = np.where(over, level, self.world.level)
        if self.task.curriculum is not None:
            values["level"] = (self.world.level.copy(), over.copy())
        return values

    def _remember(self, remember: Callable[[World], None]) -> None:
        try:
            remember(self.world)
        except HanzoTwinError:
            raise
        except Exception as failed:  # code of whoever wrote the task: what it raises is told with its place
            raise failure(self.task.name, "remember", failed, self.world) from failed

    def _step_draws(self) -> Draws:
        return Draws(self._seeds, self._episodes, self.world.steps)

    def _observe(self) -> ObservationArray:
        world = self.world
        observations = np.empty((self.num_envs, self.layout.size), dtype=np.float32)
        for term in self.task.observations:
            read = term.read(world)
            if self._noisy and self._randomizer is not None:
                noise = self._step_draws().normal(f"noise.{term.name}", term.size)
                read = read + self._randomizer.noise[term.name][:, None] * noise
            observations[:, self.layout.slices[term.name]] = read
        if not self._unbounded:
            np.minimum(np.maximum(observations, self.layout.low), self.layout.high, out=observations)
        return observations

    # --- beside a twin that somebody else advances

    def follow(self, states: Sequence[SimState]) -> None:
        """Take over the states [N] of twins that were advanced elsewhere, as one more step of theirs."""
        self.batch.set_state(states)
        self.world.steps += 1
        self.world.refresh()
        if self.task.remember is not None:
            self._remember(self.task.remember)

    def observe(self) -> ObservationArray:
        """What an agent sees now [N, size]."""
        return self._observe()

    def command(self, actions: FloatArray) -> Mapping[str, FloatArray]:
        """What ``actions`` [N, n_actions] command, by field of `JointCommand` [N, n_joints]; nothing moves."""
        world = self.world
        clipped = np.minimum(np.maximum(actions, -1.0), 1.0)
        world.previous_action, world.action = world.action, clipped
        return self.actions.commands(clipped, world)

    def rewards(self) -> FloatArray:
        """Of the step that `follow` took over [N]."""
        return self._rewards()[1]

    def succeeds(self) -> BoolArray | None:
        """Whether the goal is reached now [N]; None where the task does not say."""
        return None if self.task.success is None else self.task.success(self.world)

    def _drawn(self) -> Values | None:
        if self._randomizer is None:
            return None
        return {name: values.copy() for name, values in self._randomizer.values.items()}

    def _counts(self) -> tuple[Words, IntArray]:
        return self._seeds.copy(), self._episodes.copy()

    def close(self) -> None:
        """Release the worlds."""
        self.batch.close()


def _layout(task: Task, actions: tuple[str, ...]) -> Layout:
    slices, start = {}, 0
    for term in task.observations:
        slices[term.name] = slice(start, start + term.size)
        start += term.size
    low = np.concatenate([np.full(term.size, term.low, dtype=np.float32) for term in task.observations])
    high = np.concatenate([np.full(term.size, term.high, dtype=np.float32) for term in task.observations])
    rewards = tuple(term.name for term in task.rewards)
    shapes = {term.name: term.shape or (term.size,) for term in task.observations}
    dtypes = {term.name: term.dtype for term in task.observations}
    return Layout(slices=slices, shapes=shapes, dtypes=dtypes, low=low, high=high, actions=actions, rewards=rewards)


def _randomizer(spec: Randomization | None, batch: Batch, layout: Layout) -> Randomizer | None:
    if spec is None or not spec.variations:
        return None
    return Randomizer(spec, batch, tuple(layout.slices))


def _delay(spec: Randomization | None, randomizer: Randomizer | None, engine_steps: int) -> CommandDelay | None:
    if spec is None or randomizer is None or all(v.target != ACTUATOR_DELAY for v in spec.variations):
        return None
    batch = randomizer.batch
    return CommandDelay(
        batch.num_envs,
        engine_steps=engine_steps,
        engine_seconds=batch.config.step_seconds,
        max_delay_s=randomizer.max_delay_s,
    )
