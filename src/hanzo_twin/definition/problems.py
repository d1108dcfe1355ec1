"""Words for what pydantic found wrong: the place, what was given, what is allowed and what is nearest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from hanzo_twin.definition.document import Document, Location, Trouble
from hanzo_twin.errors import nearest

_WANTED = {
    "float_type": "a number",
    "float_parsing": "a number",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing_size": "a smaller whole number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "text",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a mapping (name: value)",
    "mapping_type": "a mapping (name: value)",
    "model_type": "a mapping (name: value)",
    "model_attributes_type": "a mapping (name: value)",
    "finite_number": "a finite number",
    "uuid_parsing": "a UUID",
    "uuid_type": "a UUID",
    "datetime_type": "a date and time such as 2026-02-20T00:00:00Z",
    "datetime_parsing": "a date and time such as 2026-02-20T00:00:00Z",
    "datetime_from_date_parsing": "a date and time such as 2026-02-20T00:00:00Z",
    "timezone_aware": "a date and time with a time zone, such as 2026-02-20T00:00:00Z",
    "path_type": "a path",
}
_FOLLOW_UPS = ("too_short", "too_long")


ModelT = TypeVar("ModelT", bound=BaseModel)


def validate(
    model: type[ModelT], document: Document, expanded: Document, context: Mapping[str, Any]
) -> tuple[ModelT | None, list[Trouble]]:
    """Make a ``model`` of ``expanded.data``; what is wrong is told in terms of ``document``, as the user wrote it."""
    try:
        return model.model_validate(expanded.data, context=dict(context)), []
    except ValidationError as error:
        return None, _validation_troubles(error, model, document, {trouble.location for trouble in expanded.troubles})


def _validation_troubles(
    error: ValidationError, model: type[BaseModel], document: Document, refused: Set[Location]
) -> list[Trouble]:
    """One trouble for each error. Values are quoted as they stand in ``document``, secrets not at all.

    What was ``refused`` before is not told again.
    """
    schema = model.model_json_schema()
    details = error.errors(include_url=False)
    places = [detail["loc"] for detail in details]
    troubles = []
    for detail in details:
        place = detail["loc"]
        if detail["type"] == "default_factory_not_called":
            continue
        if detail["type"] in _FOLLOW_UPS and any(other[: len(place)] == place != other for other in places):
            continue
        location, found, parent = _follow(schema, place)
        if any(earlier[: len(location)] == location for earlier in refused):
            continue
        given = _quote(document.data, location, found)
        troubles.append(document.trouble(location, _words(detail, given=given, parent=parent)))
    return troubles


def _words(detail: ErrorDetails, *, given: str, parent: Mapping[str, Any]) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    got = f", got {given}" if given else ""
    match kind:
        case "stated":
            return detail["msg"]
        case "missing":
            return "is required" if isinstance(detail["loc"][-1], str) else "is missing: the list is too short"
        case "extra_forbidden":
            name = str(detail["loc"][-1])
            return f"unknown field '{name[:80]}'. {nearest(name, parent.get('properties', {}))}"
        case "literal_error" | "enum":
            allowed = _unquoted(context["expected"].replace(" or ", ", "))
            return f"must be one of the allowed values{got}. {nearest(str(detail['input'])[:80], allowed)}"
        case "union_tag_invalid":
            tag, name = str(context["tag"])[:80], _unquoted(context["discriminator"])[0]
            return f"unknown {name} '{tag}'. {nearest(tag, _unquoted(context['expected_tags']))}"
        case "union_tag_not_found":
            mapping = parent.get("discriminator", {}).get("mapping", {})
            return f"{_unquoted(context['discriminator'])[0]} is required. {nearest('', mapping)}"
        case "greater_than" | "greater_than_equal" | "less_than" | "less_than_equal":
            return f"must be {_bound(kind, context)}{got}"
        case "too_short":
            least = context["min_length"]
            return f"must have at least {least} {_entries(least)}, got {context['actual_length']}"
        case "too_long":
            return f"must have at most {context['max_length']} {_entries(context['max_length'])}"
        case "string_too_short":
            return "must not be empty"
        case "string_too_long":
            return f"must have at most {context['max_length']} characters"
        case "string_pattern_mismatch":
            return f"must match {context['pattern']}{got}"
    if kind in _WANTED:
        quotes = "; put it in quotes" if kind == "string_type" and isinstance(detail["input"], int | float) else ""
        return f"must be {_WANTED[kind]}{got}{quotes}"
    return f"{detail['msg'][:1].lower()}{detail['msg'][1:]}{got}"


def _bound(kind: str, context: Mapping[str, Any]) -> str:
    words, key = {
        "greater_than": ("greater than", "gt"),
        "greater_than_equal": ("at least", "ge"),
        "less_than": ("less than", "lt"),
        "less_than_equal": ("at most", "le"),
    }[kind]
    return f"{words} {context[key]:g}"


def _entries(count: int) -> str:
    return "entry" if count == 1 else "entries"


def _unquoted(listed: str) -> list[str]:
    return [part.strip().strip("'") for part in listed.split(",")]


def _quote(data: Any, location: Location, schema: Mapping[str, Any]) -> str:
    """What stands at ``location``, for a message; empty for nothing, a secret, or what is too big to show."""
    if schema.get("format") == "password" or schema.get("writeOnly"):
        return ""
    for step in location:
        try:
            data = data[step]
        except (KeyError, IndexError, TypeError):
            return ""
    match data:
        case None:
            return "nothing"
        case bool():
            return str(data).lower()
        case int() | float():
            return str(data)[:40]
        case str():
            return f"'{data}'" if len(data) <= 80 else f"'{data[:77]}…'"
        case dict():
            return "a mapping"
        case _:
            return "a list"


def _follow(
    schema: Mapping[str, Any], place: Sequence[str | int]
) -> tuple[Location, Mapping[str, Any], Mapping[str, Any]]:
    """Walk ``place`` down the JSON schema.

    Returns the same place as a location in the data (without the tags that pydantic inserts for unions), the schema
    found there, and the schema of what holds it.
    """
    definitions = schema.get("$defs", {})
    location: list[str | int] = []
    here = parent = _resolve(schema, definitions)
    for step in place:
        tagged = here.get("discriminator", {}).get("mapping", {})
        if step in tagged:
            here = _resolve({"$ref": tagged[step]}, definitions)
            continue
        if not here:
            break  # free JSON: pydantic's steps are its own there
        location.append(step)
        parent, here = here, _resolve(_child(here, step), definitions)
    return tuple(location), here, here if "discriminator" in here else parent


def _child(schema: Mapping[str, Any], step: str | int) -> Mapping[str, Any]:
    if isinstance(step, int):
        prefix = schema.get("prefixItems", [])
        found = prefix[step] if step < len(prefix) else schema.get("items", {})
    else:
        found = schema.get("properties", {}).get(step, schema.get("additionalProperties", {}))
    return found if isinstance(found, Mapping) else {}


def _resolve(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    """Follow references, and of alternatives take the one that is a structure."""
    while True:
        if "$ref" in schema:
            schema = definitions[schema["$ref"].rpartition("/")[2]]
        elif "anyOf" in schema:
            schema = _structured(schema["anyOf"])
        else:
            return schema


def _structured(options: Iterable[Mapping[str, Any]]) -> Mapping[str, Any]:
    ranked = sorted(options, key=lambda option: "$ref" not in option and option.get("type") in ("null", "string"))
    return ranked[0]
