"""What runs in the process of one twin: ``python -m hanzo_twin.runtime SPEC.json``.

It opens the twin, serves it over gRPC, writes checkpoints, and ends on SIGTERM with a last one. It ends by itself when
its directory is deleted: nobody could find it again. In `directory.RuntimeFiles` it leaves ``process.json`` while it
lives, ``ready.json`` while it serves, and ``failure.json`` if it ended for a reason that it knows.
"""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import logging
import os
import resource
import secrets
import signal
import sys
from pathlib import Path
from typing import Any

from hanzo_twin.clock import WallClock
from hanzo_twin.definition.models import require_physical
from hanzo_twin.definition.yaml_source import parse_definition_object
from hanzo_twin.errors import HanzoTwinError, InvalidInputError, StateError, StoreUnavailableError
from hanzo_twin.runtime.checkpoint import beginnings, write_checkpoint
from hanzo_twin.runtime.directory import RuntimeFiles, lock_runtime, process_started_ticks, write_atomically
from hanzo_twin.runtime.logfile import LOG_BYTES, log_to
from hanzo_twin.runtime.server import RuntimeServer
from hanzo_twin.runtime.servicer import RuntimeService
from hanzo_twin.runtime.spec import Failure, ProcessRecord, Ready, RuntimeSpec
from hanzo_twin.stores.history.writer import HistoryWriter
from hanzo_twin.sync.live import LiveTwin

_STOP_SECONDS = 10.0

log = logging.getLogger(__name__)


class RuntimeProcess:
    """One twin, from its opening to its end."""

    def __init__(self, spec: RuntimeSpec, files: RuntimeFiles) -> None:
        self._spec = spec
        self._files = files
        self._clock = WallClock()
        self._started = self._clock.now()
        self._stopping = asyncio.Event()
        self._writing = asyncio.Lock()
        self._checkpoint: dict[str, Any] = {"time": None, "written": None, "trouble": ""}
        self._ended = False
        self._live: LiveTwin

    async def run(self) -> None:
        """Serve until `stop`, then leave a checkpoint and a flushed history behind.

        Raises:
            HanzoTwinError: the twin cannot be opened, or its simulation failed.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        with HistoryWriter(self._spec.history_directory) as history:
            self._live = await self._open(history)
            server = RuntimeServer(RuntimeService(self._live, self), token := secrets.token_urlsafe(32))
            try:
                self._announce(await server.start(), token)
                await self._serve()
                await self.checkpoint()
            finally:
                self._files.ready.unlink(missing_ok=True)
                await server.stop()
                await self._live.close()

    async def _open(self, history: HistoryWriter) -> LiveTwin:
        definition = require_physical(parse_definition_object(self._spec.definition, self._spec.name))
        for beginning in beginnings(self._spec, self._files):
            try:
                live = await LiveTwin.open(
                    definition,
                    base_directory=self._spec.base_directory,
                    history=history,
                    clock=self._clock,
                    initial_state=beginning.state,
                )
            except StateError as error:
                if not beginning.checkpoint:
                    raise
                log.warning("The checkpoint '%s' is passed over: %s", beginning.name, error)
                continue
            log.info("Twin '%s' begins from its %s at %.3f s", self._spec.name, beginning.name, live.twin.time)
            return live
        raise AssertionError("the scene itself is always a beginning")

    def _announce(self, address: str, token: str) -> None:
        record = own_record()
        ready = Ready(
            pid=record.pid,
            started_ticks=record.started_ticks,
            address=address,
            token=token,
            started=self._started,
        )
        write_atomically(self._files.ready, ready.model_dump_json().encode())
        log.info("Serving twin '%s' on %s", self._spec.name, address)

    async def _serve(self) -> None:
        running = asyncio.create_task(self._live.run())
        keeping = asyncio.create_task(self._keep())
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait({running, stopping, keeping}, return_when=asyncio.FIRST_COMPLETED)
            if running.done() and not self._stopping.is_set():
                running.result()
                self._ended = True
                log.info("Twin '%s' reached the end of what it was to do and keeps its state", self._spec.name)
                await asyncio.wait({stopping, keeping}, return_when=asyncio.FIRST_COMPLETED)
            self._live.stop()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(running, _STOP_SECONDS)
        finally:
            for task in (running, keeping, stopping):
                task.cancel()
            await asyncio.gather(running, keeping, stopping, return_exceptions=True)

    async def _keep(self) -> None:
        """Write checkpoints; return when the directory is gone."""
        while True:
            await asyncio.sleep(self._spec.checkpoint_seconds)
            if not self._files.process.exists():
                log.error("The runtime directory was deleted; the runtime ends")
                return
            with contextlib.suppress(StoreUnavailableError):  # noted in the status; the next may succeed
                await self.checkpoint()
            limit_output(self._files)

    async def checkpoint(self) -> float:
        """Write a checkpoint; returns its device time. Raises StoreUnavailableError when the disk is full."""
        async with self._writing:
            at, state = self._live.twin.time, self._live.twin.get_state()
            try:
                await asyncio.to_thread(write_checkpoint, self._files, state)
            except StoreUnavailableError as error:
                if not self._checkpoint["trouble"]:
                    log.error("%s", error.message)
                self._checkpoint["trouble"] = error.message
                raise
            self._checkpoint = {"time": at, "written": self._clock.now(), "trouble": ""}
            return at

    def status(self) -> dict[str, Any]:
        """Health, and the paths of joints and bodies in the order of a state's arrays."""
        return {
            "twin": self._spec.twin_id,
            "name": self._spec.name,
            "pid": os.getpid(),
            "started": self._started,
            "phase": "ended" if self._ended else "paused" if self._live.paused else "running",
            "time": self._live.twin.time,
            "joints": list(self._live.twin.inputs.joints),
            "bodies": list(self._live.twin.scene.bodies),
            "checkpoint": self._checkpoint,
            "sync": self._live.status().to_dict(),
        }

    def stop(self) -> None:
        self._stopping.set()


