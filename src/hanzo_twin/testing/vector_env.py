"""What a vector environment promises beyond its spaces, checked on a running one.

Example::

    check_vector_env(lambda num_envs: hanzo_twin.make_vec(task="pendulum", num_envs=num_envs))
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from hanzo_twin.spatial import FloatArray

Make = Callable[[int], "VectorEnv[Any, Any, Any]"]


def check_vector_env(make: Make, *, sizes: Sequence[int] = (1, 3, 8), steps: int = 40, seed: int = 7) -> None:
    """Check the environments that ``make(num_envs)`` gives; each is closed again.

    * observations, rewards and flags have the shapes and types of the spaces;
    * the same seed and actions give the same bytes again;
    * env i gives the same bytes whatever ``num_envs`` is, and whatever the other envs do;
    * what was returned is the caller's: later steps do not change it, and changing it changes no later step;
    * episodes end and begin as ``metadata["autoreset_mode"]`` says.

    Args:
        sizes: values of ``num_envs``, in ascending order.
        steps: how many are compared; long enough for an episode to end if resets are to be seen.

    Raises:
        AssertionError: a promise is broken; says which, in which env and step.
    """
    largest = sizes[-1]
    env = make(largest)
    actions = _actions(env, steps, seed)
    try:
        _check_spaces(env, actions, seed)
        reference = _trace(env, actions, seed)
        _compare(reference, _trace(env, actions, seed), range(largest), "a second run with the same seed differs")
        _check_ownership(env, actions, seed, reference)
        _check_autoreset(env, actions, seed)
    finally:
        env.close()
    for size in sizes[:-1]:
        _with(make, size, actions[:, :size], seed, reference, f"the result depends on num_envs ({size})")
    if largest > 1:
        others = actions.copy()
        others[:, 1:] = np.roll(actions[:, 1:], 1, axis=0)
        _with(make, largest, others, seed, reference, "the result depends on what other envs do", envs=1)


def _with(
    make: Make,
    size: int,
    actions: FloatArray,
    seed: int,
    reference: list[list[bytes]],
    message: str,
    envs: int | None = None,
) -> None:
    env = make(size)
    try:
        _compare(reference, _trace(env, actions, seed), range(size if envs is None else envs), message)
    finally:
        env.close()


def _actions(env: VectorEnv[Any, Any, Any], steps: int, seed: int) -> FloatArray:
    """Actions [steps, num_envs, n], each env's its own."""
    space = env.single_action_space
    assert isinstance(space, spaces.Box), f"actions must be a Box, got {space}"
    low, high = np.maximum(space.low, -1e3), np.minimum(space.high, 1e3)
    generators = [np.random.default_rng([seed, index]) for index in range(env.num_envs)]
    drawn = [generator.uniform(low, high, (steps, *space.shape)) for generator in generators]
    return np.stack(drawn, axis=1).astype(space.dtype)


def _trace(env: VectorEnv[Any, Any, Any], actions: FloatArray, seed: int) -> list[list[bytes]]:
    """Bytes of everything returned, by step and env."""
    observations, _ = _reset(env, seed)
    rows = [_rows(env.num_envs, observations)]
    for action in actions:
        observations, rewards, terminations, truncations, _ = env.step(action)
        rows.append(_rows(env.num_envs, observations, rewards, terminations, truncations))
        _reset_ended(env, terminations | truncations)
    return rows


def _reset(env: VectorEnv[Any, Any, Any], seed: int) -> tuple[Any, Mapping[str, Any]]:
    return env.reset(seed=seed)


def _reset_ended(env: VectorEnv[Any, Any, Any], ended: np.ndarray[Any, Any]) -> None:
    if _mode(env) is AutoresetMode.DISABLED and ended.any():
        env.reset(options={"reset_mask": ended})


def _mode(env: VectorEnv[Any, Any, Any]) -> AutoresetMode:
    mode = env.metadata.get("autoreset_mode")
    assert isinstance(mode, AutoresetMode), f"metadata['autoreset_mode'] must be an AutoresetMode, got {mode!r}"
    return mode


def _leaves(value: Any) -> list[np.ndarray[Any, Any]]:
    if isinstance(value, Mapping):
        return [leaf for name in sorted(value) for leaf in _leaves(value[name])]
    return [value] if isinstance(value, np.ndarray) else []


