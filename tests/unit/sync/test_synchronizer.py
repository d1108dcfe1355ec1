"""Ticks: inputs in, advance, compare, assimilate."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from hanzo_twin.definition.drift import DriftDetection
from hanzo_twin.definition.target import Target
from hanzo_twin.engines.port import EngineConfig
from hanzo_twin.errors import SimulationError
from hanzo_twin.sync.decode import Readings
from hanzo_twin.sync.signals import SignalTable
from hanzo_twin.sync.synchronizer import Synchronizer, TickResult
from hanzo_twin.testing.scenes import pendulum
from hanzo_twin.twin.twin import Twin

CONFIG = EngineConfig(step_hz=500.0, substeps=1)
RATE = 30.0
THRESHOLD = {"position_rad": 0.03, "velocity_radps": 100.0}


class Rig:
    """A machine (the same pendulum, perhaps with other parameters) and a twin that follows it."""

    def __init__(self, *, gain: float = 1.0, epoch: float = 1000.0) -> None:
        scene = pendulum()
        self.joint = next(path for art in scene.articulations.values() for path in art.joints)
        self.machine = Twin.load(scene, engine="mujoco", config=CONFIG, epoch=epoch)
        twin = Twin.load(scene, engine="mujoco", config=CONFIG)
        table = SignalTable(scene)
        self.columns = [
            table.resolve(Target.model_validate({"to": f"{self.joint}.{name}"}))[0]
            for name in ("position", "velocity", "effort")
        ]
        drift = DriftDetection.model_validate({"window_seconds": 4.0, "threshold": THRESHOLD})
        self.reading_s = 0.01
        self.sync = Synchronizer(twin, table, drift=drift, gain=gain, horizon_s=0.3, window_s=4.0)

    def readings(self) -> Readings:
        state = self.machine.read([f"{self.joint}.position", f"{self.joint}.velocity"])
        readings = Readings()
        readings.columns += self.columns[:2]
        readings.values += [float(value) for value in state]
        readings.times += [self.machine.time] * 2
        readings.received += [0.0] * 2
        return readings

    def run(self, seconds: float, effort: float = 0.0) -> list[TickResult]:
        results = []
        for _ in range(round(seconds * RATE)):
            target = self.machine.time + 1 / RATE
            while self.machine.time < target - 1e-9:
                self.machine.set_input(f"{self.joint}.effort", effort)
                command = Readings(
                    columns=[self.columns[2]], values=[effort], times=[self.machine.time], received=[0.0]
                )
                self.sync.accept(command)
                self.machine.advance_to(self.machine.time + self.reading_s)
                self.sync.accept(self.readings())
            if not self.sync.started:
                self.sync.start(self.machine.time)
            else:
                results.append(self.sync.tick(self.machine.time))
        return results


def test_a_faithful_twin_has_no_innovation() -> None:
    rig = Rig()
    rig.machine.assimilate({f"{rig.joint}.position": 1.0})
    results = rig.run(3.0, effort=0.5)
    innovations = np.concatenate([result.innovations for result in results])
    assert np.nanmax(np.abs(innovations)) < 2e-2
    assert not any(result.drift for result in results)
    assert rig.sync.twin.time == pytest.approx(rig.machine.time, abs=2.1e-3)


def test_a_wrong_parameter_shows_as_drift_within_three_seconds() -> None:
    rig = Rig()
    rig.machine.assimilate({f"{rig.joint}.position": 1.5})
    rig.machine.set_parameter(f"{rig.joint}.friction", 2.0)
    results = rig.run(3.0)
    events = [event for result in results for event in result.drift]
    assert [(event.address, event.drifting) for event in events] == [(f"{rig.joint}.position", True)]
    assert events[0].rms > events[0].threshold == 0.03


def test_the_twin_is_overwritten_and_the_free_run_is_not() -> None:
    rig = Rig()
    rig.machine.assimilate({f"{rig.joint}.position": 1.5})
    rig.machine.set_parameter(f"{rig.joint}.friction", 2.0)
    results = rig.run(2.0)
    true = rig.machine.read([f"{rig.joint}.position"])
    assert rig.sync.twin.read([f"{rig.joint}.position"]) == pytest.approx(true, abs=5e-3)
    assert np.nanmax(np.abs(np.concatenate([result.innovations for result in results]))) > 0.05


def test_noise_of_the_readings_of_a_tick_is_averaged() -> None:
    errors = []
    for per_tick in (1, 16):
        rig = Rig()
        noise = np.random.default_rng(4)
        clean = rig.readings

        def noisy(clean: Callable[[], Readings] = clean, noise: np.random.Generator = noise) -> Readings:
            readings = clean()
            readings.values[1] += noise.normal(0.0, 0.1)
            return readings

        rig.readings = noisy  # type: ignore[method-assign]
        rig.reading_s = 1 / RATE / per_tick
        found = []
        for _ in range(60):
            rig.run(1 / RATE)
            found.append(rig.sync.twin.read([f"{rig.joint}.velocity"])[0])
        errors.append(float(np.std(found)))
    assert errors[1] < 0.6 * errors[0]


def test_what_follows_a_gap_is_compared_only_when_the_twin_is_exact_again() -> None:
    rig = Rig()
    rig.machine.assimilate({f"{rig.joint}.position": 1.0})
    rig.run(1.0)
    rig.machine.set_time(rig.machine.time + 2.0)
    rig.machine.assimilate({f"{rig.joint}.position": -2.0, f"{rig.joint}.velocity": 6.0})
    results = rig.run(1.0)
    assert all(np.isnan(result.innovations).all() for result in results[:2])
    assert np.abs(np.concatenate([result.innovations for result in results[2:]])).max() < 0.02


def test_without_assimilation_the_twin_runs_free() -> None:
    rig = Rig(gain=0.0)
    rig.run(0.1)
    rig.machine.assimilate({f"{rig.joint}.position": 1.0})
    rig.run(1.0)
    assert abs(rig.sync.twin.read([f"{rig.joint}.position"])[0]) < 1e-6


def test_inputs_act_at_their_time_stamp_plus_the_actuator_delay() -> None:
    rig = Rig()
    twin = rig.sync.twin
    twin.set_parameter(f"{rig.joint}.actuatorDelay", 0.1)
    rig.sync.start(10.0)
    rig.sync.accept(Readings(columns=[rig.columns[2]], values=[5.0], times=[10.2], received=[0.0]))
    rig.sync.tick(10.29)
    assert twin.read([f"{rig.joint}.velocity"])[0] == 0.0
    rig.sync.tick(10.35)
    assert twin.read([f"{rig.joint}.velocity"])[0] > 0.01


def test_after_a_gap_the_first_readings_are_not_compared() -> None:
    rig = Rig()
    rig.run(1.0)
    rig.machine.set_time(rig.machine.time + 5.0)
    result = rig.run(2 / RATE)[0]
    assert np.isnan(result.innovations).all()
    assert np.isfinite(rig.run(2 / RATE)[-1].innovations).all()


def test_a_clock_jump_keeps_the_state_and_moves_the_time() -> None:
    rig = Rig()
    rig.machine.assimilate({f"{rig.joint}.position": 1.0})
    rig.run(1.0)
    before = rig.sync.twin.read([f"{rig.joint}.position"])
    time = rig.sync.twin.time
    rig.sync.clock_jumped(3600.0)
    assert rig.sync.twin.time == pytest.approx(time + 3600.0)
    assert rig.sync.twin.read([f"{rig.joint}.position"]) == before
    rig.machine.set_time(rig.machine.time + 3600.0)
    assert all(np.isfinite(result.innovations).all() for result in rig.run(0.5)[1:])


def test_the_window_becomes_a_recording() -> None:
    rig = Rig()
    rig.run(6.0, effort=0.7)
    recording = rig.sync.window.recording("the last 4 s")
    assert set(recording.measurements) == {f"{rig.joint}.position", f"{rig.joint}.velocity"}
    assert set(recording.inputs) == {f"{rig.joint}.effort"}
    assert recording.end - recording.start == pytest.approx(4.0, abs=0.1)
    assert set(recording.inputs[f"{rig.joint}.effort"].values.tolist()) == {0.7}


def test_after_a_divergence_the_last_good_state_goes_on() -> None:
    rig = Rig()
    rig.machine.assimilate({f"{rig.joint}.position": 1.0})
    rig.run(1.0)
    good = rig.sync.twin.read([f"{rig.joint}.position"])
    time = rig.sync.twin.time
    absurd = Readings(columns=rig.columns[:1], values=[1e300], times=[time + 0.01], received=[0.0])
    rig.sync.accept(absurd)
    with pytest.raises(SimulationError):
        any(rig.sync.tick(time + number / RATE) is None for number in range(1, 4))
    rig.sync.restore_good(time + 0.2)
    assert rig.sync.twin.time == pytest.approx(time + 0.2)
    assert rig.sync.twin.read([f"{rig.joint}.position"]) == pytest.approx(good, abs=0.7)
    rig.machine.set_time(time + 0.2)
    results = rig.run(0.5)
    assert np.nanmax(np.abs(results[-1].innovations)) < 0.02


def test_what_keeps_exceeding_its_threshold_is_seen_again_after_each_reset() -> None:
    rig = Rig(gain=0.0)
    rig.machine.assimilate({f"{rig.joint}.position": 1.5})
    rig.machine.set_parameter(f"{rig.joint}.friction", 2.0)
    resets = 0
    for _ in range(round(6.0 * RATE)):
        rig.run(1 / RATE)
        if rig.sync.drift.exceeding().any():
            rig.sync.reset_to_measurements()
            resets += 1
    assert 2 <= resets <= 6


def test_an_input_that_comes_too_late_makes_no_drift() -> None:
    rig = Rig()
    rig.run(1.0)
    late = Readings(columns=[rig.columns[2]], values=[30.0], times=[rig.sync.twin.time - 0.0534], received=[0.0])
    rig.sync.accept(late)
    result = rig.run(1 / RATE)[0]
    assert rig.sync.aligner.late == 1
    assert len(result.readings) > 0
    assert np.isnan(result.innovations).all()
