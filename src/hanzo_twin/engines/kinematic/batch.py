"""N worlds of the kinematic engine."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hanzo_twin.engines.kinematic.simulation import ENGINE, KinematicSimulation
from hanzo_twin.engines.kinematic.worlds import Mechanism, Worlds
from hanzo_twin.engines.lifetime import Lifetime
from hanzo_twin.engines.parameters import checked_parameters
from hanzo_twin.engines.port import EngineConfig
from hanzo_twin.engines.refusals import closed
from hanzo_twin.engines.state import SimState
from hanzo_twin.engines.vectors import checked_array, checked_commands, checked_env_ids
from hanzo_twin.errors import CommandError
from hanzo_twin.scene.model import Scene
from hanzo_twin.spatial import BoolArray, FloatArray, IntArray


class KinematicBatch(Lifetime):
    """A `Batch`: `Worlds` with a row for each env, and a probe simulation that translates states."""

    def __init__(self, mechanism: Mechanism, config: EngineConfig, num_envs: int) -> None:
        self.config = config
        self._mechanism = mechanism
        self._worlds = Worlds(mechanism, num_envs)
        self._probe = KinematicSimulation(mechanism, config)
        self._parameters = [self._probe.parameters] * num_envs
        self._seconds = config.step_seconds / config.substeps
        self._closed = False
        self.set_start()

    def _check_open(self) -> None:
        if self._closed:
            raise closed("batch", ENGINE)

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
        self._hold(*checked_commands((self.num_envs, len(self._mechanism.joints)), positions, velocities, efforts))
        self._worlds.advance(n * self.config.substeps, self._seconds)

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
        shape = (self.num_envs, *((n,) if varying else ()), len(self._mechanism.joints))
        commands = checked_commands(shape, *given)
        before = [array.copy() for array in self._worlds.moving()]
        for index in range(n if varying else 1):
            self._hold(*[values[:, index] if varying and values is not None else values for values in commands])
            self._worlds.try_advance((1 if varying else n) * self.config.substeps, self._seconds)
        diverged = self._worlds.diverged()
        for array, old in zip(self._worlds.moving(), before, strict=True):
            array[diverged] = old[diverged]
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
        shape = (self.num_envs, n, len(self._mechanism.joints))
        commands = checked_commands(shape, positions, velocities, efforts)
        all_positions, all_velocities = np.empty(shape), np.empty(shape)
        for index in range(n):
            self._hold(*[None if values is None else values[:, index] for values in commands])
            self._worlds.advance(self.config.substeps, self._seconds)
            all_positions[:, index], all_velocities[:, index] = self._worlds.positions, self._worlds.velocities
        return all_positions, all_velocities

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

    def body_states(self, bodies: Sequence[str]) -> tuple[FloatArray, FloatArray]:
        self._check_open()
        rows = [self._probe.body_row(body) for body in bodies]
        poses, velocities = self._worlds.bodies()
        return poses[:, rows], velocities[:, rows]

    def set_body_states(
        self, body: str, poses: FloatArray, velocities: FloatArray, env_ids: IntArray | None = None
    ) -> None:
        self._check_open()
        rows = checked_env_ids(env_ids, self.num_envs)
        root = self._probe.root(body)
        new_poses = checked_array("poses", poses, (len(rows), 7))
        new_velocities = checked_array("velocities", velocities, (len(rows), 6))
        self._worlds.root_poses[rows, root], self._worlds.root_twists[rows, root] = new_poses, new_velocities

    def set_start(self) -> None:
        self._check_open()
        self._start = [array.copy() for array in self._worlds.state_arrays()]

    def reset(self, env_ids: IntArray | None = None) -> None:
        self._check_open()
        rows = checked_env_ids(env_ids, self.num_envs)
        for array, start in zip(self._worlds.state_arrays(), self._start, strict=True):
            array[rows] = start[rows]

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

    def set_parameters(
        self, addresses: str | Sequence[str], values: FloatArray, env_ids: IntArray | None = None
    ) -> None:
        self._check_open()
        rows = checked_env_ids(env_ids, self.num_envs)
        resolved, wanted = checked_parameters(self._probe.parameters, addresses, values, len(rows))
        for index, address in enumerate(resolved):
            self._worlds.parameters[address.attribute][rows, self._probe.column(address)] = wanted[:, index]
        for env, row in zip(rows, wanted.tolist(), strict=True):
            self._parameters[env] = self._parameters[env].copy()
            for address, value in zip(resolved, row, strict=True):
                self._parameters[env].set(address, value)

    def close(self) -> None:
        self._closed = True
        self._probe.close()
