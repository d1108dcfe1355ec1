"""Recalibration of a live twin: when drift was found, fit parameters to the last seconds, off the sync loop."""

from __future__ import annotations

import asyncio
import logging
import math
from typing import Any

from hanzo_twin.clock import Clock
from hanzo_twin.definition.drift import Recalibration
from hanzo_twin.errors import CalibrationError, HanzoTwinError, counted
from hanzo_twin.sync.calibration import CalibrationPlan, CalibrationResult, default_parameters
from hanzo_twin.sync.events import EventLog
from hanzo_twin.sync.fit_process import FitTask, fit_apart
from hanzo_twin.sync.synchronizer import Synchronizer
from hanzo_twin.twin.twin import ParameterChange

MIN_COVERED = 0.95

_log = logging.getLogger(__name__)


class Recalibrator:
    """Fits when asked to, as soon as the window is full, one fit at a time; applies an accepted fit between two ticks.

    A fit that is refused or rejected changes nothing.
    """

    def __init__(
        self, synchronizer: Synchronizer, policy: Recalibration, window_s: float, clock: Clock, events: EventLog
    ) -> None:
        self._synchronizer = synchronizer
        self._policy = policy
        self._window_s = window_s
        self._clock = clock
        self._events = events
        self._not_before = -math.inf
        self._fit: asyncio.Task[CalibrationResult] | None = None
        self.count = 0
        self.last: dict[str, Any] | None = None

    def tick(self, *, wanted: bool) -> list[ParameterChange]:
        """Apply a fit that has ended, or start one if it is wanted and the window and the cool-down allow.

        Returns the parameters that were changed.
        """
        if self._fit is not None and self._fit.done():
            return self._finish(self._fit)
        ready = self._synchronizer.window.span >= MIN_COVERED * self._window_s
        if wanted and self._fit is None and ready and self._clock.monotonic() >= self._not_before:
            self._start()
        return []

    @property
    def running(self) -> bool:
        return self._fit is not None

    def status(self) -> dict[str, Any]:
        return {"running": self.running, "count": self.count, "last": self.last}

    async def close(self) -> None:
        """End a fit under way."""
        if self._fit is not None:
            self._fit.cancel()
            await asyncio.gather(self._fit, return_exceptions=True)
            self._fit = None

    def _start(self) -> None:
        twin = self._synchronizer.twin
        span = self._synchronizer.window.span
        addresses = self._policy.parameters or default_parameters(twin.scene)
        try:
            recording = self._synchronizer.window.recording(f"the last {span:.1f} s")
            initial = {**twin.parameters_in_force(), **{address: twin.get_parameter(address) for address in addresses}}
        except HanzoTwinError as refusal:
            self._refuse(refusal)
            return
        plan = CalibrationPlan(
            parameters=tuple(addresses),
            horizon_s=self._policy.horizon_s,
            max_evaluations=self._policy.max_evaluations,
        )
        self._events.add(
            "recalibration-started",
            f"Fitting {counted(len(addresses), 'parameter')} to {recording.name}.",
            time=twin.time,
        )
        simulation = twin.simulation
        task = FitTask(
            scene=simulation.scene,
            engine=simulation.engine,
            config=simulation.config,
            recording=recording,
            plan=plan,
            initial=initial,
        )
        self._fit = asyncio.get_running_loop().create_task(fit_apart(task), name="recalibration")

    def _finish(self, fit: asyncio.Task[CalibrationResult]) -> list[ParameterChange]:
        self._fit = None
        twin = self._synchronizer.twin
        try:
            result = fit.result()
        except HanzoTwinError as refusal:
            self._refuse(refusal)
            return []
        except Exception as failure:  # noqa: BLE001  the boundary of the fit: the twin goes on without it
            _log.error("A recalibration failed", exc_info=failure)
            self._refuse(CalibrationError(f"The fit failed: {type(failure).__name__}: {failure}"))
            return []
        self._rest()
        self.count += 1
        self.last = result.to_dict()
        if not result.accepted:
            self._events.add(
                "recalibration-rejected",
                "The fit did not predict held-back readings better; nothing was changed.",
                time=twin.time,
                **self.last,
            )
            return []
        changes = [
            twin.set_parameter(address, value, cause="recalibration") for address, value in result.changes.items()
        ]
        self._synchronizer.parameters_changed()
        told = ", ".join(f"{change.address} {change.before:.4g} → {change.after:.4g}" for change in changes)
        self._events.add("recalibrated", f"Parameters fitted: {told}.", time=twin.time, **self.last)
        return changes

    def _rest(self) -> None:
        self._not_before = self._clock.monotonic() + self._policy.cooldown_s

    def _refuse(self, refusal: HanzoTwinError) -> None:
        self._rest()
        self.last = {"accepted": False, "code": refusal.code, "reason": refusal.message}
        self._events.add("recalibration-refused", str(refusal), time=self._synchronizer.twin.time, code=refusal.code)
