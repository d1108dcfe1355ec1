"""Checkpoints of a twin on disk: the newest, and the one before it in case the newest cannot be read."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass

from hanzo_twin.errors import StateError, StoreUnavailableError
from hanzo_twin.runtime.directory import RuntimeFiles, write_atomically
from hanzo_twin.runtime.spec import RuntimeSpec
from hanzo_twin.twin.state import TwinState

log = logging.getLogger(__name__)


def write_checkpoint(files: RuntimeFiles, state: TwinState) -> None:
    """Keep ``state`` as the newest checkpoint, safe on disk when this returns.

    Raises:
        StoreUnavailableError: the disk is full; the checkpoints there were are still there.
    """
    data = state.to_bytes()
    temporary = files.checkpoint.with_name("checkpoint.next.state")
    write_atomically(temporary, data)
    try:
        if files.checkpoint.exists():
            files.checkpoint.replace(files.previous_checkpoint)
        temporary.replace(files.checkpoint)
    except OSError as error:
        raise StoreUnavailableError(f"'{files.checkpoint}' cannot be written: {error.strerror}.") from error


@dataclass(frozen=True, kw_only=True)
class Beginning:
    """A state to begin from; None is the scene as it was authored. A checkpoint may be passed over, the rest not."""

    name: str
    state: TwinState | None
    checkpoint: bool = False


def beginnings(spec: RuntimeSpec, files: RuntimeFiles) -> Iterator[Beginning]:
    """What to begin from, the best first.

    A checkpoint that cannot be read is logged and left out. The initial state of a fork is not optional.

    Raises:
        StateError, StoreUnavailableError: the initial state is damaged or cannot be read.
    """
    if spec.resume:
        for path in (files.checkpoint, files.previous_checkpoint):
            try:
                yield Beginning(name=path.name, state=TwinState.from_bytes(path.read_bytes()), checkpoint=True)
            except FileNotFoundError:
                continue
            except (OSError, StateError) as error:
                log.warning("The checkpoint '%s' cannot be used: %s", path, error)
    if spec.initial_state is None:
        yield Beginning(name="scene", state=None)
        return
    try:
        data = spec.initial_state.read_bytes()
    except OSError as error:
        raise StoreUnavailableError(
            f"The initial state '{spec.initial_state}' of twin '{spec.name}' cannot be read: {error.strerror}."
        ) from error
    yield Beginning(name="initial state", state=TwinState.from_bytes(data))
