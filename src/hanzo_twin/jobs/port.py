"""What a kind of job is. A new one is one module and one line in the entry points ``hanzo_twin.jobs``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from hanzo_twin import plugins

Json = Mapping[str, Any]


class JobContext(Protocol):
    """What a running job has of the platform."""

    @property
    def directory(self) -> Path:
        """Of this job alone. It outlives the process: a job that is started again finds its checkpoints there."""
        ...

    @property
    def attempt(self) -> int:
        """1, then one more each time the job is started again after its process died."""
        ...

    @property
    def stopping(self) -> bool:
        """Whether the job shall save what it has and return: it was cancelled, or the machine goes down."""
        ...

    def report(self, progress: float, message: str = "", **metrics: float) -> None:
        """Tell how far it is (0…1), in words, and the latest values of its metrics."""
        ...

    def log(self, line: str) -> None:
        """Add a line to the log of the job. What is printed goes there as well."""
        ...


class JobKind(Protocol):
    """One kind of long work, registered under its name."""

    def check(self, spec: Json) -> Json:
        """The spec with all defaults, so that it says what will be done.

        Raises:
            InvalidInputError: it cannot be run; all that is wrong with it, at once.
        """
        ...

    def run(self, spec: Json, context: JobContext) -> Json:
        """Do it, and return what came of it as JSON.

        It may be called again with the same directory after its process died, and then goes on from there. When
        ``context.stopping`` becomes true it returns soon; what it returns is kept.

        Raises:
            HanzoTwinError: it failed; the message and hint are shown to the user.
        """
        ...


def load_kind(name: str) -> JobKind:
    """The kind of job registered as ``name``.

    Raises:
        UnsupportedError: unknown; the hint lists those installed. NotInstalledError: an extra is missing.
    """
    kind: JobKind = plugins.load(plugins.JOBS, name)()
    return kind


def kinds() -> tuple[str, ...]:
    """Names of the kinds of job that are installed."""
    return plugins.names(plugins.JOBS)
