"""Making the runtimes what the database wants them to be, for as long as it runs.

The database may be away: what it last wanted holds meanwhile, and nothing is stopped or deleted on a guess. The
controller may die: runtimes go on, and the next controller finds them by their directories.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from hanzo_twin.clock import Clock
from hanzo_twin.errors import StoreUnavailableError
from hanzo_twin.runtime.launcher import Launcher
from hanzo_twin.runtime.restart import RestartPolicy
from hanzo_twin.runtime.spec import RuntimeSpec
from hanzo_twin.runtime.supervision import Phase, Supervision, SupervisionLimits, Verdict

_PERIOD_S = 0.5

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class WantedTwin:
    """One twin as the database has it: what was asked for, and what was last written down about it.

    ``revision`` grows with every change and every request by a user.
    """

    id: str
    name: str
    desired: Literal["running", "stopped"]
    phase: Phase
    revision: int
    detail: str = ""


class TwinRegistry(Protocol):
    """The controller's side of the database. Every method raises StoreUnavailableError while it is away."""

    async def wanted(self) -> Sequence[WantedTwin]:
        """All twins, but those whose time is up: they are deleted."""
        ...

    async def spec(self, twin: WantedTwin) -> RuntimeSpec:
        """What its runtime is to be told; raises the error of whatever makes it impossible to start."""
        ...

    async def record(self, twin: WantedTwin, verdict: Verdict, *, restarts: int) -> None:
        """Write down what has changed about it."""
        ...

    async def heartbeat(self, twin_id: str) -> None: ...

    async def discard(self, twin_id: str) -> None:
        """Delete what is kept of a twin that the database no longer has, besides its runtime's directory."""
        ...


class Controller:
    """One per machine."""

    def __init__(
        self,
        registry: TwinRegistry,
        launcher: Launcher,
        clock: Clock,
        *,
        policy: RestartPolicy = RestartPolicy(),  # noqa: B008  a frozen value
        limits: SupervisionLimits = SupervisionLimits(),  # noqa: B008  a frozen value
    ) -> None:
        self._registry = registry
        self._launcher = launcher
        self._clock = clock
        self._policy = policy
        self._limits = limits
        self._supervisions: dict[str, Supervision] = {}
        self._wanted: Sequence[WantedTwin] = ()
        self._recorded: dict[str, tuple[Phase, str, int, str]] = {}
        self._database_away = False

    async def run(self) -> None:
        """Reconcile every half second, until cancelled."""
        try:
            while True:
                await self.reconcile()
                await self._clock.sleep_until(self._clock.monotonic() + _PERIOD_S)
        finally:
            await self.close()

    async def close(self) -> None:
        """Let go of the runtimes, which go on."""
        await asyncio.gather(*(supervision.close() for supervision in self._supervisions.values()))

    async def reconcile(self) -> None:
        """One pass over all twins, side by side: one that is slow to answer does not hold up the others."""
        fresh = await self._ask()
        outcomes = await asyncio.gather(*(self._reconcile(twin) for twin in self._wanted), return_exceptions=True)
        for twin, outcome in zip(self._wanted, outcomes, strict=True):
            if isinstance(outcome, Exception):  # whatever is wrong with one twin, the others go on
                log.error("Twin '%s' (%s) could not be seen to", twin.name, twin.id, exc_info=outcome)
        if fresh:
            await self._remove_deleted()

    async def _ask(self) -> bool:
        """Whether the database said what it wants."""
        try:
            self._wanted = await self._registry.wanted()
        except StoreUnavailableError as error:
            if not self._database_away:
                log.warning("The database is away, what it last wanted holds: %s", error.message)
            self._database_away = True
            self._recorded.clear()
            return False
        if self._database_away:
            log.info("The database is back")
        self._database_away = False
        return True

    async def _reconcile(self, twin: WantedTwin) -> None:
        supervision = self._supervisions.get(twin.id)
        if supervision is None:
            supervision = Supervision(twin.id, self._launcher, self._clock, policy=self._policy, limits=self._limits)
            self._supervisions[twin.id] = supervision
        if twin.desired == "running":
            verdict = await supervision.run_it(twin.phase, twin.revision, lambda: self._registry.spec(twin))
        elif twin.phase == "created" and self._launcher.observe(twin.id).pid is None:
            return
        else:
            verdict = await supervision.stop_it()
        await self._record(twin, verdict, supervision)

    async def _record(self, twin: WantedTwin, verdict: Verdict, supervision: Supervision) -> None:
        if self._database_away or (twin.phase == "failed" and verdict.phase == "failed"):
            return
        address = verdict.ready.address if verdict.ready else ""
        now = (verdict.phase, verdict.detail, supervision.restarts, address)
        before = self._recorded.get(twin.id)
        try:
            if before != now or (twin.phase, twin.detail) != now[:2]:
                await self._registry.record(twin, verdict, restarts=supervision.restarts)
                self._recorded[twin.id] = now
            if verdict.answered:
                await self._registry.heartbeat(twin.id)
        except StoreUnavailableError:
            self._recorded.pop(twin.id, None)

    async def _remove_deleted(self) -> None:
        wanted = {twin.id for twin in self._wanted}
        for twin_id in (set(self._launcher.known()) | set(self._supervisions)) - wanted:
            supervision = self._supervisions.setdefault(
                twin_id,
                Supervision(twin_id, self._launcher, self._clock, policy=self._policy, limits=self._limits),
            )
            if (await supervision.stop_it()).phase != "stopped":
                continue
            self._launcher.remove(twin_id)
            self._supervisions.pop(twin_id)
            self._recorded.pop(twin_id, None)
            with contextlib.suppress(StoreUnavailableError):
                await self._registry.discard(twin_id)
            log.info("Twin %s was deleted, and so is its runtime's directory", twin_id)
