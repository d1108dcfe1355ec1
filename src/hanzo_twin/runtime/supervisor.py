"""Keeping the platform's own processes up: each is started again when it dies, with a growing pause."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hanzo_twin.clock import Clock
from hanzo_twin.errors import SettingsError
from hanzo_twin.runtime.logfile import tail
from hanzo_twin.runtime.restart import CrashHistory, RestartPolicy

_STOP_S = 15.0
POLICY = RestartPolicy(first_wait_s=0.5, longest_wait_s=10.0, window_s=60.0, most_crashes=None)

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Child:
    """One process of the platform.

    Args:
        name: for messages.
        output: file that its standard output and error are appended to.
        module: run as ``python -m module arguments``.
        sockets: descriptors that it inherits, under the same numbers.
        final_exit_codes: exits after which it is not started again, because it would end the same way.
    """

    name: str
    module: str
    output: Path
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    sockets: tuple[int, ...] = ()
    final_exit_codes: frozenset[int] = frozenset({2})


class Supervisor:
    """Runs children until `stop`."""

    def __init__(self, children: Sequence[Child], clock: Clock) -> None:
        self._children = children
        self._clock = clock
        self._stopping = asyncio.Event()
        self._processes: dict[str, asyncio.subprocess.Process] = {}

    def stop(self) -> None:
        """Make `run` end the children and return."""
        self._stopping.set()

    async def run(self) -> None:
        """Keep the children up until `stop`; they have ended when this returns.

        Raises:
            SettingsError: a child ended with one of its final exit codes; the message has what it said.
        """
        keepers = [asyncio.create_task(self._keep(child)) for child in self._children]
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            done, _ = await asyncio.wait({*keepers, stopping}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in (*keepers, stopping):
                task.cancel()
            await asyncio.gather(*keepers, stopping, return_exceptions=True)
            await asyncio.gather(*(self._end(process) for process in self._processes.values()))

    async def _keep(self, child: Child) -> None:
        crashes = CrashHistory(POLICY)
        while True:
            process = await self._start(child)
            self._processes[child.name] = process
            code = await process.wait()
            end_group(process.pid)
            if code in child.final_exit_codes:
                said = "\n".join(tail((child.output,), lines=10))
                raise SettingsError(f"The {child.name} cannot run (exit code {code}). {said}")
            crashes.crashed(self._clock.monotonic())
            wait = crashes.wait_s(self._clock.monotonic())
            how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
            log.warning("The %s (process %d) %s; it is started again in %.1f s", child.name, process.pid, how, wait)
            await self._clock.sleep_until(self._clock.monotonic() + wait)

    async def _start(self, child: Child) -> asyncio.subprocess.Process:
        with child.output.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                child.module,
                *child.arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=dict(child.environment),
                pass_fds=child.sockets,
                start_new_session=True,  # Ctrl-C at the terminal reaches the supervisor alone, which ends them in order
            )
        log.info("The %s runs as process %d", child.name, process.pid)
        return process

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        if process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), _STOP_S)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def end_group(pid: int) -> None:
    """Kill what is left of the session that a process led, such as workers that outlived it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