def own_record() -> ProcessRecord:
    """What tells this process from every other one of this machine."""
    ticks = process_started_ticks(os.getpid())
    assert ticks is not None, "a process sees itself"
    return ProcessRecord(pid=os.getpid(), started_ticks=ticks)


def limit_memory(most_bytes: int | None) -> None:
    """Let this process fail with MemoryError, instead of the machine, when it needs more than ``most_bytes``.

    What counts is private memory (RLIMIT_DATA): address space would count the files and libraries that are mapped.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if most_bytes is not None:
        resource.setrlimit(resource.RLIMIT_DATA, (most_bytes, most_bytes))


def limit_output(files: RuntimeFiles) -> None:
    """Empty what libraries wrote to standard output and error once it is longer than the log may be."""
    with contextlib.suppress(OSError):
        if files.output.stat().st_size > LOG_BYTES:
            os.truncate(files.output, 0)


def main(arguments: list[str]) -> int:
    """Run the twin of the spec file named; returns the exit code."""
    try:
        if len(arguments) != 1:
            raise InvalidInputError("Usage: python -m hanzo_twin.runtime SPEC.json")
        spec = RuntimeSpec.read(Path(arguments[0]))
        files = RuntimeFiles(spec.directory)
        lock = lock_runtime(files)
    except HanzoTwinError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    try:
        return _run(spec, files)
    finally:
        lock.release()


def _run(spec: RuntimeSpec, files: RuntimeFiles) -> int:
    os.chdir(files.directory)  # what libraries drop goes there
    log_to(files.log)
    faulthandler.enable()
    limit_memory(spec.memory_bytes)
    files.failure.unlink(missing_ok=True)
    try:
        write_atomically(files.process, own_record().model_dump_json().encode())
        asyncio.run(_main(spec, files))
    except Exception as trouble:  # noqa: BLE001  the boundary of the process: whatever ends it is reported to the launcher
        error = trouble if isinstance(trouble, HanzoTwinError) else _unexpected(trouble, spec)
        log.error("The runtime of twin '%s' ends: %s", spec.name, error)
        with contextlib.suppress(StoreUnavailableError):
            write_atomically(files.failure, Failure.of(error).model_dump_json().encode())
        return error.exit_code
    files.process.unlink(missing_ok=True)
    log.info("The runtime of twin '%s' ended as asked", spec.name)
    return 0


async def _main(spec: RuntimeSpec, files: RuntimeFiles) -> None:
    await RuntimeProcess(spec, files).run()


def _unexpected(trouble: Exception, spec: RuntimeSpec) -> HanzoTwinError:
    log.error("Unexpected", exc_info=trouble)
    if spec.memory_bytes is not None and (isinstance(trouble, MemoryError) or _data_bytes() > 0.8 * spec.memory_bytes):
        return HanzoTwinError(
            f"Twin '{spec.name}' needs more memory than the {spec.memory_bytes >> 20} MiB it may have: {trouble}.",
            hint="Raise runtime.memory_mib, or make the scene smaller.",
        )
    return HanzoTwinError(
        f"The runtime failed: {type(trouble).__name__}: {trouble}", hint="Its log, runtime.log, says where."
    )


def _data_bytes() -> int:
    """What counts towards RLIMIT_DATA: once the limit is near, threads and libraries fail in ways of their own."""
    text = Path("/proc/self/status").read_text()
    return int(text.partition("VmData:")[2].split()[0]) * 1024
