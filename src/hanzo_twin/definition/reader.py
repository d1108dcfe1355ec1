"""Reading YAML (and JSON) text into a `Document`.

Only plain data comes out: mappings with text keys, lists, text, numbers, booleans and null. What a configuration has no
use for is refused with its line: tags, numbers that are not finite, duplicate keys, and text built to exhaust memory.
"""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError, YAMLStreamError
from ruamel.yaml.events import (
    AliasEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from hanzo_twin.definition.document import Document, Location, Trouble
from hanzo_twin.errors import InvalidInputError

MAX_BYTES = 1_000_000
MAX_DEPTH = 50
MAX_NODES = 100_000

_TAG = "tag:yaml.org,2002:"
_NOT_FINITE = re.compile(r"[-+]?\.(inf|nan)", re.IGNORECASE)
_WHOLE = re.compile(r"[-+]?[0-9][0-9_]*")


def read_text(file: Path, failure: type[InvalidInputError]) -> str:
    """The text of a definition or settings file.

    Raises:
        failure: it is not there, is not a file, is too large, or is not UTF-8.
    """
    try:
        with file.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise failure(
            f"Cannot read {file}: {error.strerror or error}.", hint="Check the path and its permissions."
        ) from error
    if len(raw) > MAX_BYTES:
        raise failure(f"{file} is larger than {MAX_BYTES // 1000} kB.", hint="Is it the right file?")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise failure(f"{file}:{line}: is not UTF-8 text.", hint="Save the file as UTF-8.") from error


def read_document(text: str) -> Document:
    """Read YAML 1.2 or JSON. Text that is not YAML at all comes back as one trouble, empty text as None."""
    if len(text) > MAX_BYTES or len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        return _refused(None, f"the text is larger than {MAX_BYTES // 1000} kB")
    if text.lstrip().startswith("{") and "\t" in text:
        text = _tabs_to_spaces_if_json(text)
    try:
        excess = _excess(text)
        if excess is not None:
            return _refused(*excess)
        root = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        return _not_yaml(error)
    except (YAMLStreamError, YAMLError, ValueError) as error:
        return _refused(None, f"not valid YAML: {' '.join(str(error).split())[:200]}")
    if root is None:
        return Document(data=None, lines={(): 1})
    return _Reader().read(root)


def _refused(line: int | None, text: str) -> Document:
    return Document(data=None, troubles=(Trouble(line=line, location=(), text=text),))


def _not_yaml(error: MarkedYAMLError) -> Document:
    mark = error.problem_mark or error.context_mark
    said = " ".join(str(error.problem or error.context or "cannot be read").split())
    if "'\\t'" in said:
        said = "a tab is used where YAML allows only spaces; indent with spaces"
    elif "single document" in str(error.context):
        said = "there is a second document (a line ---); write one definition per file"
    return _refused(mark.line + 1 if mark else None, f"not valid YAML: {said}")


def _tabs_to_spaces_if_json(text: str) -> str:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return text
    # Within JSON a raw tab can only stand between tokens, so nothing but white space changes.
    return text.replace("\t", " ")


def _excess(text: str) -> tuple[int, str] | None:
    """Line and words for nesting or a number of nodes beyond the limits, found without building anything."""
    depth = count = 0
    for event in YAML(typ="safe", pure=True).parse(text):
        if isinstance(event, MappingStartEvent | SequenceStartEvent):
            depth += 1
        elif isinstance(event, MappingEndEvent | SequenceEndEvent):
            depth -= 1
        count += isinstance(event, MappingStartEvent | SequenceStartEvent | ScalarEvent | AliasEvent)
        if depth > MAX_DEPTH:
            return event.start_mark.line + 1, f"nested deeper than {MAX_DEPTH} levels"
        if count > MAX_NODES:
            return event.start_mark.line + 1, f"more than {MAX_NODES} values"
    return None


class _TooMuch(Exception):
    """Aliases stand for more values than are allowed."""


class _Reader:
    """Turns a tree of YAML nodes into plain data."""

    def __init__(self) -> None:
        self.lines: dict[Location, int] = {}
        self.troubles: list[Trouble] = []
        self._count = 0
        self._open: set[int] = set()

    def read(self, root: Node) -> Document:
        try:
            data = self._value(root, ())
        except _TooMuch:
            return _refused(None, f"its aliases stand for more than {MAX_NODES} values or {MAX_DEPTH} levels")
        return Document(data=data, lines=self.lines, troubles=tuple(self.troubles))

    def _trouble(self, node: Node, location: Location, text: str) -> None:
        self.troubles.append(Trouble(line=node.start_mark.line + 1, location=location, text=text))

    def _value(self, node: Node, location: Location) -> Any:
        self._count += 1
        if self._count > MAX_NODES or len(location) > MAX_DEPTH:
            raise _TooMuch
        self.lines.setdefault(location, node.start_mark.line + 1)
        if id(node) in self._open:
            self._trouble(node, location, "an alias refers to something that contains it")
            return None
        if isinstance(node, ScalarNode):
            return self._scalar(node, location)
        self._open.add(id(node))
        try:
            if not str(node.tag).startswith((f"{_TAG}map", f"{_TAG}seq")):
                self._trouble(node, location, f"the tag {node.tag} is not allowed here")
            if isinstance(node, MappingNode):
                return self._mapping(node, location)
            if isinstance(node, SequenceNode):
                return [self._value(item, (*location, index)) for index, item in enumerate(node.value)]
            raise TypeError(f"unknown kind of YAML node: {type(node).__name__}")
        finally:
            self._open.discard(id(node))

    def _mapping(self, node: MappingNode, location: Location) -> dict[str, Any]:
        data: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = key_node.value if isinstance(key_node, ScalarNode) else None
            if key == "<<" and key_node.style is None:
                merged = {**self._merged(value_node, location), **merged}
                continue
            if not isinstance(key, str) or (key_node.style is None and key_node.tag != f"{_TAG}str"):
                self._trouble(key_node, location, f"the key {str(key)[:80]} must be text; put it in quotes")
                continue
            here = (*location, key)
            if key in data:
                self._trouble(key_node, here, f"given twice; the first is on line {self.lines[here]}")
                continue
            self.lines[here] = key_node.start_mark.line + 1
            data[key] = self._value(value_node, here)
        return {**merged, **data}

    def _merged(self, node: Node, location: Location) -> dict[str, Any]:
        value = self._value(node, location)
        parts = value if isinstance(value, list) else [value]
        if not all(isinstance(part, dict) for part in parts):
            self._trouble(node, location, "<< must name a mapping, or a list of them")
            return {}
        merged: dict[str, Any] = {}
        for part in parts:
            merged = {**part, **merged}
        return merged

    def _scalar(self, node: ScalarNode, location: Location) -> Any:
        tag = str(node.tag).removeprefix(_TAG)
        text = str(node.value)
        if tag == "null":
            return None
        if tag == "bool":
            return text.lower() in ("true", "yes", "on")
        if tag in ("int", "float"):
            return self._number(node, text, location)
        if tag in ("str", "timestamp", "value"):
            return self._text(node, text, location)
        self._trouble(node, location, f"the tag {node.tag} is not allowed here")
        return None

    def _number(self, node: ScalarNode, text: str, location: Location) -> int | float | None:
        try:
            if _WHOLE.fullmatch(text):
                return int(text.replace("_", ""))
            if text.lower().lstrip("+-").startswith(("0x", "0o", "0b")):
                return int(text.replace("_", ""), 0)
            # YAML writes .inf and .nan where Python reads inf and nan.
            number = math.inf if _NOT_FINITE.fullmatch(text) else float(text.replace("_", ""))
        except ValueError:
            self._trouble(node, location, f"{text[:40]} is not a number that can be read")
            return None
        if not math.isfinite(number):
            self._trouble(node, location, f"must be a finite number, got {text[:40]}")
            return None
        return number

    def _text(self, node: ScalarNode, text: str, location: Location) -> str | None:
        try:
            # JSON writes characters beyond 16 bits as two escapes, which belong together.
            return text.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            self._trouble(node, location, "contains half of a character (an unpaired surrogate)")
            return None
