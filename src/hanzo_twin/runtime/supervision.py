"""Keeping one runtime as it is wanted: what to do next, from what is seen now."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

from hanzo_twin.clock import Clock
from hanzo_twin.errors import (
    ConflictError,
    HanzoTwinError,
    NotFoundError,
    RuntimeUnavailableError,
    SettingsError,
    StoreUnavailableError,
)
from hanzo_twin.runtime.client import RuntimeClient
from hanzo_twin.runtime.launcher import Launcher, Observed, describe_death
from hanzo_twin.runtime.restart import CrashHistory, RestartPolicy
from hanzo_twin.runtime.spec import Failure, Ready, RuntimeSpec

Phase = Literal["created", "starting", "running", "degraded", "failed", "stopping", "stopped"]

_PROBE_TIMEOUT_S = 5.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class SupervisionLimits:
    """How long a runtime may take; seconds.

    Args:
        start_s: to serve, from its launch.
        stop_s: to end, from being asked; then it is killed.
        silence_s: without an answer; then it is killed and started again.
        probe_s: between two questions for its status.
    """

    start_s: float = 30.0
    stop_s: float = 15.0
    silence_s: float = 30.0
    probe_s: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What is to be written down about a twin.

    Args:
        detail: for people: why it is in that phase; "" when all is well.
        ready: where it serves; None unless it does.
        answered: True if it has just answered: a heartbeat.
    """

    phase: Phase
    detail: str = ""
    ready: Ready | None = None
    answered: bool = False


