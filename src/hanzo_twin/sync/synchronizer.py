"""One tick of synchronization: inputs in, advance, compare, assimilate. No clock, no I/O: time is what it is told.

Two copies of the machine run side by side. The *twin* is corrected by every measurement, so it is where the machine
is. The *free run* starts from the twin, sees the same inputs but no measurement, and is set back onto the twin once it
has run for the prediction horizon. What it says about a reading is a genuine prediction, so its innovation (reading −
prediction) shows what the model does not know; the twin's own innovation only shows the noise of one tick.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hanzo_twin.definition.drift import DriftDetection
from hanzo_twin.errors import CommandError, SimulationError
from hanzo_twin.spatial import FloatArray
from hanzo_twin.sync.alignment import AlignedReadings, Aligner
from hanzo_twin.sync.decode import Readings
from hanzo_twin.sync.drift import DriftEvent, DriftMonitor
from hanzo_twin.sync.signals import SignalTable
from hanzo_twin.sync.window import ReadingWindow
from hanzo_twin.twin.probe import Probe
from hanzo_twin.twin.recording import TIME_RESOLUTION_S
from hanzo_twin.twin.state_writer import StateWriter
from hanzo_twin.twin.twin import Trace, Twin

GAP_INTERVALS = 6.0
SHORTEST_GAP_S = 0.05


@dataclass(frozen=True, kw_only=True, eq=False)
class TickResult:
    """What one tick did.

    Args:
        time: device time that was reached.
        readings: the measurements that were due.
        predictions: of each of them, by the free run [n].
        innovations: reading − prediction [n]; NaN for the first reading of a signal, and after a gap.
        drift: attributes that began or ceased to drift.
    """

    time: float
    readings: AlignedReadings
    predictions: FloatArray
    innovations: FloatArray
    drift: list[DriftEvent]


class Synchronizer:
    """Keeps a twin in step with the readings it is given.

    Args:
        gain: how far a measurement moves the state: 1 overwrites, 0 leaves it (the twin then runs free).
        horizon_s: how long the free run goes before it starts anew.
        window_s: how much is kept for a recalibration.
    """

    def __init__(
        self,
        twin: Twin,
        table: SignalTable,
        *,
        drift: DriftDetection,
        gain: float,
        horizon_s: float,
        window_s: float,
    ) -> None:
        self.twin = twin
        self.table = table
        self.gain = gain
        self.horizon_s = horizon_s
        self.aligner = Aligner(len(table))
        self.drift = DriftMonitor(table.signals, drift)
        self.window = ReadingWindow(table.signals, window_s)
        self._states = np.array(table.columns("measurement", ["state", "input"]), dtype=np.int64)
        self._inputs = set(table.columns("input", ["input"]))
        self._place = np.full(len(table), -1, dtype=np.int64)
        self._place[self._states] = np.arange(len(self._states))
        self._addresses = [signal.address for signal in table.signals]
        states = [self._addresses[column] for column in self._states]
        self._probe = Probe(twin.scene, states)
        self._writer = StateWriter(twin.scene, states)
        self._last_seen = np.full(len(table), -np.inf)
        self._interval = np.full(len(table), np.nan)
        self._free = twin.fork()
        # Shared: both see the same inputs, and are at the same time whenever either looks.
        self._free.inputs = twin.inputs
        self._anchor = twin.time
        self._good = twin.simulation.get_state()
        self._missed_input = False
        self._settling = True
        self.started = False

    def accept(self, readings: Readings) -> None:
        """Take readings whose times are device times: inputs into the schedule, measurements to wait for their tick."""
        aligner, inputs = self.aligner, self._inputs
        reached = self.twin.time if self.started else -np.inf
        taken: list[int] = []
        for index, column in enumerate(readings.columns):
            time = readings.times[index]
            if column in inputs:
                if aligner.is_new(column, time):
                    if time < reached - TIME_RESOLUTION_S:
                        aligner.late += 1
                        self._missed_input = True
                    self.twin.set_input(self.table.signals[column].address, readings.values[index], time=time)
                    taken.append(index)
            else:
                aligner.accept(column, readings.values[index], time, reached)
        if taken:
            self.window.add(
                np.array([readings.columns[i] for i in taken], dtype=np.int64),
                np.array([readings.values[i] for i in taken]),
                np.array([readings.times[i] for i in taken]),
            )

    def start(self, time: float) -> None:
        """Place the twin where the readings up to device time ``time`` say it is; nothing is compared yet."""
        due = self.aligner.take(time)
        self.twin.set_time(time)
        self._assimilate(due, np.full(len(due), np.nan), mean=False)
        self._last_seen[due.columns] = due.times
        self.window.add(due.columns, due.values, due.times)
        self.anchor()
        self._settling = True
        self.started = True

    def tick(self, time: float) -> TickResult:
        """Advance to device time ``time`` and compare with what was measured on the way.

        Raises:
            SimulationError: the numbers diverged; `restore_good` goes on.
        """
        due = self.aligner.take(time)
        measured = self._place[due.columns] >= 0
        probe = self._probe if measured.any() else None
        trace = self.twin.advance_to(time, probe=probe)
        free = self._free.advance_to(time, probe=probe) if self.gain > 0 else trace
        predictions = self._predict(due, measured, free)
        innovations = due.values - predictions
        # An input that comes too late was missing from the free run, so what it predicted says nothing.
        interrupted = self._note_intervals(due) or self._missed_input
        self._missed_input = False
        # What was corrected by much was corrected a few steps back in time: it is exact only after the next tick.
        unsure = interrupted or (self._settling and len(due) > 0)
        self._settling = interrupted or (self._settling and len(due) == 0)
        innovations[self._last_seen[due.columns] == -np.inf] = np.nan
        if unsure:
            innovations[:] = np.nan
        compared = np.isfinite(innovations)
        self.drift.add(due.columns[compared], innovations[compared], time)
        anchoring = unsure or self.twin.time - self._anchor >= self.horizon_s - 1e-9
        if anchoring:
            self._good = self.twin.simulation.get_state()
        own = due.values - self._predict(due, measured, trace)
        self._assimilate(due, own, mean=not unsure)
        self._last_seen[due.columns] = due.times
        self.window.add(due.columns, due.values, due.times)
        if anchoring:
            self.anchor()
        return TickResult(
            time=self.twin.time,
            readings=due,
            predictions=predictions,
            innovations=innovations,
            drift=self.drift.check(time),
        )

    def _note_intervals(self, due: AlignedReadings) -> bool:
        """Learn how often each signal is read; True if one comes after a gap of six times its usual interval.

        Inputs of that time are missing as well, so the free run says nothing about the readings of this tick.
        """
        columns, first = due.first()
        waited = due.times[first] - self._last_seen[columns]
        usual = self._interval[columns]
        gap = np.isfinite(waited) & (waited > np.maximum(GAP_INTERVALS * usual, SHORTEST_GAP_S)) & np.isfinite(usual)
        learn = np.isfinite(waited) & ~gap
        known = learn & np.isfinite(usual)
        self._interval[columns[known]] += 0.1 * (waited[known] - usual[known])
        new = learn & ~np.isfinite(usual)
        self._interval[columns[new]] = waited[new]
        return bool(gap.any())

    def anchor(self) -> None:
        """Set the free run onto the twin."""
        self._free.simulation.set_state(self.twin.simulation.get_state())
        self._free.epoch = self.twin.epoch
        self._free.inputs = self.twin.inputs
        self._anchor = self.twin.time

    def parameters_changed(self) -> None:
        """Parameters or state of the twin were written: the free run follows, and drift is judged anew."""
        self._good = self.twin.simulation.get_state()
        self.anchor()
        self.drift.clear()

    def clock_jumped(self, seconds: float) -> None:
        """The device's clock was set by ``seconds``; the machine went on, so the twin does."""
        self.aligner.forget()
        self.window.clear()
        self.twin.inputs.shift(seconds)
        self.twin.set_time(self.twin.time + seconds)
        self._last_seen += seconds
        self.anchor()
        self.drift.clear()

    def skip_to(self, time: float) -> None:
        """Place the twin at device time ``time`` without running it there."""
        self.twin.set_time(time)
        self._last_seen[:] = -np.inf
        self._settling = True
        self.window.clear()
        self.anchor()
        self.drift.clear()

    def restore_good(self, time: float) -> None:
        """After the numbers diverged: the last state that could be advanced is the present, device time ``time``."""
        self.twin.simulation.set_state(self._good)
        self.skip_to(time)

    def reset_to_measurements(self) -> None:
        """Overwrite the state with the newest readings, whatever the gain: the fallback when drift is beyond repair."""
        latest = self.window.latest()
        measured = [column for column in self._states.tolist() if column in latest]
        self.twin.assimilate({self.table.signals[column].address: latest[column] for column in measured})
        self.anchor()
        self.drift.clear()

    def close(self) -> None:
        self._free.close()
        self.twin.close()

    def _predict(self, due: AlignedReadings, measured: np.ndarray, trace: Trace) -> FloatArray:
        """What ``trace`` (or, for attributes, the last value) says at the time of each reading [n]."""
        predictions = np.full(len(due), np.nan)
        if measured.any():
            position = (due.times[measured] - trace.times[0]) / self.twin.simulation.config.step_seconds
            before = np.clip(np.floor(position).astype(np.int64), 0, len(trace.times) - 1)
            after = np.minimum(before + 1, len(trace.times) - 1)
            share = np.clip(position - before, 0.0, 1.0)
            places = self._place[due.columns[measured]]
            predictions[measured] = (1 - share) * trace.values[before, places] + share * trace.values[after, places]
        attributes, addresses = self.twin.attributes, self._addresses
        for index in np.flatnonzero(~measured).tolist():
            known = attributes.get(addresses[due.columns[index]])
            if known is not None:
                predictions[index] = known.value
        return predictions

    def _assimilate(self, due: AlignedReadings, innovations: FloatArray, *, mean: bool) -> None:
        """Correct the present state by the innovation of each signal: x(now) += gain · innovation.

        It is the newest, or the mean of those of this tick, which has less noise. A signal without one (its first
        reading) is overwritten.
        """
        if not len(due):
            return
        columns, indices = due.latest()
        places = self._place[columns]
        for column, index in zip(columns[places < 0].tolist(), indices[places < 0].tolist(), strict=True):
            value, time = float(due.values[index]), float(due.times[index])
            self.twin.set_attribute(self._addresses[column], value, time=time, origin="measured")
        states = places >= 0
        if not states.any():
            return
        columns, indices, places = columns[states], indices[states], places[states]
        overwritten = ~np.isfinite(innovations[indices]) | (self._last_seen[columns] == -np.inf)
        wanted = np.full(len(self._states), np.nan)
        wanted[places[overwritten]] = due.values[indices[overwritten]]
        if self.gain > 0:
            corrected = places[~overwritten]
            present = self._probe.read(self.twin.simulation)
            each = due.means(innovations)[states] if mean else innovations[indices]
            wanted[corrected] = present[corrected] + self.gain * each[~overwritten]
        try:
            self._writer.write(self.twin.simulation, wanted)
        except CommandError as error:
            raise SimulationError(f"The readings diverged: {error.message}") from error
