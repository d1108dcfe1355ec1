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
from hanzo_twin.sync.port import Message
from hanzo_twin.sync.signals import SignalTable

_TIME_FIELDS = ("timestamp", "time")


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


@dataclass(frozen=True, kw_only=True)
class Rejection:
    """A message, or one field of it, that is no reading; ``reason`` says why."""

    channel: str
    reason: str
    payload: str
    received: float


@dataclass(frozen=True, kw_only=True, slots=True)
class _Pick:
    path: tuple[str, ...]
    columns: tuple[int, ...]
    binding: Binding
    time_path: tuple[str, ...]


class Decoder:
    """Decodes the messages of one source.

    A JSON payload may be a number, an array (for vectors), or an object. In an object the value is at the mapping's
    field path, or under ``value``; the device's time is at ``timestamp_field``, or under ``timestamp`` or ``time``.

    Raises:
        AddressError: a mapping names what the scene does not have.
    """

    def __init__(self, bindings: Mapping[str, Sequence[Binding]], table: SignalTable) -> None:
        self._picks = {
            channel: tuple(
                _Pick(
                    path=binding.field,
                    columns=table.resolve(binding.target),
                    binding=binding,
                    time_path=tuple((binding.target.timestamp_field or "").split("."))
                    if binding.target.timestamp_field
                    else (),
                )
                for binding in bound
            )
            for channel, bound in bindings.items()
        }
        self.unmapped: Counter[str] = Counter()
        self.rejected = 0

    def decode(self, messages: Iterable[Message], readings: Readings) -> list[Rejection]:
        """Append what ``messages`` hold to ``readings``; returns what could not be used."""
        rejections: list[Rejection] = []
        for message in messages:
            picks = self._picks.get(message.channel)
            if picks is None:
                # Topics come from the peer: remember only so many names.
                if message.channel in self.unmapped or len(self.unmapped) < 1000:
                    self.unmapped[message.channel] += 1
                continue
            try:
                payload = message.payload
                content = orjson.loads(payload) if isinstance(payload, bytes) else payload
                for pick in picks:
                    self._read(pick, content, message.received, readings)
            except ValueError as trouble:
                rejections.append(_rejection(message, str(trouble)))
        self.rejected += len(rejections)
        return rejections

    @staticmethod
    def _read(pick: _Pick, content: Any, received: float, readings: Readings) -> None:
        value = content
        if pick.path:
            value = _follow(content, pick.path)
        elif isinstance(content, Mapping):
            value = content.get("value", content.get("position") if len(pick.columns) > 1 else None)
        time = _time_of(content, pick.time_path)
        columns = pick.columns
        if len(columns) == 1 and not isinstance(value, list):
            values: Sequence[Any] = (value,)
        elif isinstance(value, list) and len(value) == len(columns):
            values = value
        else:
            got = f"an array of {len(value)}" if isinstance(value, list) else type(value).__name__
            raise ValueError(f"'{pick.binding.key}' needs {len(columns)} number(s), got {got}")
        to_si = pick.binding.target.to_si
        converted = []
        for number in values:
            if isinstance(number, bool) or not isinstance(number, (int, float)):
                raise ValueError(f"'{pick.binding.key}' must be a number, got {_short(number)}")
            converted.append(to_si(number))
            if not math.isfinite(converted[-1]):
                raise ValueError(f"'{pick.binding.key}' is not finite")
        readings.columns += columns
        readings.values += converted
        readings.times += [time] * len(columns)
        readings.received += [received] * len(columns)


def _follow(content: Any, path: Sequence[str]) -> Any:
    for step in path:
        if isinstance(content, Mapping) and step in content:
            content = content[step]
        elif isinstance(content, list) and step.isdigit() and int(step) < len(content):
            content = content[int(step)]
        else:
            raise ValueError(f"the payload has no field '{'.'.join(path)}'")
    return content


def _time_of(content: Any, path: Sequence[str]) -> float:
    """Device time in seconds, NaN where the payload has none."""
    if path:
        stamp = _follow(content, path)
    elif isinstance(content, Mapping):
        stamp = next((content[name] for name in _TIME_FIELDS if name in content), None)
    else:
        stamp = None
    if stamp is None:
        return math.nan
    if isinstance(stamp, (int, float)) and not isinstance(stamp, bool) and math.isfinite(stamp):
        return float(stamp)
    if isinstance(stamp, str):
        try:
            moment = datetime.fromisoformat(stamp)
        except ValueError:
            raise ValueError(f"the time stamp {_short(stamp)} is neither seconds nor ISO 8601") from None
        if moment.tzinfo is None:
            raise ValueError(f"the time stamp {_short(stamp)} has no time zone")
        return moment.timestamp()
    raise ValueError(f"the time stamp {_short(stamp)} is neither seconds nor ISO 8601")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


def _rejection(message: Message, reason: str) -> Rejection:
    payload = message.payload
    text = payload[:200].decode("utf-8", "replace") if isinstance(payload, bytes) else _short(dict(payload))
    return Rejection(channel=message.channel, reason=reason, payload=text, received=message.received)
