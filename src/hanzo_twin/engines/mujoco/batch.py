"""N worlds of one scene on MuJoCo's threaded rollout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import mujoco
import numpy as np
from mujoco.rollout import Rollout

from hanzo_twin.engines.lifetime import Lifetime
from hanzo_twin.engines.mujoco.body_reader import BodyReader, mocap_start
from hanzo_twin.engines.mujoco.divergence import DIVERGED, divergence
from hanzo_twin.engines.mujoco.layout import Index
from hanzo_twin.engines.mujoco.native_state import ENGINE, INPUTS
from hanzo_twin.engines.mujoco.placement import check_placeable
from hanzo_twin.engines.mujoco.simulation import MujocoSimulation
from hanzo_twin.engines.mujoco.world_models import WorldModels
from hanzo_twin.engines.parameters import checked_parameters
from hanzo_twin.engines.port import EngineConfig
from hanzo_twin.engines.refusals import closed
from hanzo_twin.engines.state import SimState
from hanzo_twin.engines.vectors import checked_array, checked_commands, checked_env_ids
from hanzo_twin.errors import CommandError
from hanzo_twin.scene.model import Scene
from hanzo_twin.spatial import BoolArray, FloatArray, IntArray, rotate_vectors

# A sum of squares below this is far from what counts as diverged, be it of all worlds together.
_SAFE = 1e-6 * DIVERGED
_GAINS = ("driveStiffness", "driveDamping")

# Steps between two looks at the numbers; bounds the memory of long rollouts.
BLOCK = 64


class MujocoBatch(Lifetime):
    """A `Batch`. Models are shared between worlds until their parameters differ.

    A step that diverges raises SimulationError and leaves all worlds where they were at most `BLOCK` steps before.
    """

    def __init__(self, probe: MujocoSimulation, num_envs: int, threads: int) -> None:
        """``num_envs`` worlds that start where ``probe`` stands; it becomes the batch's translator of states."""
        self._probe = probe
        self._layout = probe.layout
        model = probe.native[0]
        self._worlds = WorldModels(probe.scene, self._layout, model, probe.parameters, num_envs)
        physics, inputs = probe.numbers()
        self._physics = np.tile(physics, (num_envs, 1))
        self._inputs = np.tile(inputs, (num_envs, 1))
        self._targets = np.tile(probe.targets, (num_envs, 1))
        self._target_velocities = np.tile(probe.target_velocities, (num_envs, 1))
        self._stiffness = np.empty((num_envs, model.nu))
        self._damping = np.empty_like(self._stiffness)
        self._datas = [mujoco.MjData(model) for _ in range(max(1, threads))]
        self._pool = Rollout(nthread=threads if threads > 1 else 0)
        self._readers: dict[tuple[str, ...], BodyReader] = {}
        # Columns of the articulated joints in the two arrays.
        count = self._layout.joint_count
        self._position_columns = _shifted(self._layout.positions, 1)
        self._velocity_columns = _shifted(self._layout.velocities, 1 + model.nq)
        self._command_columns = slice(0, count)
        self._effort_columns = _shifted(self._layout.velocities, model.nu)
        self._velocities_start = 1 + model.nq
        self._whole_inputs = False
        self._choose_inputs()
        self._closed = False
        self._read_gains(range(num_envs))
        self.set_start()

    def _choose_inputs(self) -> None:
        """Roll out with drives and efforts alone while nothing else acts on any world, which is quicker.

        Once more was handed over, MuJoCo's data holds it, so there is no way back.
        """
        model = self._worlds.models[0]
        commands = int(mujoco.mjtState.mjSTATE_CTRL) | int(mujoco.mjtState.mjSTATE_QFRC_APPLIED)
        count = model.nu + model.nv
        wrenches = self._inputs[:, count : count + 6 * model.nbody]
        self._whole_inputs = bool(self._whole_inputs or model.nmocap or model.neq or wrenches.any())
        self._input_spec = INPUTS if self._whole_inputs else commands
        self._input_columns = slice(None) if self._whole_inputs else slice(0, count)

    @property
    def models(self) -> tuple[Any, ...]:
        """MuJoCo's model of each env; envs with equal parameters share one."""
        return tuple(self._worlds.models)

    @property
    def num_envs(self) -> int:
        return len(self._worlds.models)

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
        return np.array(self._physics[:, self._position_columns])

    @property
    def joint_velocities(self) -> FloatArray:
        self._check_open()
        return np.array(self._physics[:, self._velocity_columns])

    @property
    def body_poses(self) -> FloatArray:
        self._check_open()
        return self._read_bodies(tuple(self.scene.bodies))[0]

    def body_states(self, bodies: Sequence[str]) -> tuple[FloatArray, FloatArray]:
        self._check_open()
        return self._read_bodies(tuple(bodies))

    def _read_bodies(self, bodies: tuple[str, ...]) -> tuple[FloatArray, FloatArray]:
        reader = self._readers.get(bodies)
        if reader is None:
            model = self._probe.native[0]
            reader = BodyReader(self.scene, self.config, self._layout, model, bodies, len(self._datas))
            self._readers[bodies] = reader
        return reader.read(self._pool, self._physics, self._inputs)

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
        checked = checked_commands(shape, positions, velocities, efforts)
        self._hold(*checked)
        for start in range(0, n, BLOCK):
            count = min(BLOCK, n - start)
            self._advance(count * self.config.substeps, self._repeated(self._inputs, count))

    def _repeated(self, inputs: FloatArray, count: int) -> FloatArray:
        """Inputs [num_envs, n] held, or [num_envs, count, n] varying, for each engine step of ``count`` steps."""
        if inputs.ndim == 2:
            steps = count * self.config.substeps
            held = inputs[:, None, self._input_columns]
            repeated = np.empty((len(held), steps, held.shape[2]))
            repeated[:] = held
            return repeated
        return np.repeat(inputs[:, :, self._input_columns], self.config.substeps, axis=1)

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
        varying = 3 in [values.ndim for values in given if values is not None]
        shape = (self.num_envs, *((n,) if varying else ()), self._layout.joint_count)
        commands = checked_commands(shape, *given)
        if not varying:
            self._hold(*commands)
        before, diverged = self._physics, np.zeros(self.num_envs, dtype=np.bool_)
        for start in range(0, n, BLOCK):
            count = min(BLOCK, n - start)
            inputs = self._inputs
            if varying:
                part = slice(start, start + count)
                inputs = self._block_inputs(count, *[None if v is None else v[:, part] for v in commands])
            inputs = self._repeated(inputs, count)
            last = self._roll(count * self.config.substeps, inputs)[:, -1]
            self._physics = np.ascontiguousarray(last)
            if self._any_diverged(last):
                diverged |= self._diverged(last)
                self._physics[diverged] = before[diverged]
        if varying:
            self._hold(*[None if values is None else values[:, -1] for values in commands])
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
        shape = (self.num_envs, n, self._layout.joint_count)
        commands = checked_commands(shape, positions, velocities, efforts)
        all_positions, all_velocities = np.empty(shape), np.empty(shape)
        substeps = self.config.substeps
        for start in range(0, n, BLOCK):
            part = slice(start, min(start + BLOCK, n))
            block = [None if values is None else values[:, part] for values in commands]
            inputs = self._repeated(self._block_inputs(part.stop - start, *block), part.stop - start)
            states = self._advance((part.stop - start) * substeps, inputs)[:, substeps - 1 :: substeps]
            all_positions[:, part] = states[:, :, self._position_columns]
            all_velocities[:, part] = states[:, :, self._velocity_columns]
            self._hold(*[None if values is None else values[:, -1] for values in block])
        return all_positions, all_velocities

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
        states = self._roll(steps, inputs)
        last = states[:, -1]
        if self._any_diverged(last):
            self._explain(last)
        self._physics = np.ascontiguousarray(last)
        return states

    def _roll(self, steps: int, inputs: FloatArray) -> FloatArray:
        states = np.empty((self.num_envs, steps, self._physics.shape[1]))
        self._pool.rollout(
            self._worlds.models,
            self._datas,
            self._physics,
            inputs,
            control_spec=self._input_spec,
            skip_checks=True,
            nstep=steps,
            state=states,
        )
        return states

    def _any_diverged(self, last: FloatArray) -> bool:
        """Whether any world may have."""
        velocities = last[:, self._velocities_start :]
        # Comparisons with NaN are false.
        return not np.vdot(velocities, velocities) < _SAFE

    def _diverged(self, last: FloatArray) -> BoolArray:
        velocities = last[:, self._velocities_start :]
        with np.errstate(over="ignore", invalid="ignore"):
            bad: BoolArray = ~((velocities * velocities).sum(axis=1) < DIVERGED)
        return bad

    def _explain(self, last: FloatArray) -> None:
        """Raise for the first world that diverged."""
        for env in np.flatnonzero(self._diverged(last)):
            numbers = last[env]
            positions, velocities = numbers[1 : self._velocities_start], numbers[self._velocities_start :]
            raise divergence(self._worlds.models[env], positions, velocities, f"{numbers[0]:g} s in env {env}")

    def set_joint_states(self, positions: FloatArray, velocities: FloatArray, env_ids: IntArray | None = None) -> None:
        self._check_open()
        rows = checked_env_ids(env_ids, self.num_envs)
        shape = (len(rows), self._layout.joint_count)
        new_positions = checked_array("positions", positions, shape)
        new_velocities = checked_array("velocities", velocities, shape)
        self._physics[_block(rows, self._position_columns)] = new_positions
        self._physics[_block(rows, self._velocity_columns)] = new_velocities

    def set_body_states(
        self, body: str, poses: FloatArray, velocities: FloatArray, env_ids: IntArray | None = None
    ) -> None:
        self._check_open()
        rows = checked_env_ids(env_ids, self.num_envs)
        new_poses = checked_array("poses", poses, (len(rows), 7))
        new_velocities = checked_array("velocities", velocities, (len(rows), 6))
        layout, model = self._layout, self._worlds.models[0]
        check_placeable(layout, body, new_velocities)
        if body in layout.free:
            position, dof = layout.free[body]
            start = self._velocities_start + dof
            self._physics[rows, 1 + position : 8 + position] = new_poses
            self._physics[rows, start : start + 3] = new_velocities[:, :3]
            to_body = new_poses[:, 3:] * np.array([1.0, -1.0, -1.0, -1.0])
            self._physics[rows, start + 3 : start + 6] = rotate_vectors(to_body, new_velocities[:, 3:])
        else:
            positions = mocap_start(model) + 3 * layout.mocap[body]
            quaternions = mocap_start(model) + 3 * model.nmocap + 4 * layout.mocap[body]
            self._inputs[rows, positions : positions + 3] = new_poses[:, :3]
            self._inputs[rows, quaternions : quaternions + 4] = new_poses[:, 3:]

    def set_start(self) -> None:
        self._check_open()
        self._start = [array.copy() for array in self._arrays()]

    def reset(self, env_ids: IntArray | None = None) -> None:
        self._check_open()
        rows = checked_env_ids(env_ids, self.num_envs)
        for array, start in zip(self._arrays(), self._start, strict=True):
            array[rows] = start[rows]
        drive = self._stiffness[rows] * self._targets[rows] + self._damping[rows] * self._target_velocities[rows]
        self._inputs[rows, : drive.shape[1]] = drive

    def _arrays(self) -> tuple[FloatArray, ...]:
        return self._physics, self._inputs, self._targets, self._target_velocities

    def get_state(self, env_ids: Sequence[int] | None = None) -> tuple[SimState, ...]:
        self._check_open()
        return tuple(self._state(int(env)) for env in checked_env_ids(env_ids, self.num_envs))

    def _state(self, env: int) -> SimState:
        self._probe.load_world(
            self._worlds.models[env],
            self._worlds.parameters[env],
            (self._physics[env], self._inputs[env]),
            (self._targets[env], self._target_velocities[env]),
        )
        # Sensors with a memory are those of single simulations.
        return replace(self._probe.get_state(), sensors=b"")

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
            self._worlds.replace(int(env), *self._probe.share_model())
        self._choose_inputs()
        self._read_gains(rows)

    def set_parameters(
        self, addresses: str | Sequence[str], values: FloatArray, env_ids: IntArray | None = None
    ) -> None:
        self._check_open()
        rows = checked_env_ids(env_ids, self.num_envs)
        resolved, wanted = checked_parameters(self._probe.parameters, addresses, values, len(rows))
        probe_model = self._probe.native[0]
        self._worlds.write(resolved, wanted, rows, scratch=self._datas[0], shared=probe_model)
        if any(address.attribute in _GAINS for address in resolved):
            self._read_gains(rows)

    def _read_gains(self, envs: Sequence[int] | IntArray) -> None:
        for env in envs:
            gains = -self._worlds.models[env].actuator_biasprm
            self._stiffness[env], self._damping[env] = gains[:, 1], gains[:, 2]
        self._write_commands()

    def _check_open(self) -> None:
        if self._closed:
            raise closed("batch", ENGINE)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._pool.close()
            self._probe.close()
            self._worlds.models, self._datas = [], []
            self._readers.clear()


def _shifted(index: Index, by: int) -> Index:
    return slice(index.start + by, index.stop + by) if isinstance(index, slice) else index + by


def _block(rows: IntArray, columns: Index) -> Any:
    """Index of the elements in both ``rows`` and ``columns``."""
    return (rows, columns) if isinstance(columns, slice) else np.ix_(rows, columns)