def _rows(num_envs: int, *values: Any) -> list[bytes]:
    leaves = [leaf for value in values for leaf in _leaves(value)]
    return [b"".join(np.ascontiguousarray(leaf[env]).tobytes() for leaf in leaves) for env in range(num_envs)]


def _compare(reference: list[list[bytes]], other: list[list[bytes]], envs: range, message: str) -> None:
    for step, (expected, got) in enumerate(zip(reference, other, strict=True)):
        for env in envs:
            assert expected[env] == got[env], f"{message}: first in env {env} at step {step}"


def _check_spaces(env: VectorEnv[Any, Any, Any], actions: FloatArray, seed: int) -> None:
    count = env.num_envs
    for name, single, batched in (
        ("observation", env.single_observation_space, env.observation_space),
        ("action", env.single_action_space, env.action_space),
    ):
        assert batched == batch_space(single, count), f"{name}_space is not single_{name}_space for {count} envs"
    observations, infos = _reset(env, seed)
    assert observations in env.observation_space, f"the first observation is not in {env.observation_space}"
    assert isinstance(infos, dict), "infos must be a dict"
    for action in (actions[0], env.action_space.sample()):
        observations, rewards, terminations, truncations, infos = env.step(action)
        assert observations in env.observation_space, f"an observation is not in {env.observation_space}"
        assert rewards.shape == (count,), f"rewards have shape {rewards.shape}"
        assert np.isfinite(rewards).all(), "a reward is not finite"
        for name, flags in (("terminations", terminations), ("truncations", truncations)):
            assert flags.shape == (count,), f"{name} have shape {flags.shape}"
            assert flags.dtype == np.bool_, f"{name} have type {flags.dtype}"
        assert isinstance(infos, dict), "infos must be a dict"
        for key in infos:
            assert not isinstance(key, str) or key.startswith("_") or f"_{key}" in infos, f"infos lacks '_{key}'"


def _check_ownership(
    env: VectorEnv[Any, Any, Any], actions: FloatArray, seed: int, reference: list[list[bytes]]
) -> None:
    returned = [_reset(env, seed)]
    kept = [[leaf.copy() for leaf in _leaves(returned[0][0])]]
    sent = actions.copy()
    for index, action in enumerate(sent):
        observations, rewards, terminations, truncations, infos = env.step(action)
        rows = _rows(env.num_envs, observations, rewards, terminations, truncations)
        _reset_ended(env, terminations | truncations)
        for row, expected in enumerate(reference[index + 1]):
            assert rows[row] == expected, f"changing what was returned changed a later step: env {row}, step {index}"
        for leaf, before in zip(_leaves(returned[-1][0]), kept[-1], strict=True):
            assert np.array_equal(leaf, before), f"step {index} changed an observation that was returned before"
        returned.append((observations, infos))
        kept.append([leaf.copy() for leaf in _leaves(observations)])
        if index % 2:
            for leaf in _leaves(observations if isinstance(observations, dict) else {"": observations}):
                leaf[...] = 77.0
            kept[-1] = [leaf.copy() for leaf in _leaves(observations)]
            rewards[...] = 77.0
            terminations[...] = True
            truncations[...] = True
            action[...] = 0.0


def _check_autoreset(env: VectorEnv[Any, Any, Any], actions: FloatArray, seed: int) -> None:
    mode = _mode(env)
    _reset(env, seed)
    before = np.zeros(env.num_envs, dtype=np.bool_)
    for step, action in enumerate(actions):
        _, rewards, terminations, truncations, infos = env.step(action)
        ended = terminations | truncations
        if mode is AutoresetMode.NEXT_STEP:
            assert not (before & ended).any(), f"an episode ended in its reset, step {step}"
            assert (rewards[before] == 0.0).all(), f"a reset was rewarded, step {step}"
            before = ended
        elif mode is AutoresetMode.SAME_STEP and ended.any():
            assert "final_obs" in infos, f"infos lacks 'final_obs' of the envs that ended in step {step}"
            assert np.array_equal(infos["_final_obs"], ended), f"'_final_obs' are not the envs that ended, step {step}"
            for number in np.flatnonzero(ended):
                final = infos["final_obs"][number]
                assert final in env.single_observation_space, f"'final_obs' of env {number} is not an observation"
        _reset_ended(env, ended)
