"""N worlds of one scene on MuJoCo's threaded rollout."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Sequence
from typing import Any

import mujoco
import numpy as np
from mujoco.rollout import Rollout

from hanzo_twin.engines.mujoco.divergence import DIVERGED, divergence
from hanzo_twin.engines.mujoco.native_state import ENGINE, INPUTS
from hanzo_twin.engines.mujoco.parameters import STRUCTURAL, derive_constants, write_parameter
from hanzo_twin.engines.mujoco.poses import BatchPoses
from hanzo_twin.engines.mujoco.simulation import MujocoSimulation
from hanzo_twin.engines.port import EngineConfig
from hanzo_twin.engines.state import SimState
from hanzo_twin.engines.vectors import checked_array, checked_env_ids
from hanzo_twin.errors import CommandError, SimulationError
from hanzo_twin.scene.model import Scene
from hanzo_twin.spatial import FloatArray, IntArray

# Steps between two looks at the numbers; bounds the memory of long rollouts.
BLOCK = 64


class MujocoBatch:
    """A `Batch`. Models are shared between worlds until their parameters differ.

    A step that diverges raises SimulationError and leaves all worlds where they were at most `BLOCK` steps before.
    """

    def __init__(self, probe: MujocoSimulation, num_envs: int, threads: int) -> None:
        """``num_envs`` worlds that start where ``probe`` stands; it becomes the batch's translator of states."""
        self._probe = probe
        self._layout = probe.layout
        model = probe.native[0]
        self._models = [model] * num_envs
        self._parameters = [probe.parameters] * num_envs
        physics, inputs = probe.numbers()
        self._physics = np.tile(physics, (num_envs, 1))
        self._inputs = np.tile(inputs, (num_envs, 1))
        self._targets = np.tile(probe.targets, (num_envs, 1))
        self._target_velocities = np.tile(probe.target_velocities, (num_envs, 1))
        self._stiffness = np.empty((num_envs, model.nu))
        self._damping = np.empty_like(self._stiffness)
        self._datas = [mujoco.MjData(model) for _ in range(max(1, threads))]
        self._pool = Rollout(nthread=threads if threads > 1 else 0)
        self._poses: BatchPoses | None = None
        # Columns of the articulated joints in the two arrays.
        count = self._layout.joint_count
        self._position_columns = np.arange(model.nq)[self._layout.positions] + 1
        self._velocity_columns = np.arange(model.nv)[self._layout.velocities] + 1 + model.nq
        self._command_columns = slice(0, count)
        self._effort_columns = np.arange(model.nv)[self._layout.velocities] + model.nu
        self._closed = False
        self._read_gains(range(num_envs))

    @property
    def models(self) -> tuple[Any, ...]:
        """MuJoCo's model of each env; envs with equal parameters share one."""
        return tuple(self._models)

    @property
    def num_envs(self) -> int:
        return len(self._models)

    @property
    def scene(self) -> Scene:
        return self._probe.scene

    @property
    def config(self) -> EngineConfig:
        return self._probe.config

    @property
    def joint_names(self) -> tuple[str, ...]:
        return self._layout.joint_names

    @property
    def time(self) -> FloatArray:
        self._check_open()
        return self._physics[:, 0].copy()

    @property
    def joint_positions(self) -> FloatArray:
        self._check_open()
        return self._physics[:, self._position_columns]

    @property
    def joint_velocities(self) -> FloatArray:
        self._check_open()
        return self._physics[:, self._velocity_columns]

    @property
    def body_poses(self) -> FloatArray:
        self._check_open()
        if self._poses is None:
            self._poses = BatchPoses(self.scene, self.config, len(self._datas))
        return self._poses.read(self._pool, self._physics, self._inputs)

    def step(
        self,
        n: int = 1,
        *,
        positions: FloatArray | None = None,
        velocities: FloatArray | None = None,
        efforts: FloatArray | None = None,
    ) -> None:
        self._check_open()
        shape = (self.num_envs, self._layout.joint_count)
        checked = self._check_commands(shape, positions, velocities, efforts)
        self._hold(*checked)
        for start in range(0, n, BLOCK):
            steps = min(BLOCK, n - start) * self.config.substeps
            inputs = self._inputs[:, None] if steps == 1 else np.repeat(self._inputs[:, None], steps, axis=1)
            self._advance(steps, inputs)

    def rollout(
        self,
        n: int,
        *,
        positions: FloatArray | None = None,
        velocities: FloatArray | None = None,
        efforts: FloatArray | None = None,
    ) -> tuple[FloatArray, FloatArray]:
        self._check_open()
        shape = (self.num_envs, n, self._layout.joint_count)
        commands = self._check_commands(shape, positions, velocities, efforts)
        all_positions, all_velocities = np.empty(shape), np.empty(shape)
        substeps = self.config.substeps
        for start in range(0, n, BLOCK):
            part = slice(start, min(start + BLOCK, n))
            block = [None if values is None else values[:, part] for values in commands]
            inputs = np.repeat(self._block_inputs(part.stop - start, *block), substeps, axis=1)
            states = self._advance((part.stop - start) * substeps, inputs)[:, substeps - 1 :: substeps]
            all_positions[:, part] = states[:, :, self._position_columns]
            all_velocities[:, part] = states[:, :, self._velocity_columns]
            self._hold(*[None if values is None else values[:, -1] for values in block])
        return all_positions, all_velocities

    def _check_commands(self, shape: tuple[int, ...], *commands: FloatArray | None) -> list[FloatArray | None]:
        names = ("positions", "velocities", "efforts")
        return [
            None if values is None else checked_array(name, values, shape)
            for name, values in zip(names, commands, strict=True)
        ]

    def _hold(self, positions: FloatArray | None, velocities: FloatArray | None, efforts: FloatArray | None) -> None:
        if positions is not None:
            self._targets[:, self._command_columns] = positions
        if velocities is not None:
            self._target_velocities[:, self._command_columns] = velocities
        if efforts is not None:
            self._inputs[:, self._effort_columns] = efforts
        if positions is not None or velocities is not None:
            self._write_commands()

    def _write_commands(self) -> None:
        drive = self._stiffness * self._targets + self._damping * self._target_velocities
        self._inputs[:, : drive.shape[1]] = drive

    def _block_inputs(
        self, steps: int, positions: FloatArray | None, velocities: FloatArray | None, efforts: FloatArray | None
    ) -> FloatArray:
        """Inputs [num_envs, steps, n] under time-varying commands; the same sums as `_write_commands`, bit for bit."""
        inputs = np.repeat(self._inputs[:, None], steps, axis=1)
        columns = self._command_columns
        targets = self._targets[:, None, columns] if positions is None else positions
        target_velocities = self._target_velocities[:, None, columns] if velocities is None else velocities
        drive = self._stiffness[:, None, columns] * targets + self._damping[:, None, columns] * target_velocities
        inputs[:, :, columns] = drive
        if efforts is not None:
            inputs[:, :, self._effort_columns] = efforts
        return inputs

    def _advance(self, steps: int, inputs: FloatArray) -> FloatArray:
        """All worlds by ``steps`` engine steps; the states after each [num_envs, steps, n]."""
        states = np.empty((self.num_envs, steps, self._physics.shape[1]))
        self._pool.rollout(
            self._models,
            self._datas,
            self._physics,
            inputs,
            control_spec=INPUTS,
            skip_checks=True,
            nstep=steps,
            state=states,
        )
        last = states[:, -1]
        velocities = last[:, 1 + self._models[0].nq :]
        with np.errstate(over="ignore", invalid="ignore"):
            if not np.einsum("ij,ij->", velocities, velocities) < DIVERGED:
                self._explain(last)
        self._physics = np.ascontiguousarray(last)
        return states

    def _explain(self, last: FloatArray) -> None:
        """Raise for the first world that diverged; several large but good worlds together are no reason."""
        model = self._models[0]
        for env, numbers in enumerate(last):
            positions, velocities = numbers[1 : 1 + model.nq], numbers[1 + model.nq :]
            if not velocities.dot(velocities) < DIVERGED:
                raise divergence(model, positions, velocities, f"{numbers[0]:g} s in env {env}")

    def set_joint_states(self, positions: FloatArray, velocities: FloatArray, env_ids: IntArray | None = None) -> None:
        self._check_open()
        rows = checked_env_ids(env_ids, self.num_envs)
        shape = (len(rows), self._layout.joint_count)
        new_positions = checked_array("positions", positions, shape)
        new_velocities = checked_array("velocities", velocities, shape)
        self._physics[np.ix_(rows, self._position_columns)] = new_positions
        self._physics[np.ix_(rows, self._velocity_columns)] = new_velocities

    def get_state(self, env_ids: Sequence[int] | None = None) -> tuple[SimState, ...]:
        self._check_open()
        return tuple(self._state(int(env)) for env in checked_env_ids(env_ids, self.num_envs))

    def _state(self, env: int) -> SimState:
        self._probe.load_world(
            self._models[env],
            self._parameters[env],
            (self._physics[env], self._inputs[env]),
            (self._targets[env], self._target_velocities[env]),
        )
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
            self._physics[env], self._inputs[env] = self._probe.numbers()
            self._targets[env], self._target_velocities[env] = self._probe.targets, self._probe.target_velocities
            self._models[env], self._parameters[env] = self._probe.share_model()
        self._read_gains(rows)

    def set_parameters(self, address: str, values: FloatArray) -> None:
        self._check_open()
        wanted = np.asarray(values, dtype=np.float64)
        if wanted.shape != (self.num_envs,):
            raise CommandError(f"values has shape {list(wanted.shape)}, expected [{self.num_envs}].")
        resolved = self._probe.parameters.resolve(address)
        for value in wanted:
            self._probe.parameters.check(resolved, float(value))
        users = Counter(id(model) for model in self._models)
        groups: dict[tuple[int, float], list[int]] = {}
        for env, (model, value) in enumerate(zip(self._models, wanted, strict=True)):
            groups.setdefault((id(model), float(value)), []).append(env)
        for (identity, value), envs in groups.items():
            # A model that worlds outside the group, or the probe, still use is copied before it is written.
            alone = len(envs) == users[identity] and self._models[envs[0]] is not self._probe.native[0]
            model = self._models[envs[0]] if alone else copy.copy(self._models[envs[0]])
            parameters = self._parameters[envs[0]].copy()
            parameters.set(resolved, value)
            write_parameter(model, self.scene, self._layout, parameters, resolved)
            if resolved.attribute in STRUCTURAL:
                derive_constants(model, self._datas[0])
            for env in envs:
                self._models[env], self._parameters[env] = model, parameters
        self._read_gains(range(self.num_envs))

    def _read_gains(self, envs: Sequence[int] | IntArray) -> None:
        for env in envs:
            gains = -self._models[env].actuator_biasprm
            self._stiffness[env], self._damping[env] = gains[:, 1], gains[:, 2]
        self._write_commands()

    def _check_open(self) -> None:
        if self._closed:
            raise SimulationError(f"The batch of engine '{ENGINE}' was closed.", hint="Load the scene again.")

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._pool.close()
            self._probe.close()
            self._models, self._datas, self._poses = [], [], None
