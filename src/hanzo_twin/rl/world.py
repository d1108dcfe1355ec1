"""What the terms of a task read: all worlds of a batch as arrays with a leading env axis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from hanzo_twin.engines.port import Batch
from hanzo_twin.errors import ConflictError, NotFoundError, nearest
from hanzo_twin.rl.chance import Draws
from hanzo_twin.scene.model import Scene
from hanzo_twin.spatial import BoolArray, FloatArray, IntArray


class BodyReading(NamedTuple):
    """One body in all worlds: ``position`` [N, 3] m, ``orientation`` [N, 4] (w, x, y, z), ``linear_velocity`` [N, 3]
    m/s and ``angular_velocity`` [N, 3] rad/s of its frame's origin, world frame."""

    position: FloatArray
    orientation: FloatArray
    linear_velocity: FloatArray
    angular_velocity: FloatArray


class World:
    """The worlds of ``batch`` at the end of a step. A quantity is read when it is first asked for, once for each step.

    Attributes:
        step_seconds: time of one step of the environment.
        action / previous_action: of this step and the one before, as the agent gave them [N, n_actions]; zero at first.
        steps: of the episode so far [N].
        level: of the curriculum, 0 to 1 [N].
        lighting / camera_noise: of the pictures [N], see `hanzo_twin.rl.randomization`.
        draws: gives random numbers of this step, see `Draws`.
        memory: what the task keeps for each world, by name, arrays [N, …]; written at the start of an episode
            (`Start.remember`) and by ``Task.remember``.
    """

    def __init__(self, batch: Batch, *, step_seconds: float, actions: int, bodies: Sequence[str]) -> None:
        self.batch = batch
        self.num_envs = batch.num_envs
        self.step_seconds = step_seconds
        self.action = np.zeros((self.num_envs, actions))
        self.previous_action = np.zeros_like(self.action)
        self.steps = np.zeros(self.num_envs, dtype=np.int64)
        self.level = np.ones(self.num_envs)
        self.lighting, self.camera_noise = np.ones(self.num_envs), np.zeros(self.num_envs)
        self.draws: Callable[[], Draws] = _no_draws
        self.memory: dict[str, FloatArray] = {}
        self._bodies = tuple(bodies)
        self._columns = {body: column for column, body in enumerate(bodies)}
        self.refresh()

    def refresh(self) -> None:
        """Forget what was read: the worlds moved."""
        self._positions: FloatArray | None = None
        self._velocities: FloatArray | None = None
        self._states: tuple[FloatArray, FloatArray] | None = None
        self._readings: dict[str, BodyReading] = {}
        self._shared: dict[Callable[[World], BoolArray], BoolArray] = {}

    @property
    def scene(self) -> Scene:
        return self.batch.scene

    @property
    def joint_positions(self) -> FloatArray:
        """[N, n_joints] rad or m."""
        if self._positions is None:
            self._positions = self.batch.joint_positions
        return self._positions

    @property
    def joint_velocities(self) -> FloatArray:
        """[N, n_joints] rad/s or m/s."""
        if self._velocities is None:
            self._velocities = self.batch.joint_velocities
        return self._velocities

    def body(self, path: str) -> BodyReading:
        """One of the bodies that the task names in ``Task.bodies``.

        Raises:
            NotFoundError: it names no such body.
        """
        reading = self._readings.get(path)
        if reading is None:
            reading = self._readings[path] = self._read(path)
        return reading

    def once(self, condition: Callable[[World], BoolArray]) -> BoolArray:
        """``condition`` of these worlds [N], for what several terms ask; it must follow from what the batch tells."""
        holds = self._shared.get(condition)
        if holds is None:
            holds = self._shared[condition] = condition(self)
        return holds

    def _read(self, path: str) -> BodyReading:
        if path not in self._columns:
            raise NotFoundError(f"The task does not read the body '{path}'.", hint=nearest(path, self._columns))
        if self._states is None:
            self._states = self.batch.body_states(self._bodies)
        poses, velocities = self._states
        column = self._columns[path]
        return BodyReading(
            position=poses[:, column, :3],
            orientation=poses[:, column, 3:],
            linear_velocity=velocities[:, column, :3],
            angular_velocity=velocities[:, column, 3:],
        )


def _no_draws() -> Draws:
    raise ConflictError("There are no random numbers before the first episode.")


class Start:
    """The beginning of an episode in some of the worlds, which stand where the scene starts.

    Attributes:
        envs: which worlds [n].
        draws: their random numbers.
        level: their level of the curriculum [n].
    """

    def __init__(self, world: World, envs: IntArray, draws: Draws) -> None:
        self.world = world
        self.envs = envs
        self.draws = draws
        self.level = world.level[envs]
        self._positions: FloatArray | None = None
        self._velocities: FloatArray | None = None

    @property
    def joint_positions(self) -> FloatArray:
        """[n, n_joints] rad or m, to be written in place."""
        if self._positions is None:
            self._positions = self.world.joint_positions[self.envs]
        return self._positions

    @property
    def joint_velocities(self) -> FloatArray:
        """[n, n_joints] rad/s or m/s, to be written in place."""
        if self._velocities is None:
            self._velocities = self.world.joint_velocities[self.envs]
        return self._velocities

    def place(self, body: str, poses: FloatArray, velocities: FloatArray | None = None) -> None:
        """Put a free or kinematic body at ``poses`` [n, 7] with ``velocities`` [n, 6] (default zero), world frame."""
        moving = np.zeros((len(self.envs), 6)) if velocities is None else velocities
        self.world.batch.set_body_states(body, poses, moving, self.envs)

    def remember(self, name: str, values: FloatArray) -> None:
        """Keep ``values`` [n, …] in the memory of these worlds."""
        memory = self.world.memory
        if name not in memory:
            memory[name] = np.zeros((self.world.num_envs, *values.shape[1:]))
        memory[name][self.envs] = values

    def commit(self) -> None:
        """Write the joints, if a term asked for them."""
        if self._positions is not None or self._velocities is not None:
            self.world.batch.set_joint_states(self.joint_positions, self.joint_velocities, self.envs)
        self.world.refresh()


def joint_columns(scene: Scene, joints: Sequence[str]) -> IntArray:
    """Columns of ``joints`` in joint arrays.

    Raises:
        NotFoundError: one of them is not a joint of an articulation.
    """
    names = [path for articulation in scene.articulations.values() for path in articulation.joints]
    for joint in joints:
        if joint not in names:
            raise NotFoundError(f"No articulation has a joint '{joint}'.", hint=nearest(joint, names))
    return np.array([names.index(joint) for joint in joints], dtype=np.int64)
