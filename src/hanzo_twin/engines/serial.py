"""A `Batch` of simulations that are stepped one after the other, for engines that have no batch of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from hanzo_twin.engines.lifetime import Lifetime
from hanzo_twin.engines.port import Batch, BatchEngine, Engine, EngineConfig, JointCommand, Simulation
from hanzo_twin.engines.refusals import closed
from hanzo_twin.engines.state import SimState
from hanzo_twin.engines.vectors import as_numbers, check_batch_size, checked_array, checked_commands, checked_env_ids
from hanzo_twin.errors import CommandError, ParameterError, SimulationError
from hanzo_twin.scene.model import Scene
from hanzo_twin.spatial import BoolArray, FloatArray, IntArray

_FIELDS = ("positions", "velocities", "efforts")


def load_worlds(engine: Engine, scene: Scene, config: EngineConfig, num_envs: int, *, threads: int = 1) -> Batch:
    """``num_envs`` worlds of ``scene``: the engine's own batch where it has one.

    Args:
        threads: for the engine's own batch.

    Raises:
        InvalidInputError: ``num_envs`` is less than one. UnsupportedError: as ``Engine.load_scene``.
    """
    if isinstance(engine, BatchEngine):
        return engine.load_batch(scene, config, num_envs, threads=threads)
    check_batch_size(num_envs, None)
    return SerialBatch([engine.load_scene(scene, config) for _ in range(num_envs)])


class SerialBatch(Lifetime):
    """A `Batch` over ``simulations`` of one scene, which it closes."""

    def __init__(self, simulations: Sequence[Simulation]) -> None:
        self._simulations = list(simulations)
        self._closed = False
        articulations = self.scene.articulations.values()
        self.joint_names = tuple(path for articulation in articulations for path in articulation.joints)
        self._columns: dict[str, slice] = {}
        start = 0
        for articulation in articulations:
            self._columns[articulation.path] = slice(start, start + len(articulation.joints))
            start += len(articulation.joints)
        self.set_start()

    def _check_open(self) -> None:
        if self._closed:
            raise closed("batch", self._simulations[0].engine)

    @property
    def num_envs(self) -> int:
        return len(self._simulations)

    @property
    def scene(self) -> Scene:
        return self._simulations[0].scene

    @property
    def config(self) -> EngineConfig:
        return self._simulations[0].config

    @property
    def time(self) -> FloatArray:
        self._check_open()
        return np.array([simulation.time for simulation in self._simulations])

    @property
    def joint_positions(self) -> FloatArray:
        return self._read_joints("positions")

    @property
    def joint_velocities(self) -> FloatArray:
        return self._read_joints("velocities")

    def _read_joints(self, name: str) -> FloatArray:
        self._check_open()
        values = np.empty((self.num_envs, len(self.joint_names)))
        for env, simulation in enumerate(self._simulations):
            for path, columns in self._columns.items():
                values[env, columns] = simulation.get_observation(path)[name]
        return values

    @property
    def body_poses(self) -> FloatArray:
        return self.body_states(list(self.scene.bodies))[0]

    def body_states(self, bodies: Sequence[str]) -> tuple[FloatArray, FloatArray]:
        self._check_open()
        poses, velocities = np.empty((self.num_envs, len(bodies), 7)), np.empty((self.num_envs, len(bodies), 6))
        for env, simulation in enumerate(self._simulations):
            for column, body in enumerate(bodies):
                seen = simulation.get_observation(body)
                poses[env, column, :3], poses[env, column, 3:] = seen["position"], seen["orientation"]
                velocities[env, column, :3] = seen["linear_velocity"]
                velocities[env, column, 3:] = seen["angular_velocity"]
        return poses, velocities

    def step(
        self,
        n: int = 1,
        *,
        positions: FloatArray | None = None,
        velocities: FloatArray | None = None,
        efforts: FloatArray | None = None,
    ) -> None:
        self._check_open()
        shape = (self.num_envs, len(self.joint_names))
        self._command(checked_commands(shape, positions, velocities, efforts))
        for simulation in self._simulations:
            simulation.step(n)

    def try_step(
        self,
        n: int = 1,
        *,
        positions: FloatArray | None = None,
        velocities: FloatArray | None = None,
        efforts: FloatArray | None = None,
    ) -> BoolArray:
        self._check_open()
        given = (positions, velocities, efforts)
        varying = any(values is not None and np.ndim(values) == 3 for values in given)
        commands = checked_commands((self.num_envs, *((n,) if varying else ()), len(self.joint_names)), *given)
        if not varying:
            self._command(commands)
        diverged = np.zeros(self.num_envs, dtype=np.bool_)
        for env, simulation in enumerate(self._simulations):
            before = simulation.get_state()
            try:
                for index in range(n if varying else 1):
                    if varying:
                        self._command_one(env, [None if values is None else values[env, index] for values in commands])
                    simulation.step(1 if varying else n)
            except SimulationError:
                simulation.set_state(before)
                diverged[env] = True
        return diverged

    def rollout(
        self,
        n: int,
        *,
        positions: FloatArray | None = None,
        velocities: FloatArray | None = None,
        efforts: FloatArray | None = None,
    ) -> tuple[FloatArray, FloatArray]:
        self._check_open()
        shape = (self.num_envs, n, len(self.joint_names))
        commands = checked_commands(shape, positions, velocities, efforts)
        all_positions, all_velocities = np.empty(shape), np.empty(shape)
        for index in range(n):
            self._command([None if values is None else values[:, index] for values in commands])
            for simulation in self._simulations:
                simulation.step()
            all_positions[:, index], all_velocities[:, index] = self.joint_positions, self.joint_velocities
        return all_positions, all_velocities

    def _command(self, commands: Sequence[FloatArray | None]) -> None:
        for env in range(self.num_envs):
            self._command_one(env, [None if values is None else values[env] for values in commands])

    def _command_one(self, env: int, commands: Sequence[FloatArray | None]) -> None:
        given = {name: values for name, values in zip(_FIELDS, commands, strict=True) if values is not None}
        if given:
            for path, columns in self._columns.items():
                command = JointCommand(**{name: values[columns] for name, values in given.items()})
                self._simulations[env].set_joint_command(path, command)

    def set_joint_states(self, positions: FloatArray, velocities: FloatArray, env_ids: IntArray | None = None) -> None:
        self._check_open()
        rows = checked_env_ids(env_ids, self.num_envs)
        shape = (len(rows), len(self.joint_names))
        new_positions = checked_array("positions", positions, shape)
        new_velocities = checked_array("velocities", velocities, shape)
        for row, env in enumerate(rows):
            for path, columns in self._columns.items():
                self._simulations[env].set_joint_state(path, new_positions[row, columns], new_velocities[row, columns])

    def set_body_states(
        self, body: str, poses: FloatArray, velocities: FloatArray, env_ids: IntArray | None = None
    ) -> None:
        self._check_open()
        rows = checked_env_ids(env_ids, self.num_envs)
        new_poses = checked_array("poses", poses, (len(rows), 7))
        new = checked_array("velocities", velocities, (len(rows), 6))
        for row, env in enumerate(rows):
            pose = new_poses[row]
            self._simulations[env].set_body_state(body, pose[:3], pose[3:], new[row, :3], new[row, 3:])

    def set_start(self) -> None:
        self._check_open()
        self._start = [simulation.get_state() for simulation in self._simulations]

    def reset(self, env_ids: IntArray | None = None) -> None:
        self._check_open()
        for env in checked_env_ids(env_ids, self.num_envs):
            simulation = self._simulations[env]
            # A state brings its parameters along; those in force stay.
            simulation.set_state(replace(self._start[env], parameters=simulation.get_state().parameters))

    def get_state(self, env_ids: Sequence[int] | None = None) -> tuple[SimState, ...]:
        self._check_open()
        return tuple(self._simulations[env].get_state() for env in checked_env_ids(env_ids, self.num_envs))

    def set_state(self, states: Sequence[SimState], env_ids: Sequence[int] | None = None) -> None:
        self._check_open()
        rows = checked_env_ids(env_ids, self.num_envs)
        if len(states) != len(rows):
            raise CommandError(f"Got {len(states)} states for {len(rows)} envs.")
        for env, state in zip(rows, states, strict=True):
            self._simulations[env].set_state(state)

    def set_parameters(
        self, addresses: str | Sequence[str], values: FloatArray, env_ids: IntArray | None = None
    ) -> None:
        self._check_open()
        rows = checked_env_ids(env_ids, self.num_envs)
        names = [addresses] if isinstance(addresses, str) else list(addresses)
        shape = (len(rows),) if isinstance(addresses, str) else (len(rows), len(names))
        wanted = as_numbers("values", values)
        if wanted.shape != shape:
            raise CommandError(f"values has shape {list(wanted.shape)}, expected {list(shape)}.")
        wanted = wanted.reshape(len(rows), len(names))
        before = [[self._simulations[env].get_parameter(name) for name in names] for env in rows]
        try:
            self._write_parameters(names, wanted.tolist(), rows)
        except ParameterError:
            self._write_parameters(names, before, rows)
            raise

    def _write_parameters(self, names: Sequence[str], values: Sequence[Sequence[float]], rows: IntArray) -> None:
        for env, row in zip(rows, values, strict=True):
            for name, value in zip(names, row, strict=True):
                self._simulations[env].set_parameter(name, value)

    def close(self) -> None:
        self._closed = True
        for simulation in self._simulations:
            simulation.close()
