"""Worlds in processes of their own, for engines that advance one world at a time: `Episodes` behind shared memory."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import traceback
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

import cloudpickle
import numpy as np

from hanzo_twin.errors import HanzoTwinError, InvalidInputError, RuntimeUnavailableError, SimulationError
from hanzo_twin.rl.episodes import Episodes, Layout, Step
from hanzo_twin.rl.randomizer import Values
from hanzo_twin.rl.shared_arrays import SharedArrays
from hanzo_twin.spatial import FloatArray, IntArray

MAX_WORKERS_PER_PROCESSOR = 8
START_TIMEOUT_S = 120.0
Build = Callable[[int], Episodes]
_Reply = tuple[dict[str, Any], Values | None, bool, Any]


class WorkerEpisodes:
    """``num_envs`` worlds, at most ``per_worker`` in each process; seeds, results and rules are those of `Episodes`.

    Args:
        build: makes the episodes of so many worlds; it is sent to the processes.

    Raises:
        InvalidInputError: there would be too many processes. And whatever ``build`` raises there.
    """

    def __init__(self, build: Build, *, num_envs: int, per_worker: int) -> None:
        self.num_envs = num_envs
        self._slices = [slice(start, min(start + per_worker, num_envs)) for start in range(0, num_envs, per_worker)]
        check_workers(len(self._slices))
        context = multiprocessing.get_context("spawn")
        payload = cloudpickle.dumps(build)
        self._workers: list[BaseProcess] = []
        self._pipes: list[Connection] = []
        for rows in self._slices:
            ours, theirs = context.Pipe()
            worker = context.Process(target=_serve, args=(theirs, payload, rows.stop - rows.start), daemon=True)
            with _without_signals():
                worker.start()
            theirs.close()
            self._workers.append(worker)
            self._pipes.append(ours)
        self._finalizer = weakref.finalize(self, _stop, self._workers, self._pipes, None)
        try:
            self.layout: Layout = self._receive(START_TIMEOUT_S)[0]
            self._arrays = SharedArrays(num_envs, self.layout)
            self._finalizer.detach()
            self._finalizer = weakref.finalize(self, _stop, self._workers, self._pipes, self._arrays)
            for index, rows in enumerate(self._slices):
                self._send(index, (self._arrays.name, num_envs, rows))
            self._receive(START_TIMEOUT_S)
            self._arrays.forget_name()
        except HanzoTwinError:
            self.close()
            raise

    def reset(
        self,
        *,
        seeds: Sequence[int] | None = None,
        envs: IntArray | None = None,
        pinned: Mapping[str, object] | None = None,
        level: float | None = None,
    ) -> Step:
        """As `Episodes.reset`; pinned values are one for all worlds, or [len(envs)]."""
        chosen = np.arange(self.num_envs) if envs is None else envs
        for index, rows in enumerate(self._slices):
            mine = np.flatnonzero((chosen >= rows.start) & (chosen < rows.stop))
            if len(mine):
                part = None if seeds is None else [seeds[place] for place in mine.tolist()]
                fixed = {name: _part(value, len(chosen), mine) for name, value in (pinned or {}).items()}
                self._send(index, ("reset", (part, chosen[mine] - rows.start, fixed, level)))
            else:
                self._send(index, ("observe", None))
        replies = self._receive()
        self._arrays.begun[:] = False
        self._arrays.begun[chosen] = True
        return self._step(replies)

    def step(self, actions: FloatArray) -> Step:
        """As `Episodes.step`."""
        self._arrays.actions[:] = actions
        for index in range(len(self._slices)):
            self._send(index, ("step", None))
        return self._step(self._receive())

    def _send(self, index: int, message: object) -> None:
        with suppress(OSError):  # The process is gone; `_receive` says so.
            self._pipes[index].send(message)

    def _step(self, replies: Sequence[_Reply]) -> Step:
        values: dict[str, tuple[Any, Any]] = {}
        drawn: Values = {}
        seeds, episodes = np.zeros(self.num_envs, dtype=np.uint64), np.zeros(self.num_envs, dtype=np.int64)
        for rows, (part, randomization, _, counts) in zip(self._slices, replies, strict=True):
            if counts is not None:
                seeds[rows], episodes[rows] = counts
            for name, (given, mask) in part.items():
                if name not in values:
                    values[name] = (np.zeros((self.num_envs, *given.shape[1:]), given.dtype), self._nobody())
                values[name][0][rows], values[name][1][rows] = given, mask
            for name, given in (randomization or {}).items():
                drawn.setdefault(name, np.zeros((self.num_envs, *given.shape[1:])))[rows] = given
        arrays = self._arrays
        at_once = any(reply[2] for reply in replies)
        return Step(
            observations=arrays.observations.copy(),
            rewards=arrays.rewards.copy(),
            terminations=arrays.terminations.copy(),
            truncations=arrays.truncations.copy(),
            terms=arrays.terms.copy(),
            begun=arrays.begun.copy(),
            final=arrays.final[arrays.begun] if at_once else None,
            values=values,
            randomization=drawn or None,
            counts=(seeds, episodes),
        )

    def _nobody(self) -> np.ndarray[Any, Any]:
        return np.zeros(self.num_envs, dtype=np.bool_)

    def _receive(self, timeout: float | None = None) -> list[Any]:
        """What all processes reply; raises what the first one raised, once all have replied."""
        replies = [self._reply(index, timeout) for index in range(len(self._slices))]
        for reply in replies:
            if isinstance(reply, HanzoTwinError):
                raise reply
        return replies

    def _reply(self, index: int, timeout: float | None) -> Any:
        rows, pipe = self._slices[index], self._pipes[index]
        where = f"envs {rows.start} to {rows.stop - 1}"
        try:
            if timeout is not None and not pipe.poll(timeout):
                return RuntimeUnavailableError(f"The process of {where} did not start within {timeout:g} s.")
            return pipe.recv()
        except (EOFError, OSError):
            self._workers[index].join(1.0)
            return RuntimeUnavailableError(
                f"The process of {where} ended with code {self._workers[index].exitcode}.",
                hint="Close this environment and make a new one. Out of memory is a usual cause."
                if timeout is None
                else "A program that makes worker processes is imported by each of them: put what it does below "
                "`if __name__ == '__main__':`. Otherwise, out of memory is a usual cause.",
            )

    def close(self) -> None:
        """End the processes; may be called again."""
        self._finalizer()


def check_workers(count: int) -> None:
    """Raise InvalidInputError if that many processes are too many here."""
    most = MAX_WORKERS_PER_PROCESSOR * len(os.sched_getaffinity(0))
    if count > most:
        raise InvalidInputError(
            f"{count} worker processes are too many for this machine.",
            hint=f"Allowed: at most {most}. Raise num_envs_per_worker, or lower num_envs.",
        )


def _part(value: object, count: int, places: IntArray) -> object:
    array = np.asarray(value)
    return array[places] if array.ndim and len(array) == count else value


def _stop(workers: Sequence[BaseProcess], pipes: Sequence[Connection], arrays: SharedArrays | None) -> None:
    for pipe in pipes:
        pipe.close()  # A process whose pipe ends, ends.
    for worker in workers:
        worker.join(5.0)
        if worker.is_alive():
            worker.kill()
            worker.join()
    if arrays is not None:
        arrays.close()


@contextmanager
def _without_signals() -> Iterator[None]:
    """Processes that are started here never see Ctrl-C nor SIGTERM, which reach whole groups of processes.

    They end with the pipe to their parent, which so can still save what it has.
    """
    resource_tracker.ensure_running()  # Where it had yet to be started, that would let the signals in again.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(pipe: Connection, payload: bytes, count: int) -> None:
    """The life of one process: build, then answer until the pipe ends."""
    try:
        build: Build = pickle.loads(payload)
        episodes = build(count)
        pipe.send(episodes.layout)
        name, num_envs, rows = pipe.recv()
        arrays = SharedArrays(num_envs, episodes.layout, name)
        pipe.send(None)
    except (EOFError, ConnectionError):
        return
    except Exception as failed:  # noqa: BLE001 - the edge of a process: it is raised again in the one that asked
        pipe.send(_told(failed))
        return
    try:
        while True:
            pipe.send(_answer(pipe.recv(), episodes, arrays, rows))
    except (EOFError, ConnectionError):
        arrays.close()
        episodes.close()


def _answer(message: tuple[str, Any], episodes: Episodes, arrays: SharedArrays, rows: slice) -> object:
    verb, arguments = message
    try:
        if verb == "step":
            step = episodes.step(arrays.actions[rows])
        elif verb == "reset":
            seeds, envs, pinned, level = arguments
            step = episodes.reset(seeds=seeds, envs=envs, pinned=pinned, level=level)
        else:
            step = episodes.reset(envs=np.arange(0))
    except Exception as failed:  # noqa: BLE001 - the edge of a process: it is raised again in the one that asked
        return _told(failed)
    arrays.write(rows, step)
    return step.values, step.randomization, step.final is not None, step.counts


def _told(failed: Exception) -> HanzoTwinError:
    if isinstance(failed, HanzoTwinError):
        return failed
    last = traceback.extract_tb(failed.__traceback__)[-1]
    return SimulationError(
        f"A worker process failed: {type(failed).__name__}: {failed} ({last.filename}:{last.lineno})."
    )
