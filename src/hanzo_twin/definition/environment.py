"""Settings from environment variables: ``HANZO_TWIN_DATABASE_URL`` is ``database.url``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from hanzo_twin.definition.document import Document, Location, Trouble
from hanzo_twin.errors import nearest

PREFIX = "HANZO_TWIN_"
CONFIG_VARIABLE = "HANZO_TWIN_CONFIG"

# These steer the command line, the cameras and the tests; they are not settings.
_OF_OTHERS = frozenset({"HANZO_TWIN_URL", "HANZO_TWIN_DEBUG", "HANZO_TWIN_RENDERER", "HANZO_TWIN_REQUIRE_PEERS"})

# Kubernetes sets these in every pod beside a Service named hanzo-twin; they are not settings.
_OF_KUBERNETES = re.compile(r"HANZO_TWIN_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_\w+)?)?)")


def overlay(document: Document, schema: Mapping[str, Any], environ: Mapping[str, str]) -> Document:
    """``document`` with the values of ``HANZO_TWIN_*`` variables put over its own.

    An empty variable counts as not set. One that names no setting becomes a trouble with the nearest that does.

    Args:
        schema: JSON schema of the settings.
    """
    known = dict(_variables(schema))
    data, origins, troubles = document.data, dict(document.origins), list(document.troubles)
    for variable, text in sorted(environ.items()):
        ignored = variable in (CONFIG_VARIABLE, *_OF_OTHERS) or _OF_KUBERNETES.fullmatch(variable)
        if not variable.startswith(PREFIX) or ignored or not text:
            continue
        found = known.get(variable) or _under_a_name(variable, known)
        if found is None:
            names = {CONFIG_VARIABLE, *(name for name in known if "*" not in name)}
            unknown = f"unknown variable {variable}. {nearest(variable, names)}"
            troubles.append(Trouble(line=None, location=(), text=unknown, origin="environment"))
            continue
        location, is_list = found
        if isinstance(data, dict):
            data = _put(data, location, _parts(text) if is_list else text)
            origins[location] = f"environment variable {variable}"
    return Document(data=data, lines=document.lines, troubles=tuple(troubles), origins=origins)


def _variables(schema: Mapping[str, Any]) -> Iterator[tuple[str, tuple[Location, bool]]]:
    """Every variable with the location it stands for and whether that is a list; ``*`` stands for any name."""
    definitions = schema["$defs"]

    def walk(part: Mapping[str, Any], location: tuple[str, ...]) -> Iterator[tuple[str, tuple[Location, bool]]]:
        if "$ref" in part:
            part = definitions[part["$ref"].rpartition("/")[2]]
        if "properties" in part:
            for name, child in part["properties"].items():
                yield from walk(child, (*location, name))
        elif isinstance(part.get("additionalProperties"), Mapping):
            yield from walk(part["additionalProperties"], (*location, "*"))
        else:
            yield PREFIX + "_".join(location).upper(), (location, part.get("type") == "array")

    return walk(schema, ())


def _under_a_name(variable: str, known: Mapping[str, tuple[Location, bool]]) -> tuple[Location, bool] | None:
    """The setting ``engines.<name>.<field>``; of several that fit, the one with the longest field."""
    best: tuple[int, tuple[Location, bool]] | None = None
    for pattern, (location, is_list) in known.items():
        before, star, after = pattern.partition("*")
        name = variable[len(before) : len(variable) - len(after)].lower()
        if star and variable.startswith(before) and variable.endswith(after) and name:
            found = tuple(name if step == "*" else step for step in location), is_list
            best = max(best or (0, found), (len(after), found))
    return best[1] if best else None


def _put(data: Mapping[str, Any], location: Location, value: Any) -> dict[str, Any]:
    step, rest = str(location[0]), location[1:]
    if not rest:
        return {**data, step: value}
    inner = data.get(step)
    if inner is not None and not isinstance(inner, Mapping):
        return dict(data)  # what stands there is wrong and will be told
    return {**data, step: _put(inner or {}, rest, value)}


def _parts(text: str) -> list[Any]:
    """A list as JSON or separated by commas."""
    if text.lstrip().startswith("["):
        try:
            parts = json.loads(text)
        except ValueError:
            return [text]
        return list(parts)
    return [part.strip() for part in text.split(",")]
