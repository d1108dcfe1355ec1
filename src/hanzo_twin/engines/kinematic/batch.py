"""N worlds of the kinematic engine."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hanzo_twin.engines.kinematic.simulation import ENGINE, KinematicSimulation
from hanzo_twin.engines.kinematic.worlds import Mechanism, Worlds
from hanzo_twin.engines.port import EngineConfig
from hanzo_twin.engines.state import SimState
from hanzo_twin.engines.vectors import checked_array, checked_env_ids
from hanzo_twin.errors import CommandError, SimulationError
from hanzo_twin.scene.model import Scene
from hanzo_twin.spatial import FloatArray, IntArray


class KinematicBatch:
    """A `Batch`: `Worlds` with a row for each env, and a probe simulation that translates states."""

    def __init__(self, mechanism: Mechanism, config: EngineConfig, num_envs: int) -> None:
        self.config = config
        self._mechanism = mechanism
        self._worlds = Worlds(mechanism, num_envs)
        self._probe = KinematicSimulation(mechanism, config)
        self._parameters = [self._probe.parameters] * num_envs
        self._seconds = config.step_seconds / config.substeps
        self._closed = False

    def _check_open(self) -> None:
        if self._closed:
            raise SimulationError(f"The batch of engine '{ENGINE}' was closed.", hint="Load the scene again.")

    @property
    def num_envs(self) -> int:
        return len(self._parameters)

    @property
    def scene(self) -> Scene:
        return self._mechanism.scene

    @property
    def joint_names(self) -> tuple[str, ...]:
        return tuple(joint.path for joint in self._mechanism.joints)

    @property
    def time(self) -> FloatArray:
        self._check_open()
        return self._worlds.time.copy()

    @property
    def joint_positions(self) -> FloatArray:
        self._check_open()
        return self._worlds.positions.copy()

    @property
    def joint_velocities(self) -> FloatArray:
        self._check_open()
        return self._worlds.velocities.copy()

    @property
    def body_poses(self) -> FloatArray:
        self._check_open()
        return self._worlds.bodies()[0]

    def step(
        self,
        n: int = 1,
        *,
        positions: FloatArray | None = None,
        velocities: FloatArray | None = None,
        efforts: FloatArray | None = None,
    ) -> None:
        self._check_open()
        self._hold(*self._checked((self.num_envs, len(self._mechanism.joints)), positions, velocities, efforts))
        self._worlds.advance(n * self.config.substeps, self._seconds)

    def rollout(
        self,
        n: int,
        *,
        positions: FloatArray | None = None,
        velocities: FloatArray | None = None,
        efforts: FloatArray | None = None,
    ) -> tuple[FloatArray, FloatArray]:
        self._check_open()
        shape = (self.num_envs, n, len(self._mechanism.joints))
        commands = self._checked(shape, positions, velocities, efforts)
        all_positions, all_velocities = np.empty(shape), np.empty(shape)
        for index in range(n):
            self._hold(*[None if values is None else values[:, index] for values in commands])
            self._worlds.advance(self.config.substeps, self._seconds)
            all_positions[:, index], all_velocities[:, index] = self._worlds.positions, self._worlds.velocities
        return all_positions, all_velocities

    def _checked(self, shape: tuple[int, ...], *commands: FloatArray | None) -> list[FloatArray | None]:
        return [
            None if values is None else checked_array(name, values, shape)
            for name, values in zip(("positions", "velocities", "efforts"), commands, strict=True)
        ]

    def _hold(self, *commands: FloatArray | None) -> None:
        held = (self._worlds.targets, self._worlds.target_velocities, self._worlds.efforts)
        for array, values in zip(held, commands, strict=True):
            if values is not None:
                array[:] = values

    def set_joint_states(self, positions: FloatArray, velocities: FloatArray, env_ids: IntArray | None = None) -> None:
        self._check_open()
        rows = checked_env_ids(env_ids, self.num_envs)
        shape = (len(rows), len(self._mechanism.joints))
        new_positions = checked_array("positions", positions, shape)
        new_velocities = checked_array("velocities", velocities, shape)
        self._worlds.positions[rows], self._worlds.velocities[rows] = new_positions, new_velocities

    def get_state(self, env_ids: Sequence[int] | None = None) -> tuple[SimState, ...]:
        self._check_open()
        return tuple(self._state(int(env)) for env in checked_env_ids(env_ids, self.num_envs))

    def _state(self, env: int) -> SimState:
        self._probe.load_world(self._worlds, env, self._parameters[env])
        return self._probe.get_state()

    def set_state(self, states: Sequence[SimState], env_ids: Sequence[int] | None = None) -> None:
        self._check_open()
        rows = checked_env_ids(env_ids, self.num_envs)
        if len(states) != len(rows):
            raise CommandError(f"Got {len(states)} states for {len(rows)} envs.")
        for state in states:
            self._probe.check_state(state)
        for env, state in zip(rows, states, strict=True):
            self._probe.set_state(state)
            self._worlds.copy_env(int(env), self._probe.native, 0)
            self._parameters[env] = self._probe.parameters.copy()

    def set_parameters(self, address: str, values: FloatArray) -> None:
        self._check_open()
        wanted = np.asarray(values, dtype=np.float64)
        if wanted.shape != (self.num_envs,):
            raise CommandError(f"values has shape {list(wanted.shape)}, expected [{self.num_envs}].")
        resolved = self._probe.parameters.resolve(address)
        for value in wanted:
            self._probe.parameters.check(resolved, float(value))
        self._worlds.parameters[resolved.attribute][:, self._probe.column(resolved)] = wanted
        for env, value in enumerate(wanted):
            self._parameters[env] = self._parameters[env].copy()
            self._parameters[env].set(resolved, float(value))

    def close(self) -> None:
        self._closed = True
        self._probe.close()