class Supervision:
    """One twin's runtime."""

    def __init__(
        self,
        twin_id: str,
        launcher: Launcher,
        clock: Clock,
        *,
        policy: RestartPolicy,
        limits: SupervisionLimits,
    ) -> None:
        self.twin_id = twin_id
        self.restarts = 0
        self._launcher = launcher
        self._clock = clock
        self._limits = limits
        self._policy = policy
        self._crashes = CrashHistory(policy)
        self._launched: float | None = None
        self._asked_to_stop: float | None = None
        self._probed: float | None = None
        self._answered: float | None = None
        self._judged: tuple[Phase, str] = ("starting", "")
        self._trouble = ""
        self._killed_because = ""
        self._given_up: Verdict | None = None
        self._given_up_revision = 0
        self._client: RuntimeClient | None = None
        self._client_of: Ready | None = None

    async def run_it(self, phase: Phase, revision: int, make_spec: Callable[[], Awaitable[RuntimeSpec]]) -> Verdict:
        """One step towards a runtime that serves.

        Args:
            phase: what is written down now.
            revision: of the twin; where the runtime was given up, it is tried again once somebody has changed the twin
                or asked for it again.
            make_spec: makes what the runtime is told.
        """
        self._asked_to_stop = None
        if phase == "failed" and self._given_up is None:
            self._give_up("", revision)  # as a controller before this one did
        if self._given_up is not None:
            if revision == self._given_up_revision:
                return self._given_up
            self._begin_anew()
        observed = self._launcher.observe(self.twin_id)
        now = self._clock.monotonic()
        if observed.state == "serving" and observed.ready is not None:
            return await self._watch(observed.ready, now)
        if observed.state == "starting":
            return self._await_start(now)
        if observed.state == "died" and self._launched is not None:
            self._note_crash(observed, now, revision)
        if self._given_up is not None:
            return self._given_up
        if self._crashes.wait_s(now) > 0:
            return Verdict(phase="starting", detail=f"It died and will be restarted. {self._trouble}")
        return await self._launch(make_spec, now, revision, again=observed.state == "died")

    async def stop_it(self) -> Verdict:
        """One step towards no runtime."""
        self._begin_anew()
        observed = self._launcher.observe(self.twin_id)
        now = self._clock.monotonic()
        if observed.pid is None:
            await self.close()
            self._asked_to_stop = None
            return Verdict(phase="stopped")
        if self._asked_to_stop is None:
            self._asked_to_stop = now
            self._launcher.terminate(self.twin_id)
        elif now - self._asked_to_stop > self._limits.stop_s:
            log.warning("The runtime of %s did not end within %g s and is killed", self.twin_id, self._limits.stop_s)
            self._launcher.kill(self.twin_id)
        return Verdict(phase="stopping")

    async def close(self) -> None:
        """Let go of the runtime; it goes on."""
        if self._client is not None:
            await self._client.close()
        self._client = self._client_of = None

    def _begin_anew(self) -> None:
        self._given_up = None
        self._launched = None
        self._trouble = ""
        self._crashes = CrashHistory(self._policy)

    async def _launch(
        self, make_spec: Callable[[], Awaitable[RuntimeSpec]], now: float, revision: int, *, again: bool
    ) -> Verdict:
        try:
            await self._launcher.launch(await self._spec(make_spec))
        except ConflictError:
            return Verdict(phase="starting", detail="A runtime of this twin is about to start or to end.")
        except HanzoTwinError as error:
            if Failure.of(error).permanent:
                return self._give_up(str(error), revision)
            return Verdict(phase="starting", detail=str(error))
        self._launched, self._answered = now, None
        self.restarts += again
        return Verdict(phase="starting", detail=self._trouble)

    async def _spec(self, make_spec: Callable[[], Awaitable[RuntimeSpec]]) -> RuntimeSpec:
        """What the runtime is told; what it was told before while a store is away that is needed to tell it anew."""
        try:
            return await make_spec()
        except StoreUnavailableError:
            try:
                return RuntimeSpec.read(self._launcher.files(self.twin_id).spec)
            except (NotFoundError, SettingsError):
                pass
            raise

    def _await_start(self, now: float) -> Verdict:
        if self._launched is None:
            self._launched = now  # found while it started
        if now - self._launched > self._limits.start_s:
            self._kill(f"It was not ready within {self._limits.start_s:g} s")
        return Verdict(phase="starting", detail=self._trouble)

    def _kill(self, why: str) -> None:
        log.warning("The runtime of %s is killed: %s", self.twin_id, why)
        self._killed_because = why
        self._launcher.kill(self.twin_id)

    def _note_crash(self, observed: Observed, now: float, revision: int) -> None:
        """Count a death once, and give up where another start would be of no use."""
        self._launched = None
        what = describe_death(observed, self._launcher.files(self.twin_id))
        self._trouble = f"{self._killed_because}. {what}" if self._killed_because else what
        self._killed_because = ""
        log.warning("The runtime of %s died: %s", self.twin_id, self._trouble)
        self._crashes.crashed(now)
        if observed.failure is not None and observed.failure.permanent:
            self._give_up(self._trouble, revision)
        elif self._crashes.exhausted(now):
            count, window = self._crashes.count(now), self._policy.window_s
            said = f"It died {count} times within {window:g} s and is not started again. {self._trouble}"
            self._give_up(said, revision)

    def _give_up(self, detail: str, revision: int) -> Verdict:
        self._given_up_revision = revision
        self._given_up = Verdict(phase="failed", detail=detail)
        return self._given_up

    async def _watch(self, ready: Ready, now: float) -> Verdict:
        if self._launched is None:
            self._launched = now  # found while it served
        if self._client_of != ready:
            await self.close()
            self._client = RuntimeClient(ready.address, ready.token, timeout_s=_PROBE_TIMEOUT_S)
            self._client_of = ready
            self._answered = self._probed = None
            self._judged = ("starting", self._trouble)
        assert self._client is not None, "made above"
        answered = self._probed is None or now - self._probed >= self._limits.probe_s
        if answered:
            self._probed = now
            answered = await self._probe(self._client)
        silent = now - (self._launched if self._answered is None else self._answered)
        if silent > self._limits.silence_s:
            self._kill(f"It did not answer for {silent:.0f} s")
        return Verdict(phase=self._judged[0], detail=self._judged[1], ready=ready, answered=answered)

    async def _probe(self, client: RuntimeClient) -> bool:
        """Ask how the runtime is doing; False if it did not answer."""
        try:
            self._judged = judge(await client.status())
        except RuntimeUnavailableError as error:
            log.info("The runtime of %s does not answer: %s", self.twin_id, error.message)
            return False
        except HanzoTwinError as error:
            self._judged = ("degraded", error.message)
        self._answered = self._clock.monotonic()
        self._trouble = ""
        return True


def judge(status: dict[str, Any]) -> tuple[Phase, str]:
    """Phase and detail of a runtime that answers, from what it says."""
    sync = status["sync"]
    trouble = list(sync["trouble"])
    if status["checkpoint"]["trouble"]:
        trouble.append(status["checkpoint"]["trouble"])
    drifting = [drift["address"] for drift in sync["drift"] if drift["drifting"]]
    if drifting:
        trouble.append(f"Drifting: {', '.join(drifting[:5])}{' …' if len(drifting) > 5 else ''}.")
    if trouble:
        return "degraded", " ".join(trouble)
    if status["phase"] == "ended":
        return "running", "What it was to do has ended; it keeps its last state until it is stopped."
    return "running", "Paused." if status["phase"] == "paused" else ""
