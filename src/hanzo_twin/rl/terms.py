"""Readings, rewards and start distributions that many tasks share, as functions that make terms."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from hanzo_twin.errors import InvalidInputError, nearest
from hanzo_twin.rl.task import ObservationTerm, Reading, RewardTerm
from hanzo_twin.rl.world import BodyReading, Start, World, joint_columns
from hanzo_twin.scene.model import Scene
from hanzo_twin.spatial import FloatArray


def wrap_angle(angle: FloatArray) -> FloatArray:
    """``angle`` [rad] brought into −π … π."""
    wrapped: FloatArray = np.mod(angle + math.pi, 2.0 * math.pi) - math.pi
    return wrapped


def joint_positions(scene: Scene, joints: Sequence[str], *, name: str = "joint_positions") -> ObservationTerm:
    """Positions of ``joints``, rad or m."""
    columns = joint_columns(scene, joints)
    return ObservationTerm(name=name, size=len(columns), read=lambda world: world.joint_positions[:, columns])


def joint_velocities(scene: Scene, joints: Sequence[str], *, name: str = "joint_velocities") -> ObservationTerm:
    """Velocities of ``joints``, rad/s or m/s."""
    columns = joint_columns(scene, joints)
    return ObservationTerm(name=name, size=len(columns), read=lambda world: world.joint_velocities[:, columns])


def body_term(name: str, body: str, quantity: str) -> ObservationTerm:
    """A field of `BodyReading` of ``body``: position, orientation, linear_velocity or angular_velocity."""
    if quantity not in BodyReading._fields:
        raise InvalidInputError(
            f"The observation '{name}' asks for the {quantity} of a body.", hint=nearest(quantity, BodyReading._fields)
        )
    size = 4 if quantity == "orientation" else 3
    return ObservationTerm(name=name, size=size, read=lambda world: np.asarray(getattr(world.body(body), quantity)))


def remembered(name: str, size: int) -> ObservationTerm:
    """What the task keeps in ``world.memory[name]`` [N, size]."""
    return ObservationTerm(name=name, size=size, read=lambda world: world.memory[name])


def previous_action(size: int) -> ObservationTerm:
    """The action of the step before this observation [N, size]."""
    return ObservationTerm(name="previous_action", size=size, read=lambda world: world.action, low=-1.0, high=1.0)


def action_cost(weight: float) -> RewardTerm:
    """−weight · Σ action²."""
    return RewardTerm(name="action", weight=-weight, read=lambda world: sum_of_squares(world.action))


def alive(weight: float) -> RewardTerm:
    """``weight`` in every step."""
    return RewardTerm(name="alive", weight=weight, read=lambda world: np.ones(world.num_envs))


def sum_of_squares(values: FloatArray) -> FloatArray:
    """Σ over the last axis [N] of ``values`` [N, n], in an order that does not depend on N."""
    # Laid out row by row, numpy adds up each row by itself; otherwise it may add up columns for some N.
    squares = np.ascontiguousarray(values * values)
    total: FloatArray = np.add.reduce(squares, axis=1)
    return total


def norm(vectors: FloatArray) -> FloatArray:
    """Lengths [N] of ``vectors`` [N, n]."""
    lengths: FloatArray = np.sqrt(sum_of_squares(vectors))
    return lengths


def spread_joints(
    scene: Scene, joints: Sequence[str], *, position: float, velocity: float = 0.0
) -> Callable[[Start], None]:
    """Joints start anywhere within ``position`` to either side of the scene's start, within their limits; likewise
    velocities within ``velocity``."""
    columns = joint_columns(scene, joints)
    lower = np.array([scene.joints[path].lower for path in joints])
    upper = np.array([scene.joints[path].upper for path in joints])

    def begin(start: Start) -> None:
        size = len(columns)
        shift = start.draws.uniform("start.positions", size, low=-position, high=position)
        spread = start.joint_positions[:, columns] + shift
        start.joint_positions[:, columns] = np.minimum(np.maximum(spread, lower), upper)
        moving = start.draws.uniform("start.velocities", size, low=-velocity, high=velocity)
        start.joint_velocities[:, columns] += moving

    return begin


def tracking(name: str, error: Reading, *, scale: float, weight: float = 1.0) -> RewardTerm:
    """weight · (1 − tanh(error / scale)): one at the goal, and a slope towards it everywhere."""
    return RewardTerm(name=name, weight=weight, read=lambda world: 1.0 - np.tanh(error(world) / scale))


def up_of(orientation: FloatArray) -> FloatArray:
    """How far the body's own Z points up [N]: 1 upright, −1 upside down."""
    _, x, y, _ = orientation.T
    up: FloatArray = 1.0 - 2.0 * (x * x + y * y)
    return up


def distance_to(body: str, goal: str) -> Reading:
    """Distance [N] m between ``body`` and the remembered position ``goal`` [N, 3]."""

    def read(world: World) -> FloatArray:
        return norm(world.body(body).position - world.memory[goal])

    return read
