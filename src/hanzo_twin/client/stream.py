"""What arrives piece by piece: server-sent events and files."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import IO, Self, TypeVar

from pydantic import BaseModel, ValidationError

from hanzo_twin.errors import ConflictError, HanzoTwinError, InvalidInputError, StoreUnavailableError
from hanzo_twin.service.problems import from_problem
from hanzo_twin.service.views import EventView, JobLineView, JobView

View = TypeVar("View", bound=BaseModel)


@dataclass(frozen=True, kw_only=True)
class StreamEvent:
    """One server-sent event. ``id`` is where to go on after it, "" where it says nothing of that."""

    kind: str
    text: str
    id: str


class EventParser:
    """Lines of ``text/event-stream`` into events (HTML Living Standard, section 9.2); keep-alives are dropped."""

    def __init__(self) -> None:
        self._fields: dict[str, str] = {}
        self._data: list[str] = []

    def feed(self, line: str) -> Iterator[StreamEvent]:
        """Take one line; the event that it ends. Raises the error that the server sent."""
        if line:
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if name == "data":
                self._data.append(value)
            elif name in ("event", "id"):
                self._fields[name] = value
            return
        text, fields = "\n".join(self._data), self._fields
        self._data, self._fields = [], {}
        if fields.get("event") == "problem":
            raise from_problem(json.loads(text))
        if text:
            yield StreamEvent(kind=fields.get("event", ""), text=text, id=fields.get("id", ""))


def read_event(event: StreamEvent) -> EventView:
    """What happened to a twin."""
    return _read(EventView, event.text)


def read_job(event: StreamEvent) -> JobLineView | JobView:
    """A line of a job's log, or the job as it is now."""
    return _read(JobLineView, event.text) if event.kind == "line" else _read(JobView, event.text)


def _read(view: type[View], text: str) -> View:
    try:
        return view.model_validate_json(text)
    except ValidationError as error:
        raise HanzoTwinError(f"The server sent an event that cannot be read: {text[:200]}") from error


class PartialFile:
    """A file that appears under its name only when all of it has been written.

    Raises:
        ConflictError: there is one, and ``overwrite`` is not set. InvalidInputError: it cannot be made there.
        StoreUnavailableError: the disk is full.
    """

    def __init__(self, path: Path, filename: str, *, overwrite: bool = False) -> None:
        # What the server calls the file may name no other folder.
        self.target = path / PurePosixPath(filename).name if path.is_dir() else path
        self._partial = self.target.with_name(f".{self.target.name}.{os.getpid()}.partial")
        self._overwrite = overwrite
        self._file: IO[bytes]

    def __enter__(self) -> Self:
        if self.target.is_file() and not self._overwrite:
            raise ConflictError(
                f"'{self.target}' exists already; it is not replaced.",
                hint="Name another file, or replace it with --force (overwrite=True).",
            )
        try:
            self._file = self._partial.open("wb")
        except OSError as error:
            raise InvalidInputError(f"'{self.target}' cannot be written: {error.strerror}.") from error
        return self

    def write(self, data: bytes) -> None:
        try:
            self._file.write(data)
        except OSError as error:
            raise StoreUnavailableError(f"'{self.target}' cannot be written: {error.strerror}.") from error

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        if error is None:
            self._partial.replace(self.target)
        else:
            self._partial.unlink(missing_ok=True)
