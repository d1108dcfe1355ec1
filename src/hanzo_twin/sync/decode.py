"""From messages to readings: decode the payload, pick the mapped fields, convert to SI."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from hanzo_twin.definition.topics import Binding
from hanzo_twin.engines.vectors import LARGEST
from hanzo_twin.errors import counted
from hanzo_twin.spatial import IntArray
from hanzo_twin.sync.port import Message
from hanzo_twin.sync.signals import SignalTable

_TIME_FIELDS = ("timestamp", "time")
_NAMES_KEPT = 1000
_LATEST_S = 8e9
"""Largest |time stamp| that is taken for seconds, the year 2223, which is also where the history ends."""


@dataclass(slots=True)
class Readings:
    """Readings in the order of arrival, one list per field.

    Args:
        columns: signal of each reading.
        values: SI.
        times: device time, s; NaN where the message carried none.
        received: wall time of arrival, s.
    """

    columns: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    received: list[float] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.columns)

    def select(self, chosen: IntArray) -> Readings:
        """Those of these indices."""
        fields = (self.columns, self.values, self.times, self.received)
        return Readings(*([values[index] for index in chosen] for values in fields))


@dataclass(frozen=True, kw_only=True)
class Rejection:
    """A message, or one field of it, that is not a reading; ``reason`` says why."""

    channel: str
    reason: str
    payload: str
    received: float


@dataclass(frozen=True, kw_only=True, slots=True)
class _Pick:
    """One mapping, compiled: SI value = reading · factor + offset, of at most ``largest`` where it moves the twin."""

    key: str
    path: tuple[str, ...]
    columns: tuple[int, ...]
    factor: float
    offset: float
    largest: float


_Picks = tuple[tuple[tuple[str, ...], tuple[_Pick, ...]], ...]
"""The picks of one channel, by the path of their time stamp."""


class Decoder:
    """Decodes the messages of one source.

    A JSON payload may be a number, an array (for vectors), or an object. In an object the value is at the mapping's
    field path, or under ``value``; the device's time is at ``timestamp_field``, or under ``timestamp`` or ``time``.

    Raises:
        AddressError: a mapping names what the scene does not have.
    """

    def __init__(self, bindings: Mapping[str, Sequence[Binding]], table: SignalTable) -> None:
        self._picks = {channel: _compile(bound, table) for channel, bound in bindings.items()}
        self.unmapped: Counter[str] = Counter()
        self.unmapped_total = 0
        self.rejected = 0

    def decode(self, messages: Iterable[Message], readings: Readings) -> list[Rejection]:
        """Append what ``messages`` hold to ``readings``; returns what could not be used."""
        rejections: list[Rejection] = []
        for message in messages:
            picks = self._picks.get(message.channel)
            if picks is None:
                self._note_unmapped(message.channel)
                continue
            payload = message.payload
            try:
                content = orjson.loads(payload) if isinstance(payload, bytes) else dict(payload)
            except ValueError as trouble:
                rejections.append(_rejection(message, f"no JSON: {trouble}"))
                continue
            for time_path, group in picks:
                try:
                    time = _time_of(content, time_path)
                except ValueError as trouble:
                    rejections.append(_rejection(message, str(trouble)))
                    continue
                for pick in group:
                    try:
                        _read(pick, content, time, message.received, readings)
                    except ValueError as trouble:
                        rejections.append(_rejection(message, str(trouble)))
        self.rejected += len(rejections)
        return rejections

    def _note_unmapped(self, channel: str) -> None:
        """Count it by name; channels come from the peer, so only so many names are remembered."""
        self.unmapped_total += 1
        if channel in self.unmapped or len(self.unmapped) < _NAMES_KEPT:
            self.unmapped[channel] += 1


def _compile(bound: Sequence[Binding], table: SignalTable) -> _Picks:
    grouped: dict[tuple[str, ...], list[_Pick]] = {}
    for binding in bound:
        target = binding.target
        path = tuple(target.timestamp_field.split(".")) if target.timestamp_field else ()
        offset = target.to_si(0.0)
        columns = table.resolve(target)
        moving = any(table.signals[column].quantity.kind in ("input", "state") for column in columns)
        pick = _Pick(
            key=binding.key,
            path=binding.field,
            columns=columns,
            factor=target.to_si(1.0) - offset,
            offset=offset,
            largest=LARGEST if moving else math.inf,
        )
        grouped.setdefault(path, []).append(pick)
    return tuple((path, tuple(picks)) for path, picks in grouped.items())


def _read(pick: _Pick, content: Any, time: float, received: float, readings: Readings) -> None:
    """Append the reading, or those of a vector, that ``pick`` finds in ``content``.

    Raises:
        ValueError: there is none; nothing is appended then.
    """
    columns = pick.columns
    value = content
    if pick.path:
        value = _follow(content, pick.path)
    elif isinstance(content, dict):
        value = content.get("value", content.get("position") if len(columns) > 1 else None)
    if isinstance(value, list):
        if len(value) != len(columns):
            raise ValueError(f"'{pick.key}' needs {counted(len(columns), 'number')}, got an array of {len(value)}")
        numbers = [_number(pick, each) for each in value]
    elif len(columns) == 1:
        numbers = [_number(pick, value)]
    else:
        raise ValueError(f"'{pick.key}' needs {counted(len(columns), 'number')}, got {type(value).__name__}")
    readings.columns += columns
    readings.values += numbers
    readings.times += [time] * len(columns)
    readings.received += [received] * len(columns)


def _number(pick: _Pick, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"'{pick.key}' must be a number, got {_short(value)}")
    number = value * pick.factor + pick.offset
    if not math.isfinite(number):
        raise ValueError(f"'{pick.key}' is not finite")
    if abs(number) > pick.largest:
        raise ValueError(f"'{pick.key}' is {number:g}, which nothing can be")
    return number


def _follow(content: Any, path: Sequence[str]) -> Any:
    for step in path:
        if isinstance(content, dict) and step in content:
            content = content[step]
        elif isinstance(content, list) and step.isdigit() and int(step) < len(content):
            content = content[int(step)]
        else:
            raise ValueError(f"the payload has no field '{'.'.join(path)}'")
    return content


def _time_of(content: Any, path: Sequence[str]) -> float:
    """Device time in seconds, NaN where the payload has none.

    Raises:
        ValueError: what is there is no time stamp.
    """
    if path:
        stamp = _follow(content, path)
    elif isinstance(content, dict):
        stamp = next((content[name] for name in _TIME_FIELDS if name in content), None)
    else:
        stamp = None
    if stamp is None:
        return math.nan
    if isinstance(stamp, (int, float)) and not isinstance(stamp, bool) and math.isfinite(stamp):
        return _checked_time(float(stamp))
    if isinstance(stamp, str):
        try:
            moment = datetime.fromisoformat(stamp)
        except ValueError:
            raise ValueError(f"the time stamp {_short(stamp)} is neither seconds nor ISO 8601") from None
        if moment.tzinfo is None:
            raise ValueError(f"the time stamp {_short(stamp)} has no time zone")
        return _checked_time(moment.timestamp())
    raise ValueError(f"the time stamp {_short(stamp)} is neither seconds nor ISO 8601")


def _checked_time(seconds: float) -> float:
    if abs(seconds) > _LATEST_S:
        raise ValueError(f"the time stamp {seconds:.6g} s is beyond ±{_LATEST_S:g} s; were milliseconds sent?")
    return seconds


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


def _rejection(message: Message, reason: str) -> Rejection:
    payload = message.payload
    text = payload[:200].decode("utf-8", "replace") if isinstance(payload, bytes) else _short(dict(payload))
    return Rejection(channel=message.channel, reason=reason, payload=text, received=message.received)
