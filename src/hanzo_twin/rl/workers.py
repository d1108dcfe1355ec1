"""Worlds in processes of their own, for engines that advance one world at a time: `Episodes` behind shared memory."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import traceback
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from multiprocessing.shared_memory import SharedMemory
from typing import Any

import cloudpickle
import numpy as np

from hanzo_twin.errors import HanzoTwinError, InvalidInputError, RuntimeUnavailableError, SimulationError
from hanzo_twin.rl.episodes import Episodes, Layout, Step
from hanzo_twin.rl.randomizer import Values
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
            worker.start()
            theirs.close()
            self._workers.append(worker)
            self._pipes.append(ours)
        self._finalizer = weakref.finalize(self, _stop, self._workers, self._pipes, None)
        try:
            layouts = [self._receive(index, START_TIMEOUT_S) for index in range(len(self._slices))]
            self.layout: Layout = layouts[0]
            self._arrays = _Arrays(num_envs, self.layout)
            self._finalizer = weakref.finalize(self, _stop, self._workers, self._pipes, self._arrays)
            for index, rows in enumerate(self._slices):
                self._pipes[index].send((self._arrays.name, num_envs, rows))
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
        involved = []
        for index, rows in enumerate(self._slices):
            mine = np.flatnonzero((chosen >= rows.start) & (chosen < rows.stop))
            if len(mine):
                part = None if seeds is None else [seeds[place] for place in mine.tolist()]
                fixed = {name: _part(value, len(chosen), mine) for name, value in (pinned or {}).items()}
                self._pipes[index].send(("reset", (part, chosen[mine] - rows.start, fixed, level)))
                involved.append(index)
            else:
                self._pipes[index].send(("observe", None))
        replies = [self._receive(index) for index in range(len(self._slices))]
        self._arrays.begun[:] = False
        self._arrays.begun[chosen] = True
        return self._step(replies)

    def step(self, actions: FloatArray) -> Step:
        """As `Episodes.step`."""
        self._arrays.actions[:] = actions
        for pipe in self._pipes:
            self._send(pipe, ("step", None))
        return self._step([self._receive(index) for index in range(len(self._slices))])

    def _send(self, pipe: Connection, message: object) -> None:
        with suppress(OSError):  # The process is gone; `_receive` says so.
            pipe.send(message)

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

    def _receive(self, index: int, timeout: float | None = None) -> Any:
        rows, pipe = self._slices[index], self._pipes[index]
        where = f"envs {rows.start} to {rows.stop - 1}"
        try:
            if timeout is not None and not pipe.poll(timeout):
                raise RuntimeUnavailableError(f"The process of {where} did not start within {timeout:g} s.")
            reply = pipe.recv()
        except (EOFError, OSError) as gone:
            self._workers[index].join(1.0)
            raise RuntimeUnavailableError(
                f"The process of {where} ended with code {self._workers[index].exitcode}.",
                hint="Close this environment and make a new one. Out of memory is a usual cause.",
            ) from gone
        if isinstance(reply, HanzoTwinError):
            raise reply
        return reply

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


class _Arrays:
    """What all processes see, in one block of shared memory."""

    def __init__(self, num_envs: int, layout: Layout, name: str | None = None) -> None:
        fields: dict[str, tuple[tuple[int, ...], Any]] = {
            "actions": ((num_envs, len(layout.actions)), np.float64),
            "rewards": ((num_envs,), np.float64),
            "terms": ((num_envs, len(layout.rewards)), np.float64),
            "observations": ((num_envs, layout.size), np.float32),
            "final": ((num_envs, layout.size), np.float32),
            "terminations": ((num_envs,), np.bool_),
            "truncations": ((num_envs,), np.bool_),
            "begun": ((num_envs,), np.bool_),
        }
        sizes = {key: int(np.prod(shape)) * np.dtype(kind).itemsize for key, (shape, kind) in fields.items()}
        total = sum(-(-size // 64) * 64 for size in sizes.values())
        self._memory = SharedMemory(name=name, create=name is None, size=total)
        self.name = self._memory.name
        offset = 0
        for key, (shape, kind) in fields.items():
            setattr(self, key, np.ndarray(shape, kind, buffer=self._memory.buf, offset=offset))
            offset += -(-sizes[key] // 64) * 64

    actions: np.ndarray[Any, Any]
    rewards: np.ndarray[Any, Any]
    terms: np.ndarray[Any, Any]
    observations: np.ndarray[Any, Any]
    final: np.ndarray[Any, Any]
    terminations: np.ndarray[Any, Any]
    truncations: np.ndarray[Any, Any]
    begun: np.ndarray[Any, Any]

    def write(self, rows: slice, step: Step) -> None:
        self.observations[rows], self.rewards[rows], self.terms[rows] = step.observations, step.rewards, step.terms
        self.terminations[rows], self.truncations[rows] = step.terminations, step.truncations
        self.begun[rows] = step.begun
        if step.final is not None:
            self.final[rows][step.begun] = step.final

    def close(self, *, unlink: bool = False) -> None:
        for key in [key for key, value in vars(self).items() if isinstance(value, np.ndarray)]:
            delattr(self, key)
        self._memory.close()
        if unlink:
            self._memory.unlink()


def _part(value: object, count: int, places: IntArray) -> object:
    array = np.asarray(value)
    return array[places] if array.ndim and len(array) == count else value


def _stop(workers: Sequence[BaseProcess], pipes: Sequence[Connection], arrays: _Arrays | None) -> None:
    for pipe in pipes:
        pipe.close()  # A process whose pipe ends, ends.
    for worker in workers:
        worker.join(5.0)
        if worker.is_alive():
            worker.kill()
            worker.join()
    if arrays is not None:
        arrays.close(unlink=True)


def _serve(pipe: Connection, payload: bytes, count: int) -> None:
    """The life of one process: build, then answer until the pipe ends."""
    try:
        build: Build = pickle.loads(payload)
        episodes = build(count)
        pipe.send(episodes.layout)
        name, num_envs, rows = pipe.recv()
        arrays = _Arrays(num_envs, episodes.layout, name)
    except (EOFError, KeyboardInterrupt, ConnectionError):
        return
    except Exception as failed:  # noqa: BLE001 - the edge of a process: it is raised again in the one that asked
        pipe.send(_told(failed))
        return
    try:
        while True:
            pipe.send(_answer(pipe.recv(), episodes, arrays, rows))
    except (EOFError, KeyboardInterrupt, ConnectionError):
        arrays.close()
        episodes.close()


def _answer(message: tuple[str, Any], episodes: Episodes, arrays: _Arrays, rows: slice) -> object:
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
