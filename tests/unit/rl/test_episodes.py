"""Rewards, ends, autoreset and metrics of episodes; and that the tasks that need skill can be done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import hanzo_twin
from hanzo_twin.errors import InvalidInputError, UnsupportedError
from hanzo_twin.rl.baselines import EpsilonGreedyNavigator
from hanzo_twin.rl.task import Actions, Curriculum, EndTerm, ObservationTerm, Recipe, RewardTerm, Task
from hanzo_twin.rl.tasks import navigation, pendulum
from hanzo_twin.rl.tasks.navigation import RANGE, RAYS, free_distances
from hanzo_twin.scene.model import Scene
from hanzo_twin.testing import scenes


def test_the_reward_of_the_pendulum_is_what_the_task_says() -> None:
    env = hanzo_twin.make(task="pendulum")
    env.reset(seed=0)
    observation, reward, _, _, info = env.step([0.5])
    angle = np.arctan2(observation["sine"], observation["cosine"])[0]
    parts = (-(angle**2), -0.1 * observation["velocity"][0] ** 2, -0.001 * 1.0)
    assert info == pytest.approx(
        dict(zip(("reward_angle", "reward_velocity", "reward_effort"), parts, strict=True)), rel=1e-5
    )
    assert reward == pytest.approx(sum(info.values()))
    env.close()


def test_the_pendulum_cannot_be_lifted_at_once() -> None:
    env = hanzo_twin.make(task="pendulum")
    env.reset(seed=0)
    batch: Any = env.runner.batch  # type: ignore[attr-defined]
    batch.set_joint_states(np.zeros((1, 1)), np.zeros((1, 1)))
    highest = min(float(env.step([1.0])[0]["cosine"][0] * -1.0) for _ in range(60))
    assert highest > 0.0  # it never gets higher than the hinge
    env.close()


def test_a_held_pendulum_is_a_success() -> None:
    env = hanzo_twin.make(task="pendulum")
    env.reset(seed=0)
    batch: Any = env.runner.batch  # type: ignore[attr-defined]
    batch.set_joint_states(np.full((1, 1), np.pi - 0.05), np.zeros((1, 1)))
    info: dict[str, Any] = {}
    terminated = truncated = False
    for _ in range(200):
        assert not truncated
        seen = env.runner.world.joint_positions[0, 0] - np.pi  # type: ignore[attr-defined]
        speed = env.runner.world.joint_velocities[0, 0]  # type: ignore[attr-defined]
        _, _, terminated, truncated, info = env.step([np.clip(-15.0 * seen - 4.0 * speed, -1, 1)])
    assert (terminated, truncated) == (False, True)
    assert info["is_success"] is True
    assert info["late_angle_error"] < 0.01
    env.close()


def walk(num_envs: int, mode: str) -> Any:
    worlds = hanzo_twin.make_vec(task="pendulum", num_envs=num_envs, autoreset_mode=mode)
    worlds.reset(seed=3)
    step: Any = None
    for _ in range(200):
        step = worlds.step(np.zeros((num_envs, 1)))
    return worlds, step


def test_the_next_step_begins_the_next_episode() -> None:
    worlds, (last, _, terminations, truncations, infos) = walk(2, "NextStep")
    assert truncations.all()
    assert not terminations.any()
    assert infos["_is_success"].all()
    first, rewards, _, truncations, infos = worlds.step(np.ones((2, 1)))
    assert not truncations.any()
    assert not rewards.any()
    assert not infos["_reward_angle"].any()
    assert not np.array_equal(first, last)
    worlds.close()


def test_the_same_step_begins_the_next_episode_and_keeps_the_last_observation() -> None:
    worlds, (first, _, _, truncations, infos) = walk(2, "SameStep")
    other, (last, *_) = walk(2, "NextStep")
    assert truncations.all()
    assert np.array_equal(np.stack(infos["final_obs"]), last)
    assert infos["final_info"]["_is_success"].all()
    assert np.array_equal(first, other.step(np.zeros((2, 1)))[0])
    worlds.close()
    other.close()


def cart_task(scene: Scene) -> Task:
    return Task(
        name="cart",
        observations=(ObservationTerm(name="x", size=1, read=lambda world: world.joint_positions, low=-1.0, high=1.0),),
        rewards=(RewardTerm(name="x", weight=2.0, read=lambda world: world.joint_positions[:, 0]),),
        ends=(EndTerm(name="far", holds=lambda world: world.joint_positions[:, 0] > 1.0),),
        actions=Actions(kind="effort", max_effort=10.0),
        step_hz=24.0,
        max_seconds=5.0,
        success=lambda world: world.joint_positions[:, 0] > 1.0,
        curriculum=Curriculum(first=0.0, up=0.5, down=0.25),
    )


CART = Recipe(name="cart", summary="push a cart", scene=scenes.cart, build=cart_task)


def test_a_task_of_ones_own() -> None:
    worlds = hanzo_twin.make_vec(task=CART, num_envs=2, autoreset_mode="SameStep")
    observations, _ = worlds.reset(seed=0)
    assert worlds.runner.layout.high == pytest.approx([1.0])
    assert worlds.metadata["task"] == "cart"
    levels = []
    truncations, infos = np.zeros(2, dtype=np.bool_), dict[str, Any]()
    for _ in range(120):
        observations, rewards, terminations, truncations, infos = worlds.step(np.array([[1.0], [-1.0]]))
        assert observations.max() <= 1.0
        assert observations.min() >= -1.0
        if terminations[0]:
            final = infos["final_info"]
            assert rewards[0] > 2.0
            assert final["end_far"][0]
            assert final["is_success"].tolist() == [True, False]
            levels.append(float(final["level"][0]))
    assert levels[:3] == [0.5, 1.0, 1.0]
    assert truncations[1]
    assert infos["final_info"]["level"][1] == 0.0
    worlds.close()


def test_a_world_that_diverges_ends_and_the_others_go_on() -> None:
    strong = replace(
        CART, build=lambda scene: replace(cart_task(scene), actions=Actions(kind="effort", max_effort=1e307))
    )
    worlds = hanzo_twin.make_vec(task=strong, num_envs=3)
    worlds.reset(seed=0)
    observations, rewards, terminations, _, infos = worlds.step(np.array([[0.0], [1.0], [0.0]]))
    assert terminations.tolist() == [False, True, False]
    assert infos["diverged"].tolist() == [False, True, False]
    assert np.isfinite(observations).all()
    assert np.isfinite(rewards).all()
    assert not worlds.step(np.zeros((3, 1)))[2].any()
    worlds.close()


def test_tasks_that_make_no_sense_are_refused() -> None:
    seen = ObservationTerm(name="x", size=1, read=lambda world: world.joint_positions)
    with pytest.raises(InvalidInputError, match="Task 't' observes nothing"):
        Task(name="t", observations=())
    with pytest.raises(InvalidInputError, match="Task 't' has two observations named 'x'"):
        Task(name="t", observations=(seen, seen))
    with pytest.raises(InvalidInputError, match="needs a positive step_hz"):
        Task(name="t", observations=(seen,), step_hz=0.0)
    with pytest.raises(InvalidInputError, match="A curriculum starts between 0 and 1"):
        Curriculum(first=2.0)
    with pytest.raises(UnsupportedError, match="The task 'pendulum' needs an articulation of one revolute joint"):
        pendulum.build(scenes.falling_box())


def test_straight_ahead_reaches_most_targets() -> None:
    worlds = hanzo_twin.make_vec(task="navigation", num_envs=40, obs_type="dict", autoreset_mode="SameStep")
    policy = EpsilonGreedyNavigator(epsilon=0.1, random=np.random.default_rng(0))
    observations, _ = worlds.reset(seed=0)
    results: dict[int, dict[str, float]] = {}
    for _ in range(500):
        observations, rewards, terminations, truncations, infos = worlds.step(policy.act(observations))
        for env in np.flatnonzero(terminations | truncations):
            final = infos["final_info"]
            results.setdefault(int(env), {name: float(final[name][env]) for name in ("is_success", "path_efficiency")})
            assert rewards[env] > 9.0 or not results[int(env)]["is_success"]
    success = [result["is_success"] for result in results.values()]
    assert len(success) == 40
    assert np.mean(success) > 0.9
    assert 0.5 < np.mean([result["path_efficiency"] for result in results.values()]) <= 1.0
    worlds.close()


def test_obstacles_stand_elsewhere_in_every_episode_and_never_on_the_target() -> None:
    worlds = hanzo_twin.make_vec(task="navigation", num_envs=200)
    worlds.reset(seed=0)
    memory = worlds.runner.world.memory  # type: ignore[attr-defined]
    radii = np.array(navigation.OBSTACLE_RADII)
    there = memory["obstacles"][:, :, 0] < 50.0
    for center in (memory["target"], np.zeros_like(memory["target"])):
        away = np.linalg.norm(memory["obstacles"] - center[:, None], axis=2)
        assert (away[there] > (radii + navigation.CLEARANCE - 1e-9)[np.nonzero(there)[1]]).all()
    assert len(np.unique(memory["obstacles"][:, 0, 0])) > 150
    assert there.sum(axis=1).min() >= 1
    assert there.sum(axis=1).max() == 8
    before = memory["obstacles"].copy()
    worlds.reset()
    assert not np.array_equal(before, memory["obstacles"])
    worlds.close()


def test_rays_meet_circles_where_geometry_says() -> None:
    ranges = free_distances(
        np.array([[1.0, 0.0]]), np.array([np.pi / 2]), np.array([[[1.0, 3.0], [9.0, 0.0]]]), np.array([0.5, 0.5])
    )
    assert ranges.shape == (1, RAYS)
    assert ranges[0, 0] == pytest.approx(2.5)
    assert ranges[0, RAYS // 2] == RANGE


def play(worlds: Any, policy: Callable[[Any, Any], Any], stages: Any, steps: int) -> dict[str, Any]:
    """The infos of the first step in which all episodes have ended."""
    observations, _ = worlds.reset(seed=0)
    ended = np.zeros(worlds.num_envs, dtype=np.bool_)
    success = np.zeros(worlds.num_envs, dtype=np.bool_)
    infos: dict[str, Any] = {}
    for _ in range(steps):
        observations, _, terminations, truncations, infos = worlds.step(np.clip(policy(observations, stages), -1, 1))
        over = (terminations | truncations) & ~ended
        if over.any():
            success[over] = infos["is_success"][over]
        ended |= over
    assert ended.all()
    worlds.close()
    return {"success": success}


def picks(seen: Any, stages: Any) -> Any:
    """Above the cube, down, grip, up, over the goal, down, let go."""
    actions = np.zeros((len(stages), 5))
    for env, stage in enumerate(stages):
        to_cube, to_goal = seen["hand_to_cube"][env], seen["cube_to_goal"][env]
        actions[env, 3:] = 1.0 if stage < 2 else -0.5 if stage < 8 else 0.6 if stage == 11 else 0.0
        if stage == 0:
            actions[env, :3] = 8.0 * (to_cube + np.array([0.0, 0.0, 0.1]))
            stages[env] += np.abs(to_cube[:2]).max() < 0.005
        elif stage == 1:
            actions[env, :3] = 8.0 * to_cube
            stages[env] += abs(to_cube[2]) < 0.008
        elif stage < 8:
            stages[env] += 1
        elif stage == 8:
            actions[env, 2] = 0.8
            stages[env] += seen["cube_position"][env, 2] > 0.5
        elif stage == 9:
            actions[env, :2] = 6.0 * to_goal[:2]
            stages[env] += np.abs(to_goal[:2]).max() < 0.01
        elif stage == 10:
            actions[env, 2] = 8.0 * to_goal[2]
            stages[env] += to_goal[2] > -0.004
    return actions


def test_the_cube_can_be_picked_and_placed() -> None:
    worlds = hanzo_twin.make_vec(task="pick_and_place", num_envs=6, obs_type="dict")
    assert play(worlds, picks, np.zeros(6, dtype=np.int64), 200)["success"].all()


def carries(seen: Any, stages: Any) -> Any:
    """To the grip, down, grip, up, along the corridor and through the door, down, let go."""
    actions = np.zeros((len(stages), 6))
    for env, stage in enumerate(stages):
        joints, tray = seen["joint_positions"][env], seen["tray_position"][env]
        to_grip = tray + np.array([0.0, 0.0, 0.18]) - seen["hand_position"][env]
        actions[env, 4:] = 1.0 if stage < 2 else -0.4 if stage < 12 else 0.7 if stage > 15 else 0.0
        to_goal = np.array([3.6, 0.0]) - tray[:2]
        if stage == 0:
            actions[env, :2] = np.clip(4.0 * to_grip[:2], -0.5, 0.5)
            stages[env] += np.abs(to_grip[:2]).max() < 0.008
        elif stage == 1:
            actions[env, 3] = np.clip(5.0 * to_grip[2], -0.5, 0.5)
            stages[env] += abs(to_grip[2]) < 0.01
        elif stage < 12:
            stages[env] += 1
        elif stage == 12:
            actions[env, 3] = 0.5
            stages[env] += tray[2] > 0.62
        elif stage == 13:
            actions[env, :3] = 0.7, np.clip(-2 * joints[1], -0.3, 0.3), np.clip(-2 * joints[2], -0.5, 0.5)
            stages[env] += to_goal[0] < 0.15
        elif stage == 14:
            actions[env, :2] = np.clip(3 * to_goal, -0.4, 0.4)
            stages[env] += np.abs(to_goal).max() < 0.03
        elif stage == 15:
            actions[env, 3] = -0.3
            stages[env] += tray[2] < 0.515
        elif stage < 24:
            stages[env] += 1
        else:
            actions[env, 3] = 0.5
    return actions


def test_the_tray_can_be_carried_through_the_door() -> None:
    worlds = hanzo_twin.make_vec(task="tray", num_envs=4, obs_type="dict")
    assert play(worlds, carries, np.zeros(4, dtype=np.int64), 280)["success"].all()


def test_a_humanoid_that_holds_its_pose_stands_for_a_while() -> None:
    worlds = hanzo_twin.make_vec(task="humanoid_stand", num_envs=4)
    worlds.reset(seed=0)
    for _ in range(25):
        assert not worlds.step(np.zeros((4, 24)))[2].any()
    worlds.close()


def test_an_arm_reaches_what_its_own_kinematics_put_there() -> None:
    worlds = hanzo_twin.make_vec(task="arm_reach", num_envs=300)
    worlds.reset(seed=0)
    target = worlds.runner.world.memory["target"]  # type: ignore[attr-defined]
    assert (target[:, 2] > 0.1).mean() > 0.95
    assert np.linalg.norm(target, axis=1).max() < 1.5
    worlds.close()
