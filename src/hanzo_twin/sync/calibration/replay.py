"""Predicting all windows under many parameter sets, as batches of the engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from hanzo_twin.engines.port import Batch, BatchEngine, EngineConfig, load_engine
from hanzo_twin.engines.state import SimState
from hanzo_twin.errors import SimulationError, UnsupportedError
from hanzo_twin.scene.addresses import JOINT_INPUTS, Address, describe
from hanzo_twin.scene.model import Scene
from hanzo_twin.spatial import FloatArray
from hanzo_twin.sync.calibration.windows import Windows, joint_names
from hanzo_twin.twin.recording import Recording

MAX_WORLDS = 1024
MAX_ARRAY_BYTES = 64 * 2**20
_KEYWORDS = {"targetPosition": "positions", "targetVelocity": "velocities", "effort": "efforts"}
_DELAY = "actuatorDelay"

Parameters = Mapping[str, float]


class Replay:
    """Predicts `Windows` with an engine. Worlds are (parameter set, window) pairs.

    Args:
        fixed: values that hold in every parameter set that does not say otherwise: of all parameters that differ
            from the scene's, and of all that any parameter set names.

    Raises:
        UnsupportedError: the engine has no batches.
    """

    def __init__(self, scene: Scene, engine: str, config: EngineConfig, *, fixed: Parameters | None = None) -> None:
        loaded = load_engine(engine)
        if not isinstance(loaded, BatchEngine):
            raise UnsupportedError(f"Engine '{engine}' has no batches, which calibration and forecasts need.")
        self.scene = scene
        self.config = config
        self.fixed = dict(fixed or {})
        self.evaluations = 0
        self._engine = loaded
        self._joints = joint_names(scene)
        self._batches: dict[int, Batch] = {}
        self._begin: SimState | None = None

    def close(self) -> None:
        for batch in self._batches.values():
            batch.close()
        self._batches.clear()

    def predict(self, windows: Windows, candidates: Sequence[Parameters]) -> FloatArray:
        """What each of C parameter sets predicts for the numbers of ``windows`` [C, W, K]; NaN where it diverged.

        Raises:
            AddressError, ParameterError, UnsupportedError: as ``Batch.set_parameters``.
        """
        self.evaluations += len(candidates)
        predicted = np.empty((len(candidates), *windows.measured.shape))
        world_bytes = 8 * windows.steps * max(1, len(self._joints))
        most = max(1, min(MAX_WORLDS, MAX_ARRAY_BYTES // world_bytes))
        size = min(len(windows), most)
        lanes = max(1, min(len(candidates), most // size))
        for begin in range(0, len(windows), size):
            part = np.arange(begin, min(begin + size, len(windows)))
            chunk = windows if len(part) == len(windows) else windows.select(part)
            for first in range(0, len(candidates), lanes):
                together = candidates[first : first + lanes]
                predicted[first : first + len(together), part] = self._roll_safely(chunk, together)
        return predicted

    def _roll_safely(self, windows: Windows, candidates: Sequence[Parameters]) -> FloatArray:
        try:
            return self._roll(windows, candidates)
        except SimulationError:
            # One world that diverged ends the batch; find which parameter set it was.
            self._batches.pop(len(windows) * len(candidates)).close()
            if len(candidates) == 1:
                return np.full((1, *windows.measured.shape), np.nan)
            return np.concatenate([self._roll_safely(windows, [candidate]) for candidate in candidates])

    def _roll(self, windows: Windows, candidates: Sequence[Parameters]) -> FloatArray:
        worlds = len(windows) * len(candidates)
        batch = self._batch(worlds)
        if self._begin is not None:
            batch.set_state([self._begin] * worlds)
        for name, value in self.fixed.items():
            if Address.parse(name).attribute != _DELAY:
                values = [candidate.get(name, value) for candidate in candidates]
                batch.set_parameters(name, np.repeat(values, len(windows)))
        batch.set_joint_states(
            np.tile(windows.positions, (len(candidates), 1)), np.tile(windows.velocities, (len(candidates), 1))
        )
        commands = self._stacked_commands(windows, candidates)
        positions, velocities = batch.rollout(windows.steps, **commands)
        shape = (len(candidates), len(windows), windows.steps, len(self._joints))
        return windows.sample(positions.reshape(shape), velocities.reshape(shape))

    def _batch(self, worlds: int) -> Batch:
        if worlds not in self._batches:
            batch = self._engine.load_batch(self.scene, self.config, worlds)
            if self._begin is None and _has_loose_bodies(self.scene):
                (self._begin,) = batch.get_state([0])
            self._batches[worlds] = batch
        return self._batches[worlds]

    def _stacked_commands(self, windows: Windows, candidates: Sequence[Parameters]) -> dict[str, FloatArray]:
        delays = [self._delays(candidate) for candidate in candidates]
        if all(np.array_equal(delay, delays[0]) for delay in delays):
            once = self._commands(windows, delays[0])
            return {channel: np.tile(table, (len(candidates), 1, 1)) for channel, table in once.items()}
        each = [self._commands(windows, delay) for delay in delays]
        return {channel: np.concatenate([tables[channel] for tables in each]) for channel in each[0]}

    def _delays(self, candidate: Parameters) -> FloatArray:
        delays = np.zeros(len(self._joints))
        for name, value in {**self.fixed, **candidate}.items():
            address = Address.parse(name)
            if address.attribute == _DELAY:
                delays[self._joints.index(address.path)] = value
        return delays

    def _commands(self, windows: Windows, delays: FloatArray) -> dict[str, FloatArray]:
        """Commands at the beginning of each step, as the twin samples them: [W, steps, n_joints] by keyword."""
        used = {name: Address.parse(name) for recording in windows.recordings for name in recording.inputs}
        tables: dict[str, FloatArray] = {}
        after = windows.step_seconds * np.arange(windows.steps)
        for name, address in used.items():
            channel = _KEYWORDS[address.attribute]
            if channel not in tables:
                tables[channel] = self._held(channel, len(windows), windows.steps)
            column = self._joints.index(address.path)
            for index, recording in enumerate(windows.recordings):
                mine = np.flatnonzero(windows.recording == index)
                if name in recording.inputs and len(mine):
                    times = windows.starts[mine, None] + after - delays[column]
                    tables[channel][mine, :, column] = recording.inputs[name].at(times)
        return tables

    def _held(self, channel: str, worlds: int, steps: int) -> FloatArray:
        """What holds where nothing was commanded: the authored targets of the drives, no effort."""
        drives = [self.scene.joints[name].drive for name in self._joints]
        row = {
            "positions": [drive.target_position if drive else 0.0 for drive in drives],
            "velocities": [drive.target_velocity if drive else 0.0 for drive in drives],
            "efforts": [0.0 for _ in drives],
        }[channel]
        return np.tile(np.array(row, dtype=np.float64), (worlds, steps, 1))


def _has_loose_bodies(scene: Scene) -> bool:
    """Whether something moves that joint positions do not place, and so must be put back before each rollout."""
    placed = {body for item in scene.articulations.values() if item.fixed_base for body in item.bodies}
    return any(path not in placed and not body.kinematic for path, body in scene.bodies.items())


def usable_inputs(scene: Scene, recording: Recording) -> Recording:
    """``recording`` with only those inputs that an engine can be given: efforts and targets of articulated joints."""
    joints = set(joint_names(scene))
    inputs = {
        name: track
        for name, track in recording.inputs.items()
        if (quantity := describe(scene, name)).address.attribute in JOINT_INPUTS and quantity.address.path in joints
    }
    return Recording(name=recording.name, measurements=recording.measurements, inputs=inputs)
