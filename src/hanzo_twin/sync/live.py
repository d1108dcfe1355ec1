"""A live twin: sources in, ticks on time, predictions and alerts out, everything in the history."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from typing import Any

from hanzo_twin.clock import Clock
from hanzo_twin.definition.models import TwinDefinition
from hanzo_twin.errors import ConflictError, HanzoTwinError, SimulationError
from hanzo_twin.stores.history.writer import HistoryWriter
from hanzo_twin.sync import assembly
from hanzo_twin.sync.decode import Decoder, Readings
from hanzo_twin.sync.device_clock import DataClock, DeviceClock
from hanzo_twin.sync.drift import DriftEvent
from hanzo_twin.sync.events import EventLog, SyncEvent
from hanzo_twin.sync.keep_running import KeepRunning
from hanzo_twin.sync.link import Link
from hanzo_twin.sync.port import Inbox, Sink
from hanzo_twin.sync.publisher import Publisher
from hanzo_twin.sync.recalibration import Recalibrator
from hanzo_twin.sync.recorder import Recorder
from hanzo_twin.sync.signals import SignalTable
from hanzo_twin.sync.status import ReadingCounts, SyncStatus, drift_of
from hanzo_twin.sync.synchronizer import Synchronizer, TickResult
from hanzo_twin.sync.timing import Timing
from hanzo_twin.twin.state import TwinState
from hanzo_twin.twin.twin import ParameterChange, Twin

LONGEST_CATCH_UP_S = 10.0
"""A twin that fell further behind (the process was suspended) is placed at the present instead of simulated there."""

DIVERGENCE_REMEMBERED_S = 10.0
"""So long after it the twin counts as degraded, and another divergence is not told of again."""


class LiveTwin:
    """One twin and everything that keeps it in step. All methods belong to one event loop.

    Make it with `open`, then await `run`. ``twin`` may be read and written by other coroutines of the same loop:
    a tick never yields, so they see it between two ticks. Parameters are best written with `set_parameter`.
    """

    def __init__(self, definition: TwinDefinition, twin: Twin, *, clock: Clock, history: HistoryWriter | None) -> None:
        sync = definition.sync
        self.definition = definition
        self.twin = twin
        self.mode = sync.mode
        self.event_log = EventLog(clock)
        self._clock = clock
        self._period = 1.0 / sync.rate_hz
        self._response = sync.drift_detection.response
        self._budget = sync.latency_budget_ms / 1000
        table = SignalTable(twin.scene)
        used = sync.sources if sync.mode != "standalone" else ()
        decoders = [Decoder(assembly.bindings_of(config), table) for config in used]
        self.table = table
        self._recorder = None if history is None else Recorder(history, table, clock, self.event_log)
        window = sync.recalibration.window_seconds or sync.drift_detection.window_seconds
        for address in sync.recalibration.parameters or ():
            twin.get_parameter(address)
        gain = {"overwrite": 1.0, "none": 0.0}.get(str(sync.assimilation))
        self.synchronizer = Synchronizer(
            twin,
            table,
            drift=sync.drift_detection,
            gain=float(sync.assimilation) if gain is None else gain,
            horizon_s=sync.recalibration.horizon_s,
            window_s=window,
        )
        self._rate = assembly.replay_rate(sync)
        self._device_clock = DataClock() if sync.mode == "batch" else DeviceClock(rate=self._rate)
        self._links = []
        for config, decoder in zip(used, decoders, strict=True):
            inbox = Inbox(sync.buffer_size)
            self._links.append(
                Link(
                    assembly.open_source(config, definition, clock, inbox),
                    inbox,
                    decoder,
                    clock=clock,
                    device_clock=self._device_clock,
                    recorder=self._recorder,
                    events=self.event_log,
                    accept=self._accept,
                )
            )
        self._sinks: list[Sink] = [assembly.open_sink(config, definition, clock) for config in sync.publish]
        self.publisher = Publisher(
            definition.name,
            twin,
            table,
            self._sinks,
            horizons_s=sync.prediction.horizon_s,
            period_s=self._period,
            clock=clock,
        )
        self.recalibrator = Recalibrator(self.synchronizer, sync.recalibration, window, clock, self.event_log)
        self._kept_sinks = [KeepRunning("sink", _name_of(sink), clock, self.event_log) for sink in self._sinks]
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopped = asyncio.Event()
        self._timing = Timing()
        self._health = "starting"
        self._divergence = ""
        self._diverged_at = -math.inf
        self._standalone_since: float | None = None
        self._paused = False

    @classmethod
    async def open(
        cls,
        definition: TwinDefinition,
        *,
        base_directory: Path,
        history: HistoryWriter | None,
        clock: Clock,
        initial_state: TwinState | None = None,
    ) -> LiveTwin:
        """Load scene and engine and prepare every link; nothing is connected yet.

        Raises:
            SceneError, UnsupportedError, NotInstalledError, AddressError, StateError: what cannot work is refused
                here, before anything runs.
        """
        twin = await asyncio.to_thread(assembly.load_twin, definition, base_directory)
        if initial_state is not None:
            twin.set_state(initial_state)
        live = cls(definition, twin, clock=clock, history=history)
        live.event_log.add("opened", f"{definition.name}: {twin.simulation.engine}, mode {definition.sync.mode}.")
        return live

    async def run(self) -> None:
        """Synchronize until `stop`, or until the recorded data end (modes replay and batch)."""
        batch = self.mode == "batch"
        self._spawn(link.run(ingest=not batch) for link in self._links)
        self._spawn(self._run_sink(kept, sink) for kept, sink in zip(self._kept_sinks, self._sinks, strict=True))
        try:
            if batch:
                await self._run_batch()
            else:
                await self._run_paced()
        finally:
            await self._shut_down()

    def stop(self) -> None:
        """End `run` after the tick under way."""
        self._stopped.set()

    def set_parameter(self, address: str, value: float, *, cause: str = "user") -> ParameterChange:
        """Write a parameter, note it in the history, and judge drift anew. Errors as `Twin.set_parameter`."""
        change = self.twin.set_parameter(address, value, cause=cause)
        self.synchronizer.parameters_changed()
        self._note_parameter(change)
        return change

    def set_input(self, address: str, value: float) -> None:
        """Give an input a value from now on, and note it in the history. Errors as `Twin.set_input`."""
        self.twin.set_input(address, value)
        if self._recorder is not None:
            self._recorder.command(address, self.twin.time, value)

    def set_state(self, state: TwinState) -> None:
        """Continue from ``state``; nothing changes when it raises StateError."""
        self.twin.set_state(state)
        self.synchronizer.parameters_changed()
        self._standalone_since = None
        self.event_log.add("state-set", f"The state was set to that of {self.twin.time:.3f} s.", time=self.twin.time)

    @property
    def paused(self) -> bool:
        return self._paused

    def pause(self) -> None:
        """Stop advancing, until `resume`; meanwhile ``twin`` may be advanced by hand.

        Raises:
            ConflictError: it follows a machine or a recording, which would not wait.
        """
        if self.mode != "standalone":
            raise ConflictError(
                f"Twin '{self.definition.name}' is in mode {self.mode} and cannot be paused: what it follows goes on.",
                hint="Fork it; a fork runs on its own and can be paused and stepped.",
            )
        self._paused = True

    def resume(self) -> None:
        """Go on in step with the clock, from where the twin is now."""
        self._paused = False
        self._standalone_since = None

    def events(self, limit: int = 100) -> list[SyncEvent]:
        """The newest events, oldest first."""
        return self.event_log.newest(limit)

    def status(self) -> SyncStatus:
        """How it is doing now."""
        links = tuple(link.status() for link in self._links) + tuple(sink.status() for sink in self._sinks)
        trouble = self._trouble()
        device_now = self._device_clock.now(self._clock.monotonic())
        started = self.synchronizer.started
        return SyncStatus(
            mode=self.mode,
            health=self._judge_health(bool(trouble)),
            trouble=trouble,
            device_time=self.twin.time if started else None,
            lag_s=device_now - self.twin.time if started and math.isfinite(device_now) else None,
            simulated_s=self.twin.simulation.time,
            **self._timing.status(),
            readings=ReadingCounts.of(self._links, self.synchronizer.aligner),
            clock_jumps=self._device_clock.jumps,
            published=self.publisher.published,
            links=links,
            drift=drift_of(self.table, self.synchronizer.drift),
            recalibration=self.recalibrator.status(),
        )

    def _accept(self, readings: Readings, jump: float) -> None:
        if jump and self.synchronizer.started:
            self.event_log.add(
                "clock-jumped",
                f"The device's clock moved by {jump:+.3f} s against ours; the twin goes on from its present state.",
                time=self.twin.time,
                seconds=jump,
            )
            self.synchronizer.clock_jumped(jump)
        if len(readings):
            self._timing.arrived(self._clock.monotonic())
        self.synchronizer.accept(readings)

    async def _run_paced(self) -> None:
        """Tick at the configured rate; a tick that comes late is not repeated."""
        due = self._clock.monotonic()
        while not self._stopped.is_set():
            due += self._period
            now = self._clock.monotonic()
            if now > due + self._period:
                missed = int((now - due) / self._period)
                self._timing.missed(missed)
                due += missed * self._period
            await self._sleep_until(due)
            target = self._target(self._clock.monotonic())
            if target is not None:
                self._tick(target)
            self._timing.ended(self._clock.monotonic() - due)
            self._note_transitions()
            if self._all_finished() and not len(self.synchronizer.aligner):
                return

    async def _run_batch(self) -> None:
        """Tick through recorded data as fast as they come; the data are the clock."""
        target = math.inf
        while not self._stopped.is_set():
            over = self._all_over()
            for link in self._links:
                await link.drain()
            self._note_transitions()
            complete = self._complete_until(over)
            if not self.synchronizer.started and math.isfinite(complete):
                target = min(link.oldest for link in self._links)
                self._tick(target)
            while target + self._period <= complete and not self._stopped.is_set():
                target = max(target + self._period, self.synchronizer.aligner.oldest - LONGEST_CATCH_UP_S)
                self._tick(target)
                await asyncio.sleep(0)
            if over:
                if math.isfinite(target):
                    self._tick(complete)
                return
            await asyncio.sleep(0)

    def _complete_until(self, over: bool) -> float:
        """Device time up to which no recorded reading is still to come, less what inputs are stamped late."""
        still = [link.newest for link in self._links if not link.finished]
        newest = max(link.newest for link in self._links) if over or not still else min(still)
        return newest if over else newest - self._input_lag()

    async def _sleep_until(self, deadline: float) -> None:
        sleeping = asyncio.ensure_future(self._clock.sleep_until(deadline))
        stopping = asyncio.ensure_future(self._stopped.wait())
        await asyncio.wait({sleeping, stopping}, return_when=asyncio.FIRST_COMPLETED)
        for waiting in (sleeping, stopping):
            waiting.cancel()

    def _target(self, monotonic: float) -> float | None:
        """Device time that the twin should reach now; None while nothing is known of it."""
        if self._paused:
            return None
        if self.mode == "standalone":
            if self._standalone_since is None:
                self._standalone_since = monotonic - self.twin.time
                self.synchronizer.start(self.twin.time)
                self._health = "synchronized"
            return monotonic - self._standalone_since
        if not self._device_clock.known:
            return None
        if not self.synchronizer.started and monotonic < self._timing.first_reading + self._budget:
            return None
        return self._device_clock.now(monotonic) - self._hold()

    def _hold(self) -> float:
        """How far the twin stays behind the device: enough for nearly all readings, and for inputs stamped late."""
        jitter = min(self._budget * self._rate, self._device_clock.delay_quantile(0.99))
        return jitter + self._input_lag()

    def _input_lag(self) -> float:
        """How long after they acted inputs are stamped, s."""
        return max(0.0, -float(self.twin.inputs.delays.min(initial=0.0)))

    def _tick(self, target: float) -> None:
        synchronizer = self.synchronizer
        if not synchronizer.started:
            synchronizer.start(target)
            self._health = "synchronized"
            self.event_log.add("synchronized", "The first readings placed the twin.", time=target)
            return
        behind = target - self.twin.time
        if behind > LONGEST_CATCH_UP_S * max(1.0, self._rate):
            self.event_log.add("gap", f"{behind:.1f} s were passed over: the twin was not run.", time=target)
            synchronizer.skip_to(target)
        before, began = self.twin.simulation.time, self._clock.monotonic()
        try:
            result = synchronizer.tick(target)
        except SimulationError as failure:
            self._recover(failure, target)
            return
        steps = round((self.twin.simulation.time - before) * self.twin.simulation.config.step_hz)
        self._timing.stepped(steps, self._clock.monotonic() - began)
        self._handle_drift(result)
        wanted = self._response == "auto_recalibrate" and bool(synchronizer.drift.drifting.any())
        for change in self.recalibrator.tick(wanted=wanted):
            self._note_parameter(change)
        self.publisher.publish()
        if self._recorder is not None:
            self._recorder.tick(result)
        self._timing.used(self._clock.monotonic())

    def _recover(self, failure: SimulationError, target: float) -> None:
        """Go on from the last good state: what made the numbers diverge (an absurd reading, say) may be past."""
        self.synchronizer.restore_good(target)
        now = self._clock.monotonic()
        if now - self._diverged_at > DIVERGENCE_REMEMBERED_S:
            message = f"{failure.message} It was set back to its last good state."
            self.event_log.add("simulation-diverged", message, time=target)
        self._divergence, self._diverged_at = failure.message, now

    def _handle_drift(self, result: TickResult) -> None:
        for event in result.drift:
            kind = "drift-began" if event.drifting else "drift-ceased"
            self.event_log.add(kind, describe_drift(event), time=event.time, address=event.address, rms=event.rms)
            self.publisher.alert(kind, describe_drift(event), {"address": event.address, "rms": event.rms})
        if self._response == "hard_reset" and self.synchronizer.drift.exceeding().any():
            self.synchronizer.reset_to_measurements()
            self.event_log.add("hard-reset", "The state was overwritten with the latest readings.", time=result.time)

    def _note_parameter(self, change: ParameterChange) -> None:
        if self._recorder is not None:
            self._recorder.parameter(change)

    def _note_transitions(self) -> None:
        for link in self._links:
            link.note_transition()

    def _all_finished(self) -> bool:
        return bool(self._links) and all(link.finished for link in self._links)

    def _all_over(self) -> bool:
        return all(link.over for link in self._links)

    def _trouble(self) -> tuple[str, ...]:
        found = [link.trouble for link in self._links]
        for kept, status in zip(self._kept_sinks, (sink.status() for sink in self._sinks), strict=True):
            lost = status.state in ("reconnecting", "failed")
            found.append(kept.trouble or (f"{status.name}: {status.last_error or status.state}" if lost else ""))
        if self._recorder is not None:
            found.append(self._recorder.trouble)
        if self._clock.monotonic() - self._diverged_at < DIVERGENCE_REMEMBERED_S:
            found.append(self._divergence)
        return tuple(filter(None, found))

    def _judge_health(self, troubled: bool) -> str:
        if self._health in ("finished", "stopped"):
            return self._health
        if troubled:
            return "degraded"
        if self._health == "synchronized" and self.synchronizer.drift.drifting.any():
            return "drifting"
        return self._health

    def _spawn(self, coroutines: Iterable[Coroutine[Any, Any, None]]) -> None:
        for coroutine in coroutines:
            self._tasks.add(asyncio.get_running_loop().create_task(coroutine))

    async def _shut_down(self) -> None:
        self._health = "stopped" if self._stopped.is_set() else "finished"
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.recalibrator.close()
        self.event_log.add(self._health, f"{self.definition.name} {self._health}.", time=self.twin.time)
        if self._recorder is not None:
            self._recorder.flush()

    async def _run_sink(self, kept: KeepRunning, sink: Sink) -> None:
        try:
            await kept.run(sink.run)
        except HanzoTwinError as failure:
            self.event_log.add("sink-failed", str(failure), code=failure.code)

    async def close(self) -> None:
        """Release the simulation; call it after `run` has ended."""
        self.synchronizer.close()


def _name_of(link: Sink) -> Callable[[], str]:
    return lambda: link.status().name


def describe_drift(event: DriftEvent) -> str:
    """One line for people."""
    verb = "drifts" if event.drifting else "is back in step"
    return f"{event.address} {verb}: RMS prediction error {event.rms:.4g}, threshold {event.threshold:.4g}."
