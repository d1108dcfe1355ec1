"""Plain data as YAML text that `hanzo_twin.definition.reader` reads back unchanged.

Text that could be taken for something else, or holds characters that YAML would fold or drop, is written as a JSON
string, which is YAML too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

_PLAIN = re.compile(r"[A-Za-z_/](?:[A-Za-z0-9_./:+@-]*[A-Za-z0-9_./+@-])?")
_WORDS = frozenset(("null", "true", "false", "yes", "no", "on", "off", "y", "n"))


def write_yaml(data: Mapping[str, Any]) -> str:
    """``data``, made of mappings, lists, text, numbers, booleans and None, in block style."""
    return "\n".join(_mapping(data)) + "\n"


def _mapping(data: Mapping[str, Any]) -> Iterator[str]:
    for key, value in data.items():
        if isinstance(value, Mapping | list) and value:
            yield f"{_text(key)}:"
            yield from (f"  {line}" for line in _lines(value))
        else:
            yield f"{_text(key)}: {_scalar(value)}"


def _lines(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping) and value:
        yield from _mapping(value)
    elif isinstance(value, list) and value:
        for item in value:
            yield from (f"{'  ' if index else '- '}{line}" for index, line in enumerate(_lines(item)))
    else:
        yield _scalar(value)


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        return _text(value)
    return json.dumps(value, allow_nan=False)


def _text(text: str) -> str:
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    return "".join(
        letter if letter.isprintable() else f"\\U{ord(letter):08x}" for letter in json.dumps(text, ensure_ascii=False)
    )
