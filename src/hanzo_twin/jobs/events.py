"""What a job's process tells its worker: one JSON object a line, over a pipe."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import IO, Any


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far it is (0…1), in words, with the latest values of its metrics."""

    fraction: float
    message: str = ""
    metrics: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Succeeded:
    """It is done. ``stopped``: because it was asked to stop; there may be more to do."""

    result: dict[str, Any]
    stopped: bool = False


@dataclass(frozen=True, kw_only=True)
class Failed:
    """It cannot be done, in words for the user; trying again would not help."""

    code: str
    message: str
    hint: str = ""


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line of the log."""

    text: str


Event = Progress | Succeeded | Failed | Line
_KINDS: dict[str, type[Event]] = {kind.__name__: kind for kind in (Progress, Succeeded, Failed, Line)}


def write(pipe: IO[str], event: Event) -> None:
    """Send one event; numbers that are not finite become null, since JSON has none."""
    fields = _finite(vars(event))
    pipe.write(json.dumps({"event": type(event).__name__, **fields}) + "\n")
    pipe.flush()


def parse(line: str) -> Event | None:
    """The event in ``line``; None for a line that a dying process did not finish."""
    try:
        fields = json.loads(line)
        return _KINDS[fields.pop("event")](**fields)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
