"""A twin: a simulation, its inputs over time, and the attributes that no engine computes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hanzo_twin.engines.lifetime import Lifetime
from hanzo_twin.engines.port import EngineConfig, JointCommand, Simulation, load_engine
from hanzo_twin.engines.vectors import LARGEST, is_number
from hanzo_twin.errors import AddressError, InvalidInputError, ParameterError, StateError
from hanzo_twin.scene.addresses import Address, describe
from hanzo_twin.scene.load import check_loaded
from hanzo_twin.scene.model import Scene
from hanzo_twin.spatial import FloatArray
from hanzo_twin.twin.inputs import InputSchedule, changes
from hanzo_twin.twin.probe import Probe
from hanzo_twin.twin.recording import TIME_RESOLUTION_S, Interpolation
from hanzo_twin.twin.state import Origin, TwinState
from hanzo_twin.twin.state_writer import StateWriter

_COMMAND_FIELDS = {"targetPosition": "positions", "targetVelocity": "velocities", "effort": "efforts"}


@dataclass(frozen=True, kw_only=True)
class Attribute:
    """A value that no engine computes, such as a temperature. Between measurements it is predicted to stay."""

    value: float
    time: float
    origin: Origin


@dataclass(frozen=True, kw_only=True)
class ParameterChange:
    """One recorded write of a parameter; ``cause`` says who wrote it (``user``, ``recalibration`` …)."""

    time: float
    address: str
    before: float
    after: float
    cause: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Trace:
    """Probed values along an advance: ``times`` [n] device time, ``values`` [n, n_addresses]."""

    times: FloatArray
    values: FloatArray


class Twin(Lifetime):
    """A replica of one machine. Time is the device's time: ``epoch`` is what it was when the simulation's was zero."""

    def __init__(self, simulation: Simulation, *, epoch: float = 0.0) -> None:
        self.simulation = simulation
        self.epoch = epoch
        self.inputs = InputSchedule(simulation.scene)
        self.attributes = {
            address: Attribute(value=value, time=epoch, origin="authored")
            for address, value in simulation.scene.attributes.items()
        }
        self.changes: list[ParameterChange] = []

    @classmethod
    def load(cls, scene: Scene, *, engine: str, config: EngineConfig, epoch: float = 0.0) -> Twin:
        """A twin of ``scene`` on the engine named ``engine``.

        Errors as `load_engine` and ``Engine.load_scene``; InvalidInputError if ``scene`` is not a `Scene`.
        """
        check_loaded(scene)
        return cls(load_engine(engine).load_scene(scene, config), epoch=epoch)

    @property
    def scene(self) -> Scene:
        return self.simulation.scene

    @property
    def time(self) -> float:
        """Device time that the twin has reached, s."""
        return self.epoch + self.simulation.time

    def set_input(
        self, address: str, value: float, *, time: float | None = None, interpolation: Interpolation = "hold"
    ) -> None:
        """Give an input the value ``value`` from device time ``time`` on (default: now).

        Raises:
            AddressError: not an input. ParameterError: the value is not finite, or beyond all that can be.
        """
        if not is_number(value):
            raise ParameterError(f"Input '{address}' must be a number, got {value!r}.")
        if not math.isfinite(value):
            raise ParameterError(f"Input '{address}' must be finite, got {value}.")
        if abs(value) > LARGEST:
            raise ParameterError(
                f"Input '{address}' cannot be {value:g}.", hint=f"Allowed: −{LARGEST:g} to {LARGEST:g} (SI units)."
            )
        self.inputs.track(address, interpolation).add(self.time if time is None else time, value)

    def advance_to(self, time: float, *, probe: Probe | None = None) -> Trace:
        """Advance to the last step that does not lie beyond device time ``time``.

        Returns the probed values before the first step and after each one; without a probe, times only. A time that
        was reached already changes nothing.

        Raises:
            InvalidInputError: the time is not finite.
        """
        if not (is_number(time) and math.isfinite(time)):
            raise InvalidInputError(f"A twin cannot advance to {time!r} s.", hint=f"It is at {self.time:g} s now.")
        step = self.simulation.config.step_seconds
        count = max(0, math.floor((time - self.time + TIME_RESOLUTION_S) / step))
        times: FloatArray = self.time + step * np.arange(count + 1, dtype=np.float64)
        rows = self.inputs.commands(times[:-1])
        self.inputs.prune(self.time)
        if probe is None:
            self._advance_in_runs(rows, count)
            return Trace(times=times, values=np.empty((count + 1, 0)))
        values = np.empty((count + 1, len(probe.addresses)))
        values[0] = probe.read(self.simulation)
        starts = set(changes(np.hstack(list(rows.values())))) if rows else set()
        for index in range(count):
            if index in starts:
                self._command({channel: table[index] for channel, table in rows.items()})
            self.simulation.step()
            values[index + 1] = probe.read(self.simulation)
        return Trace(times=times, values=values)

    def _advance_in_runs(self, rows: Mapping[str, FloatArray], count: int) -> None:
        starts = list(changes(np.hstack(list(rows.values())))) if rows and count else [0]
        for start, end in zip(starts, [*starts[1:], count], strict=True):
            if end > start:
                self._command({channel: table[start] for channel, table in rows.items()})
                self.simulation.step(end - start)

    def _command(self, row: Mapping[str, FloatArray]) -> None:
        """Send one row of the schedule; where it is NaN, what was commanded before holds."""
        if not row:
            return
        state = None
        offset = 0
        for articulation in self.scene.articulations.values():
            columns = slice(offset, offset + len(articulation.joints))
            offset += len(articulation.joints)
            fields = {}
            for channel, values in row.items():
                part = values[columns]
                unset = np.isnan(part)
                if unset.all():
                    continue
                if unset.any():
                    state = state or self.simulation.get_state()
                    held = getattr(state, f"command_{_COMMAND_FIELDS[channel]}")[columns]
                    part = np.where(unset, held, part)
                fields[_COMMAND_FIELDS[channel]] = part
            if fields:
                self.simulation.set_joint_command(articulation.path, JointCommand(**fields))

    def read(self, addresses: Sequence[str]) -> FloatArray:
        """Present values of states and readings [n], in the order given; NaN for a reading never measured.

        Raises:
            AddressError: an address names nothing that can be read. InvalidInputError: one address, not in a list.
        """
        if isinstance(addresses, str):
            raise InvalidInputError(f"'{addresses}' is not a list of addresses.", hint=f"Write read(['{addresses}']).")
        values = np.full(len(addresses), np.nan)
        computed: list[int] = []
        for index, address in enumerate(addresses):
            if address in self.attributes:
                values[index] = self.attributes[address].value
            elif describe(self.scene, address).kind == "parameter":
                values[index] = self.get_parameter(address)
            elif describe(self.scene, address).kind in ("state", "input"):
                computed.append(index)
        if computed:
            values[computed] = Probe(self.scene, [addresses[index] for index in computed]).read(self.simulation)
        return values

    def set_attribute(self, address: str, value: float, *, time: float, origin: Origin) -> None:
        """Write a reading that no engine computes.

        Raises:
            AddressError: the address is something that an engine computes.
        """
        if address not in self.attributes and describe(self.scene, address).kind != "reading":
            raise AddressError(f"'{address}' is computed by the engine; it is not an attribute to be set.")
        self.attributes[address] = Attribute(value=value, time=time, origin=origin)

    def assimilate(self, values: Mapping[str, float], *, gain: float = 1.0) -> None:
        """Move states towards measured ``values`` (by address): x ← x + gain·(measured − x).

        Joints and free bodies are moved; the pose of a body that joints hold is derived, and is left alone.
        """
        writer = StateWriter(self.scene, list(values))
        writer.write(self.simulation, np.array(list(values.values()), dtype=np.float64), gain=gain)

    def get_parameter(self, address: str) -> float:
        """One parameter, of the engine or of the twin (``actuatorDelay``). Errors as ``Simulation.get_parameter``."""
        parsed = Address.parse(address)
        if parsed.attribute == "actuatorDelay" and describe(self.scene, parsed).kind == "parameter":
            return float(self.inputs.delays[self.inputs.column(parsed.path)])
        return self.simulation.get_parameter(address)

    def parameters_in_force(self) -> dict[str, float]:
        """Values of all parameters that differ from the scene's, by address."""
        delayed = zip(self.inputs.joints, self.inputs.delays.tolist(), strict=True)
        delays = {f"{joint}.actuatorDelay": delay for joint, delay in delayed if delay}
        return {**dict(self.simulation.get_state().parameters), **delays}

    def set_parameter(self, address: str, value: float, *, cause: str = "user") -> ParameterChange:
        """Write one parameter and record the change. Errors as ``Simulation.set_parameter``."""
        before = self.get_parameter(address)
        parsed = Address.parse(address)
        if parsed.attribute == "actuatorDelay":
            if not (is_number(value) and math.isfinite(value) and abs(value) <= 1.0):
                raise ParameterError(f"'{address}' must lie between -1 s and 1 s, got {value!r}.")
            self.inputs.delays[self.inputs.column(parsed.path)] = value
        else:
            self.simulation.set_parameter(address, value)
        change = ParameterChange(time=self.time, address=address, before=before, after=value, cause=cause)
        self.changes.append(change)
        return change

    def set_time(self, time: float) -> None:
        """From now on the present moment is device time ``time``; nothing moves, and inputs keep their stamps."""
        self.epoch = time - self.simulation.time

    def get_state(self) -> TwinState:
        """The whole state; restoring it continues exactly as the engine promises."""
        return TwinState(
            simulation=self.simulation.get_state(),
            epoch=self.epoch,
            inputs=tuple(
                (channel, column, track.interpolation, track.samples())
                for (channel, column), track in sorted(self.inputs.tracks.items(), key=lambda item: item[0])
            ),
            delays=tuple(self.inputs.delays.tolist()),
            attributes=tuple(
                (address, item.value, item.time, item.origin) for address, item in sorted(self.attributes.items())
            ),
        )

    def set_state(self, state: TwinState) -> None:
        """Continue from ``state``. Raises StateError as ``Simulation.set_state``."""
        if not isinstance(state, TwinState):
            raise StateError(
                f"The state of a twin must be a TwinState, got {type(state).__name__}.",
                hint="What Twin.get_state() gives is one; TwinState.from_bytes(…) reads what to_bytes() wrote. "
                "A SimState is for twin.simulation.set_state(…).",
            )
        self.simulation.set_state(state.simulation)
        self.epoch = state.epoch
        self.inputs = InputSchedule(self.scene)
        self.inputs.delays = np.array(state.delays, dtype=np.float64)
        joints = self.inputs.joints
        for channel, column, interpolation, samples in state.inputs:
            track = self.inputs.track(f"{joints[column]}.{channel}", interpolation)
            for time, value in samples:
                track.add(time, value)
        self.attributes = {
            address: Attribute(value=value, time=time, origin=origin)
            for address, value, time, origin in state.attributes
        }

    def fork(self) -> Twin:
        """An independent copy that continues from here; what is done to it does not reach this one."""
        copy = Twin.__new__(Twin)
        copy.simulation = self.simulation.fork()
        copy.epoch = self.epoch
        copy.inputs = self.inputs.copy()
        copy.attributes = dict(self.attributes)
        copy.changes = list(self.changes)
        return copy

    def close(self) -> None:
        self.simulation.close()
