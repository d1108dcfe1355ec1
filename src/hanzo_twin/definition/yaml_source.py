"""Reading and writing twin definitions.

Example::

    definition = load_definition("warehouse-east.yaml")
    print(dump_definition(definition))
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hanzo_twin.definition.document import (
    Document,
    Location,
    Trouble,
    location_text,
    problem_lines,
    problem_message,
)
from hanzo_twin.definition.models import AnyDefinition, InfrastructureTwinDefinition, TwinDefinition
from hanzo_twin.definition.problems import validate
from hanzo_twin.definition.reader import MAX_DEPTH, read_document, read_text
from hanzo_twin.definition.variables import escape, expand
from hanzo_twin.definition.writer import write_yaml
from hanzo_twin.errors import DefinitionError, nearest

_MODELS: dict[str, type[TwinDefinition] | type[InfrastructureTwinDefinition]] = {
    "physical": TwinDefinition,
    "infrastructure": InfrastructureTwinDefinition,
}


def load_definition(path: str | os.PathLike[str], *, environ: Mapping[str, str] = os.environ) -> AnyDefinition:
    """Read the definition in a YAML or JSON file.

    Relative paths in it are meant from the file's folder and come out absolute; ``${NAME}`` is replaced from
    ``environ``, except in secrets.

    Raises:
        DefinitionError: the file cannot be read, or something in it is wrong; ``problems`` lists all of it.
    """
    file = Path(path)
    text = read_text(file, DefinitionError)
    return parse_definition(text, str(file), folder=file.resolve().parent, environ=environ)


def parse_definition(
    text: str,
    source_name: str = "definition",
    *,
    folder: Path | None = None,
    environ: Mapping[str, str] = os.environ,
) -> AnyDefinition:
    """Read a definition from YAML or JSON text.

    Args:
        source_name: stands for the file in messages.
        folder: from where relative paths are meant; None leaves them relative.

    Raises:
        DefinitionError: as `load_definition`.
    """
    document = read_document(text)
    expanded = expand(document, environ, keep=_is_secret)
    return _build(document, expanded, source_name, folder)


def parse_definition_object(data: object, source_name: str = "definition") -> AnyDefinition:
    """Check a definition that came as data, such as the JSON body of a request.

    Nothing is replaced from the environment, which belongs to the server and not to the one who asks.

    Raises:
        DefinitionError: something in it is wrong; ``problems`` lists all of it.
    """
    document = Document(data=data, troubles=tuple(_object_troubles(data)))
    return _build(document, document, source_name, None)


def with_lines(error: DefinitionError, document: Document, source_name: str) -> DefinitionError:
    """``error`` as if it had been found in ``document``: each problem with the line at which its field stands.

    Args:
        error: from somebody who got the definition as data, and so knows fields but no lines. What it calls the
            definition ends at the first colon of a problem.
        source_name: stands for the file in messages.
    """
    places = {location_text(location): location for location in document.lines}
    troubles = []
    for problem in error.problems:
        rest = problem.partition(": ")[2]
        around = [
            text for text in places if rest.startswith(text) and rest[len(text) : len(text) + 1] in (":", ".", "[")
        ]
        nearest_place = max(around, key=len, default="")
        line = document.lines.get(places.get(nearest_place, ()))
        troubles.append(Trouble(line=line, location=(), text=rest))
    return _error(troubles, source_name, hint=error.hint)


def dump_definition(definition: AnyDefinition) -> str:
    """``definition`` as YAML; `parse_definition` gives an equal one back. Defaults are left out."""
    return write_yaml(escape(definition_object(definition), keep=_is_secret))


def definition_object(definition: AnyDefinition) -> dict[str, Any]:
    """``definition`` as JSON data without what is default; `parse_definition_object` gives an equal one back."""
    data = definition.model_dump(mode="json", exclude_defaults=True)
    # `type` decides which kind of definition it is, so it is always written.
    return {"type": definition.type, **data}


def definition_json_schema() -> dict[str, Any]:
    """JSON Schema of both kinds of definition, for editors and for the API."""
    physical = TwinDefinition.model_json_schema(ref_template="#/$defs/{model}")
    infrastructure = InfrastructureTwinDefinition.model_json_schema(ref_template="#/$defs/{model}")
    shared = {**physical.pop("$defs"), **infrastructure.pop("$defs")}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Twin definition",
        "anyOf": [{"$ref": "#/$defs/TwinDefinition"}, {"$ref": "#/$defs/InfrastructureTwinDefinition"}],
        "$defs": {**shared, "TwinDefinition": physical, "InfrastructureTwinDefinition": infrastructure},
    }


def _build(document: Document, expanded: Document, source_name: str, folder: Path | None) -> AnyDefinition:
    troubles = list(expanded.troubles)
    if not isinstance(expanded.data, dict):
        given = {list: "a list", type(None): "nothing"}.get(type(expanded.data), "one value")
        text = f"must be a mapping (name: value), got {given}"
        raise _error(troubles or [document.trouble((), text)], source_name)
    kind = expanded.data.get("type", "physical")
    model = _MODELS.get(kind) if isinstance(kind, str) else None
    if model is None:
        text = f"unknown type '{str(kind)[:80]}'. {nearest(str(kind), _MODELS)}"
        troubles.append(document.trouble(("type",), text))
        raise _error(troubles, source_name)
    definition, found = validate(model, document, expanded, {"folder": folder})
    troubles += found
    if definition is None or troubles:
        raise _error(troubles, source_name)
    return definition


def _error(troubles: Sequence[Trouble], source_name: str, hint: str = "") -> DefinitionError:
    problems = problem_lines(troubles, source_name)
    return DefinitionError(problem_message("The definition has", problems), hint=hint, problems=problems)


def _is_secret(location: Location) -> bool:
    return location[:1] == ("sync",) and location[-1:] == ("password",)


def _object_troubles(data: object, location: Location = ()) -> list[Trouble]:
    """Numbers that are not finite and nesting that is too deep; JSON parsers let both through."""
    if len(location) > MAX_DEPTH:
        return [Trouble(line=None, location=location[:3], text=f"nested deeper than {MAX_DEPTH} levels")]
    if isinstance(data, float) and not math.isfinite(data):
        return [Trouble(line=None, location=location, text=f"must be a finite number, got {data}")]
    if isinstance(data, Mapping):
        return [trouble for key, item in data.items() for trouble in _object_troubles(item, (*location, str(key)))]
    if isinstance(data, list | tuple):
        return [trouble for index, item in enumerate(data) for trouble in _object_troubles(item, (*location, index))]
    return []
